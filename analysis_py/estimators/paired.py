"""Comparisons within patients: exact McNemar and the paired t-test."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from analysis_py.conventions import CONFIDENCE_LEVEL


@dataclass(frozen=True, slots=True)
class PairTable:
    """Pairs of yes/no answers, before and after.

    `n_stayed` yes and yes, `n_left` yes then no, `n_entered` no then yes, `n_never` no and no.
    """

    n_stayed: int
    n_left: int
    n_entered: int
    n_never: int

    @property
    def n_pairs(self) -> int:
        """Number of pairs."""
        return self.n_stayed + self.n_left + self.n_entered + self.n_never

    @property
    def n_before(self) -> int:
        """Pairs with yes before (first margin)."""
        return self.n_stayed + self.n_left

    @property
    def n_after(self) -> int:
        """Pairs with yes after (second margin)."""
        return self.n_stayed + self.n_entered


@dataclass(frozen=True, slots=True)
class McNemarResult:
    """Exact McNemar test.

    `odds_ratio` is n_entered / n_left (NaN when n_left is 0) with the exact conditional interval;
    `p_value` is two-sided.
    """

    table: PairTable
    odds_ratio: float
    ci_lower: float
    ci_upper: float
    p_value: float


@dataclass(frozen=True, slots=True)
class PairedTResult:
    """Paired t-test: mean of (after - before) in the unit of the scores, interval, t, df, p."""

    n: int
    n_missing: int
    mean_difference: float
    ci_lower: float
    ci_upper: float
    t_statistic: float
    degrees_of_freedom: int
    p_value: float


def pair_table(before: np.ndarray, after: np.ndarray) -> PairTable:
    """Count pairs.

    Parameters
    ----------
    before, after : numpy.ndarray of bool, shape (n,)
        One entry per patient, in the same order, without missing values.
    """
    before = np.asarray(before, dtype=bool)
    after = np.asarray(after, dtype=bool)
    return PairTable(
        n_stayed=int((before & after).sum()),
        n_left=int((before & ~after).sum()),
        n_entered=int((~before & after).sum()),
        n_never=int((~before & ~after).sum()),
    )


def exact_mcnemar(table: PairTable) -> McNemarResult:
    """Exact (binomial) McNemar test of marginal homogeneity.

    p = min(1, 2 P(X <= min(b, c))) with X ~ Binomial(b + c, 1/2), where b pairs left and c
    entered; no mid-p, no continuity correction. With b + c = 0 nobody changed and p is 1.

    Returns
    -------
    McNemarResult
        The interval of the odds ratio is the Clopper-Pearson interval of c / (b + c), carried
        over; its upper end is NaN when it is unbounded.

    Notes
    -----
    R: ``binom.test(c, b + c)`` (p.value, conf.int), odds = conf.int / (1 - conf.int).
    """
    b, c = table.n_left, table.n_entered
    if b + c == 0:
        return McNemarResult(table, math.nan, math.nan, math.nan, 1.0)
    p_value = mcnemar([[table.n_stayed, b], [c, table.n_never]], exact=True).pvalue
    lower, upper = proportion_confint(c, b + c, alpha=1 - CONFIDENCE_LEVEL, method="beta")
    return McNemarResult(
        table=table,
        odds_ratio=c / b if b else math.nan,
        ci_lower=float(lower / (1 - lower)) if lower < 1 else math.nan,
        ci_upper=float(upper / (1 - upper)) if upper < 1 else math.nan,
        p_value=float(p_value),
    )


def paired_t(before: np.ndarray, after: np.ndarray) -> PairedTResult:
    """Two-sided paired t-test of after - before.

    Parameters
    ----------
    before, after : numpy.ndarray, shape (n,)
        Scores of the same patients in the same order; a pair with a NaN is left out and counted.

    Returns
    -------
    PairedTResult
        NaN where it is not defined: fewer than two pairs, or every difference the same.

    Notes
    -----
    R: ``t.test(after, before, paired = TRUE)``.
    """
    difference = np.asarray(after, dtype=float) - np.asarray(before, dtype=float)
    known = difference[~np.isnan(difference)]
    n, n_missing = known.size, int(difference.size - known.size)
    if n == 0:
        return PairedTResult(0, n_missing, *([math.nan] * 4), 0, math.nan)
    mean = float(known.mean())
    if n == 1 or np.ptp(known) == 0:
        return PairedTResult(n, n_missing, mean, *([math.nan] * 3), n - 1, math.nan)
    test = stats.ttest_1samp(known, 0.0)
    interval = test.confidence_interval(CONFIDENCE_LEVEL)
    return PairedTResult(
        n=n,
        n_missing=n_missing,
        mean_difference=mean,
        ci_lower=float(interval.low),
        ci_upper=float(interval.high),
        t_statistic=float(test.statistic),
        degrees_of_freedom=n - 1,
        p_value=float(test.pvalue),
    )
