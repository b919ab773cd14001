"""Sections behind the results: comparison with the paper, methods, warnings, software, delivery."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from analysis_py import conventions, published
from analysis_py.catalogue import ANALYSES
from analysis_py.phrases import distinct, readable, sentence, typographic
from analysis_py.published import Compared
from analysis_py.report.blocks import (
    Block,
    Drawn,
    Facts,
    Filter,
    Grid,
    Note,
    Section,
    Subheading,
    Text,
)
from analysis_py.report.source import ReportSource
from analysis_py.results import Estimate
from analysis_py.rounding import MISSING, format_number
from analysis_py.vocabulary import ANY_TIME, POPULATIONS

STATUS_LABELS = {
    published.DIFFERS: "Differs",
    published.CORRECTED: "Equal to the corrected value",
    published.EQUAL: "Equal at printed precision",
    published.CONFIRMED: "Protocol constant confirmed",
    published.NOT_COMPUTABLE: "Not computable",
}
COMPARED_COLUMNS = (
    *("Number", "In the paper", "Printed", "Target", "Ours", "Difference", "Status", "Reason"),
    "Note",
)
SIGNS = {
    "_lt_": " < ",
    "_gt_": " > ",
    "_ge_": " ≥ ",
    "_bl_to_w": " from baseline to week ",
    "_": " ",
}
STATISTICS = {
    "p_value": "p",
    "sd": "SD",
    "se": "standard error",
    "ci_lower": "lower end of the interval",
    "ci_upper": "upper end of the interval",
}
PLAIN_METHODS = ("count", "median", "minimum", "maximum")
DRAWING_PACKAGES = ("matplotlib", "jinja2", "openpyxl", "python-docx", "dbt-core", "dbt-duckdb")
NO_COMPARISON_ON_SYNTHETIC = (
    "The patients of this delivery are synthetic. Agreement with the paper shows that the analyses "
    "compute what the paper describes; it says nothing about patients."
)


def compared(source: ReportSource) -> Section:
    """Every number printed in the paper beside ours, those that differ first."""
    order = list(STATUS_LABELS)
    rows = sorted(
        source.study.compared, key=lambda row: (order.index(row.status), bool(row.reason))
    )
    counts = published.counts(rows)
    unexplained = len(published.unexplained(rows))
    filters = (
        Filter("", "All", len(rows)),
        *(Filter(status, STATUS_LABELS[status], counts[status]) for status in order),
    )
    grid = Grid(
        f"The {len(rows)} numbers of the paper and ours, those that differ first",
        COMPARED_COLUMNS,
        tuple(_compared_cells(row) for row in rows),
        classes=tuple(row.status for row in rows),
        numeric=frozenset({2, 3, 4, 5}),
        folded=frozenset({8}),
        filters=filters,
    )
    blocks: list[Block] = []
    if source.study.delivery.is_synthetic:
        blocks.append(Note(NO_COMPARISON_ON_SYNTHETIC))
    blocks += [
        Text(
            f"Of {len(rows)} numbers, {counts[published.EQUAL]} are equal at the printed "
            f"precision, {counts[published.CORRECTED]} equal the corrected value where the paper "
            f"contradicts itself, {counts[published.CONFIRMED]} are constants of the protocol "
            f"that ours confirm, {counts[published.DIFFERS]} differ ({unexplained} without a "
            f"given reason), and {counts[published.NOT_COMPUTABLE]} cannot be computed from the "
            "data."
        ),
        Text(
            "Note: what is known of the printed number. Target: what a cohort should show, the "
            "printed number or, where the paper contradicts itself, the corrected one. Ours is "
            "rounded half-up at the printed decimals; the difference is our unrounded number minus "
            "the target. A p-value is judged before it is rounded."
        ),
        grid,
    ]
    return Section("comparison", "Comparison with the paper", tuple(blocks), is_wide=True)


def methods(source: ReportSource, drawn: Drawn) -> Section:
    """How every number was computed, what was assumed, and the conventions."""
    rows = tuple(
        (
            f"{analysis.analysis_id}  {analysis.title}",
            analysis.place,
            "; ".join(distinct(POPULATIONS.get(row.population, row.population) for row in found)),
            sentence("; ".join(_methods(found))) or MISSING,
            str(len(found)),
        )
        for analysis in ANALYSES
        for found in [[row for row in source.rows if row.analysis_id == analysis.analysis_id]]
    )
    return Section(
        "methods",
        "Methods and assumptions",
        (
            Grid(
                "Analyses",
                ("Analysis", "In the paper", "Populations", "Methods", "Results"),
                rows,
                numeric=frozenset({4}),
            ),
            Subheading("Conventions", "conventions"),
            Text(
                f"Intervals are two-sided at {100 * conventions.CONFIDENCE_LEVEL:g}%. Nothing is "
                "imputed; patients are left out in one place and counted. Visits are placed at "
                "their nominal weeks and months. Numbers are rounded half-up; whether a p-value is "
                "below 0.001 is judged before rounding. No test was chosen after looking at the "
                "data, and p-values are not adjusted for the number of tests."
            ),
            Text(
                f"A test of an assumption with p below {conventions.ASSUMPTION_LEVEL:g} is called "
                f"doubtful; a model with fewer than {conventions.MIN_EVENTS_PER_TERM} events per "
                "term, one that did not converge, or one whose groups are separated carries a "
                "warning and is not printed as an estimate."
            ),
            Subheading("Assumptions checked", "assumptions"),
            drawn.table("assumptions"),
            Subheading("Which visit answers", "which-visit"),
            drawn.table("visit_choice"),
        ),
    )


def warnings(rows: Iterable[Estimate]) -> Section:
    """Every warning once, with the results that carry it."""
    found: dict[tuple[str, str], list[Estimate]] = {}
    for row in rows:
        if row.warning:
            found.setdefault((row.analysis_id, row.warning), []).append(row)
    if not found:
        return Section("warnings", "Warnings", (Text("No result carries a warning."),))
    lines = tuple(
        (analysis, sentence(text), str(len(carriers)), _carriers(carriers))
        for (analysis, text), carriers in found.items()
    )
    return Section(
        "warnings",
        "Warnings",
        (
            Grid(
                "Results to be read with care",
                ("Analysis", "Warning", "Results", "Which"),
                lines,
                numeric=frozenset({2}),
            ),
        ),
    )


def software(source: ReportSource) -> Section:
    """Versions that computed and drew."""
    drawing = {"python": platform.python_version()} | {
        name: number for name in DRAWING_PACKAGES if (number := _version(name))
    }
    return Section(
        "software",
        "Software",
        (
            Grid("Computed with", ("Package", "Version"), tuple(source.study.software.items())),
            Grid("Report written with", ("Package", "Version"), tuple(drawing.items())),
            Text(f"Results: {source.origin}."),
        ),
    )


def delivery(source: ReportSource, files: Iterable[tuple[str, str]]) -> Section:
    """Which delivery this is, and the files that lie beside the report."""
    facts = source.delivery
    kind = "synthetic: no real patient" if facts["is_synthetic"] else "registry data"
    items = (
        ("Load", str(facts["load_id"]), "identifies files, mapping and extraction date"),
        ("Data", kind, str(facts["delivery_label"] or "")),
        ("Source system", str(facts["source_system"]), f"mapping {facts['mapping_version']}"),
        ("Extraction year", str(facts["extraction_year"] or "not declared"), ""),
        ("Files delivered", str(facts["n_files"]), ""),
    )
    return Section(
        "delivery",
        "Delivery and files",
        (Facts(items), Grid("Files beside this page", ("File", "What it is"), tuple(files))),
    )


def _compared_cells(row: Compared) -> tuple[str, ...]:
    statistic = STATISTICS.get(row.statistic, row.statistic)
    parts = (row.measure, statistic, "" if row.timepoint == ANY_TIME else row.timepoint)
    what = ", ".join(_plain_words(part) for part in parts if part)
    quote = f": “{row.quote}”" if row.quote else ""
    return (
        f"{what} ({_plain_words(row.population)})" if row.population else what,
        f"{_plain_words(row.section)}{quote}",
        typographic(row.printed),
        typographic(row.target),
        typographic(row.ours) or MISSING,
        typographic(format_number(row.difference, 3)),
        STATUS_LABELS[row.status],
        row.reason,
        "" if row.note == row.reason else row.note,
    )


def _plain_words(code: str) -> str:
    """Give the ledger's code in words: EASI_lt_7 as "EASI < 7"."""
    for part, words in SIGNS.items():
        code = code.replace(part, words)
    return code


def _methods(rows: list[Estimate]) -> list[str]:
    """Name what was done to estimate; counts and the ends of a range explain themselves."""
    return distinct(
        readable(row.method)
        for row in rows
        if row.role in ("estimate", "curve") and row.method not in PLAIN_METHODS
    )


def _carriers(rows: list[Estimate]) -> str:
    more = f"; and {len(rows) - 6} more" if len(rows) > 6 else ""
    return "; ".join(row.label for row in rows[:6]) + more


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
