"""One-way repeated-measures analysis of variance with Greenhouse-Geisser correction.

statsmodels' AnovaRM has neither the correction nor a test of sphericity, and builds a column per
patient; this works on the k x k covariance of the time points instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True, slots=True)
class SphericityTest:
    """Mauchly's test of sphericity: W (0 to 1), approximate chi-square, df and p; NaN if undefined.

    With two time points sphericity always holds: W is 1 and p is 1.
    """

    w: float
    chi_square: float
    degrees_of_freedom: int
    p_value: float


@dataclass(frozen=True, slots=True)
class RepeatedMeasuresResult:
    """Effect of time within patients.

    `n_patients` complete cases, F with uncorrected degrees of freedom and p, `epsilon`
    (Greenhouse-Geisser, between 1 / `df_time` and 1) and the corrected p.
    """

    n_patients: int
    f_statistic: float
    df_time: float
    df_error: float
    p_uncorrected: float
    epsilon: float
    p_value: float
    sphericity: SphericityTest


def helmert_contrasts(n_times: int) -> np.ndarray:
    """Orthonormal contrasts among time points, shape (n_times - 1, n_times)."""
    contrasts = np.zeros((n_times - 1, n_times))
    for row in range(n_times - 1):
        contrasts[row, : row + 1] = 1.0
        contrasts[row, row + 1] = -(row + 1.0)
    return contrasts / np.linalg.norm(contrasts, axis=1, keepdims=True)


def repeated_measures_anova(scores: np.ndarray) -> RepeatedMeasuresResult:
    """Test whether the mean differs between time points.

    Parameters
    ----------
    scores : numpy.ndarray, shape (n_patients, n_times)
        Complete cases only; two time points or more.

    Returns
    -------
    RepeatedMeasuresResult
        NaN where it is not defined: fewer than two patients, or no variation within patients
        beyond the mean of each time point.

    Raises
    ------
    ValueError
        If the table has fewer than two columns or holds a missing value.

    Notes
    -----
    Greenhouse and Geisser, Psychometrika 1959;24:95-112; Mauchly, Ann Math Stat 1940;11:204-209.
    R: ``m <- lm(scores ~ 1); anova(m, X = ~1, test = "Spherical"); mauchly.test(m, X = ~1)``.
    """
    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise ValueError("repeated measures need a table of patients by two or more time points")
    if np.isnan(scores).any():
        raise ValueError("repeated measures take complete cases only")
    n, k = scores.shape
    df_time, df_error = k - 1, (n - 1) * (k - 1)
    if n < 2:
        return _undefined(n, k, df_time, max(df_error, 0))
    contrasts = helmert_contrasts(k)
    covariance = np.cov(contrasts @ scores.T).reshape(k - 1, k - 1)
    error_mean_square = np.trace(covariance) / (k - 1)
    time_sum_of_squares = n * ((scores.mean(axis=0) - scores.mean()) ** 2).sum()
    scale = max(np.abs(scores).max(), 1.0)
    if error_mean_square <= (1e-12 * scale) ** 2:
        return _undefined(n, k, df_time, df_error)
    f_statistic = time_sum_of_squares / df_time / error_mean_square
    epsilon = np.trace(covariance) ** 2 / ((k - 1) * (covariance**2).sum())
    return RepeatedMeasuresResult(
        n_patients=n,
        f_statistic=float(f_statistic),
        df_time=float(df_time),
        df_error=float(df_error),
        p_uncorrected=float(stats.f.sf(f_statistic, df_time, df_error)),
        epsilon=float(epsilon),
        p_value=float(stats.f.sf(f_statistic, epsilon * df_time, epsilon * df_error)),
        sphericity=mauchly(covariance, n),
    )


def mauchly(contrast_covariance: np.ndarray, n_patients: int) -> SphericityTest:
    """Mauchly's test on the covariance of orthonormal contrasts.

    Parameters
    ----------
    contrast_covariance : numpy.ndarray, shape (p, p)
        Covariance of p orthonormal contrasts.
    n_patients : int
        Patients behind it.

    Notes
    -----
    The p-value is the chi-square approximation with the second-order term of Anderson, An
    Introduction to Multivariate Statistical Analysis, 1958, section 10.7. R's ``mauchly.test``
    (4.2) has the number of time points instead of contrasts in one place of that term, which moves
    its p-value by less than a hundredth of itself; W is the same.
    """
    p = contrast_covariance.shape[0]
    if p == 1:
        return SphericityTest(1.0, 0.0, 0, 1.0)
    df_chi = p * (p + 1) // 2 - 1
    residual_df = n_patients - 1
    sign, log_determinant = np.linalg.slogdet(contrast_covariance)
    if residual_df < p or sign <= 0:
        return SphericityTest(math.nan, math.nan, df_chi, math.nan)
    log_w = log_determinant - p * math.log(np.trace(contrast_covariance) / p)
    rho = 1 - (2 * p**2 + p + 2) / (6 * p * residual_df)
    second_order = ((p + 2) * (p - 1) * (p - 2) * (2 * p**3 + 6 * p**2 + 3 * p + 2)) / (
        288 * (residual_df * p * rho) ** 2
    )
    chi_square = -residual_df * rho * log_w
    first = stats.chi2.sf(chi_square, df_chi)
    fourth = stats.chi2.sf(chi_square, df_chi + 4)
    return SphericityTest(
        w=math.exp(log_w),
        chi_square=float(chi_square),
        degrees_of_freedom=df_chi,
        p_value=float(first + second_order * (fourth - first)),
    )


def _undefined(n: int, k: int, df_time: float, df_error: float) -> RepeatedMeasuresResult:
    nan = math.nan
    sphericity = SphericityTest(nan, nan, k * (k - 1) // 2 - 1, nan)
    return RepeatedMeasuresResult(
        n, nan, float(df_time), float(df_error), nan, nan, nan, sphericity
    )
