"""A table of the study before it is any file: heads, lines of printed text, notes, source rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analysis_py.report_words import (
    distinct,
    is_doubtful,
    readable,
    sentence,
    serious_warning,
)
from analysis_py.results import Estimate

DOUBTFUL_MARK = "†"
WARNING_MARK = "‡"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name, one printed text per column, and whether it heads a block."""

    name: str
    cells: tuple[str, ...] = ()
    is_heading: bool = False


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes
    ----------
    name : str
        Stem of its files.
    number : str
        "Table I" and "Table II" are the printed ones; "Table S1" and on are ours.
    title : str
    stub : str
        Head of the first column.
    columns : tuple of str
        Heads of the other columns, with their denominators.
    lines : tuple of Line
        Every line that is no heading has one cell per column.
    notes : tuple of str
        Population, tests, and what the marks mean.
    rows : tuple of Estimate
        The rows of results that were printed, in order.
    """

    name: str
    number: str
    title: str
    stub: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    rows: tuple[Estimate, ...]


def heading(text: str) -> Line:
    """Line that heads a block."""
    return Line(text, is_heading=True)


def marked(text: str, row: Estimate | None) -> str:
    """Text with † where an assumption is doubtful and ‡ where a warning speaks against it."""
    if row is None:
        return text
    marks = (DOUBTFUL_MARK if is_doubtful(row) else "") + (
        WARNING_MARK if serious_warning(row) else ""
    )
    return f"{text} {marks}" if marks else text


def mark_notes(rows: Iterable[Estimate]) -> list[str]:
    """Explain the marks that :func:`marked` put on these rows; nothing where it put none."""
    rows = list(rows)
    doubts = distinct(
        f"{row.term_label}: {readable(row.assumptions_verdict)}" for row in rows if is_doubtful(row)
    )
    warnings = distinct(
        f"{row.term_label}: {serious_warning(row)}" for row in rows if serious_warning(row)
    )
    notes = []
    if doubts:
        notes.append(f"{DOUBTFUL_MARK} An assumption is doubtful. {sentence('; '.join(doubts))}")
    if warnings:
        notes.append(f"{WARNING_MARK} Read with care. {sentence('; '.join(warnings))}")
    return notes


def tested_notes(tests: Iterable[Estimate]) -> list[str]:
    """Notes on the rows that were tested or estimated: methods, assumptions, marks."""
    tests = list(tests)
    methods = distinct(readable(row.method) for row in tests)
    verdicts = distinct(readable(row.assumptions_verdict) for row in tests if not is_doubtful(row))
    notes = [sentence("; ".join(methods))] if methods else []
    notes += [f"Assumptions: {sentence('; '.join(verdicts))}"] if verdicts else []
    return notes + mark_notes(tests)
