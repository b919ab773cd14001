"""A table of the study before it is a file: column heads, lines of printed text, notes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from analysis_py.phrases import distinct, is_doubtful, readable, sentence, serious_warning
from analysis_py.results import Estimate
from analysis_py.rows import NothingToShowError

DOUBTFUL_MARK = "†"
WARNING_MARK = "‡"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name and one printed text per column; a heading of a block has no texts."""

    name: str
    cells: tuple[str, ...] = ()
    is_heading: bool = False


@dataclass
class Table:
    """One table, filled line by line.

    Attributes
    ----------
    number : str
        "Table I" and "Table II" are in the paper; "Table S1" and on are ours.
    stub : str
        Head of the first column.
    columns : tuple of str
        Heads of the other columns, with their denominators.
    lines : list of Line
        Every line that is no heading has one cell per column.
    notes : tuple of str
        Population, tests, and what the marks mean.
    """

    number: str
    title: str
    stub: str
    columns: tuple[str, ...]
    lines: list[Line] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def heading(self, text: str) -> None:
        """Begin a block."""
        self.lines.append(Line(text, is_heading=True))

    def line(self, name: str, *cells: str) -> None:
        """Add a line."""
        self.lines.append(Line(name, cells))

    def finished(self, *notes: str, if_empty: str = "") -> Table:
        """Return the table with its notes.

        Raises
        ------
        NothingToShowError
            With the text `if_empty`, if the table has no line.
        """
        if not self.lines:
            raise NothingToShowError(if_empty)
        self.notes = notes
        return self

    @property
    def identifier(self) -> str:
        """The number as an identifier of HTML: table-s1."""
        return self.number.lower().replace(" ", "-")

    @property
    def blocks(self) -> list[list[Line]]:
        """The lines by block; each block except perhaps the first begins with its heading."""
        blocks: list[list[Line]] = []
        for line in self.lines:
            if line.is_heading or not blocks:
                blocks.append([])
            blocks[-1].append(line)
        return blocks


def marked(text: str, row: Estimate | None) -> str:
    """Text with † where an assumption is doubtful and ‡ where the row has a serious warning."""
    if row is None:
        return text
    marks = (DOUBTFUL_MARK if is_doubtful(row) else "") + (
        WARNING_MARK if serious_warning(row) else ""
    )
    return f"{text} {marks}" if marks else text


def mark_notes(rows: Iterable[Estimate]) -> list[str]:
    """Explain the marks that :func:`marked` put on these rows; empty where there are none."""
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
