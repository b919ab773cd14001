"""The raw numbers in benchmarks/results, and medians, ratios and growth computed from them."""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_type_hints

BASE = "floor"  # ratios are to this contender, in the same round
FROM_PATIENTS = 10_000
"""Growth is fitted from this size on; below it, costs that do not depend on size dominate."""


@dataclass(frozen=True)
class Run:
    """One run of one contender; seconds, MiB; exit code 0 = finished."""

    measured: str
    commit: str
    n_patients: int
    n_records: int
    n_bytes: int
    contender: str
    round: int
    wall_seconds: float
    cpu_seconds: float
    peak_mib: float
    exit_code: int


FILE = "runs.csv"
TYPES: dict[str, type] = get_type_hints(Run)


def read(folder: Path) -> list[Run]:
    """Return all runs; none where there is no file."""
    if not (folder / FILE).exists():
        return []
    with open(folder / FILE, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [Run(**{name: TYPES[name](text) for name, text in row.items()}) for row in rows]


def replace_size(folder: Path, n_patients: int, runs: Iterable[Run]) -> None:
    """Write the runs of one size in place of its earlier ones; other sizes do not change."""
    others = [run for run in read(folder) if run.n_patients != n_patients]
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / FILE, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(TYPES), lineterminator="\n")
        writer.writeheader()
        for run in sorted([*others, *runs], key=lambda each: each.n_patients):
            row = asdict(run).items()
            writer.writerow({k: round(v, 4) if isinstance(v, float) else v for k, v in row})


@dataclass(frozen=True)
class Summary:
    """The finished runs of one contender at one size: medians; the peak is the highest.

    ``ratios`` are wall times over those of the bare script, one per round with both.
    """

    last: Run
    n_failed: int
    walls: list[float]
    cpu_seconds: float
    peak_mib: float
    ratios: list[float]

    @property
    def wall_seconds(self) -> float:
        """Median wall time; NaN where no run finished."""
        return statistics.median(self.walls) if self.walls else math.nan


def summarise(runs: Sequence[Run]) -> list[Summary]:
    """Return one summary per size and contender, in the order of the rows."""
    done = [run for run in runs if run.exit_code == 0]
    base = {(r.n_patients, r.round): r.wall_seconds for r in done if r.contender == BASE}
    summaries = []
    for n_patients, contender in dict.fromkeys((run.n_patients, run.contender) for run in runs):
        every = [run for run in runs if (run.n_patients, run.contender) == (n_patients, contender)]
        own = [run for run in every if run.exit_code == 0]
        summaries.append(
            Summary(
                every[-1],
                len(every) - len(own),
                [run.wall_seconds for run in own],
                statistics.median(run.cpu_seconds for run in own) if own else math.nan,
                max((run.peak_mib for run in own), default=math.nan),
                [
                    run.wall_seconds / base[n_patients, run.round]
                    for run in own
                    if (n_patients, run.round) in base
                ],
            )
        )
    return summaries


def exponent(points: Iterable[tuple[float, float]]) -> float:
    """Return the slope of log cost on log patients by least squares; 1 = cost grows with size.

    NaN with fewer than two sizes of FROM_PATIENTS or more.
    """
    known = [(math.log(n), math.log(cost)) for n, cost in points if n >= FROM_PATIENTS and cost > 0]
    if len({x for x, _ in known}) < 2:
        return math.nan
    return statistics.linear_regression(*zip(*known, strict=True)).slope
