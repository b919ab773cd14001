"""Cox proportional hazards model.

statsmodels fits (lifelines knows Efron's ties only); separation is decided before the fit.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from statsmodels.duration.hazard_regression import PHReg

from analysis_py.estimators import model_fit
from analysis_py.estimators.separation import is_cox_monotone
from analysis_py.estimators.wald import WaldTerm, undefined_terms, wald_terms

Ties = Literal["breslow", "efron"]
GRADIENT_TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class CoxData:
    """Complete cases of a Cox model.

    `names` of p covariates; `durations` and `events` of shape (n,); `covariates` of shape (n, p);
    `n_missing` patients left out because the duration or a covariate was missing.
    """

    names: tuple[str, ...]
    durations: np.ndarray
    events: np.ndarray
    covariates: np.ndarray
    n_missing: int

    @property
    def n(self) -> int:
        """Patients in the fit."""
        return int(self.durations.size)

    @property
    def n_events(self) -> int:
        """Events in the fit."""
        return int(self.events.sum())


@dataclass(frozen=True, slots=True)
class CoxResult:
    """A fitted model: one term per covariate, `coefficients` (p,) and `covariance` (p, p).

    `is_fitted` is False where no finite estimate exists; `failure` then says why and every number
    is NaN. `warning` speaks of a fit that exists but rests on few events.
    """

    data: CoxData
    ties: Ties
    terms: tuple[WaldTerm, ...]
    coefficients: np.ndarray
    covariance: np.ndarray
    is_fitted: bool
    failure: str
    warning: str


def cox_data(
    names: Sequence[str], durations: np.ndarray, events: np.ndarray, covariates: np.ndarray
) -> CoxData:
    """Keep the patients with a duration and every covariate; count the others.

    Parameters
    ----------
    names : sequence of str, length p
    durations : numpy.ndarray, shape (n,)
        Time to event or censoring, 0 or more, any unit; NaN is missing.
    events : numpy.ndarray of bool, shape (n,)
    covariates : numpy.ndarray, shape (n, p)
        NaN is missing.

    Raises
    ------
    ValueError
        If shapes disagree, or a duration is negative.
    """
    durations = np.asarray(durations, dtype=float)
    events = np.asarray(events, dtype=bool)
    covariates = np.asarray(covariates, dtype=float)
    if covariates.shape != (durations.size, len(names)) or events.shape != durations.shape:
        raise ValueError("durations, events and covariates must have one row per patient each")
    if (durations < 0).any():
        raise ValueError("durations must not be negative")
    complete = ~np.isnan(np.column_stack([durations, covariates])).any(axis=1)
    return CoxData(
        names=tuple(names),
        durations=durations[complete],
        events=events[complete],
        covariates=covariates[complete],
        n_missing=int((~complete).sum()),
    )


def fit_cox(data: CoxData, ties: Ties) -> CoxResult:
    """Fit by partial likelihood; events at time 0 are kept in their risk set.

    Parameters
    ----------
    data : CoxData
        From :func:`cox_data`.
    ties : {"breslow", "efron"}
        Handling of tied event times.

    Returns
    -------
    CoxResult

    Notes
    -----
    Breslow, Biometrics 1974;30:89-99; Efron, JASA 1977;72:557-565.
    R: ``coxph(Surv(time, event) ~ x, ties = "breslow")``. R keeps events at time 0 as well.
    """
    failure = _reason_not_to_fit(data)
    if not failure:
        coefficients, covariance, failure = _fit(data, ties)
    if failure:
        p = len(data.names)
        return CoxResult(
            data=data,
            ties=ties,
            terms=undefined_terms(data.names),
            coefficients=np.full(p, np.nan),
            covariance=np.full((p, p), np.nan),
            is_fitted=False,
            failure=failure,
            warning=failure,
        )
    return CoxResult(
        data=data,
        ties=ties,
        terms=wald_terms(data.names, coefficients, covariance),
        coefficients=coefficients,
        covariance=covariance,
        is_fitted=True,
        failure="",
        warning=model_fit.sparse_data_warning(data.n_events, len(data.names)),
    )


def _reason_not_to_fit(data: CoxData) -> str:
    if data.n == 0:
        return model_fit.NO_PATIENTS
    if data.n_events == 0:
        return model_fit.NO_EVENTS
    centred = data.covariates - data.covariates.mean(axis=0)
    if np.linalg.matrix_rank(centred) < len(data.names):
        return model_fit.COLLINEAR
    if is_cox_monotone(data.covariates, data.durations, data.events):
        return model_fit.SEPARATED
    return ""


def _fit(data: CoxData, ties: Ties) -> tuple[np.ndarray, np.ndarray, str]:
    # Centred and scaled columns keep Newton's steps well conditioned; undone below.
    centre, scale = data.covariates.mean(axis=0), data.covariates.std(axis=0)
    standardised = (data.covariates - centre) / scale
    model = PHReg(data.durations, standardised, status=data.events.astype(int), ties=ties)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fit = model.fit()
            coefficients, covariance = np.asarray(fit.params), np.asarray(fit.cov_params())
            gradient = np.asarray(model.score(coefficients))
        except (np.linalg.LinAlgError, ValueError, IndexError):
            return np.empty(0), np.empty(0), model_fit.NOT_CONVERGED
    errors = np.sqrt(np.diag(covariance))
    if not np.isfinite(errors).all() or (np.abs(gradient) * errors > GRADIENT_TOLERANCE).any():
        return np.empty(0), np.empty(0), model_fit.NOT_CONVERGED
    return coefficients / scale, covariance / np.outer(scale, scale), ""
