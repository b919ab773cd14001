"""Nearest whole numbers to a drawn cohort under printed means, deviations and counts.

Every score and age of the twin is first drawn from a clinical model and then moved as little as
possible by CP-SAT (Google OR-tools) until the printed numbers hold. One integer variable per value
is a row of booleans, one per candidate, so that sums of squares stay linear.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ortools.sat.python import cp_model


class InfeasibleError(RuntimeError):
    """The printed numbers cannot hold together under the candidates that were given."""


@dataclass(frozen=True)
class Printed:
    """A mean and a standard deviation (n - 1) as printed, half-up.

    Parameters
    ----------
    mean, sd : str
        As printed, for instance ``"29.5"`` and ``"7.4"``; the number of decimals counts. An empty
        text puts no limit.
    """

    mean: str
    sd: str


def printed_interval(printed: str) -> tuple[Fraction, Fraction]:
    """Return the half-open interval of the values that print as ``printed``.

    Parameters
    ----------
    printed : str
        A number as printed, for instance ``"5.0"``.

    Returns
    -------
    tuple of Fraction
        Lower limit (included) and upper limit (excluded).
    """
    decimals = len(printed.partition(".")[2])
    half = Fraction(1, 2 * 10**decimals)
    return Fraction(printed) - half, Fraction(printed) + half


class NearestCohort:
    """Whole numbers, one per name, chosen from candidates at the least total distance.

    Parameters
    ----------
    scale : int
        How many steps make one printed unit: 1 for NRS, DLQI and years, 10 for EASI.
    """

    def __init__(self, scale: int = 1) -> None:
        self.scale = scale
        self._model = cp_model.CpModel()
        self._choices: dict[object, dict[int, cp_model.IntVar]] = {}
        self._drawn: dict[object, int] = {}
        self._costs: list[cp_model.LinearExpr] = []

    def add(self, name: object, drawn: int, candidates: Sequence[int]) -> None:
        """Add one value with its candidates; distance from ``drawn`` is paid."""
        values = sorted(set(candidates))
        choices = {value: self._model.new_bool_var("") for value in values}
        self._model.add_exactly_one(choices.values())
        self._choices[name] = choices
        self._drawn[name] = drawn
        self._costs.extend(
            abs(value - drawn) * choice for value, choice in choices.items() if value != drawn
        )

    def total(self, names: Sequence[object]) -> cp_model.LinearExpr:
        """Return the sum of the named values as an expression."""
        return sum(
            value * choice for name in names for value, choice in self._choices[name].items()
        )

    def limit_count(
        self, names: Sequence[object], holds: Callable[[int], bool], low: int, high: int
    ) -> None:
        """Demand that ``low`` to ``high`` of the named values satisfy ``holds``."""
        hits = [
            choice
            for name in names
            for value, choice in self._choices[name].items()
            if holds(value)
        ]
        self._model.add_linear_constraint(sum(hits), low, high)

    def limit_drops(
        self, pairs: Sequence[tuple[object, object]], points: int, low: int, high: int
    ) -> None:
        """Demand that ``low`` to ``high`` pairs (before, after) drop by ``points`` or more."""
        drops = []
        for before, after in pairs:
            difference = self.total([before]) - self.total([after])
            drop = self._model.new_bool_var("")
            self._model.add(difference >= points).only_enforce_if(drop)
            self._model.add(difference <= points - 1).only_enforce_if(~drop)
            drops.append(drop)
        self._model.add_linear_constraint(sum(drops), low, high)

    def limit_rise(self, before: object, after: object, points: int) -> None:
        """Forbid that ``after`` exceeds ``before`` by more than ``points`` steps."""
        self._model.add(self.total([after]) - self.total([before]) <= points)

    def print_as(self, names: Sequence[object], printed: Printed) -> None:
        """Demand that mean and deviation (n - 1) of the named values print as ``printed``.

        The sum is fixed to the value nearest to the drawn sum that lies well inside the printed
        interval (its inner 70%): then the condition on the deviation is linear in the squares.
        """
        n = len(names)
        low, high = printed_interval(printed.mean)
        drawn = sum(self._drawn[name] for name in names)
        margin = (high - low) * Fraction(15, 100)
        first = math.ceil((low + margin) * n * self.scale)
        last = math.floor((high - margin) * n * self.scale)
        total = min(max(drawn, first), last)
        self._model.add(self.total(names) == total)
        if not printed.sd:
            return
        squares = sum(
            value * value * choice
            for name in names
            for value, choice in self._choices[name].items()
        )
        sd_low, sd_high = printed_interval(printed.sd)
        centre = Fraction(total * total, n)
        square_low = math.ceil(centre + (sd_low * self.scale) ** 2 * (n - 1)) + 1
        square_high = math.floor(centre + (sd_high * self.scale) ** 2 * (n - 1)) - 1
        self._model.add_linear_constraint(squares, square_low, square_high)

    def solve(self, seconds: float = 20.0) -> dict[object, int]:
        """Return the values by name.

        Parameters
        ----------
        seconds : float
            Limit of deterministic time for CP-SAT.

        Raises
        ------
        InfeasibleError
            No choice of candidates meets the demands, or none was found in time.
        """
        self._model.minimize(sum(self._costs))
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = 2022
        solver.parameters.relative_gap_limit = 0.05
        solver.parameters.max_deterministic_time = seconds
        status = solver.solve(self._model)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            raise InfeasibleError(f"CP-SAT answers {solver.status_name(status)}")
        return {
            name: next(v for v, choice in choices.items() if solver.value(choice))
            for name, choices in self._choices.items()
        }
