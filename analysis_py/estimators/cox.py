"""Cox proportional hazards model, fitted by statsmodels (PHReg), and its diagnostics.

The test of proportional hazards is written here: statsmodels has none, and lifelines' takes
Efron's ties only and is not R's score test.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from scipy import stats
from statsmodels.duration.hazard_regression import PHReg

from analysis_py.estimators import regression
from analysis_py.estimators.regression import ModelFit
from analysis_py.estimators.survival import all_at_once, kaplan_meier

Ties = Literal["breslow", "efron"]

ONE_EVENT_TIME = "not tested: every event was at the same time"
SINGULAR = "not tested: after the first event time the terms cannot be told apart"
NO_DRIFT = "not tested: after the first event time the patients at risk do not differ in this term"


@dataclass(frozen=True)
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

    @cached_property
    def scale(self) -> np.ndarray:
        """Standard deviation of each covariate, shape (p,)."""
        deviations: np.ndarray = self.covariates.std(axis=0)
        return deviations

    @cached_property
    def model(self) -> PHReg:
        """Model of covariates with mean 0 and variance 1; most time goes into its risk sets."""
        standardised = (self.covariates - self.covariates.mean(axis=0)) / self.scale
        return PHReg(self.durations, standardised, status=self.events.astype(int))


@dataclass(frozen=True, kw_only=True)
class CoxFit(ModelFit):
    """A Cox model: `coefficients` (p,) and `covariance` (p, p), NaN where it was not fitted.

    `data` has the p covariates that could be told apart; `terms` also those left out.
    """

    data: CoxData
    ties: Ties
    coefficients: np.ndarray
    covariance: np.ndarray


@dataclass(frozen=True, slots=True)
class ProportionalHazardsTest:
    """Score test of a coefficient that drifts with g(t); `name` "global" tests all terms at once.

    NaN where the test is not defined; `failure` says why.
    """

    name: str
    chi_square: float
    degrees_of_freedom: int
    p_value: float
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Influence:
    """Influence of single patients on one coefficient, by dfbeta.

    `largest` is the largest absolute change of the coefficient when one patient is left out,
    `largest_standardised` the same in standard errors; `ratio_lowest` and `ratio_highest` bound
    the hazard ratio over all such leave-one-out changes.
    """

    name: str
    largest: float
    largest_standardised: float
    ratio_lowest: float
    ratio_highest: float


def cox_data(
    names: Sequence[str], durations: np.ndarray, events: np.ndarray, covariates: np.ndarray
) -> CoxData:
    """Select the patients with a duration and every covariate; count the others.

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
    complete = ~(np.isnan(durations) | np.isnan(covariates).any(axis=1))
    return CoxData(
        names=tuple(names),
        durations=durations[complete],
        events=events[complete],
        covariates=covariates[complete],
        n_missing=int((~complete).sum()),
    )


def fit_cox(data: CoxData, ties: Ties) -> CoxFit:
    """Fit by partial likelihood; events at time 0 stay in their risk set, as in R.

    A covariate that does not vary among the patients at risk at the first event time, or depends
    there on those before it, is left out: later risk sets are parts of that one, and a patient who
    left before is in none.

    Parameters
    ----------
    data : CoxData
        From :func:`cox_data`.
    ties : {"breslow", "efron"}
        Handling of tied event times.

    Notes
    -----
    Breslow, Biometrics 1974;30:89-99; Efron, JASA 1977;72:557-565.
    R: ``coxph(Surv(time, event) ~ x, ties = "breslow")``.
    """
    names = data.names
    first_event = data.durations[data.events].min(initial=math.inf)
    kept = regression.independent_columns(data.covariates[data.durations >= first_event])
    if 0 < len(kept) < len(names):
        data = replace(
            data, names=tuple(names[i] for i in kept), covariates=data.covariates[:, kept]
        )
    p = len(data.names)
    coefficients, covariance = np.full(p, math.nan), np.full((p, p), math.nan)
    failure = _reason_not_to_fit(data, kept)
    if not failure:
        model = data.model
        model.ties = ties
        maximum, failure = regression.maximise(
            model,
            information=lambda coefficients: -model.hessian(coefficients),
            longest=float(np.linalg.norm(model.exog, axis=1).max()),
            n_events=data.n_events,
            is_separated=lambda: regression.is_cox_monotone(
                data.covariates, data.durations, data.events
            ),
        )
    if not failure:
        coefficients = maximum.coefficients / data.scale
        covariance = np.linalg.inv(maximum.information) / np.outer(data.scale, data.scale)
    return CoxFit(
        n=data.n,
        n_events=data.n_events,
        n_missing=data.n_missing,
        terms=regression.undefined_terms(names)
        if failure
        else regression.with_left_out(
            names, regression.model_terms(data.names, coefficients, covariance)
        ),
        failure=failure,
        warning=failure or regression.sparse_data_warning(data.n_events, p),
        data=data,
        ties=ties,
        coefficients=coefficients,
        covariance=covariance,
    )


def _reason_not_to_fit(data: CoxData, kept: Sequence[int]) -> str:
    if data.n == 0:
        return regression.NO_PATIENTS
    if data.n_events == 0:
        return regression.NO_EVENTS
    if not kept:
        return regression.COLLINEAR
    # The likelihood for ties would give a ratio of 1 with an interval here.
    return regression.ALL_AT_ONCE if all_at_once(data.durations, data.events) else ""


def proportional_hazards_test(fit: CoxFit) -> tuple[ProportionalHazardsTest, ...]:
    """Scaled Schoenfeld (score) test of proportional hazards, per term and global.

    Time enters as g(t) = 1 - S(t-), the left-continuous Kaplan-Meier estimate of all patients
    (transform "km", R's default), so that a few late events do not dominate.

    Parameters
    ----------
    fit : CoxFit
        A fitted model with Breslow's ties, p terms.

    Returns
    -------
    tuple of ProportionalHazardsTest, length p + 1
        The last one is global, on p degrees of freedom.

    Raises
    ------
    ValueError
        If the model was not fitted or has other ties.

    Notes
    -----
    Grambsch and Therneau, Biometrika 1994;81:515-526, as the score test of survival >= 3.0.
    R: ``cox.zph(coxph(Surv(time, event) ~ x, ties = "breslow"), transform = "km")``.
    """
    _require_breslow(fit)
    data, p = fit.data, len(fit.data.names)
    x = data.covariates - data.covariates.mean(axis=0)
    hazard = np.exp(x @ fit.coefficients)
    times = np.unique(data.durations[data.events])
    score = np.zeros(p)
    plain, cross, square = np.zeros((p, p)), np.zeros((p, p)), np.zeros((p, p))
    for time, g in zip(times, _transformed_time(data, times), strict=True):
        at_risk, dying = data.durations >= time, (data.durations == time) & data.events
        weights = hazard[at_risk]
        n_events = int(dying.sum())
        mean = np.average(x[at_risk], axis=0, weights=weights)
        spread = np.cov(x[at_risk].T, aweights=weights, ddof=0).reshape(p, p)
        score += g * (x[dying].sum(axis=0) - n_events * mean)
        plain += n_events * spread
        cross += n_events * g * spread
        square += n_events * g**2 * spread

    tests = []
    for name, index in [*((n, [i]) for i, n in enumerate(data.names)), ("global", list(range(p)))]:
        # Information of the drift that is left after the coefficients are estimated.
        whole = square[np.ix_(index, index)]
        remaining = whole - cross[index] @ np.linalg.solve(plain, cross[:, index])
        failure = ONE_EVENT_TIME if times.size < 2 else ""
        tests.append(_score_test(name, score[index], remaining, np.diag(whole).max(), failure))
    return tuple(tests)


def _transformed_time(data: CoxData, event_times: np.ndarray) -> np.ndarray:
    curve = kaplan_meier(data.durations, data.events)
    before = np.concatenate([[1.0], curve.survival])
    g = 1.0 - before[np.searchsorted(curve.times, event_times, side="left")]
    return g - g.mean()


def _score_test(
    name: str, score: np.ndarray, information: np.ndarray, scale: float, failure: str
) -> ProportionalHazardsTest:
    df = score.size
    if failure or not scale > 0 or np.linalg.eigvalsh(information).min() <= 1e-12 * scale:
        reason = failure or (SINGULAR if df > 1 else NO_DRIFT)
        return ProportionalHazardsTest(name, math.nan, df, math.nan, reason)
    chi_square = float(score @ np.linalg.solve(information, score))
    return ProportionalHazardsTest(name, chi_square, df, float(stats.chi2.sf(chi_square, df)))


def influence(fit: CoxFit) -> tuple[Influence, ...]:
    """Largest influence of a single patient on each coefficient, by :func:`dfbeta`."""
    changes = dfbeta(fit)
    largest = np.abs(changes).max(axis=0)
    lowest = np.exp(fit.coefficients - changes.max(axis=0))
    highest = np.exp(fit.coefficients - changes.min(axis=0))
    return tuple(
        Influence(
            name=term.name,
            largest=float(largest[i]),
            largest_standardised=float(largest[i] / term.standard_error),
            ratio_lowest=float(lowest[i]),
            ratio_highest=float(highest[i]),
        )
        for i, term in enumerate(term for term in fit.terms if not term.failure)
    )


def dfbeta(fit: CoxFit) -> np.ndarray:
    """Coefficient with minus without each patient, one step, shape (n, p).

    Score residuals of statsmodels times the covariance of the coefficients.

    Raises
    ------
    ValueError
        If the model was not fitted or has other ties than Breslow's.

    Notes
    -----
    Therneau and Grambsch, Modeling Survival Data, 2000, section 7.
    R: ``residuals(fit, type = "dfbeta")``.
    """
    _require_breslow(fit)
    scale = fit.data.scale
    # NaN: a patient who left before the first event and is in no risk set.
    residuals = np.nan_to_num(fit.data.model.score_residuals(fit.coefficients * scale))
    changes: np.ndarray = (residuals * scale) @ fit.covariance
    return changes


def _require_breslow(fit: CoxFit) -> None:
    if not fit.is_fitted:
        raise ValueError("a model that was not fitted has no diagnostics")
    if fit.ties != "breslow":
        raise ValueError("the diagnostics are written for Breslow's ties")
