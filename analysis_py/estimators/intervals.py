"""Confidence intervals: every interval of the study is made here, or declared not estimable here.

All are two-sided at the level of :data:`analysis_py.conventions.CONFIDENCE_LEVEL`. An end that is
not defined or unbounded is NaN or infinite.
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
    """Lower and upper end, in the unit of the estimate."""

    lower: float
    upper: float

    def times(self, factor: float) -> Interval:
        """Return the interval in another unit; the factor is above 0."""
        return Interval(factor * self.lower, factor * self.upper)


NOT_ESTIMABLE = Interval(math.nan, math.nan)


def student(mean: float, standard_error: float, degrees_of_freedom: int) -> Interval:
    """Interval of a mean, Student's t. R: ``t.test(x)$conf.int``."""
    half_width = float(stats.t.ppf(1 - ALPHA / 2, degrees_of_freedom)) * standard_error
    return Interval(mean - half_width, mean + half_width)


def normal(estimate: float, standard_error: float) -> Interval:
    """Wald's interval, on the scale of the estimate."""
    half_width = float(stats.norm.ppf(1 - ALPHA / 2)) * standard_error
    return Interval(estimate - half_width, estimate + half_width)


def exponential(coefficient: float, standard_error: float) -> Interval:
    """Wald's interval of a hazard or odds ratio, exp of that of its coefficient."""
    with np.errstate(over="ignore"):
        lower, upper = np.exp(normal(coefficient, standard_error))
    return Interval(float(lower), float(upper))


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


def log_log(survival: np.ndarray, relative_error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log(-log) intervals of a survival curve: lower and upper ends, shape (n_times,).

    Parameters
    ----------
    survival : numpy.ndarray, shape (n_times,)
    relative_error : numpy.ndarray, shape (n_times,)
        Greenwood's standard error divided by the survival.

    Notes
    -----
    As R's ``survfit(conf.type = "log-log")``: 1 to 1 before the first event, not defined once the
    survival is 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.log(-np.log(survival))
        half_width = stats.norm.ppf(1 - ALPHA / 2) * relative_error / np.abs(np.log(survival))
        ends = (np.exp(-np.exp(centre + half_width)), np.exp(-np.exp(centre - half_width)))
    for end in ends:
        end[survival == 1] = 1.0
        end[survival == 0] = math.nan
    return ends
