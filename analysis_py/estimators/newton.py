"""Newton's method for a concave log likelihood, and when its maximum is certainly finite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

MAX_STEPS = 60
MAX_HALVINGS = 30
CONVERGED = 1e-20
"""Newton decrement squared, in units of the log likelihood: below it no digit moves any more."""

SETTLED = 1e-10
"""Where rounding keeps the decrement from falling further, this is close enough: 1e-5 of a
standard error."""

SMALLEST_CURVATURE = 1e-9
"""Smallest eigenvalue of the information, against its largest entry at 0, that is still taken for
curvature and not for rounding."""

NO_CURVATURE = 1e-12
"""Below this the information at 0 is rounding itself: covariates have unit variance here."""


@dataclass(frozen=True, slots=True)
class Point:
    """Log likelihood at `coefficients` (p,): value, gradient (p,) and information (p, p)."""

    coefficients: np.ndarray
    value: float
    gradient: np.ndarray
    information: np.ndarray

    @property
    def step(self) -> np.ndarray:
        """Newton step, shape (p,); NaN where the information is singular."""
        try:
            return np.linalg.solve(self.information, self.gradient)
        except np.linalg.LinAlgError:
            return np.full(self.gradient.size, np.nan)

    @property
    def decrement(self) -> float:
        """Newton decrement squared: twice the rise of the value that the next step promises."""
        return float(self.gradient @ self.step)


@dataclass(frozen=True, slots=True)
class Maximum:
    """Where Newton's method ended: the last point, whether it settled there, the first point.

    It has settled where no digit would move any more and the likelihood falls on every side.
    """

    point: Point
    is_settled: bool
    start: Point

    @property
    def smallest_curvature(self) -> float:
        """Smallest eigenvalue of the information at the end; 0 where it is but rounding.

        It is 0 when a combination of covariates makes no difference to the likelihood: one that
        varies only in patients who left before the first event, for example.
        """
        if not np.isfinite(self.point.information).all():
            return 0.0
        smallest = float(np.linalg.eigvalsh(self.point.information).min())
        rounding = max(SMALLEST_CURVATURE * np.abs(self.start.information).max(), NO_CURVATURE)
        return smallest if smallest > rounding else 0.0


def maximise(likelihood: Callable[[np.ndarray], Point], p: int) -> Maximum:
    """Climb from 0 with Newton steps, each halved until the likelihood does not fall.

    Parameters
    ----------
    likelihood : callable
        Coefficients of shape (p,) to the :class:`Point` there; concave.
    p : int
        Number of coefficients, 1 or more.
    """
    # Far out on the way to an infinite estimate sums overflow; such points are not taken.
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        return _maximise(likelihood, p)


def _maximise(likelihood: Callable[[np.ndarray], Point], p: int) -> Maximum:
    start = point = likelihood(np.zeros(p))
    for _ in range(MAX_STEPS):
        step = point.step
        decrement = float(point.gradient @ step)
        if not decrement > CONVERGED:
            break
        following = _climb(likelihood, point, step)
        if following is None:
            break
        has_settled = decrement <= SETTLED and not following.decrement < decrement
        point = following
        if has_settled:
            break
    found = Maximum(point, is_settled=bool(0 <= point.decrement <= SETTLED), start=start)
    return replace(found, is_settled=found.is_settled and found.smallest_curvature > 0)


def is_certainly_finite(found: Maximum, radius: float) -> bool:
    """Whether the likelihood certainly has its one maximum near where the climb ended.

    Parameters
    ----------
    found : Maximum
    radius : float
        Bound R of the third derivative: |f'''(t)| <= R f''(t) along every unit direction. For a
        logistic or a Cox likelihood twice the length of the longest covariate vector is one.

    Notes
    -----
    With information H, its smallest eigenvalue m and the Newton decrement d at some point, d <=
    sqrt(m) / (2 R) is enough: along a unit direction v the slope then rises to more than v'Hv / R -
    d sqrt(v'Hv) > 0, so that the likelihood falls in every direction (Bach, Electronic Journal of
    Statistics 2010;4:384-414, proposition 2). A separated likelihood never meets it, wherever the
    climb ends. Not met says nothing: then :mod:`analysis_py.estimators.separation` decides.
    """
    smallest = found.smallest_curvature
    if not (smallest > 0 and found.point.decrement >= 0):
        return False
    return bool(np.sqrt(found.point.decrement) <= np.sqrt(smallest) / (2 * radius))


def _climb(
    likelihood: Callable[[np.ndarray], Point], point: Point, step: np.ndarray
) -> Point | None:
    """Next point along the step, or None where nothing is gained any more."""
    # A fall within rounding of the value is no fall.
    allowed = 1e-12 * (1 + abs(point.value))
    length = 1.0
    for _ in range(MAX_HALVINGS):
        following = likelihood(point.coefficients + length * step)
        if np.isfinite(following.value) and following.value >= point.value - allowed:
            return following
        length /= 2
    return None
