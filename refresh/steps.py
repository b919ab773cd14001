"""The steps of a refresh that other rooms do: load, build, expectations, analyses, pages.

The heavy packages are imported in the background while dbt, which is another process, builds; a
third process computes the study and draws its figures beside the checks and the publish.
"""

from __future__ import annotations

import importlib
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from core import files
from core.messages import shown
from core.progress import Progress
from core.settings import Settings
from core.stop import ExitCode, Stop, signal_behind
from expectations.rules import CheckReport
from intake.uses import NOT_SELECTED, SKIPPED
from refresh import build, load
from refresh.build import BuildResult
from refresh.dbt_process import DbtProcess
from refresh.store import versions
from refresh.store.manifest import Entry
from refresh.store.versions import PreviousVersion
from refresh.study import StudyProcess

HEAVY_MODULES = ("expectations.gate", "analysis_py.store", "analysis_py.report")
REPORT_VERSION = ".version"
"""File in the report's folder with the name of the version that it shows."""


@dataclass(frozen=True)
class Steps:
    """The steps of a refresh; a test may replace each.

    Attributes
    ----------
    key_fingerprint : callable
        Fingerprint of the key that the delivery would be loaded with.
    load : callable
        Writes the delivery's raw tables into the work file.
    build : callable
        Turns raw tables into marts and counts the tests that ran; the open lock descriptors are
        for its child process.
    check : callable
        Runs the expectations on the work file, compared with the previous version.
    analyse : callable
        Writes schema results into the work file.
    report : callable
        Draws the pages after the publish; returns names and paths.
    """

    key_fingerprint: Callable[[Settings], str]
    load: Callable[[Settings], None]
    build: Callable[[Settings, Progress, tuple[int, ...]], BuildResult]
    check: Callable[[Settings, PreviousVersion], CheckReport]
    analyse: Callable[[Settings, Progress], None]
    report: Callable[[Settings, Progress], dict[str, str]]


def real_steps(dbt: DbtProcess | None = None) -> Steps:
    """Return the steps of ``registry run``, with dbt's process where it was started already."""
    process = StudyProcess()

    def build_beside(settings: Settings, progress: Progress, locks: tuple[int, ...]) -> BuildResult:
        threading.Thread(target=_import_heavy_modules, daemon=True).start()
        process.start()
        return build.build(settings, progress, locks, dbt or DbtProcess())

    def check_beside(settings: Settings, previous: PreviousVersion) -> CheckReport:
        process.begin(settings.work_file)
        try:
            return _check(settings, previous)
        finally:
            process.wait_until_read()

    return Steps(
        key_fingerprint=load.key_fingerprint,
        load=load.load,
        build=build_beside,
        check=check_beside,
        analyse=partial(_analyse, process),
        report=partial(_report, process),
    )


def _import_heavy_modules() -> None:
    for name in HEAVY_MODULES:
        try:
            importlib.import_module(name)
        except Exception:
            return  # the same import fails again, with a message, where the module is used


def _check(settings: Settings, previous: PreviousVersion) -> CheckReport:
    """Run the expectations; whatever keeps them from running stops the publish."""
    try:
        gate = importlib.import_module("expectations.gate")
        facts = importlib.import_module("expectations.facts")
        known = facts.gather(
            settings.work_file,
            previous.version,
            _records_of(previous.entry),
            previous.delivery_facts.get("newest_visit_date"),
        )
        report: CheckReport = gate.run(settings.work_file, known)
    except Exception as error:
        if signal_behind(error) is not error:
            raise
        raise Stop(
            ExitCode.CHECKS_FAILED,
            f"the expectations could not be run ({type(error).__name__}); nothing was published",
            "this is a fault of the checks or of the installation, not of the data",
            "expectations_not_run",
        ) from None
    return report


def _records_of(entry: Entry) -> dict[str, int]:
    """Return the records read per export, without those of no part of the mapping."""
    records: dict[str, int] = {}
    for line in entry.get("inputs", []):
        if line["source_file"].endswith((f"#{NOT_SELECTED}", f"#{SKIPPED}")):
            continue
        name = line["export_name"]
        records[name] = records.get(name, 0) + line["n_records_read"]
    return records


def _analyse(process: StudyProcess, settings: Settings, progress: Progress) -> None:
    """Take over or compute every estimate, and write schema results into the work file."""
    from analysis_py import store  # noqa: PLC0415 - heavy
    from analysis_py.catalogue import ANALYSES  # noqa: PLC0415
    from analysis_py.marts import MartsError  # noqa: PLC0415

    n_steps = len(ANALYSES) + 2
    try:
        done = process.study(settings.work_file, lambda name: progress.advance(name, n_steps))
        store.write_results(settings.work_file, done)
    except MartsError as error:
        raise Stop(
            ExitCode.CHECKS_FAILED,
            f"the analyses could not be run: {shown(str(error))}",
            "correct the cause and run again; nothing was published",
            "analyses_failed",
        ) from None


def _report(process: StudyProcess, settings: Settings, progress: Progress) -> dict[str, str]:
    """Draw the pages of the served version, unless they exist already.

    A page that cannot be drawn does not undo a publish; the next run tries again.
    """
    served = versions.served(settings)
    folder = settings.published / "report"
    if served is None:
        return {}
    drawn = folder / REPORT_VERSION
    if not drawn.exists() or drawn.read_text(encoding="ascii") != versions.name_of(served):
        try:
            _draw(settings, served, folder, process)
        except Exception as error:
            if signal_behind(error) is not error:
                raise
            return {"report": f"could not be drawn ({type(error).__name__}); the next run tries"}
    names = {"data quality page": "quality.html", "report": "report.html"}
    return {name: str(folder / page) for name, page in names.items() if (folder / page).exists()}


def _draw(settings: Settings, served: Path, folder: Path, process: StudyProcess) -> None:
    """Draw the pages in a new folder, then put it in the place of the old one."""
    new, old = settings.incoming / "report", settings.incoming / "old_report"
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    new.mkdir()
    write_report = importlib.import_module("analysis_py.report").write_report
    write_report(served, new, draw=process.figures)
    (new / REPORT_VERSION).write_text(versions.name_of(served), encoding="ascii")
    for path in (new, *new.rglob("*")):
        os.chmod(path, 0o755 if path.is_dir() else 0o644)
    if folder.exists():
        os.rename(folder, old)
    os.rename(new, folder)
    shutil.rmtree(old, ignore_errors=True)
    files.sync_folder(settings.published)
