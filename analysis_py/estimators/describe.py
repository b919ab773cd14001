"""Means, spreads and proportions with their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from analysis_py.conventions import CONFIDENCE_LEVEL


@dataclass(frozen=True, slots=True)
class Summary:
    """Location and spread of one sample; NaN where the sample is too small to say.

    `mean`, `standard_deviation` (divisor n - 1), `median`, quartiles, `minimum` and `maximum` are
    in the unit of the sample; `ci_lower` and `ci_upper` bound the mean (Student's t, n - 1 df).
    """

    n: int
    n_missing: int
    mean: float
    standard_deviation: float
    ci_lower: float
    ci_upper: float
    median: float
    first_quartile: float
    third_quartile: float
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Proportion:
    """A count of a total, its proportion (0 to 1) and Wilson interval; NaN when the total is 0."""

    n: int
    denominator: int
    proportion: float
    ci_lower: float
    ci_upper: float


@dataclass(frozen=True, slots=True)
class ProportionDifference:
    """First minus second proportion (-1 to 1) with Newcombe's interval; NaN when a total is 0."""

    difference: float
    ci_lower: float
    ci_upper: float


def summarise(values: np.ndarray) -> Summary:
    """Describe a sample, missing values left out and counted.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        Numbers in any unit; NaN is missing.

    Returns
    -------
    Summary
        The standard deviation and the interval need two values, everything else one.

    Notes
    -----
    R: ``mean(x); sd(x); quantile(x, type = 7); t.test(x)$conf.int``. When all values are equal the
    interval is the point itself.
    """
    values = np.asarray(values, dtype=float)
    known = values[~np.isnan(values)]
    n = known.size
    n_missing = int(values.size - n)
    if n == 0:
        return Summary(0, n_missing, *([math.nan] * 9))
    mean = float(known.mean())
    standard_deviation = float(known.std(ddof=1)) if n > 1 else math.nan
    half_width = (
        stats.t.ppf((1 + CONFIDENCE_LEVEL) / 2, n - 1) * standard_deviation / math.sqrt(n)
        if n > 1
        else math.nan
    )
    first, median, third = np.quantile(known, [0.25, 0.5, 0.75])
    return Summary(
        n=n,
        n_missing=n_missing,
        mean=mean,
        standard_deviation=standard_deviation,
        ci_lower=float(mean - half_width),
        ci_upper=float(mean + half_width),
        median=float(median),
        first_quartile=float(first),
        third_quartile=float(third),
        minimum=float(known.min()),
        maximum=float(known.max()),
    )


def proportion(n: int, denominator: int) -> Proportion:
    """Proportion with Wilson's score interval.

    Parameters
    ----------
    n, denominator : int
        Counts, 0 <= n <= denominator.

    Raises
    ------
    ValueError
        If the counts are negative or n exceeds the denominator.

    Notes
    -----
    Wilson 1927. R: ``prop.test(n, denominator, correct = FALSE)$conf.int``.
    """
    if not 0 <= n <= denominator:
        raise ValueError("a proportion needs 0 <= n <= denominator")
    if denominator == 0:
        return Proportion(n, denominator, math.nan, math.nan, math.nan)
    lower, upper = proportion_confint(n, denominator, alpha=1 - CONFIDENCE_LEVEL, method="wilson")
    # Exact at the ends, where the formula leaves a rounding error.
    lower = 0.0 if n == 0 else float(lower)
    upper = 1.0 if n == denominator else float(upper)
    return Proportion(n, denominator, n / denominator, lower, upper)


def proportion_difference(first: Proportion, second: Proportion) -> ProportionDifference:
    """Difference of two independent proportions with Newcombe's hybrid score interval.

    Notes
    -----
    Newcombe 1998, method 10: square-and-add of the two Wilson intervals.
    """
    if first.denominator == 0 or second.denominator == 0:
        return ProportionDifference(math.nan, math.nan, math.nan)
    lower, upper = confint_proportions_2indep(
        first.n,
        first.denominator,
        second.n,
        second.denominator,
        compare="diff",
        method="newcomb",
        alpha=1 - CONFIDENCE_LEVEL,
    )
    return ProportionDifference(first.proportion - second.proportion, float(lower), float(upper))
