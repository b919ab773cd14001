"""Partial likelihood of a Cox model with its derivatives, for patients counted together.

Written here because statsmodels (PHReg) takes no counts and lifelines has Efron's ties only. The
sums over a risk set are the same whether a patient stands in it n times or once with the count n,
so that nothing is approximated. statsmodels and R are held against it (tests/oracle).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from analysis_py.estimators.newton import Point

Ties = Literal["breslow", "efron"]


@dataclass(frozen=True)
class RiskSets:
    """Patterns sorted by falling duration, cut where a further event time adds patients at risk.

    Of T event times, the latest first, `starts` (T,) are the positions of the first pattern that is
    at risk at this time and at no later one, and `n_events` (T,) the events. `covariates` (m, p),
    `counts` (m,) and `is_event` (m,) belong to the m patterns that are ever at risk, `order` (m,)
    are their positions among all.
    """

    times: np.ndarray
    starts: np.ndarray
    n_events: np.ndarray
    covariates: np.ndarray
    counts: np.ndarray
    is_event: np.ndarray
    order: np.ndarray

    @cached_property
    def events(self) -> np.ndarray:
        """Positions of the patterns with the event."""
        return np.flatnonzero(self.is_event)

    @cached_property
    def event_starts(self) -> np.ndarray:
        """Where each event time begins among :attr:`events`."""
        return np.searchsorted(self.events, self.starts)

    def up_to(self, values: np.ndarray) -> np.ndarray:
        """Add up values (m,) over each risk set, shape (T,)."""
        return np.cumsum(np.add.reduceat(values, self.starts))

    def at(self, values: np.ndarray) -> np.ndarray:
        """Add up values, one per event pattern, over the events of each time, shape (T,)."""
        return np.add.reduceat(values, self.event_starts)


def risk_sets(
    durations: np.ndarray, events: np.ndarray, covariates: np.ndarray, counts: np.ndarray
) -> RiskSets:
    """Sort patterns into risk sets; one event at least.

    Parameters
    ----------
    durations : numpy.ndarray, shape (k,)
    events : numpy.ndarray of bool, shape (k,)
    covariates : numpy.ndarray, shape (k, p)
    counts : numpy.ndarray of int, shape (k,)
        Patients behind each pattern.
    """
    order = np.argsort(-durations, kind="stable")
    falling = -durations[order]
    times = np.unique(durations[events])[::-1]
    # Patients at risk at a time are the first ones; who leaves before every event time is in none.
    sizes = np.searchsorted(falling, -times, side="right")
    order = order[: sizes[-1]]
    is_event = events[order]
    starts = np.concatenate([[0], sizes[:-1]])
    deaths = np.where(is_event, counts[order], 0)
    return RiskSets(
        times=times,
        starts=starts,
        n_events=np.add.reduceat(deaths, starts),
        covariates=np.asfortranarray(covariates[order]),
        counts=counts[order].astype(float),
        is_event=is_event,
        order=order,
    )


def log_likelihood(risk: RiskSets, ties: Ties, coefficients: np.ndarray) -> Point:
    """Log partial likelihood, gradient and information.

    Parameters
    ----------
    risk : RiskSets
        Of T event times and p covariates.
    ties : {"breslow", "efron"}
    coefficients : numpy.ndarray, shape (p,)

    Notes
    -----
    Breslow, Biometrics 1974;30:89-99; Efron, JASA 1977;72:557-565: with S the sum of exp(x'b) over
    the risk set and D over its d events, Efron replaces S^d by the product of S - (l / d) D for l =
    0 ... d - 1.
    """
    predictor = risk.covariates @ coefficients
    # A constant cancels in every ratio; without it exp could overflow.
    highest = float(predictor.max(initial=0.0))
    hazard = risk.counts * np.exp(predictor - highest)
    x, p = risk.covariates, coefficients.size
    first = _moments(hazard, x)
    total, at_risk = risk.up_to(hazard), [risk.up_to(moment) for moment in first]
    pairs = [(i, j) for i in range(p) for j in range(i, p)]
    squares = {(i, j): risk.up_to(first[i] * x[:, j]) for i, j in pairs}

    dying = risk.events
    deaths = risk.counts[dying]
    gradient = np.array([deaths @ x[dying, i] for i in range(p)])
    value = float(deaths @ (predictor[dying] - highest))
    information = np.zeros((p, p))
    if ties == "breslow":
        value -= float(risk.n_events @ np.log(total))
        means = [moment / total for moment in at_risk]
        for i, j in pairs:
            spread = squares[i, j] / total - means[i] * means[j]
            information[i, j] = information[j, i] = risk.n_events @ spread
        gradient -= [risk.n_events @ mean for mean in means]
        return Point(coefficients, value, gradient, information)

    dying_first = _moments(hazard[dying], x[dying])
    died, died_at = risk.at(hazard[dying]), [risk.at(moment) for moment in dying_first]
    died_squares = {(i, j): risk.at(dying_first[i] * x[dying, j]) for i, j in pairs}
    share = _shares(risk.n_events)
    begins = np.concatenate([[0], np.cumsum(risk.n_events)[:-1]])
    left = np.repeat(total, risk.n_events) - share * np.repeat(died, risk.n_events)
    value -= float(np.log(left).sum())
    inverse = 1 / left
    powers = {
        (a, b): np.add.reduceat(share**a * inverse**b, begins)
        for a, b in ((0, 1), (1, 1), (0, 2), (1, 2), (2, 2))
    }
    for i, j in pairs:
        spread = (
            squares[i, j] * powers[0, 1]
            - died_squares[i, j] * powers[1, 1]
            - at_risk[i] * at_risk[j] * powers[0, 2]
            + (at_risk[i] * died_at[j] + died_at[i] * at_risk[j]) * powers[1, 2]
            - died_at[i] * died_at[j] * powers[2, 2]
        )
        information[i, j] = information[j, i] = spread.sum()
    gradient -= [(at_risk[i] * powers[0, 1] - died_at[i] * powers[1, 1]).sum() for i in range(p)]
    return Point(coefficients, value, gradient, information)


def _moments(hazard: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
    return [hazard * x[:, i] for i in range(x.shape[1])]


def _shares(n_events: np.ndarray) -> np.ndarray:
    """Give the l / d of Efron: 0, 1 / d, ... (d - 1) / d for each event time in turn."""
    ends = np.cumsum(n_events)
    numbers = np.arange(ends[-1]) - np.repeat(ends - n_events, n_events)
    return numbers / np.repeat(n_events, n_events)
