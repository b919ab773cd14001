"""Checks of a Cox fit: proportional hazards and the influence of single patients.

Written for Breslow's ties, which the study's model uses; statsmodels and lifelines lack the score
test, and lifelines its residuals under Breslow's ties.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from analysis_py.estimators.cox import CoxResult
from analysis_py.estimators.cox_likelihood import risk_sets
from analysis_py.estimators.survival import kaplan_meier


@dataclass(frozen=True, slots=True)
class ProportionalHazardsTest:
    """Score test of a coefficient that drifts with g(t); `name` "global" tests all terms at once.

    NaN where the test is not defined, e.g. with a single event time.
    """

    name: str
    chi_square: float
    degrees_of_freedom: int
    p_value: float


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


@dataclass(frozen=True, slots=True)
class _RiskSets:
    """Sums over the risk set of each distinct event time, shapes (k, ...), in time order."""

    times: np.ndarray
    n_events: np.ndarray
    weight: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray


def proportional_hazards_test(fit: CoxResult) -> tuple[ProportionalHazardsTest, ...]:
    """Scaled Schoenfeld (score) test of proportional hazards, per term and global.

    Time enters as g(t) = 1 - S(t-), the left-continuous Kaplan-Meier estimate of all patients
    (transform "km", R's default), which does not let a few late events dominate.

    Parameters
    ----------
    fit : CoxResult
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
    risk = _risk_sets(fit)
    g = _transformed_time(fit, risk.times)
    position = np.searchsorted(risk.times, data.durations[data.events])
    schoenfeld = data.covariates[data.events] - risk.mean[position]
    weights = (data.counts[data.events] * g[position])[:, None]
    score = (weights * schoenfeld).sum(axis=0)
    weighted = risk.n_events[:, None, None] * risk.covariance
    plain = weighted.sum(axis=0)
    cross = (g[:, None, None] * weighted).sum(axis=0)
    square = ((g**2)[:, None, None] * weighted).sum(axis=0)

    tests = []
    for name, index in [*((n, [i]) for i, n in enumerate(data.names)), ("global", list(range(p)))]:
        # Information of the drift that is left after the coefficients are estimated.
        remaining = square[np.ix_(index, index)] - cross[index] @ np.linalg.solve(
            plain, cross[:, index]
        )
        tests.append(_score_test(name, score[index], remaining, square[np.ix_(index, index)]))
    return tuple(tests)


def influence(fit: CoxResult) -> tuple[Influence, ...]:
    """Largest influence of a single patient on each coefficient.

    dfbeta = score residuals times the covariance of the coefficients: the one-step change of a
    coefficient when the patient is left out.

    Parameters
    ----------
    fit : CoxResult
        A fitted model with Breslow's ties.

    Raises
    ------
    ValueError
        If the model was not fitted or has other ties.

    Notes
    -----
    Therneau and Grambsch, Modeling Survival Data, 2000, section 7.
    R: ``residuals(fit, type = "dfbeta")``.
    """
    changes = dfbeta(fit)
    errors = np.sqrt(np.diag(fit.covariance))
    return tuple(
        Influence(
            name=name,
            largest=float(np.abs(changes[:, i]).max()),
            largest_standardised=float(np.abs(changes[:, i]).max() / errors[i]),
            ratio_lowest=float(np.exp(fit.coefficients[i] - changes[:, i].max())),
            ratio_highest=float(np.exp(fit.coefficients[i] - changes[:, i].min())),
        )
        for i, name in enumerate(fit.data.names)
    )


def dfbeta(fit: CoxResult) -> np.ndarray:
    """Coefficient with minus without one patient of each pattern, one step, shape (k, p)."""
    _require_breslow(fit)
    data = fit.data
    risk = _risk_sets(fit)
    hazard = risk.n_events / risk.weight
    cumulative_hazard = np.concatenate([[0.0], np.cumsum(hazard)])
    cumulative_mean = np.vstack(
        [np.zeros(data.covariates.shape[1]), np.cumsum(hazard[:, None] * risk.mean, axis=0)]
    )
    seen = np.searchsorted(risk.times, data.durations, side="right")
    relative_hazard = np.exp((data.covariates - data.centre) @ fit.coefficients)
    residual = -relative_hazard[:, None] * (
        data.covariates * cumulative_hazard[seen][:, None] - cumulative_mean[seen]
    )
    position = np.searchsorted(risk.times, data.durations[data.events])
    residual[data.events] += data.covariates[data.events] - risk.mean[position]
    return residual @ fit.covariance


def _risk_sets(fit: CoxResult) -> _RiskSets:
    data, p = fit.data, len(fit.data.names)
    sets = risk_sets(data.durations, data.events, data.covariates - data.centre, data.counts)
    y = sets.covariates
    weight = sets.counts * np.exp(y @ fit.coefficients)
    total = sets.up_to(weight)
    first = np.column_stack([sets.up_to(weight * y[:, i]) / total for i in range(p)])
    second = np.empty((sets.times.size, p, p))
    for i in range(p):
        for j in range(i, p):
            moment = sets.up_to(weight * y[:, i] * y[:, j]) / total
            second[:, i, j] = second[:, j, i] = moment
    covariance = second - first[:, :, None] * first[:, None, :]
    return _RiskSets(
        times=sets.times[::-1],
        n_events=sets.n_events[::-1].astype(float),
        weight=total[::-1],
        mean=(first + data.centre)[::-1],
        covariance=covariance[::-1],
    )


def _transformed_time(fit: CoxResult, event_times: np.ndarray) -> np.ndarray:
    curve = kaplan_meier(fit.data.durations, fit.data.events, fit.data.counts)
    before = np.concatenate([[1.0], curve.survival])
    g = 1.0 - before[np.searchsorted(curve.times, event_times, side="left")]
    return g - g.mean()


def _score_test(
    name: str, score: np.ndarray, information: np.ndarray, scale: np.ndarray
) -> ProportionalHazardsTest:
    df = score.size
    reference = np.diag(scale).max()
    if not reference > 0 or np.linalg.eigvalsh(information).min() <= 1e-12 * reference:
        return ProportionalHazardsTest(name, math.nan, df, math.nan)
    chi_square = float(score @ np.linalg.solve(information, score))
    return ProportionalHazardsTest(name, chi_square, df, float(stats.chi2.sf(chi_square, df)))


def _require_breslow(fit: CoxResult) -> None:
    if not fit.is_fitted:
        raise ValueError("a model that was not fitted has no diagnostics")
    if fit.ties != "breslow":
        raise ValueError("the diagnostics are written for Breslow's ties")
