"""Kill refreshes at every step, limit their disk, read all the while, and check the outcome.

``make torture`` runs the long form, the tests the short one. The build is an invented warehouse;
every refresh is a process of its own, forked from one that never opens a database. A kill is
placed by replacing a function of the product in that process. After every kill the published file
is opened and compared, table by table, with its own metadata; a refresh that is not killed must
then succeed. The long form also kills the real command (`kill_real_runs`).
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import importlib
import itertools
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
from types import FrameType
from typing import Any

import duckdb
import invented
from invented import Shape
from kill_real_runs import RealFigures, RealRuns, altered_tables

from core import duck, files
from core.progress import Progress
from core.settings import PROJECT_ROOT, Settings
from core.stop import ExitCode, Stop
from privacy import leaks
from refresh import load, publish_rules, quality, run
from refresh.store import folders, manifest, pack, publish, vault, versions

REAL_KILLS = 18
"""Kills of the real command in the long form; each run takes about half a minute."""

CALLS = 40
"""Kills in the long form at function calls spread over a whole refresh."""

SIZES = (20, 21, 22, 23)
"""Patients of successive deliveries; a version's patients must fit its load."""


def die() -> None:
    """End this process as a power cut would: no clean-up, no flush."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_in(module: Any, name: str, when: str, nth: int) -> None:
    """Replace a function so that its nth call kills the process, before or after its work."""
    original = getattr(module, name)
    calls = itertools.count(1)

    def deadly(*arguments: Any, **options: Any) -> Any:
        is_the_one = next(calls) == nth
        if is_the_one and when == "before":
            die()
        result = original(*arguments, **options)
        if is_the_one and when == "after":
            die()
        return result

    setattr(module, name, deadly)


def kill_inside_line(nth: int) -> None:
    """Write half of a manifest line, then die."""

    def append(path: Path, entry: manifest.Entry) -> manifest.Entry:
        with path.open("ab") as stream:
            line = json.dumps(entry).encode()
            stream.write(line[: len(line) // 2])
        die()
        return entry

    if nth == 1:
        manifest.append = append


def kill_while_removing(nth: int) -> None:
    """Die after the manifest says that old versions are removed, before they are."""
    publish.prune = functools.partial(publish.prune, kept=1)
    kill_in(publish, "_delete", "before", nth + 1)  # the first call is that of tidy


STEPS: dict[str, Callable[[int], None]] = {
    "locked": functools.partial(kill_in, publish, "tidy", "before"),
    "work_cleared": functools.partial(kill_in, folders, "require_disk_space", "before"),
    "loaded": functools.partial(kill_in, load, "facts_of", "before"),
    "built": functools.partial(kill_in, load, "ledger_of", "after"),
    "checked": functools.partial(kill_in, publish_rules, "require_expectations_passed", "after"),
    "compared": functools.partial(kill_in, pack, "pack", "before"),
    "candidate_table": functools.partial(kill_in, pack, "content_of", "before"),
    "candidate_described": functools.partial(kill_in, pack, "_write_metadata", "after"),
    "candidate_committed": functools.partial(kill_in, pack, "_checkpoint", "before"),
    "candidate_checkpointed": functools.partial(kill_in, pack, "_checkpoint", "after"),
    "candidate_read_back": functools.partial(kill_in, pack, "verify_against", "after"),
    "candidate_searched": functools.partial(kill_in, leaks, "require_no_person", "after"),
    "vault_kept": functools.partial(kill_in, vault, "keep", "after"),
    "candidate_synced": functools.partial(kill_in, publish, "place", "before"),
    "version_named": functools.partial(kill_in, publish, "place", "after"),
    "switched": functools.partial(kill_in, publish, "switch", "after"),
    "line_half_written": kill_inside_line,
    "line_written": functools.partial(kill_in, publish, "prune", "before"),
    "versions_being_removed": kill_while_removing,
    "pruned": functools.partial(kill_in, publish, "prune", "after"),
}
"""Every step of a publish, in order, and what places a kill at its nth visit."""


def count_calls(file: Path, kill_at: int | None = None) -> None:
    """Count the calls of our own functions in this process, or die at one of them."""
    ours = tuple(str(PROJECT_ROOT / room) for room in ("core", "refresh", "privacy"))
    calls = itertools.count(1)

    def seen(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(ours):
            number = next(calls)
            if number == kill_at:
                die()
            if kill_at is None:
                file.write_text(str(number), encoding="ascii")

    sys.setprofile(seen)


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
    return _wait(_start(work))


def _start(work: Callable[[], int]) -> int:
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
    return pid


def _wait(pid: int) -> int:
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def settings_in(folder: Path) -> Settings:
    """Return settings for a folder of its own."""
    delivery = folder / "delivery"
    delivery.mkdir(parents=True, exist_ok=True)
    (delivery / "visits.csv").write_text("invented\n", encoding="ascii")
    return Settings(
        root=folder,
        delivery=delivery,
        vault=folder / "vault",
        published=folder / "published",
        is_forced=True,
    )


def refresh_once(settings: Settings, number: int, limit_bytes: int | None = None) -> int:
    """Run one refresh of the invented delivery with this number, in this process."""
    steps = invented.steps(Shape(SIZES[number % len(SIZES)], load_id=f"load-{number:05d}"))
    if limit_bytes is not None:
        steps = dataclasses.replace(steps, analyse=lambda *_: limit_file_size(limit_bytes))
    with Progress(is_quiet=True) as progress:
        run.run(settings, steps, progress)
    return int(ExitCode.OK)


def limit_file_size(limit_bytes: int) -> None:
    """Let no file of this process grow beyond a size, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))


def check_served(settings: Settings) -> int:
    """Open the served version and compare every table with the file's own metadata.

    Returns
    -------
    int
        0 when it is one whole version, 1 otherwise; the faults go to standard error.
    """
    with versions.open_published(settings.published) as db:
        load_id, number = db.execute("select load_id, build_number from metadata.build").fetchone()
        inside = duck.scalar(db, "select load_id from marts.dim_delivery")
        n_patients = duck.scalar(db, "select count(*) from marts.dim_patients")
        faults = altered_tables(db)
    if load_id != inside or n_patients != SIZES[int(load_id.split("-")[1]) % len(SIZES)]:
        faults.append(f"version {number} mixes two loads")
    for fault in faults:
        print(fault, file=sys.stderr)
    return int(bool(faults))


def peek(settings: Settings) -> int:
    """Open the served version as an analyst does, query three tables, and compare the answers."""
    with versions.open_published(settings.published) as db:
        row = db.execute(
            "select (select load_id from metadata.build), (select load_id from marts.dim_delivery),"
            " (select count(*) from marts.dim_patients), "
            "(select count(*) from marts.fct_patient_timepoints)"
        ).fetchone()
    n_patients = SIZES[int(row[0].split("-")[1]) % len(SIZES)]
    return int(row != (row[0], row[0], n_patients, 4 * n_patients))


def publish_many(settings: Settings, numbers: range) -> int:
    """Pack and publish one version per number, without the rest of a refresh."""
    files.private_folder(settings.work)
    for number in numbers:
        settings.work_file.unlink(missing_ok=True)
        shape = Shape(SIZES[number % len(SIZES)], load_id=f"load-{number:05d}")
        invented.write_warehouse(settings.work_file, shape)
        with duckdb.connect(str(settings.work_file)) as db:
            quality.create_all(db)
        invented.publish_work_file(
            settings,
            build_id=f"{number:08x}",
            load_id=shape.load_id,
            delivery_fingerprint=load.fingerprint(settings),
        )
    return int(ExitCode.OK)


def check_nothing_lost(settings: Settings) -> int:
    """Every version of the manifest that was not removed is there, and all are unchanged."""
    faults = versions.verify(settings)
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
        """Run a refresh that is not killed; it must succeed and leave everything unchanged."""
        self.number += 1
        self._expect("refresh", in_child(lambda: refresh_once(self.settings, self.number)), 0)
        self._expect("versions", in_child(lambda: check_nothing_lost(self.settings)), 0)
        self.figures.n_finished += 1

    def kill_at(self, step: str, nth: int = 1) -> bool:
        """Run a refresh that dies at the nth visit of a step; return whether it did."""
        return self._kill(step, lambda: STEPS[step](nth), may_finish=nth > 1)

    def kill_over_calls(self, n_kills: int) -> None:
        """Kill at function calls spread evenly over a refresh."""
        note = self.settings.root / "n_calls.txt"

        def count() -> int:
            count_calls(note)
            return refresh_once(self.settings, self.number)

        self.number += 1
        self._expect("counting calls", in_child(count), 0)
        n_calls = int(note.read_text(encoding="ascii"))
        for nth in range(n_kills):
            number = 1 + nth * n_calls // n_kills
            self._kill("any call", functools.partial(count_calls, note, number), may_finish=True)

    def _kill(self, step: str, place_kill: Callable[[], None], *, may_finish: bool) -> bool:
        self.number += 1

        def refresh() -> int:
            place_kill()
            return refresh_once(self.settings, self.number)

        code = in_child(refresh)
        if code == 0 and may_finish:
            return False
        self._expect(f"kill at {step}", code, -signal.SIGKILL)
        self._after_kill(step)
        return True

    def kill_after(self, seconds: float) -> None:
        """Kill a refresh from outside at a random moment."""
        self.number += 1
        pid = _start(lambda: refresh_once(self.settings, self.number))
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
        reader = _start(lambda: int(any(peek(self.settings) for _ in range(n_opens))))
        first = self.number + 1
        self.number += n_publishes
        code = in_child(lambda: publish_many(self.settings, range(first, self.number + 1)))
        self._expect("publishes", code, 0)
        self._expect("reader", _wait(reader), 0)
        self.figures.n_publishes += n_publishes
        self.figures.n_opens += n_opens

    def _expect(self, what: str, code: int, expected: int) -> None:
        if code != expected:
            self.figures.faults.append(f"{what}: ended with {code}, not {expected}")


def short(folder: Path) -> Figures:
    """Kill at every step once, fill the disk twice, and finish."""
    torture = Torture(folder, is_thorough=False)
    torture.finish_one()
    for step in STEPS:
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
    """Kill at every visit of every step, at many calls and random moments; fill the disk."""
    chance = random.Random(seed)
    torture = Torture(folder, is_thorough=True)
    torture.finish_one()
    for step in STEPS:
        for nth in range(1, 13):
            if not torture.kill_at(step, nth):
                break
    torture.kill_over_calls(CALLS)
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
    runs = RealRuns(folder)
    runs.kill_many(n_kills, random.Random(seed))
    return Figures(real=runs.figures, faults=runs.figures.faults)


def main() -> int:
    """Run a form of the torture and print its figures; exit code 1 when a fault was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="every step once")
    parser.add_argument("--real", type=int, metavar="KILLS", help="only kill the real command")
    parser.add_argument("--readers", type=int, metavar="OPENS", help="only read while publishing")
    parser.add_argument("--publishes", type=int, default=30, help="versions, with --readers")
    parser.add_argument("--seed", type=int, default=20201231, help="of the random moments")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="torture_"))
    importlib.import_module("pandas")  # DuckDB imports it; once here instead of in every child
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
