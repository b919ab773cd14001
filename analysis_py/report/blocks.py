"""What a report is made of, before it is a page."""

from __future__ import annotations

from dataclasses import dataclass, field

from analysis_py.figures.figure import Figure
from analysis_py.report_rows import NothingToShowError
from analysis_py.report_words import readable, serious_warning
from analysis_py.results import DOUBTFUL, HOLDS, Estimate
from analysis_py.tables.table import Table


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Note:
    """A paragraph that must not be overlooked."""

    text: str
    kind: str = "note"


@dataclass(frozen=True)
class Finding:
    """A sentence with a result, what its method assumed, and what warns against it."""

    text: str
    assumed: str = ""
    warning: str = ""

    @property
    def state(self) -> str:
        """Whether what was assumed is doubtful, holds, or was not assessed (open)."""
        return next((word for word in (DOUBTFUL, HOLDS) if word in self.assumed), "open")


@dataclass(frozen=True)
class Findings:
    """Sentences with results."""

    items: tuple[Finding, ...]
    kind: str = "findings"


@dataclass(frozen=True)
class Facts:
    """Names and values, side by side; `is_large` for the few that stand at the top."""

    items: tuple[tuple[str, str, str], ...]
    is_large: bool = False
    kind: str = "facts"


@dataclass(frozen=True)
class Grid:
    """A plain table that is not a table of the study.

    Attributes
    ----------
    caption : str
    columns : tuple of str
    rows : tuple of tuple of str
        One text per column; the first names the row.
    classes : tuple of str
        One per row, or none at all.
    numeric : frozenset of int
        Places of the columns that hold numbers.
    folded : frozenset of int
        Places of the columns whose long texts are shown when asked for.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    classes: tuple[str, ...] = ()
    numeric: frozenset[int] = frozenset()
    folded: frozenset[int] = frozenset()
    kind: str = "grid"


@dataclass(frozen=True)
class Filter:
    """A choice of rows, by the class they carry; `code` is empty for all of them."""

    code: str
    label: str
    n: int


@dataclass(frozen=True)
class FilteredGrid:
    """A grid with a choice above it."""

    grid: Grid
    filters: tuple[Filter, ...]
    kind: str = "filtered"


@dataclass(frozen=True)
class ShownFigure:
    """A figure of the study."""

    figure: Figure
    kind: str = "figure"


@dataclass(frozen=True)
class ShownTable:
    """A table of the study."""

    table: Table
    kind: str = "table"


@dataclass(frozen=True)
class Subheading:
    """A heading within a section."""

    text: str
    identifier: str
    kind: str = "subheading"


Block = Text | Note | Findings | Facts | Grid | FilteredGrid | ShownFigure | ShownTable | Subheading


@dataclass(frozen=True)
class Section:
    """A section: identifier for links, title, blocks, and whether it prints across the page."""

    identifier: str
    title: str
    blocks: tuple[Block, ...] = field(default_factory=tuple)
    is_wide: bool = False


def figure_block(drawn: Figure | NothingToShowError, what: str) -> Block:
    """Give the figure, or a note that says why there is none."""
    if isinstance(drawn, NothingToShowError):
        return Note(f"{what} is not drawn: {drawn}.")
    return ShownFigure(drawn)


def table_block(built: Table | NothingToShowError, what: str) -> Block:
    """Give the table, or a note that says why there is none."""
    if isinstance(built, NothingToShowError):
        return Note(f"{what} is not shown: {built}.")
    return ShownTable(built)


def finding(text: str, *rows: Estimate | None) -> Finding:
    """Sentence with the verdicts and warnings of the rows that it speaks of."""
    known = [row for row in rows if row is not None]
    assumed = dict.fromkeys(
        readable(row.assumptions_verdict) for row in known if row.assumptions_verdict
    )
    warnings = dict.fromkeys(serious_warning(row) for row in known if serious_warning(row))
    return Finding(text, "; ".join(assumed), "; ".join(warnings))
