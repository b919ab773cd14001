"""All files of a report, made in memory first, so that a failure leaves no half of one behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pandas as pd

from analysis_py import published
from analysis_py.errors import AnalysisError
from analysis_py.figures import Figure, draw_all
from analysis_py.report import appendix, data_quality, sections
from analysis_py.report.page import render_page
from analysis_py.report.sections import Drawn
from analysis_py.report.source import ReportSource
from analysis_py.results import Results
from analysis_py.tables import Table, build_all
from analysis_py.tables.files import table_files
from core.spreadsheet import csv_bytes

PAGE = "report.html"


class ReportError(AnalysisError):
    """The report could not be written; the text is meant for people."""


def report_files(source: ReportSource, progress: Callable[[str], None]) -> dict[str, bytes]:
    """Make every file of the report.

    Parameters
    ----------
    source : ReportSource
    progress : callable
        Told each step before it starts.

    Returns
    -------
    dict
        Path relative to the report's folder -> content; the page comes last. The same source gives
        the same bytes.
    """
    progress("Laying out the tables")
    tables = build_all(source.rows, source.timepoints)
    progress("Drawing the figures")
    drawn = Drawn(tables, draw_all(source.rows, source.timepoints))
    files: dict[str, bytes] = {}
    listed: list[tuple[str, str]] = []
    for figure in drawn.figures.values():
        if isinstance(figure, Figure):
            files |= _figure_files(figure)
            name = f"figures/{figure.name}.svg, .png, .csv"
            listed.append((name, f"{figure.number}. {figure.title}; source data as CSV"))
    progress("Writing the tables")
    for table in drawn.tables.values():
        if isinstance(table, Table):
            made = table_files(table, source.study.delivery.header)
            files |= {f"tables/{name}": content for name, content in made.items()}
            name = f"tables/{table.name}.html, .csv, .xlsx, .docx"
            listed.append((name, f"{table.number}. {table.title}"))
    files |= _result_files(source)
    listed += [
        ("tables/all_results.csv", "Every row of results.estimates, unrounded"),
        ("tables/published_comparison.csv", "Every printed number beside ours"),
    ]
    progress("Writing the page")
    page = render_page(_sections(source, drawn, listed), source.study.delivery)
    files[PAGE] = page.encode("utf-8")
    return files


def prepare_folder(out_dir: Path) -> None:
    """Make the folder, so that one that cannot be made is known before anything is drawn.

    Raises
    ------
    ReportError
        If the folder cannot be made.
    """
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_written(out_dir, error) from None


def write_files(files: dict[str, bytes], out_dir: Path) -> None:
    """Write the files, each whole or not at all.

    Raises
    ------
    ReportError
        If the folder cannot be written.
    """
    draft = out_dir / f".{PAGE}.part"
    try:
        for name, content in files.items():
            target = out_dir / name
            target.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(content)
            os.replace(draft, target)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise _not_written(out_dir, error) from None


def _not_written(out_dir: Path, error: OSError) -> ReportError:
    return ReportError(
        f"the report could not be written to {out_dir}: {error.strerror or error}. "
        "Name another folder with --out, or free space."
    )


def _sections(
    source: ReportSource, drawn: Drawn, listed: list[tuple[str, str]]
) -> list[sections.Section]:
    return [
        sections.at_a_glance(source),
        sections.cohort(source, drawn),
        data_quality.data_quality(source.quality),
        sections.effectiveness(source, drawn),
        sections.topical(source, drawn),
        sections.initiation(source, drawn),
        sections.early_response(source, drawn),
        sections.safety(source, drawn),
        appendix.compared(source),
        appendix.methods(source, drawn),
        appendix.warnings(source.rows),
        appendix.software(source),
        appendix.delivery(source, listed),
    ]


def _figure_files(figure: Figure) -> dict[str, bytes]:
    return {
        f"figures/{figure.name}.svg": figure.svg,
        f"figures/{figure.name}.png": figure.png,
        f"figures/{figure.name}.csv": _frame_csv(figure.data),
    }


def _result_files(source: ReportSource) -> dict[str, bytes]:
    results = Results()
    results.extend(source.rows)
    return {
        "tables/all_results.csv": _frame_csv(results.to_frame()),
        "tables/published_comparison.csv": _frame_csv(published.to_frame(source.study.compared)),
    }


def _frame_csv(frame: pd.DataFrame) -> bytes:
    values = frame.astype(object).where(frame.notna(), None)
    return csv_bytes(list(frame.columns), values.itertuples(index=False))
