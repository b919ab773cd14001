"""What the visits show of a first tacrolimus: when it is seen, when a patient is censored.

A patient starts before one of the four visits or never. A visit may not be made, or be made without
a review of topical therapy, and a patient may have stopped again by then. So a start is seen at the
first reviewed visit at which the patient is on tacrolimus, later than it was made or never.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from simulator.cohort.effects import FOLLOW_UP, Tree

N_VISITS = 4


@dataclass(frozen=True)
class VisitRecord:
    """Probabilities of what is seen, given the visit at which tacrolimus was first in force.

    All arrays have shape (5, 4): rows are the visit of the true start, 4 being never.

    Attributes
    ----------
    event : numpy.ndarray
        The first use is seen at this visit.
    censored : numpy.ndarray
        No use is ever seen and this is the last reviewed visit; the first one also stands for
        patients without any review, who are censored at time 0.
    at_risk : numpy.ndarray
        The visit is reviewed and no use was seen before it.
    """

    event: np.ndarray
    censored: np.ndarray
    at_risk: np.ndarray

    def still_free(self) -> np.ndarray:
        """Return P(neither event nor censoring before visit k), the risk set of that time."""
        ends = self.event + self.censored
        return ends[:, ::-1].cumsum(axis=1)[:, ::-1]


def visit_record(effects: Tree) -> VisitRecord:
    """Add up every pattern of visits made, visits reviewed and courses in force."""
    reviewed = 1 - effects["missing"]["topical_review_probability"]
    chances = [effects["visits"]["seen_probability"][name] for name in FOLLOW_UP]
    event, censored, at_risk = (np.zeros((N_VISITS + 1, N_VISITS)) for _ in range(3))
    for start in range(N_VISITS + 1):
        for on, chance_on in _courses(start, effects):
            for n_seen in range(1, N_VISITS + 1):
                chance_seen = float(np.prod(chances[: n_seen - 1]))
                if n_seen < N_VISITS:
                    chance_seen *= 1 - chances[n_seen - 1]
                for known in product((True, False), repeat=n_seen):
                    chance = chance_on * chance_seen
                    chance *= reviewed ** sum(known) * (1 - reviewed) ** (n_seen - sum(known))
                    visits = [visit for visit in range(n_seen) if known[visit]]
                    first = next((visit for visit in visits if on[visit]), None)
                    if first is None:
                        censored[start, visits[-1] if visits else 0] += chance
                    else:
                        event[start, first] += chance
                    risky = [visit for visit in visits if first is None or visit <= first]
                    at_risk[start, risky] += chance
    return VisitRecord(event, censored, at_risk)


def _courses(start: int, effects: Tree) -> list[tuple[tuple[bool, ...], float]]:
    """Return the patterns of use over the visits and their probabilities, given the start."""
    truth = effects["tacrolimus"]
    patterns: list[tuple[tuple[bool, ...], float]] = [((), 1.0)]
    for visit in range(N_VISITS):
        if visit <= start:
            patterns = [((*on, visit == start), chance) for on, chance in patterns]
            continue
        name = FOLLOW_UP[visit - 1]
        longer = []
        for on, chance in patterns:
            stays = truth["continues_probability" if on[-1] else "restarts_probability"][name]
            longer += [((*on, True), chance * stays), ((*on, False), chance * (1 - stays))]
        patterns = longer
    return patterns
