"""Confidence intervals: every interval of the study is made here, or declared not estimable here.

All are two-sided at the level of :data:`analysis_py.conventions.CONFIDENCE_LEVEL`. An end that is
unbounded is NaN or infinite. Where the data show no variation, no interval is made, and the reason
is in it: an interval of width 0 would call the estimate certain.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from analysis_py.conventions import CONFIDENCE_LEVEL

ALPHA = 1 - CONFIDENCE_LEVEL


class Interval(NamedTuple):
    """Lower and upper end, in the unit of the estimate; `reason` why there is none, else empty."""

    lower: float
    upper: float
    reason: str = ""

    def times(self, factor: float) -> Interval:
        """Return the interval in another unit; the factor is above 0."""
        return Interval(factor * self.lower, factor * self.upper, self.reason)


NOT_ESTIMABLE = Interval(math.nan, math.nan)
"""No interval, for a reason that the estimate itself gives."""
ONE_VALUE = "no interval: one value"
NO_VARIATION = "no interval: every value is the same"


def not_estimable(reason: str) -> Interval:
    """No interval, with the reason."""
    return Interval(math.nan, math.nan, reason)


def student(mean: float, standard_error: float, degrees_of_freedom: int) -> Interval:
    """Interval of a mean, Student's t; none for one value or equal values.

    R: ``t.test(x)$conf.int``, which refuses them too ("data are essentially constant").
    """
    if degrees_of_freedom < 1:
        return not_estimable(ONE_VALUE)
    if not standard_error > 0:
        return not_estimable(NO_VARIATION)
    half_width = float(stats.t.ppf(1 - ALPHA / 2, degrees_of_freedom)) * standard_error
    return Interval(mean - half_width, mean + half_width)


def normal(estimate: float, standard_error: float, lowest: float, highest: float) -> Interval:
    """Wald's interval within its bounds, on the scale of the estimate; none without variation."""
    if not standard_error > 0:
        return not_estimable(NO_VARIATION)
    half_width = float(stats.norm.ppf(1 - ALPHA / 2)) * standard_error
    return Interval(max(lowest, estimate - half_width), min(highest, estimate + half_width))


def exponential(coefficient: float, standard_error: float) -> Interval:
    """Wald's interval of a hazard or odds ratio, exp of that of its coefficient."""
    found = normal(coefficient, standard_error, -math.inf, math.inf)
    with np.errstate(over="ignore"):
        return Interval(float(np.exp(found.lower)), float(np.exp(found.upper)), found.reason)


def wilson(n: int, denominator: int) -> Interval:
    """Wilson's score interval of n / denominator (Wilson 1927).

    R: ``prop.test(n, denominator, correct = FALSE)$conf.int``.
    """
    if denominator == 0:
        return NOT_ESTIMABLE
    lower, upper = proportion_confint(n, denominator, alpha=ALPHA, method="wilson")
    # Exact at the ends, where the formula leaves a rounding error.
    return Interval(0.0 if n == 0 else float(lower), 1.0 if n == denominator else float(upper))


def newcombe(first: tuple[int, int], second: tuple[int, int]) -> Interval:
    """Newcombe's interval of the difference of two shares, each (n, denominator).

    Newcombe, Stat Med 1998;17:873-890, method 10: square-and-add of the two Wilson intervals.
    """
    if first[1] == 0 or second[1] == 0:
        return NOT_ESTIMABLE
    lower, upper = confint_proportions_2indep(
        *first, *second, compare="diff", method="newcomb", alpha=ALPHA
    )
    return Interval(float(lower), float(upper))


def exact_odds(n: int, others: int) -> Interval:
    """Interval of the odds n / others: that of the share n / (n + others), Clopper-Pearson.

    R: ``ci <- binom.test(n, n + others)$conf.int; ci / (1 - ci)``.
    """
    if n + others == 0:
        return NOT_ESTIMABLE
    ends = proportion_confint(n, n + others, alpha=ALPHA, method="beta")
    lower, upper = (float(end / (1 - end)) if end < 1 else math.nan for end in ends)
    return Interval(lower, upper)


def exact(n: int, denominator: int) -> Interval:
    """Clopper-Pearson interval of n / denominator. R: ``binom.test(n, denominator)$conf.int``."""
    lower, upper = proportion_confint(n, denominator, alpha=ALPHA, method="beta")
    return Interval(float(lower), float(upper))


def log_log(
    survival: np.ndarray, relative_error: np.ndarray, n_at_risk: np.ndarray, n_censored: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Intervals of a survival curve: lower and upper ends, shape (n_times,).

    Log(-log) with Greenwood's variance, exact where that variance is 0. Before the first event: of
    the patients observed to that time, all had none. Where everybody had the event: of all, none
    is left; not defined where somebody had left before, whose end is not known.

    Parameters
    ----------
    survival, n_at_risk, n_censored : numpy.ndarray, shape (n_times,)
    relative_error : numpy.ndarray, shape (n_times,)
        Greenwood's standard error divided by the survival.

    Notes
    -----
    R: ``survfit(conf.type = "log-log")``, which gives 1 to 1 before the first event and no interval
    where survival is 0; there ``binom.test(n_at_risk, n_at_risk)`` and ``binom.test(0, n)``.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.log(-np.log(survival))
        half_width = stats.norm.ppf(1 - ALPHA / 2) * relative_error / np.abs(np.log(survival))
        ends = (np.exp(-np.exp(centre + half_width)), np.exp(-np.exp(centre - half_width)))
    left_before = np.cumsum(n_censored) - n_censored
    for i in np.flatnonzero((survival == 1) | (survival == 0)):
        if survival[i] == 1:
            found = exact(int(n_at_risk[i]), int(n_at_risk[i]))
        else:
            found = NOT_ESTIMABLE if left_before[i] else exact(0, int(n_at_risk[0]))
        ends[0][i], ends[1][i] = found.lower, found.upper
    return ends
