"""Coefficients of a fitted model as ratios with Wald intervals and p-values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from analysis_py.conventions import CONFIDENCE_LEVEL


@dataclass(frozen=True, slots=True)
class WaldTerm:
    """One term of a model.

    `coefficient` and `standard_error` on the log scale (per unit of the covariate), `ratio` its
    exponential (hazard or odds ratio), interval of the ratio, two-sided Wald `p_value`.
    """

    name: str
    coefficient: float
    standard_error: float
    ratio: float
    ci_lower: float
    ci_upper: float
    p_value: float


def wald_terms(
    names: Sequence[str], coefficients: np.ndarray, covariance: np.ndarray
) -> tuple[WaldTerm, ...]:
    """Turn estimates into terms.

    Parameters
    ----------
    names : sequence of str, length p
    coefficients : numpy.ndarray, shape (p,)
    covariance : numpy.ndarray, shape (p, p)
    """
    z = stats.norm.ppf((1 + CONFIDENCE_LEVEL) / 2)
    errors = np.sqrt(np.diag(covariance))
    return tuple(
        WaldTerm(
            name=name,
            coefficient=float(beta),
            standard_error=float(error),
            ratio=float(np.exp(beta)),
            ci_lower=float(np.exp(beta - z * error)),
            ci_upper=float(np.exp(beta + z * error)),
            p_value=float(2 * stats.norm.sf(abs(beta / error))),
        )
        for name, beta, error in zip(names, coefficients, errors, strict=True)
    )


def undefined_terms(names: Sequence[str]) -> tuple[WaldTerm, ...]:
    """Terms of a model that could not be fitted: every number NaN."""
    return tuple(WaldTerm(name, *([math.nan] * 6)) for name in names)
