"""Logistic regression with Wald intervals and p-values; statsmodels fits."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from statsmodels.discrete.discrete_model import Logit
from statsmodels.tools.sm_exceptions import PerfectSeparationError

from analysis_py.estimators import model_fit
from analysis_py.estimators.separation import is_logistic_separated
from analysis_py.estimators.wald import WaldTerm, undefined_terms, wald_terms


@dataclass(frozen=True, slots=True)
class LogisticResult:
    """A logistic model: one term per covariate, the intercept apart.

    `n` patients in the fit, `n_events` of them with the outcome, `n_missing` left out for a missing
    covariate. Where no finite estimate exists `is_fitted` is False, `failure` says why and every
    number is NaN. `warning` speaks of a fit that exists but rests on few events.
    """

    n: int
    n_events: int
    n_missing: int
    terms: tuple[WaldTerm, ...]
    intercept: float
    is_fitted: bool
    failure: str
    warning: str


def fit_logistic(
    names: Sequence[str], covariates: np.ndarray, outcome: np.ndarray
) -> LogisticResult:
    """Fit a logistic regression with intercept by maximum likelihood.

    Parameters
    ----------
    names : sequence of str, length p
    covariates : numpy.ndarray, shape (n, p)
        NaN is missing; such a patient is left out and counted.
    outcome : numpy.ndarray of bool, shape (n,)
        None missing.

    Raises
    ------
    ValueError
        If the shapes disagree.

    Notes
    -----
    R: ``summary(glm(y ~ x, family = binomial))``; interval ``confint.default``.
    """
    covariates = np.asarray(covariates, dtype=float)
    outcome = np.asarray(outcome, dtype=bool)
    if covariates.shape != (outcome.size, len(names)):
        raise ValueError("covariates must have one row per patient and one column per name")
    complete = ~np.isnan(covariates).any(axis=1)
    n_missing = int((~complete).sum())
    x, y = covariates[complete], outcome[complete]
    failure = _reason_not_to_fit(x, y)
    if not failure:
        coefficients, covariance, failure = _fit(x, y)
    if failure:
        return LogisticResult(
            n=int(y.size),
            n_events=int(y.sum()),
            n_missing=n_missing,
            terms=undefined_terms(names),
            intercept=float("nan"),
            is_fitted=False,
            failure=failure,
            warning=failure,
        )
    return LogisticResult(
        n=int(y.size),
        n_events=int(y.sum()),
        n_missing=n_missing,
        terms=wald_terms(names, coefficients[1:], covariance[1:, 1:]),
        intercept=float(coefficients[0]),
        is_fitted=True,
        failure="",
        warning=model_fit.sparse_data_warning(int(min(y.sum(), (~y).sum())), len(names)),
    )


def _reason_not_to_fit(x: np.ndarray, y: np.ndarray) -> str:
    if y.size == 0:
        return model_fit.NO_PATIENTS
    if not y.any():
        return model_fit.NO_EVENTS
    if y.all():
        return model_fit.NO_CONTRAST
    if np.linalg.matrix_rank(x - x.mean(axis=0)) < x.shape[1]:
        return model_fit.COLLINEAR
    design = np.column_stack([np.ones(y.size), x])
    return model_fit.SEPARATED if is_logistic_separated(design, y) else ""


def _fit(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    # Centred and scaled columns keep Newton's steps well conditioned; undone below.
    centre, scale = x.mean(axis=0), x.std(axis=0)
    design = np.column_stack([np.ones(y.size), (x - centre) / scale])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fit = Logit(y.astype(float), design).fit(
                disp=0, method="newton", maxiter=100, tol=1e-12
            )
        except (np.linalg.LinAlgError, PerfectSeparationError):
            return np.empty(0), np.empty(0), model_fit.NOT_CONVERGED
    covariance = np.asarray(fit.cov_params())
    if not fit.mle_retvals["converged"] or not np.isfinite(np.diag(covariance)).all():
        return np.empty(0), np.empty(0), model_fit.NOT_CONVERGED
    back = np.diag(np.concatenate([[1.0], 1.0 / scale]))
    back[0, 1:] = -centre / scale
    return back @ np.asarray(fit.params), back @ covariance @ back.T, ""
