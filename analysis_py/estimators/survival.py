"""Kaplan-Meier, restricted mean time and the log-rank test.

lifelines estimates the survival function and the log-rank test. The Greenwood standard error and
the restricted mean with its standard error, which it lacks, are computed here from its event table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test

from analysis_py.estimators.intervals import Interval, log_log, normal


@dataclass(frozen=True, slots=True)
class SurvivalCurve:
    """Kaplan-Meier estimate, one entry per distinct observed time.

    All arrays have shape (n_times,): `times` in the caller's unit, ascending; `n_at_risk` just
    before each time; `n_events` and `n_censored` at it; `survival` just after it, its Greenwood
    `standard_error` (NaN once the survival is 0) and its log-log interval.
    """

    n: int
    times: np.ndarray
    n_at_risk: np.ndarray
    n_events: np.ndarray
    n_censored: np.ndarray
    survival: np.ndarray
    standard_error: np.ndarray
    ci_lower: np.ndarray
    ci_upper: np.ndarray

    @property
    def total_events(self) -> int:
        """Events in all."""
        return int(self.n_events.sum())

    def median(self) -> float:
        """First time at which survival is 1/2 or less; NaN when it is not reached."""
        reached = np.flatnonzero(self.survival <= 0.5 + 1e-12)
        return float(self.times[reached[0]]) if reached.size else math.nan


@dataclass(frozen=True, slots=True)
class RestrictedMean:
    """Area under the survival curve from 0 to `horizon`, in the unit of time.

    `standard_error` is Greenwood's; the interval is normal. Not a standard deviation.
    """

    horizon: float
    mean: float
    standard_error: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class LogRankResult:
    """Log-rank test: chi-square on (groups with patients - 1) df, with counts per group.

    `observed` and `expected` have one entry per group of `groups`; NaN statistic and p when fewer
    than two groups have patients or no patient had the event.
    """

    groups: tuple[str, ...]
    n: tuple[int, ...]
    observed: tuple[float, ...]
    expected: tuple[float, ...]
    chi_square: float
    degrees_of_freedom: int
    p_value: float


def kaplan_meier(durations: np.ndarray, events: np.ndarray) -> SurvivalCurve:
    """Estimate the survival function; events at time 0 count.

    Parameters
    ----------
    durations : numpy.ndarray, shape (n,)
        Time to event or censoring, 0 or more, any unit; n is at least 1.
    events : numpy.ndarray of bool, shape (n,)
        True where the event was seen.

    Returns
    -------
    SurvivalCurve
        Interval: log(-log) transformation with Greenwood's variance.

    Raises
    ------
    ValueError
        If there is no patient, or a duration is negative or missing.

    Notes
    -----
    R: ``survfit(Surv(time, event) ~ 1, conf.type = "log-log")``.
    """
    durations, events = _checked(durations, events)
    fitter = KaplanMeierFitter().fit(durations, events)
    table = fitter.event_table
    present = (table["observed"] + table["censored"]).to_numpy() > 0
    n_at_risk = table["at_risk"].to_numpy()[present]
    n_events = table["observed"].to_numpy()[present]
    survival = fitter.survival_function_.iloc[:, 0].to_numpy()[present]
    with np.errstate(divide="ignore", invalid="ignore"):
        relative_error = np.sqrt(np.cumsum(n_events / (n_at_risk * (n_at_risk - n_events))))
        standard_error = np.where(survival == 0, math.nan, survival * relative_error)
    ci_lower, ci_upper = log_log(survival, relative_error)
    return SurvivalCurve(
        n=int(durations.size),
        times=table.index.to_numpy(dtype=float)[present],
        n_at_risk=n_at_risk.astype(int),
        n_events=n_events.astype(int),
        n_censored=table["censored"].to_numpy()[present].astype(int),
        survival=survival,
        standard_error=standard_error,
        ci_lower=ci_lower,
        ci_upper=ci_upper,
    )


def restricted_mean(curve: SurvivalCurve, horizon: float) -> RestrictedMean:
    """Mean time to the event when follow-up stops at `horizon`.

    mean = integral of S(t) from 0 to horizon; variance = sum over event times t_i <= horizon of
    (integral of S from t_i to horizon)^2 d_i / (r_i (r_i - d_i)), a term with r_i = d_i being 0.

    Parameters
    ----------
    curve : SurvivalCurve
        From :func:`kaplan_meier`.
    horizon : float
        Upper limit, above 0, in the unit of the curve. Beyond the last time the curve is carried
        flat.

    Raises
    ------
    ValueError
        If the horizon is not above 0.

    Notes
    -----
    R: ``summary(survfit(Surv(time, event) ~ 1), rmean = horizon)$table[c("rmean", "se(rmean)")]``.
    """
    if not horizon > 0:
        raise ValueError("the horizon of a restricted mean must be above 0")
    inside = curve.times <= horizon
    times = curve.times[inside]
    widths = np.diff(np.concatenate([[0.0], times, [horizon]]))
    areas = widths * np.concatenate([[1.0], curve.survival[inside]])
    area_after = areas.sum() - np.cumsum(areas)[:-1]
    at_risk = curve.n_at_risk[inside].astype(float)
    events = curve.n_events[inside].astype(float)
    survivors = at_risk - events
    hazard_variance = np.divide(
        events, at_risk * survivors, out=np.zeros_like(events), where=survivors > 0
    )
    mean = float(areas.sum())
    standard_error = float(math.sqrt((area_after**2 * hazard_variance).sum()))
    lower, upper = normal(mean, standard_error)
    return RestrictedMean(
        horizon=float(horizon),
        mean=mean,
        standard_error=standard_error,
        interval=Interval(max(0.0, lower), min(float(horizon), upper)),
    )


def log_rank(durations: np.ndarray, events: np.ndarray, groups: np.ndarray) -> LogRankResult:
    """Compare survival between groups; events at time 0 count.

    Parameters
    ----------
    durations : numpy.ndarray, shape (n,)
        Time to event or censoring, 0 or more.
    events : numpy.ndarray of bool, shape (n,)
        True where the event was seen.
    groups : numpy.ndarray of str, shape (n,)
        Group of each patient, none missing.

    Returns
    -------
    LogRankResult
        Groups in alphabetical order.

    Notes
    -----
    Mantel 1966. R: ``survdiff(Surv(time, event) ~ group)`` (chisq, obs, exp).
    """
    durations, events = _checked(durations, events)
    groups = np.asarray(groups).astype(str)
    names, codes = np.unique(groups, return_inverse=True)
    observed, expected = _observed_and_expected(durations, events, codes, names.size)
    chi_square = p_value = math.nan
    if names.size > 1 and events.any():
        test = multivariate_logrank_test(durations, groups, events)
        chi_square, p_value = float(test.test_statistic), float(test.p_value)
    return LogRankResult(
        groups=tuple(names.tolist()),
        n=tuple(np.bincount(codes, minlength=names.size).tolist()),
        observed=tuple(observed.tolist()),
        expected=tuple(expected.tolist()),
        chi_square=chi_square,
        degrees_of_freedom=max(names.size - 1, 0),
        p_value=p_value,
    )


def _observed_and_expected(
    durations: np.ndarray, events: np.ndarray, codes: np.ndarray, n_groups: int
) -> tuple[np.ndarray, np.ndarray]:
    times, positions = np.unique(durations, return_inverse=True)
    left = np.zeros((times.size, n_groups))
    died = np.zeros((times.size, n_groups))
    np.add.at(left, (positions, codes), 1)
    np.add.at(died, (positions, codes), events)
    at_risk = left[::-1].cumsum(axis=0)[::-1]
    expected = at_risk / at_risk.sum(axis=1, keepdims=True) * died.sum(axis=1, keepdims=True)
    return died.sum(axis=0), expected.sum(axis=0)


def _checked(durations: np.ndarray, events: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    durations = np.asarray(durations, dtype=float)
    events = np.asarray(events, dtype=bool)
    if durations.size == 0:
        raise ValueError("a survival estimate needs at least one patient")
    if durations.shape != events.shape:
        raise ValueError("durations and events must have one entry per patient each")
    if not np.isfinite(durations).all() or (durations < 0).any():
        raise ValueError("durations must be known and not negative")
    return durations, events
