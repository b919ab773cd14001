"""Sections of the report and their blocks, before they are HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis_py.figures import Figure
from analysis_py.phrases import readable, serious_warning
from analysis_py.results import DOUBTFUL, HOLDS, Estimate
from analysis_py.rows import NothingToShowError
from analysis_py.tables import Table


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Note:
    """A paragraph with emphasis."""

    text: str


@dataclass(frozen=True)
class Subheading:
    """A heading within a section."""

    text: str
    identifier: str


@dataclass(frozen=True)
class Finding:
    """A sentence with a result, the assumptions of its method, and serious warnings."""

    text: str
    assumed: str = ""
    warning: str = ""

    @property
    def state(self) -> str:
        """Whether the assumptions are doubtful, hold, or were not assessed (open)."""
        return next((word for word in (DOUBTFUL, HOLDS) if word in self.assumed), "open")


@dataclass(frozen=True)
class Findings:
    """Sentences with results."""

    items: tuple[Finding, ...]


@dataclass(frozen=True)
class Facts:
    """Name, value and remark, side by side; `is_large` for the few at the top of the report."""

    items: tuple[tuple[str, str, str], ...]
    is_large: bool = False


@dataclass(frozen=True)
class Filter:
    """A choice of rows by their class; `code` is empty for all of them."""

    code: str
    label: str
    n: int


@dataclass(frozen=True)
class Grid:
    """A plain table that is not a table of the study.

    Attributes
    ----------
    rows : tuple of tuple of str
        One text per column; the first names the row.
    classes : tuple of str
        One per row, or none at all.
    numeric, folded : frozenset of int
        Places of the columns with numbers, and of those whose long texts are shown on request.
    filters : tuple of Filter
        A choice of rows above the grid, or none.
    summary : str
        If given, the whole grid is folded under this text.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    classes: tuple[str, ...] = ()
    numeric: frozenset[int] = frozenset()
    folded: frozenset[int] = frozenset()
    filters: tuple[Filter, ...] = ()
    summary: str = ""


Block = Text | Note | Subheading | Findings | Facts | Grid | Figure | Table


@dataclass(frozen=True)
class Section:
    """A section: identifier for links, title, blocks, and whether it prints across the page."""

    identifier: str
    title: str
    blocks: tuple[Block, ...]
    is_wide: bool = False


@dataclass(frozen=True)
class Drawn:
    """Tables and figures of a report; each is there, or the reason why it is not."""

    tables: Mapping[str, Table | NothingToShowError]
    figures: Mapping[str, Figure | NothingToShowError]

    def figure(self, name: str) -> Figure | Note:
        """Return the figure, or a note that says why there is none."""
        drawn = self.figures[name]
        if isinstance(drawn, Figure):
            return drawn
        return Note(f"The figure “{name.replace('_', ' ')}” is not drawn: {drawn}.")

    def table(self, name: str) -> Table | Note:
        """Return the table, or a note that says why there is none."""
        built = self.tables[name]
        if isinstance(built, Table):
            return built
        return Note(f"The table “{name.replace('_', ' ')}” is not shown: {built}.")


def finding(text: str, *rows: Estimate | None) -> Finding:
    """Sentence with the assumptions and warnings of the rows that it was made from."""
    given = [row for row in rows if row is not None]
    assumed = dict.fromkeys(
        readable(row.assumptions_verdict) for row in given if row.assumptions_verdict
    )
    warnings = dict.fromkeys(serious_warning(row) for row in given if serious_warning(row))
    return Finding(text, "; ".join(assumed), "; ".join(warnings))
