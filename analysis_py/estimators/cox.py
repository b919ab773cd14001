"""Cox proportional hazards model.

Patients alike in time, event and covariates are counted together, which leaves the likelihood as it
is; Newton's method climbs it. Whether a finite maximum exists is decided exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis_py.estimators import model_fit
from analysis_py.estimators.cox_likelihood import Ties, log_likelihood, risk_sets
from analysis_py.estimators.newton import Maximum, is_certainly_finite, maximise
from analysis_py.estimators.patterns import distinct
from analysis_py.estimators.separation import is_cox_monotone
from analysis_py.estimators.wald import WaldTerm, undefined_terms, wald_terms


@dataclass(frozen=True, slots=True)
class CoxData:
    """Complete cases of a Cox model, those alike counted together.

    `names` of p covariates; `durations` and `events` of shape (k,); `covariates` of shape (k, p);
    `counts` of shape (k,), patients behind each of the k patterns; `n_missing` patients left out
    because the duration or a covariate was missing.
    """

    names: tuple[str, ...]
    durations: np.ndarray
    events: np.ndarray
    covariates: np.ndarray
    counts: np.ndarray
    n_missing: int

    @property
    def n(self) -> int:
        """Patients in the fit."""
        return int(self.counts.sum())

    @property
    def n_events(self) -> int:
        """Events in the fit."""
        return int(self.counts[self.events].sum())

    @property
    def centre(self) -> np.ndarray:
        """Mean of each covariate over the patients, shape (p,)."""
        return np.average(self.covariates, axis=0, weights=self.counts)


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
    names: Sequence[str],
    durations: np.ndarray,
    events: np.ndarray,
    covariates: np.ndarray,
    counts: np.ndarray | None = None,
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
    counts : numpy.ndarray of int, shape (n,), optional
        Patients behind each row; one each when left out.

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
    kept, counts = distinct([durations, events, *covariates.T], counts)
    incomplete = np.isnan(durations[kept]) | np.isnan(covariates[kept]).any(axis=1)
    n_missing = int(counts[incomplete].sum())
    kept, counts = kept[~incomplete], counts[~incomplete]
    return CoxData(
        names=tuple(names),
        durations=durations[kept],
        events=events[kept],
        covariates=covariates[kept],
        counts=counts,
        n_missing=n_missing,
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
    if np.linalg.matrix_rank(data.covariates - data.centre) < len(data.names):
        return model_fit.COLLINEAR
    return ""


def _fit(data: CoxData, ties: Ties) -> tuple[np.ndarray, np.ndarray, str]:
    # Centred and scaled columns keep Newton's steps well conditioned; undone below.
    centred = data.covariates - data.centre
    scale = np.sqrt(np.average(centred**2, axis=0, weights=data.counts))
    standardised = centred / scale
    risk = risk_sets(data.durations, data.events, standardised, data.counts)
    found = maximise(lambda b: log_likelihood(risk, ties, b), len(data.names))
    failure = _failure(data, found, standardised)
    if failure:
        return np.empty(0), np.empty(0), failure
    covariance = np.linalg.inv(found.point.information)
    return found.point.coefficients / scale, covariance / np.outer(scale, scale), ""


def _failure(data: CoxData, found: Maximum, standardised: np.ndarray) -> str:
    """Why there is no estimate; the linear programme is asked only where calculus does not tell."""
    radius = 2 * float(np.linalg.norm(standardised, axis=1).max())
    if not is_certainly_finite(found, radius):
        if data.durations.size > model_fit.MOST_PATTERNS_DECIDED:
            return model_fit.UNDECIDED
        if is_cox_monotone(data.covariates, data.durations, data.events):
            return model_fit.SEPARATED
    return "" if found.is_settled else model_fit.NOT_CONVERGED
