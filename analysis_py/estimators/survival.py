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

from analysis_py.estimators.intervals import NOT_ESTIMABLE, Interval, log_log, normal, not_estimable

NO_EVENT = "no interval: nobody had the event"
LEFT_BEFORE = "no interval: nobody is left without the event, but some left before it"
ALL_AT_ONCE = "no interval: everybody still observed had the event at the same time"


@dataclass(frozen=True, slots=True)
class SurvivalCurve:
    """Kaplan-Meier estimate, one entry per distinct observed time.

    All arrays have shape (n_times,): `times` in the caller's unit, ascending; `n_at_risk` just
    before each time; `n_events` and `n_censored` at it; `survival` just after it, its Greenwood
    `standard_error` (NaN once the survival is 0) and its interval.
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

    def interval(self, position: int) -> Interval:
        """Interval of the survival at one of the times."""
        lower, upper = float(self.ci_lower[position]), float(self.ci_upper[position])
        return Interval(lower, upper, "" if math.isfinite(lower) else LEFT_BEFORE)

    def median(self) -> float:
        """First time at which survival is 1/2 or less; NaN when it is not reached."""
        reached = np.flatnonzero(self.survival <= 0.5 + 1e-12)
        return float(self.times[reached[0]]) if reached.size else math.nan


@dataclass(frozen=True, slots=True)
class RestrictedMean:
    """Area under the survival curve from 0 to `horizon`, in the unit of time.

    `standard_error` is Greenwood's; the interval is normal. Not a standard deviation. Where the
    mean is not estimable, it is NaN and `failure` says why; without variation only the standard
    error is NaN, and the interval says why.
    """

    horizon: float
    mean: float
    standard_error: float
    interval: Interval
    failure: str = ""


@dataclass(frozen=True, slots=True)
class LogRankResult:
    """Log-rank test: chi-square on (groups with patients - 1) df, with counts per group.

    `observed` and `expected` have one entry per group of `groups`; NaN statistic and p when fewer
    than two groups have patients, or nobody who was at risk together with the other group differs
    from it: no event, or everybody at risk had it at the same time.
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
        Interval: :func:`analysis_py.estimators.intervals.log_log`.

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
    n_censored = table["censored"].to_numpy()[present]
    ci_lower, ci_upper = log_log(survival, relative_error, n_at_risk, n_censored)
    return SurvivalCurve(
        n=int(durations.size),
        times=table.index.to_numpy(dtype=float)[present],
        n_at_risk=n_at_risk.astype(int),
        n_events=n_events.astype(int),
        n_censored=n_censored.astype(int),
        survival=survival,
        standard_error=standard_error,
        ci_lower=ci_lower,
        ci_upper=ci_upper,
    )


def restricted_mean(
    curve: SurvivalCurve, horizon: float, followed_to: float | None = None
) -> RestrictedMean:
    """Mean time to the event when follow-up stops at `horizon`.

    mean = integral of S(t) from 0 to horizon; variance = sum over event times t_i <= horizon of
    (integral of S from t_i to horizon)^2 d_i / (r_i (r_i - d_i)), a term with r_i = d_i being 0.

    Parameters
    ----------
    curve : SurvivalCurve
        From :func:`kaplan_meier`.
    horizon : float
        Upper limit, above 0, in the unit of the curve.
    followed_to : float, optional
        Somebody must have been observed to this time, at most the horizon and by default equal to
        it; the curve is carried flat from there. Otherwise the mean is not estimable, unless
        everybody had the event before.

    Raises
    ------
    ValueError
        If the horizon is not above 0 or `followed_to` is beyond it.

    Notes
    -----
    R: ``summary(survfit(Surv(time, event) ~ 1), rmean = horizon)$table[c("rmean", "se(rmean)")]``,
    which carries the curve flat to the horizon from wherever it ends.
    """
    if not horizon > 0:
        raise ValueError("the horizon of a restricted mean must be above 0")
    followed_to = horizon if followed_to is None else followed_to
    if followed_to > horizon:
        raise ValueError("a restricted mean needs no observation beyond its horizon")
    if curve.times[-1] < followed_to and curve.survival[-1] > 0:
        failure = f"not estimable: nobody was observed after {curve.times[-1]:.4g} of {horizon:.4g}"
        return RestrictedMean(horizon, math.nan, math.nan, NOT_ESTIMABLE, failure)
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
    interval = normal(mean, standard_error, 0.0, float(horizon))
    if interval.reason:
        interval = not_estimable(ALL_AT_ONCE if events.any() else NO_EVENT)
        standard_error = math.nan
    return RestrictedMean(float(horizon), mean, standard_error, interval)


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
    if names.size > 1 and events.any() and not all_at_once(durations, events):
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


def all_at_once(durations: np.ndarray, events: np.ndarray) -> bool:
    """Whether every event was at one time, and everybody still at risk there had it.

    Who had the event earlier than whom is then not known of any two patients.
    """
    if not events.any():
        return False
    at_risk = durations >= durations[events].min()
    return bool(events[at_risk].all() and np.ptp(durations[at_risk]) == 0)


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
