"""What Cox and logistic regression share: reasons not to fit, the maximum, ratios of the terms.

statsmodels maximises the likelihood. It does not say when no finite maximum exists, because some
combination of covariates orders the outcomes without contradiction (separation); that is decided
here exactly.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse, stats
from scipy.optimize import linprog
from statsmodels.base.model import LikelihoodModel

from analysis_py.conventions import MIN_EVENTS_PER_TERM
from analysis_py.estimators.intervals import NOT_ESTIMABLE, Interval, exponential

NO_PATIENTS = "not fitted: no patient has all covariates"
NO_EVENTS = "not fitted: no patient had the event"
NO_CONTRAST = "not fitted: every patient had the event"
COLLINEAR = "not fitted: no covariate varies among the patients at risk"
DEPENDENT = (
    "not estimated: among the patients at risk the term does not vary, or the terms before it "
    "determine it"
)
ALL_AT_ONCE = "not fitted: everybody at risk had the event at the same time"
SEPARATED = "not fitted: the outcome is separated by the covariates, the estimate is infinite"
NOT_CONVERGED = "not fitted: the iterations did not converge"
MOST_PATTERNS_DECIDED = 100_000
"""Largest number of different patients for which the linear programme decides on separation; with
more it would take minutes to hours, and the fit is refused with a warning."""
UNDECIDED = (
    "not fitted: the estimate may be infinite; whether it is has not been decided, because more "
    f"than {MOST_PATTERNS_DECIDED} patients differ in time or covariates"
)

MAX_STEPS = 60
SETTLED = 1e-10
"""Newton decrement squared, in units of the log likelihood: 1e-5 of a standard error."""
SMALLEST_CURVATURE = 1e-9
"""Smallest eigenvalue of the information per event that is not rounding, for covariates of unit
variance. It is smaller when a combination of covariates makes no difference to the likelihood."""
TOLERANCE = 1e-7


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a model; every number is NaN where the model was not fitted.

    `coefficient` and `standard_error` on the log scale (per unit of the covariate), `ratio` its
    exponential (hazard or odds ratio) with Wald's interval, two-sided Wald `p_value`. `failure`
    says why this term alone is left out of a model that was fitted.
    """

    name: str
    coefficient: float
    standard_error: float
    ratio: float
    interval: Interval
    p_value: float
    failure: str = ""

    def per(self, units: float) -> Term:
        """Return the term per several units of its covariate; its p-value stays.

        R: ``exp(units * coef(fit)); exp(units * confint.default(fit))``.
        """
        coefficient, error = units * self.coefficient, units * self.standard_error
        return replace(
            self,
            coefficient=coefficient,
            standard_error=error,
            ratio=math.exp(coefficient),
            interval=exponential(coefficient, error),
        )


@dataclass(frozen=True, kw_only=True)
class ModelFit:
    """A model: `terms` per covariate; `n` patients in the fit, `n_events` of them with the event.

    `n_missing` patients were left out for a missing value. Where no finite estimate exists,
    `failure` says why. `warning` is the failure, or says that the fit rests on few events.
    """

    n: int
    n_events: int
    n_missing: int
    terms: tuple[Term, ...]
    failure: str
    warning: str

    @property
    def is_fitted(self) -> bool:
        """Whether a finite estimate exists."""
        return not self.failure


@dataclass(frozen=True, slots=True)
class Maximum:
    """Where statsmodels ended: coefficients (p,), gradient (p,) and information (p, p) there."""

    coefficients: np.ndarray
    gradient: np.ndarray
    information: np.ndarray


def independent_columns(covariates: np.ndarray) -> list[int]:
    """Columns that vary and do not depend linearly on those before them, shape (n, p).

    R's ``coxph`` and ``glm`` fit these and give NA for the others.
    """
    kept: list[int] = []
    if not covariates.shape[0]:
        return kept
    centred = covariates - covariates.mean(axis=0)
    length, size = np.linalg.norm(centred, axis=0), np.linalg.norm(covariates, axis=0)
    centred = centred / np.where(length > 1e-12 * size, length, np.inf)
    for column in range(covariates.shape[1]):
        if np.linalg.matrix_rank(centred[:, [*kept, column]]) > len(kept):
            kept.append(column)
    return kept


def maximise(
    model: LikelihoodModel,
    information: Callable[[np.ndarray], np.ndarray],
    longest: float,
    n_events: int,
    is_separated: Callable[[], bool | None],
) -> tuple[Maximum, str]:
    """Maximise the likelihood and say why there is no estimate, if there is none.

    Parameters
    ----------
    model : statsmodels LikelihoodModel
        With covariates of unit variance.
    information : callable
        Coefficients (p,) to the information (p, p).
    longest : float
        Length of the longest covariate vector of a patient.
    n_events : int
    is_separated : callable
        Decides separation from the covariates as recorded (rounding would undo a tie); None: not
        decided. Called only where calculus cannot exclude separation.

    Returns
    -------
    maximum : Maximum
    failure : str
        Empty where the estimate exists.

    Notes
    -----
    The third derivative of a logistic or Cox likelihood is bounded: |f'''(t)| <= R f''(t) along
    every unit direction, with R twice the longest covariate vector. With the smallest eigenvalue m
    of the information and the Newton decrement d at some point, d <= sqrt(m) / (2 R) proves a
    finite maximum: along a unit direction v the slope rises to more than v'Hv / R - d sqrt(v'Hv) >
    0 (Bach, Electronic Journal of Statistics 2010;4:384-414, proposition 2). A separated
    likelihood never meets it.
    """
    found = _newton(model, information)
    curvature, decrement = _distance(found, n_events)
    if decrement > curvature / (4 * longest) ** 2:
        separated = is_separated()
        if separated or separated is None:
            return found, UNDECIDED if separated is None else SEPARATED
    if decrement > SETTLED:
        # The maximum is finite and Newton's first steps led past it: begin near it.
        found = _newton(model, information, _ascent(model))
        decrement = _distance(found, n_events)[1]
    return found, "" if decrement <= SETTLED else NOT_CONVERGED


def _distance(found: Maximum, n_events: int) -> tuple[float, float]:
    """Return the smallest curvature and the Newton decrement squared; 0 and infinity if unknown."""
    curvature, decrement = 0.0, math.inf
    if np.isfinite(found.gradient).all() and np.isfinite(found.information).all():
        curvature = float(np.linalg.eigvalsh(found.information).min())
    if curvature > SMALLEST_CURVATURE * n_events:
        decrement = float(found.gradient @ np.linalg.solve(found.information, found.gradient))
    return curvature, decrement


def _newton(
    model: LikelihoodModel,
    information: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray | None = None,
) -> Maximum:
    # On the way to an infinite estimate sums overflow and the information becomes singular.
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            found = model.fit(
                start_params=start, method="newton", maxiter=MAX_STEPS, tol=1e-10, disp=False
            ).params
            return Maximum(found, model.score(found), information(found))
        except (np.linalg.LinAlgError, ValueError):
            nothing = np.full(model.exog.shape[1], math.nan)
            return Maximum(nothing, nothing, np.outer(nothing, nothing))


def _ascent(model: LikelihoodModel) -> np.ndarray | None:
    """Return coefficients near the maximum by BFGS, whose line search never steps down."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return np.asarray(model.fit(method="bfgs", maxiter=500, disp=False).params)
        except (np.linalg.LinAlgError, ValueError):
            return None


def model_terms(
    names: Sequence[str], coefficients: np.ndarray, covariance: np.ndarray
) -> tuple[Term, ...]:
    """Turn estimates of shapes (p,) and (p, p) into terms."""
    errors = np.sqrt(np.diag(covariance))
    with np.errstate(over="ignore"):
        ratios = np.exp(coefficients)
    return tuple(
        Term(
            name=name,
            coefficient=float(beta),
            standard_error=float(error),
            ratio=float(ratio),
            interval=exponential(beta, error),
            p_value=float(2 * stats.norm.sf(abs(beta / error))),
        )
        for name, beta, error, ratio in zip(names, coefficients, errors, ratios, strict=True)
    )


def undefined_terms(names: Sequence[str], failure: str = "") -> tuple[Term, ...]:
    """Terms of a model that could not be fitted, or left out of it."""
    nan = math.nan
    return tuple(Term(name, nan, nan, nan, NOT_ESTIMABLE, nan, failure) for name in names)


def with_left_out(names: Sequence[str], fitted: Sequence[Term]) -> tuple[Term, ...]:
    """Terms in the order of `names`; those that the model does not have say so."""
    found = {term.name: term for term in fitted}
    return tuple(found.get(name) or undefined_terms([name], DEPENDENT)[0] for name in names)


def sparse_data_warning(n_events: int, n_terms: int) -> str:
    """Warning for few events per term, or an empty text.

    Parameters
    ----------
    n_events : int
        Patients with the event; for a logistic model the smaller of the two outcomes.
    n_terms : int
        Terms without the intercept.
    """
    if n_events >= MIN_EVENTS_PER_TERM * n_terms:
        return ""
    return (
        f"{n_events} events for {n_terms} term{'s' if n_terms > 1 else ''} "
        f"({n_events / n_terms:.1f} per term): fewer than {MIN_EVENTS_PER_TERM} per term"
    )


def is_logistic_separated(design: np.ndarray, outcome: np.ndarray) -> bool | None:
    """Whether outcomes are completely or quasi-completely separated; None: not decided.

    Parameters
    ----------
    design : numpy.ndarray, shape (n, p)
        Covariates with their intercept column.
    outcome : numpy.ndarray of bool, shape (n,)

    Returns
    -------
    bool or None
        True when a direction d exists with (2y - 1) x'd >= 0 for all patients and > 0 for one.

    Notes
    -----
    Konis, D.Phil. thesis, Oxford 2007, chapter 4.
    """
    signed = np.where(np.asarray(outcome, dtype=bool), 1.0, -1.0)[:, None] * _scaled(design)
    signed = np.unique(signed, axis=0)
    if len(signed) > MOST_PATTERNS_DECIDED:
        return None
    result = linprog(
        c=-signed.sum(axis=0),
        A_ub=-signed,
        b_ub=np.zeros(signed.shape[0]),
        bounds=[(-1.0, 1.0)] * signed.shape[1],
        method="highs",
    )
    return bool(-result.fun > TOLERANCE * signed.shape[0])


def is_cox_monotone(design: np.ndarray, durations: np.ndarray, events: np.ndarray) -> bool | None:
    """Whether a Cox partial likelihood is monotone in some direction; None: not decided.

    Parameters
    ----------
    design : numpy.ndarray, shape (n, p)
        Covariates, no intercept.
    durations : numpy.ndarray, shape (n,)
    events : numpy.ndarray of bool, shape (n,)
        At least one True.

    Returns
    -------
    bool or None
        True when a direction d exists in which, at every event time, every patient with the event
        has the largest x'd of all at risk, and somewhere strictly larger than another's.

    Notes
    -----
    Bryson and Johnson, Technometrics 1981;23:381-383. The largest x'd at risk at the k-th event
    time is a variable M_k with M_1 >= M_2 >= ... (risk sets shrink), so that the programme grows
    with patients plus event times, not their product.
    """
    events = np.asarray(events, dtype=bool)
    event_times = np.unique(durations[events])
    # The last event time at which each patient is still at risk; -1: never at risk at one.
    last = np.searchsorted(event_times, durations, side="right") - 1
    patterns = np.column_stack([_scaled(design), last, events])[last >= 0]
    patterns = np.unique(patterns, axis=0)
    if len(patterns) > MOST_PATTERNS_DECIDED:
        return None
    x, last, is_event = patterns[:, :-2], patterns[:, -2].astype(int), patterns[:, -1] == 1
    p, k, n = x.shape[1], event_times.size, x.shape[0]

    at_most_largest = sparse.hstack([sparse.csr_array(x), -_selector(last, k)])
    chain = sparse.hstack(
        [sparse.csr_array((max(k - 1, 0), p)), _selector(np.arange(1, k), k)]
    ) - sparse.hstack([sparse.csr_array((max(k - 1, 0), p)), _selector(np.arange(k - 1), k)])
    events_are_largest = sparse.hstack(
        [-sparse.csr_array(x[is_event]), _selector(last[is_event], k)]
    )
    constraints = sparse.vstack([at_most_largest, chain, events_are_largest]).tocsr()
    # Total slack: how far below the largest the others are, and how far the largest falls.
    slack = -np.asarray(sparse.vstack([at_most_largest, chain]).sum(axis=0)).ravel()
    result = linprog(
        c=-slack,
        A_ub=constraints,
        b_ub=np.zeros(constraints.shape[0]),
        bounds=[(-1.0, 1.0)] * p + [(None, None)] * k,
        method="highs",
    )
    return bool(-result.fun > TOLERANCE * n)


def _selector(positions: np.ndarray, width: int) -> sparse.csr_array:
    rows = np.arange(positions.size)
    return sparse.csr_array((np.ones(positions.size), (rows, positions)), (positions.size, width))


def _scaled(design: np.ndarray) -> np.ndarray:
    """Columns divided by their largest absolute value; separation does not depend on scale."""
    design = np.asarray(design, dtype=float)
    largest = np.abs(design).max(axis=0)
    return design / np.where(largest > 0, largest, 1.0)
