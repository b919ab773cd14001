"""Tests of two groups or two visits: Pearson's chi-square, exact McNemar, paired t."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from analysis_py.estimators.intervals import NOT_ESTIMABLE, Interval, exact_odds, student


@dataclass(frozen=True, slots=True)
class ChiSquareResult:
    """Pearson chi-square without continuity correction.

    `smallest_expected` is the smallest expected cell count. Every number is NaN when a row or a
    column of the table is empty, because independence then cannot be tested.
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float
    smallest_expected: float


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
    """Exact McNemar test, two-sided.

    `odds_ratio` is n_entered / n_left (NaN when n_left is 0) with the exact conditional interval.
    """

    table: PairTable
    odds_ratio: float
    interval: Interval
    p_value: float


@dataclass(frozen=True, slots=True)
class PairedTResult:
    """Paired t-test: mean of (after - before) in the unit of the scores, interval, t, df, p."""

    n: int
    n_missing: int
    mean_difference: float
    interval: Interval
    t_statistic: float
    degrees_of_freedom: int
    p_value: float


def pearson_chi_square(counts: np.ndarray) -> ChiSquareResult:
    """Test independence of rows and columns, uncorrected.

    Parameters
    ----------
    counts : array_like of int, shape (rows, columns)
        Observed counts.

    Raises
    ------
    ValueError
        If the table is smaller than 2 x 2 or a count is negative.

    Notes
    -----
    R: ``chisq.test(counts, correct = FALSE)``.
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or min(counts.shape) < 2 or (counts < 0).any():
        raise ValueError("a chi-square test needs a table of counts with two rows and two columns")
    degrees_of_freedom = (counts.shape[0] - 1) * (counts.shape[1] - 1)
    if (counts.sum(axis=0) == 0).any() or (counts.sum(axis=1) == 0).any():
        return ChiSquareResult(math.nan, degrees_of_freedom, math.nan, math.nan)
    test = stats.chi2_contingency(counts, correction=False)
    return ChiSquareResult(
        statistic=float(test.statistic),
        degrees_of_freedom=degrees_of_freedom,
        p_value=float(test.pvalue),
        smallest_expected=float(test.expected_freq.min()),
    )


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
    entered; no mid-p, no continuity correction. With b + c = 0 no pair changed and p is 1.

    Notes
    -----
    R: ``binom.test(c, b + c)`` (p.value, conf.int), odds = conf.int / (1 - conf.int).
    """
    left, entered = table.n_left, table.n_entered
    if left + entered == 0:
        return McNemarResult(table, math.nan, NOT_ESTIMABLE, 1.0)
    test = mcnemar([[table.n_stayed, left], [entered, table.n_never]], exact=True)
    return McNemarResult(
        table=table,
        odds_ratio=entered / left if left else math.nan,
        interval=exact_odds(entered, left),
        p_value=float(test.pvalue),
    )


def is_constant(values: np.ndarray, scale: float = 0.0) -> bool:
    """Whether values differ by no more than rounding.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,), n at least 1
    scale : float
        Largest absolute value that the values were computed from, if it is larger than theirs.
    """
    size = max(scale, float(np.abs(values).max()))
    return bool(np.ptp(values) <= 1e-12 * size)


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
    before, after = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    difference = after - before
    known = difference[~np.isnan(difference)]
    n, n_missing = known.size, int(difference.size - known.size)
    mean = float(known.mean()) if n else math.nan
    df = max(n - 1, 0)
    # 30.3 - 20.3 and 25.1 - 15.1 differ by rounding only.
    if n < 2 or is_constant(known, scale=float(np.nanmax(np.abs([before, after])))):
        return PairedTResult(n, n_missing, mean, NOT_ESTIMABLE, math.nan, df, math.nan)
    test = stats.ttest_1samp(known, 0.0)
    return PairedTResult(
        n=n,
        n_missing=n_missing,
        mean_difference=mean,
        interval=student(mean, float(known.std(ddof=1)) / math.sqrt(n), df),
        t_statistic=float(test.statistic),
        degrees_of_freedom=df,
        p_value=float(test.pvalue),
    )
