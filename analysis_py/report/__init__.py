"""The report of a warehouse: one page for people, with its tables and figures beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from analysis_py.report.files import (
    PAGE,
    ReportError,
    prepare_folder,
    report_files,
    write_files,
)
from analysis_py.report.source import read_source

__all__ = ["ReportError", "write_report"]


def write_report(
    warehouse: Path, out_dir: Path, progress: Callable[[str], None] = lambda _: None
) -> Path:
    """Write the report of a warehouse file; the file is opened read-only.

    Parameters
    ----------
    warehouse : pathlib.Path
        A build (``build/warehouse.duckdb``) or a published version.
    out_dir : pathlib.Path
        Gets ``report.html``, ``figures/`` and ``tables/``; made if it is not there.
    progress : callable, optional
        Told each step before it starts.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    AnalysisError
        If the warehouse cannot be read, or the folder cannot be written.
    """
    source = read_source(Path(warehouse), progress)
    prepare_folder(Path(out_dir))
    write_files(report_files(source, progress), Path(out_dir))
    return Path(out_dir) / PAGE
