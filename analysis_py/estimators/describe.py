"""Means, spreads and shares."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis_py.estimators.hypothesis_tests import is_constant
from analysis_py.estimators.intervals import NOT_ESTIMABLE, Interval, newcombe, student, wilson


@dataclass(frozen=True, slots=True)
class Summary:
    """Location and spread of one sample, in its unit; NaN where the sample is too small.

    `interval` is that of the mean (Student's t, n - 1 df), `standard_deviation` has divisor n - 1.
    """

    n: int
    n_missing: int
    mean: float
    standard_deviation: float
    interval: Interval
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
    interval: Interval


@dataclass(frozen=True, slots=True)
class ProportionDifference:
    """First minus second proportion (-1 to 1), Newcombe's interval; NaN when a total is 0."""

    difference: float
    interval: Interval


def summarise(values: np.ndarray) -> Summary:
    """Describe a sample, missing values left out and counted.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        Numbers in any unit; NaN is missing.

    Returns
    -------
    Summary
        The standard deviation needs two values, the interval two different ones, everything else
        one.

    Notes
    -----
    R: ``mean(x); sd(x); quantile(x, type = 7); t.test(x)$conf.int``.
    """
    values = np.asarray(values, dtype=float)
    known = values[~np.isnan(values)]
    n, n_missing = known.size, int(np.isnan(values).sum())
    if n == 0:
        return Summary(0, n_missing, math.nan, math.nan, NOT_ESTIMABLE, *([math.nan] * 5))
    mean = float(known.mean())
    spread = float(known.std(ddof=1)) if n > 1 else math.nan
    spread = 0.0 if n > 1 and is_constant(known) else spread
    first, median, third = np.quantile(known, [0.25, 0.5, 0.75])
    return Summary(
        n=n,
        n_missing=n_missing,
        mean=mean,
        standard_deviation=spread,
        interval=student(mean, spread / math.sqrt(n), n - 1),
        median=float(median),
        first_quartile=float(first),
        third_quartile=float(third),
        minimum=float(known.min()),
        maximum=float(known.max()),
    )


def proportion(n: int, denominator: int) -> Proportion:
    """Proportion with Wilson's score interval.

    Raises
    ------
    ValueError
        If the counts are negative or n exceeds the denominator.
    """
    if not 0 <= n <= denominator:
        raise ValueError("a proportion needs 0 <= n <= denominator")
    value = n / denominator if denominator else math.nan
    return Proportion(n, denominator, value, wilson(n, denominator))


def proportion_difference(first: Proportion, second: Proportion) -> ProportionDifference:
    """Difference of two independent proportions with Newcombe's interval."""
    return ProportionDifference(
        first.proportion - second.proportion,
        newcombe((first.n, first.denominator), (second.n, second.denominator)),
    )
