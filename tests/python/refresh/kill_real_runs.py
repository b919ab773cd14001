"""Kill the real command, ``registry run`` on copies of the demo, at any moment.

Intake, dbt, Great Expectations, the analyses, pack, publish and report run as usual. SIGKILL
comes from outside, to the process alone or to its whole group, at moments spread over its length.
Every delivery has its own number as EASI of some week-4 visits, so that a version with parts of
two deliveries is detected.
"""

from __future__ import annotations

import csv
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import psutil

from core import duck
from core.settings import PROJECT_ROOT, Settings
from refresh.store import versions
from refresh.store.pack import content_of
from refresh.store.versions import open_published

BIN = Path(sys.executable).parent
LEAST_MARK = 60.0
"""EASI values from here on mark a delivery; no week-4 visit of the demo reaches it."""

MARKED_VISITS = 8
"""Visits that carry the mark; not all of them belong to patients of the study."""

CHILD_SECONDS = 10.0
"""How long a build may outlive its killed refresh."""


@dataclass
class RealFigures:
    """What was done to the real command, and seen."""

    n_kills: int = 0
    n_kills_of_group: int = 0
    n_kills_by_step: dict[str, int] = field(default_factory=dict)
    n_published_by_killed: int = 0
    n_finished: int = 0
    n_checked: int = 0
    seconds_of_a_run: float = 0.0
    faults: list[str] = field(default_factory=list)


def altered_tables(db: duckdb.DuckDBPyConnection) -> list[str]:
    """Name the tables of an open version that differ from its metadata."""
    catalog = duck.scalar(db, "select current_database()")
    recorded = db.execute(
        "select table_schema, table_name, row_hash, n_rows from metadata.tables"
    ).fetchall()
    return [
        f"{schema}.{table} is not as recorded in the version"
        for schema, table, row_hash, n_rows in recorded
        if (found := content_of(db, catalog, schema, table)).row_hash != row_hash
        or found.n_rows != n_rows
    ]


class RealRuns:
    """One registry in a folder of its own, and the command that is killed on it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.settings = Settings(vault=folder / "vault", published=folder / "published")
        self.figures = RealFigures()
        self.number = 0
        self.said = folder / "said.txt"

    def kill_many(self, n_kills: int, chance: random.Random) -> None:
        """Publish, kill at ``n_kills`` moments spread over a run's length, publish again.

        The length is that of the second run: the first one has no parsed project to begin with.
        """
        self.finish_one()
        began = time.monotonic()
        self.finish_one()
        self.figures.seconds_of_a_run = round(time.monotonic() - began, 1)
        for nth in range(n_kills):
            moment = (nth + chance.random()) / n_kills * self.figures.seconds_of_a_run
            self.kill_after(moment, is_group=bool(nth % 2))
        self.finish_one()

    def finish_one(self) -> None:
        """Run to the end; it must publish its own delivery, and every version must be unchanged."""
        run = self._start()
        if run.wait() != 0:
            self.figures.faults.append(f"run {self.number}: exit code {run.returncode}")
        self._check(can_be_older=False)
        self.figures.faults += versions.verify(self.settings)
        self.figures.n_finished += 1

    def kill_after(self, seconds: float, *, is_group: bool) -> None:
        """Start a run, kill it, and look at what readers get."""
        before = versions.served(self.settings)
        run = self._start()
        time.sleep(seconds)
        children = []
        if run.poll() is None:
            children = psutil.Process(run.pid).children(recursive=True)
            (os.killpg if is_group else os.kill)(run.pid, signal.SIGKILL)
        if run.wait() == -signal.SIGKILL:
            self.figures.n_kills += 1
            self.figures.n_kills_of_group += is_group
            by_step, step = self.figures.n_kills_by_step, self._last_step()
            by_step[step] = by_step.get(step, 0) + 1
        elif run.returncode != 0:
            self.figures.faults.append(f"run {self.number}: exit code {run.returncode}")
        alive = psutil.wait_procs(children, timeout=CHILD_SECONDS)[1]
        self.figures.faults += [f"run {self.number}: a child outlived it" for _ in alive]
        self._check(can_be_older=True)
        self.figures.n_published_by_killed += versions.served(self.settings) != before

    def _start(self) -> subprocess.Popen[bytes]:
        self.number += 1
        with self.said.open("wb") as said:
            return subprocess.Popen(
                [BIN / "registry", "run", "--delivery", str(self._delivery())],
                cwd=PROJECT_ROOT,
                env={
                    **os.environ,
                    "REGISTRY_VAULT": str(self.settings.vault),
                    "REGISTRY_PUBLISHED": str(self.settings.published),
                    "REGISTRY_ALLOW_OUTSIDE": "1",
                    "REGISTRY_KEY_FILE": str(self.folder / "registry.key"),
                },
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def _delivery(self) -> Path:
        """Write a copy of the demo that carries its number as EASI of some week-4 visits."""
        delivery = self.folder / f"delivery_{self.number:03d}"
        shutil.copytree(PROJECT_ROOT / "exports" / "demo", delivery)
        visits = delivery / "visits.csv"
        with visits.open(encoding="utf-8", newline="") as stream:
            header, *records = list(csv.reader(stream))
        place, easi = header.index("nominal_timepoint"), header.index("easi_score")
        at_week_four = (r for r in records if len(r) == len(header) and r[place] == "week_04")
        for record in itertools.islice(at_week_four, MARKED_VISITS):
            record[easi] = f"{LEAST_MARK + self.number / 10:.1f}"
        with visits.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([header, *records])
        return delivery

    def _last_step(self) -> str:
        lines = self.said.read_text(encoding="utf-8", errors="replace").splitlines()
        steps = [line.removesuffix(" ...") for line in lines if line.endswith(" ...")]
        return steps[-1] if steps else "starting"

    def _check(self, *, can_be_older: bool) -> None:
        """Compare every table of the served version, and its delivery's mark, with its metadata."""
        with open_published(self.settings.published) as db:
            self.figures.faults += altered_tables(db)
            loads = db.execute(
                "select load_id from metadata.build union select load_id from marts.dim_delivery"
            ).fetchall()
            marks = db.execute(
                "select distinct easi_score::double from marts.fct_patient_timepoints "
                f"where timepoint_code = 'week_04' and easi_score >= {LEAST_MARK}"
            ).fetchall()
        self.figures.n_checked += 1
        if len(loads) != 1 or len(marks) != 1:
            self.figures.faults.append(f"run {self.number}: the version mixes two deliveries")
        elif not can_be_older and marks[0][0] != LEAST_MARK + self.number / 10:
            self.figures.faults.append(f"run {self.number} published another delivery")
