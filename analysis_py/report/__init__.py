"""The report of a warehouse: one page, the data quality page, and all tables and figures as files.

The report is internal: it shows exact counts. Numbers that leave come from `registry export`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from analysis_py.figures import Drawings, Figure, draw_all
from analysis_py.report import appendix, first_screen, sections
from analysis_py.report.blocks import Drawn, Section
from analysis_py.report.data_quality import data_quality
from analysis_py.report.page import INTERNAL, render_page, study_title
from analysis_py.report.source import ReportSource, read_source
from analysis_py.rows import ResultRows, records
from analysis_py.tables import Table, build_all
from analysis_py.tables.files import word_file, workbook
from core.spreadsheet import csv_bytes
from core.stop import ExitCode, Stop

REPORT_PAGE, QUALITY_PAGE = "report.html", "quality.html"
WORKBOOK, WORD_FILE = "tables.xlsx", "tables.docx"


def write_report(
    warehouse: Path,
    out_dir: Path,
    progress: Callable[[str], None] = lambda _: None,
    draw: Callable[[ResultRows], Drawings] = draw_all,
) -> Path:
    """Write the report of a warehouse file; the file is opened read-only.

    Parameters
    ----------
    warehouse : pathlib.Path
        A build (``build/warehouse.duckdb``) or a published version.
    out_dir : pathlib.Path
        Gets ``report.html``, ``quality.html``, the tables and ``figures/``; made if it is missing.
    progress : callable, optional
        Called with each step before it starts.
    draw : callable, optional
        Draws the figures, or has drawn them.

    Raises
    ------
    Stop
        If the warehouse cannot be read, or the folder cannot be written.
    """
    source = read_source(Path(warehouse), progress)
    out_dir = Path(out_dir)
    try:
        # A folder that cannot be made is reported before anything is drawn.
        out_dir.mkdir(parents=True, exist_ok=True)
        _write(report_files(source, progress, draw), out_dir)
    except OSError as error:
        raise Stop(
            ExitCode.ENVIRONMENT,
            f"the report could not be written to {out_dir}: {error.strerror or error}. "
            "Name another folder with --out, or free disk space.",
        ) from None
    return out_dir / REPORT_PAGE


def report_files(
    source: ReportSource,
    progress: Callable[[str], None],
    draw: Callable[[ResultRows], Drawings] = draw_all,
) -> dict[str, bytes]:
    """Make every file of the report in memory, so that a failure leaves no half report behind.

    Returns
    -------
    dict
        Path relative to the report's folder -> content; the page comes last. The same source gives
        the same bytes.
    """
    progress("Laying out the tables")
    built = build_all(source.rows)
    tables = [table for table in built.values() if isinstance(table, Table)]
    banner = f"{source.study.delivery.header}. {INTERNAL}"
    progress("Writing the tables")
    files = {
        WORKBOOK: workbook(tables, source.study.results, banner),
        WORD_FILE: word_file(tables, banner),
    }
    progress("Drawing the figures")
    drawn = Drawn(built, draw(source.rows))
    listed: list[tuple[str, str]] = []
    for figure in drawn.figures.values():
        if isinstance(figure, Figure):
            data = records(figure.data)
            files |= {
                f"figures/{figure.name}.svg": figure.svg,
                f"figures/{figure.name}.png": figure.png,
                f"figures/{figure.name}.csv": csv_bytes(
                    list(figure.data.columns), [list(record.values()) for record in data]
                ),
            }
            name = f"figures/{figure.name}.svg, .png, .csv"
            listed.append((name, f"{figure.number}. {figure.title}; source data as CSV"))
    listed += [
        (WORKBOOK, "All tables, a sheet each, and every result unrounded"),
        (WORD_FILE, "All tables, to be copied into a manuscript"),
        (QUALITY_PAGE, "The section on data quality alone"),
    ]
    progress("Writing the pages")
    quality = data_quality(source.quality)
    alerts = first_screen.alerts(source.rows, source.quality)
    delivery = source.study.delivery
    files[QUALITY_PAGE] = render_page(
        [quality],
        delivery,
        source.edition,
        alerts,
        title="Data quality",
        about="What was read, refused, expected and changed in this version, in counts.",
        other=(REPORT_PAGE, "Registry report"),
    ).encode()
    chapters: list[Section] = [
        first_screen.at_a_glance(source),
        sections.cohort(source, drawn),
        quality,
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
    files[REPORT_PAGE] = render_page(
        chapters,
        delivery,
        source.edition,
        alerts,
        title="Registry report",
        about=f"{study_title(delivery)}, analysed as in Ferrucci et al. 2022.",
        other=(QUALITY_PAGE, "Data quality"),
    ).encode()
    return files


def _write(files: dict[str, bytes], out_dir: Path) -> None:
    """Write the files, each whole or not at all."""
    draft = out_dir / f".{REPORT_PAGE}.part"
    try:
        for name, content in files.items():
            target = out_dir / name
            target.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(content)
            os.replace(draft, target)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
