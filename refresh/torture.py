"""Kill refreshes at every step, starve them of disk, read all the while, and look at the outcome.

``python -m refresh.torture`` is the long form, ``--short`` the one that the tests run. The build
is an invented warehouse; every refresh is a process of its own, forked from one that never opens
a database. After every kill the published file is opened and compared, table by table, with what
it says of itself; a refresh that is not killed must then succeed. The long form kills the real
command as well (`refresh.torture_real`).
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from core.progress import Progress
from core.settings import Settings
from core.stop import ExitCode, Stop
from refresh import (
    delivery,
    fake_build,
    killpoints,
    manifest,
    pack,
    pipeline,
    publish,
    quality_tables,
    versions,
)
from refresh.fake_build import Shape
from refresh.hashing import content_of
from refresh.reader import open_published
from refresh.torture_real import RealFigures, RealRoad

REAL_KILLS = 18
"""Kills of the real command in the long form; each run takes about half a minute."""

SIZES = (20, 21, 22, 23)
"""Patients of successive deliveries; a version's patients must fit its load."""


@dataclass
class Figures:
    """What was done and seen, for docs/reliability.md."""

    n_kills: int = 0
    n_kills_by_step: dict[str, int] = field(default_factory=dict)
    n_checked: int = 0
    n_finished: int = 0
    n_disk_full: int = 0
    n_opens: int = 0
    n_publishes: int = 0
    real: RealFigures | None = None
    faults: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        """Return the figures as one line of JSON."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)


def in_child(work: Callable[[], int]) -> int:
    """Run a function in a forked process; return its exit code, or minus the signal."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = work()
        except Stop as stop:
            code = int(stop.code)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return _wait(pid)


def _wait(pid: int) -> int:
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def settings_in(folder: Path) -> Settings:
    """Return settings for a folder of its own, armed for kills."""
    exports = folder / "delivery"
    exports.mkdir(parents=True, exist_ok=True)
    (exports / "visits.csv").write_text("invented\n", encoding="ascii")
    settings = Settings(
        root=folder,
        delivery=exports,
        vault=folder / "vault",
        published=folder / "published",
        is_forced=True,
    )
    pipeline.prepare_folders(settings)
    (settings.published / killpoints.MARKER).touch()
    return settings


def refresh_once(settings: Settings, number: int, limit_bytes: int | None = None) -> int:
    """Run one refresh of the invented delivery with this number, in this process."""
    steps = fake_build.steps(
        Shape(n_patients=SIZES[number % len(SIZES)], load_id=f"load-{number:05d}")
    )
    if limit_bytes is not None:
        steps = dataclasses.replace(steps, analyse=lambda *_: limit_file_size(limit_bytes))
    with Progress(is_quiet=True) as progress:
        pipeline.run(settings, steps, progress)
    return int(ExitCode.OK)


def limit_file_size(limit_bytes: int) -> None:
    """Let every file of this process end at a size, as a full disk would."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))


def check_served(settings: Settings) -> int:
    """Open the served version and compare every table with what the file says of itself.

    Returns
    -------
    int
        0 when it is one whole version, 1 otherwise; the faults go to standard error.
    """
    with open_published(settings.published) as db:
        catalog = db.execute("select current_database()").fetchone()[0]
        said = db.execute(
            "select table_schema, table_name, row_hash, n_rows from metadata.tables"
        ).fetchall()
        load, number = db.execute("select load_id, build_number from metadata.build").fetchone()
        inside = db.execute("select load_id from marts.dim_delivery").fetchone()[0]
        n_patients = db.execute("select count(*) from marts.dim_patients").fetchone()[0]
        faults = [
            f"{schema}.{table} is not what version {number} says"
            for schema, table, row_hash, n_rows in said
            if (found := content_of(db, catalog, schema, table)).row_hash != row_hash
            or found.n_rows != n_rows
        ]
    if load != inside or n_patients != SIZES[int(load.split("-")[1]) % len(SIZES)]:
        faults.append(f"version {number} mixes two loads")
    for fault in faults:
        print(fault, file=sys.stderr)
    return int(bool(faults))


def peek(settings: Settings) -> int:
    """Open the served version as an analyst does, ask three tables, and compare the answers."""
    with open_published(settings.published) as db:
        row = db.execute(
            "select (select load_id from metadata.build), (select load_id from marts.dim_delivery),"
            " (select count(*) from marts.dim_patients), "
            "(select count(*) from marts.fct_patient_timepoints)"
        ).fetchone()
    n_patients = SIZES[int(row[0].split("-")[1]) % len(SIZES)]
    return int(row != (row[0], row[0], n_patients, 4 * n_patients))


def publish_many(settings: Settings, numbers: range) -> int:
    """Pack and publish one version per number, without the rest of a refresh."""
    for number in numbers:
        settings.work_file.unlink(missing_ok=True)
        shape = Shape(n_patients=SIZES[number % len(SIZES)], load_id=f"load-{number:05d}")
        fake_build.write_warehouse(settings.work_file, shape)
        with duckdb.connect(str(settings.work_file)) as db:
            quality_tables.create_all(db)
        entry = {
            "seq": manifest.next_sequence(manifest.read(settings.manifest).entries),
            "build_id": f"{number:08x}",
            "load_id": shape.load_id,
            "delivery_fingerprint": delivery.fingerprint(settings),
            "key_fingerprint": shape.key_fingerprint,
            "source_system": shape.source_system,
            "is_synthetic": True,
            "packed_at": manifest.now(),
        }
        candidate = settings.incoming / "candidate.duckdb"
        contents = pack.pack(settings.work_file, candidate, entry, settings.published)
        entry["tables"] = [content.as_entry() for content in contents]
        publish.publish(settings, candidate, entry)
    return int(ExitCode.OK)


def check_nothing_lost(settings: Settings) -> int:
    """Every version of the manifest that was not pruned is there, and all are sound."""
    faults = versions.verify(settings)
    entries = manifest.read(settings.manifest).entries
    newest = [e["version"] for e in entries if e.get("event") == "published"][-5:]
    present = {publish.name_of(path) for path in publish.version_files(settings)}
    faults += [f"{name} is lost" for name in newest if name not in present]
    for fault in faults:
        print(fault, file=sys.stderr)
    return int(bool(faults))


class Torture:
    """One run of the torture over a folder of its own."""

    def __init__(self, folder: Path, is_thorough: bool) -> None:
        self.settings = settings_in(folder)
        self.is_thorough = is_thorough
        self.figures = Figures()
        self.number = 0

    def finish_one(self) -> None:
        """Run a refresh that nobody kills; it must succeed and leave everything sound."""
        self.number += 1
        self._expect("refresh", in_child(lambda: refresh_once(self.settings, self.number)), 0)
        self._expect("versions", in_child(lambda: check_nothing_lost(self.settings)), 0)
        self.figures.n_finished += 1

    def kill_at(self, step: str, nth: int = 1) -> None:
        """Run a refresh that dies at a step, and look at what readers see."""
        self.number += 1

        def die() -> int:
            os.environ[killpoints.VARIABLE] = f"{step}:{nth}"
            return refresh_once(self.settings, self.number)

        code = in_child(die)
        if code == 0 and nth > 1:
            return  # the step has fewer visits than that
        self._expect(f"kill at {step}:{nth}", code, -signal.SIGKILL)
        self._after_kill(step)

    def kill_after(self, seconds: float) -> None:
        """Kill a refresh from outside at a moment that nobody chose."""
        self.number += 1
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            try:
                os._exit(refresh_once(self.settings, self.number))
            except BaseException:
                os._exit(99)
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        if _wait(pid) == -signal.SIGKILL:
            self._after_kill("any moment")

    def _after_kill(self, step: str) -> None:
        self.figures.n_kills += 1
        by_step = self.figures.n_kills_by_step
        by_step[step] = by_step.get(step, 0) + 1
        if self.settings.current.exists():
            self._expect(f"after {step}", in_child(lambda: check_served(self.settings)), 0)
            self.figures.n_checked += 1
        if self.is_thorough:
            self.finish_one()

    def fill_the_disk(self, limit_bytes: int) -> None:
        """Let files end at a size while packing; the refresh must stop, readers see nothing."""
        self.number += 1
        code = in_child(lambda: refresh_once(self.settings, self.number, limit_bytes))
        self._expect(f"disk full at {limit_bytes} bytes", code, int(ExitCode.NO_ROOM))
        self._expect("after disk full", in_child(lambda: check_served(self.settings)), 0)
        self.figures.n_disk_full += 1

    def read_while_publishing(self, n_publishes: int, n_opens: int) -> None:
        """Open the published file over and over while versions are published."""
        sys.stdout.flush()
        reader = os.fork()
        if reader == 0:
            os._exit(self._read(n_opens))
        first = self.number + 1
        self.number += n_publishes
        code = in_child(lambda: publish_many(self.settings, range(first, self.number + 1)))
        self._expect("publishes", code, 0)
        self._expect("reader", _wait(reader), 0)
        self.figures.n_publishes += n_publishes
        self.figures.n_opens += n_opens

    def _read(self, n_opens: int) -> int:
        try:
            return int(any(peek(self.settings) for _ in range(n_opens)))
        except BaseException:
            traceback.print_exc()
            return 99

    def _expect(self, what: str, code: int, wanted: int) -> None:
        if code != wanted:
            self.figures.faults.append(f"{what}: ended with {code}, not {wanted}")


def short(folder: Path) -> Figures:
    """Kill at every step once, fill the disk twice, and finish."""
    torture = Torture(folder, is_thorough=False)
    torture.finish_one()
    for step in killpoints.STEPS:
        torture.kill_at(step)
    torture.finish_one()
    for limit in (40_000, 400_000):
        torture.fill_the_disk(limit)
    torture.finish_one()
    return torture.figures


def readers(folder: Path, n_publishes: int, n_opens: int) -> Figures:
    """Read while versions are published."""
    torture = Torture(folder, is_thorough=False)
    torture.finish_one()
    torture.read_while_publishing(n_publishes, n_opens)
    torture.finish_one()
    return torture.figures


def long(folder: Path, seed: int) -> Figures:
    """Kill at every visit of every step and at random moments; fill the disk at many sizes."""
    chance = random.Random(seed)
    torture = Torture(folder, is_thorough=True)
    torture.finish_one()
    for step in killpoints.STEPS:
        for nth in range(1, 13):
            before = torture.figures.n_kills
            torture.kill_at(step, nth)
            if torture.figures.n_kills == before:
                break
    for _ in range(30):
        torture.kill_after(chance.uniform(0.02, 1.5))
    for limit in (4_096, 40_000, 200_000, 400_000, 500_000, 600_000, 700_000):
        torture.fill_the_disk(limit)
    torture.finish_one()
    torture.read_while_publishing(30, 1_000)
    torture.finish_one()
    return torture.figures


def real(folder: Path, n_kills: int, seed: int) -> Figures:
    """Kill the real command on copies of the demo."""
    road = RealRoad(folder)
    road.kill_many(n_kills, random.Random(seed))
    return Figures(real=road.figures, faults=road.figures.faults)


def main() -> int:
    """Run a form of the torture and print its figures; exit code 1 when a fault was seen."""
    parser = argparse.ArgumentParser(prog="python -m refresh.torture", description=__doc__)
    parser.add_argument("--short", action="store_true", help="every step once")
    parser.add_argument("--real", type=int, metavar="KILLS", help="only kill the real command")
    parser.add_argument("--readers", type=int, metavar="OPENS", help="only read while publishing")
    parser.add_argument("--publishes", type=int, default=30, help="versions, with --readers")
    parser.add_argument("--seed", type=int, default=20201231, help="of the random moments")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="torture_"))
    importlib.import_module("pandas")  # DuckDB wants it; once here instead of in every child
    try:
        if options.readers:
            figures = readers(folder, options.publishes, options.readers)
        elif options.real:
            figures = real(folder, options.real, options.seed)
        elif options.short:
            figures = short(folder)
        else:
            figures = long(folder / "invented", options.seed)
            figures.real = real(folder / "real", REAL_KILLS, options.seed).real
            figures.faults += figures.real.faults
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(figures.as_json())
    return int(bool(figures.faults))


if __name__ == "__main__":
    sys.exit(main())
