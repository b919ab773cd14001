"""Logistic regression with Wald intervals and p-values.

Patients alike in covariates and outcome are counted together, which leaves the likelihood as it is;
Newton's method climbs it. statsmodels (Logit) takes no counts; it and R are held against this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from analysis_py.estimators import model_fit
from analysis_py.estimators.newton import Maximum, Point, is_certainly_finite, maximise
from analysis_py.estimators.patterns import distinct
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
    kept, counts = distinct([*covariates.T, outcome])
    incomplete = np.isnan(covariates[kept]).any(axis=1)
    n_missing = int(counts[incomplete].sum())
    kept, counts = kept[~incomplete], counts[~incomplete]
    x, y = covariates[kept], outcome[kept]
    n, n_events = int(counts.sum()), int(counts[y].sum())
    failure = _reason_not_to_fit(x, y)
    if not failure:
        coefficients, covariance, failure = _fit(x, y, counts)
    if failure:
        return LogisticResult(
            n=n,
            n_events=n_events,
            n_missing=n_missing,
            terms=undefined_terms(names),
            intercept=float("nan"),
            is_fitted=False,
            failure=failure,
            warning=failure,
        )
    return LogisticResult(
        n=n,
        n_events=n_events,
        n_missing=n_missing,
        terms=wald_terms(names, coefficients[1:], covariance[1:, 1:]),
        intercept=float(coefficients[0]),
        is_fitted=True,
        failure="",
        warning=model_fit.sparse_data_warning(min(n_events, n - n_events), len(names)),
    )


def log_likelihood(
    design: np.ndarray, outcome: np.ndarray, counts: np.ndarray, coefficients: np.ndarray
) -> Point:
    """Log likelihood, gradient and information of patterns that stand for `counts` patients each.

    Parameters
    ----------
    design : numpy.ndarray, shape (k, p)
        With the intercept's column.
    outcome : numpy.ndarray of bool, shape (k,)
    counts : numpy.ndarray of int, shape (k,)
    coefficients : numpy.ndarray, shape (p,)

    Notes
    -----
    McCullagh and Nelder, Generalized Linear Models, 2nd ed. 1989, section 4.4.
    """
    predictor = design @ coefficients
    signed = np.where(outcome, predictor, -predictor)
    probability = special.expit(predictor)
    weight = counts * probability * special.expit(-predictor)
    return Point(
        coefficients,
        value=float(counts @ special.log_expit(signed)),
        gradient=design.T @ (counts * (outcome - probability)),
        information=(design * weight[:, None]).T @ design,
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
    return ""


def _fit(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    # Centred and scaled columns keep Newton's steps well conditioned; undone below.
    centre = np.average(x, axis=0, weights=counts)
    scale = np.sqrt(np.average((x - centre) ** 2, axis=0, weights=counts))
    design = np.column_stack([np.ones(y.size), (x - centre) / scale])
    found = maximise(lambda b: log_likelihood(design, y, counts, b), design.shape[1])
    failure = _failure(x, y, design, found)
    if failure:
        return np.empty(0), np.empty(0), failure
    covariance = np.linalg.inv(found.point.information)
    back = np.diag(np.concatenate([[1.0], 1.0 / scale]))
    back[0, 1:] = -centre / scale
    return back @ found.point.coefficients, back @ covariance @ back.T, ""


def _failure(x: np.ndarray, y: np.ndarray, design: np.ndarray, found: Maximum) -> str:
    """Why there is no estimate; the linear programme is asked only where calculus does not tell."""
    radius = 2 * float(np.linalg.norm(design, axis=1).max())
    if not is_certainly_finite(found, radius):
        if y.size > model_fit.MOST_PATTERNS_DECIDED:
            return model_fit.UNDECIDED
        if is_logistic_separated(np.column_stack([np.ones(y.size), x]), y):
            return model_fit.SEPARATED
    return "" if found.is_settled else model_fit.NOT_CONVERGED
