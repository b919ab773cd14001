"""Pearson's chi-square test of a contingency table."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True, slots=True)
class ChiSquareResult:
    """Pearson chi-square without continuity correction.

    `smallest_expected` is the smallest expected cell count; every number is NaN when a row or a
    column of the table is empty, because independence then cannot be tested.
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float
    smallest_expected: float


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
        degrees_of_freedom=int(test.dof),
        p_value=float(test.pvalue),
        smallest_expected=float(test.expected_freq.min()),
    )
