"""Medians, ratios within a run, and the exponent with which cost grows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.records import PartRow, RunRow

FROM_PATIENTS = 10_000
"""Smaller sizes are left out of the fit: there, what costs the same at any size dominates."""


@dataclass(frozen=True)
class Summary:
    """The finished runs of one contender at one size; ratios are to the floor in the same round.

    Attributes
    ----------
    ratio : float or None
        Median of wall time over the floor's; None where the floor was not measured.
    """

    n_patients: int
    contender: str
    n_runs: int
    n_failed: int
    wall_seconds: float
    wall_lowest: float
    wall_highest: float
    cpu_seconds: float
    peak_mib: float
    ratio: float | None


def summarise(rows: Sequence[RunRow], base: str = "floor") -> list[Summary]:
    """Return one summary per size and contender, in the order of the rows."""
    order = list(dict.fromkeys((row.n_patients, row.contender) for row in rows))
    walls = {
        (row.n_patients, row.contender, row.run): row.wall_seconds
        for row in rows
        if row.exit_code == 0
    }
    summaries = []
    for n_patients, contender in order:
        own = [row for row in rows if (row.n_patients, row.contender) == (n_patients, contender)]
        done = [row for row in own if row.exit_code == 0]
        ratios = [
            row.wall_seconds / walls[n_patients, base, row.run]
            for row in done
            if (n_patients, base, row.run) in walls
        ]
        seconds = [row.wall_seconds for row in done] or [math.nan]
        summaries.append(
            Summary(
                n_patients,
                contender,
                len(done),
                len(own) - len(done),
                statistics.median(seconds),
                min(seconds),
                max(seconds),
                _median([row.cpu_seconds for row in done]),
                max((row.peak_mib for row in done), default=math.nan),
                statistics.median(ratios) if ratios else None,
            )
        )
    return summaries


def _median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else math.nan


def exponent(points: Sequence[tuple[float, float]]) -> float | None:
    """Return the slope of log cost on log size by least squares.

    Parameters
    ----------
    points : sequence of (float, float)
        Patients and cost, both above 0.

    Returns
    -------
    float or None
        1 = cost grows in step with size; None with fewer than two sizes.
    """
    known = [(math.log(n), math.log(cost)) for n, cost in points if cost > 0]
    if len({x for x, _ in known}) < 2:
        return None
    return statistics.linear_regression(*zip(*known, strict=True)).slope


def growth(
    summaries: Sequence[Summary], contender: str, cost: Callable[[Summary], float]
) -> float | None:
    """Return the exponent of a contender from FROM_PATIENTS on."""
    points = [
        (summary.n_patients, cost(summary))
        for summary in summaries
        if summary.contender == contender and summary.n_patients >= FROM_PATIENTS and summary.n_runs
    ]
    return exponent(points)


@dataclass(frozen=True)
class PartSummary:
    """Medians of one part of the work at one size; CPU and memory None where not known."""

    part: str
    name: str
    wall_seconds: float
    cpu_seconds: float | None
    peak_mib: float | None
    note: str


def parts_of(rows: Sequence[PartRow], n_patients: int) -> list[PartSummary]:
    """Return the parts of one size, in the order of the rows."""
    here = [row for row in rows if row.n_patients == n_patients]
    summaries = []
    for part, name in dict.fromkeys((row.part, row.name) for row in here):
        own = [row for row in here if (row.part, row.name) == (part, name)]
        cpu = [row.cpu_seconds for row in own if row.cpu_seconds is not None]
        peaks = [row.peak_mib for row in own if row.peak_mib is not None]
        summaries.append(
            PartSummary(
                part,
                name,
                statistics.median(row.wall_seconds for row in own),
                statistics.median(cpu) if cpu else None,
                max(peaks, default=None),
                own[-1].note,
            )
        )
    return summaries
