"""The steps of a real refresh: intake, dbt, Great Expectations, the analyses, the pages.

Importing this module is cheap. The heavy packages are imported in the background while dbt, which
is another process, builds.
"""

from __future__ import annotations

import importlib
import os
import shutil
import threading
from pathlib import Path

from core import files
from core.progress import Progress
from core.settings import Settings
from core.stop import ExitCode, Stop
from expectations.outcomes import CheckReport
from refresh import build, load, publish
from refresh.baseline import Baseline
from refresh.manifest import Entry
from refresh.messages import shown
from refresh.pipeline import Steps

HEAVY_MODULES = ("expectations.gate", "analysis_py.study", "analysis_py.store")
REPORT_MARK = ".version"


def real_steps() -> Steps:
    """Return the steps of ``python -m refresh run``."""
    return Steps(
        key_fingerprint=load.key_fingerprint,
        load=load.load,
        build=_build,
        check=_check,
        analyse=_analyse,
        report=_report,
    )


def _build(settings: Settings, progress: Progress, locks: tuple[int, ...]) -> build.BuildResult:
    """Build with dbt, and import what comes afterwards meanwhile."""
    threading.Thread(target=_import_quietly, daemon=True).start()
    return build.build(settings, progress, locks)


def _import_quietly() -> None:
    """Import the heavy modules; a failure shows again, and is told, where they are used."""
    for name in HEAVY_MODULES:
        try:
            importlib.import_module(name)
        except Exception:
            return


def _check(settings: Settings, baseline: Baseline) -> CheckReport:
    """Run the expectations; an engine that cannot even be imported is a gate that did not run."""
    try:
        gate = importlib.import_module("expectations.gate")
        facts = importlib.import_module("expectations.facts")
        known = facts.gather(
            settings.work_file,
            baseline.file,
            _records_of(baseline.entry),
            baseline.remembered.get("newest_visit_date"),
        )
        return gate.run(settings.work_file, known)
    except Exception as error:
        raise Stop(
            ExitCode.CHECKS_FAILED,
            f"the expectations could not be run ({type(error).__name__}); a gate that did not run "
            "has failed, nothing was published",
            "this is a fault of the checks or of the installation, not of the data",
            "expectations_not_run",
        ) from None


def _records_of(entry: Entry) -> dict[str, int]:
    """Return the records read per export."""
    records: dict[str, int] = {}
    for line in entry.get("inputs", []):
        name = line["export_name"]
        records[name] = records.get(name, 0) + line["n_records_read"]
    return records


def _analyse(settings: Settings, progress: Progress, locks: tuple[int, ...]) -> None:
    """Compute every estimate and write schema results into the work file."""
    del locks
    study = importlib.import_module("analysis_py.study")
    store = importlib.import_module("analysis_py.store")
    errors = importlib.import_module("analysis_py.errors")
    n_steps = len(importlib.import_module("analysis_py.catalogue").ANALYSES) + 3
    try:
        done = study.run_study(settings.work_file, lambda name: progress.advance(name, n_steps))
        store.write_results(settings.work_file, done)
    except errors.AnalysisError as error:
        raise Stop(
            ExitCode.CHECKS_FAILED,
            f"the analyses could not be run: {shown(str(error))}",
            "mend it and run again; nothing was published",
            "analyses_failed",
        ) from None


def _report(settings: Settings, progress: Progress) -> dict[str, str]:
    """Draw the pages of the served version, unless they are drawn already.

    A page that cannot be drawn does not undo a publish; the note says so, and the next run tries
    again.
    """
    served = publish.served(settings)
    folder = settings.published / "report"
    if served is None:
        return {}
    if not _is_drawn(folder, served):
        try:
            _draw(settings, served, folder, progress)
        except Exception as error:
            return {"report": f"could not be drawn ({type(error).__name__}); the next run tries"}
    names = {"data quality page": "quality.html", "report": "report.html"}
    return {name: str(folder / page) for name, page in names.items() if (folder / page).exists()}


def _is_drawn(folder: Path, served: Path) -> bool:
    mark = folder / REPORT_MARK
    return mark.exists() and mark.read_text(encoding="ascii") == publish.name_of(served)


def _draw(settings: Settings, served: Path, folder: Path, progress: Progress) -> None:
    new = settings.incoming / "report"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    progress.advance("report", 1)
    importlib.import_module("analysis_py.report").write_report(served, new)
    (new / REPORT_MARK).write_text(publish.name_of(served), encoding="ascii")
    for path in new.rglob("*"):
        os.chmod(path, 0o755 if path.is_dir() else 0o644)
    os.chmod(new, 0o755)
    old = settings.incoming / "report_before"
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(new, folder)
    shutil.rmtree(old, ignore_errors=True)
    files.sync_folder(settings.published)
