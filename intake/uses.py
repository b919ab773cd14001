"""A plain use of a file: one export, one file and sheet, one way to read it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from intake.contract import EXPORTS, column_names, unexpected_columns
from intake.mapping_schema import DATE_FORMATS, CellKeys, ColumnSource, FileSource

NOT_SELECTED, SKIPPED = "not_selected", "skipped"
"""Parts under which records are counted that no use of their file takes, and those that the mapping
declares to be none (``skip_records``); their rule is ``not_selected``."""

FORMATS = {".csv": "csv", ".csv.gz": "csv_gz", ".xlsx": "xlsx", ".parquet": "parquet"}
"""Ending of a file name -> format."""

NUMBERS = ("score", "age")
"""Kinds of columns whose cells are numbers."""


@dataclass(frozen=True)
class CellForm:
    """How the cells of one column are written.

    Attributes
    ----------
    two_digit_years : int or None
        Pivot of two-digit years; None refuses them.
    partial_dates : bool
        Whether a course may have partial dates.
    time_zone : str or None
        Zone whose date a timestamp with an offset becomes; None refuses it.
    """

    decimal_mark: str = "."
    date_format: str = "ymd-"
    two_digit_years: int | None = None
    missing_codes: tuple[str, ...] = ()
    partial_dates: bool = False
    time_zone: str | None = None

    def with_keys(self, keys: CellKeys) -> CellForm:
        """Return the form with what more specific keys say."""
        return replace(self, **given_keys(keys, CellForm))


@dataclass(frozen=True)
class FileForm:
    """How a file is read: its bytes, its lines and its header.

    Attributes
    ----------
    encoding, delimiter : str
        As Python names them; delimiter may be ``auto``.
    preamble_lines, header_lines : int
        Lines above the header, and lines of the header.
    """

    encoding: str = "utf-8"
    delimiter: str = ","
    preamble_lines: int = 0
    header_lines: int = 1


DEFAULT_CELL_FORM, DEFAULT_FILE_FORM = CellForm(), FileForm()


@dataclass(frozen=True)
class Flag:
    """A column of yes and no, of which a use with a constant term takes yes.

    A cell that says neither is not understood: whether the patient has it is unknown, not no. So it
    is where all cells of a patient are empty although the column says no elsewhere.

    Attributes
    ----------
    header : str
        The column that is filtered.
    term_column : str
        Contract column with the constant term; a question mark behind the term is a doubt.
    no, taken : tuple of str
        Texts in lower case that mean no, and those that another use of the file takes.
    is_empty_taken : bool
        Whether another use of the file takes the empty cells.
    """

    header: str
    term_column: str
    no: tuple[str, ...]
    taken: tuple[str, ...] = ()
    is_empty_taken: bool = False


@dataclass(frozen=True)
class FileUse:
    """One use of a file by an export.

    Attributes
    ----------
    source : FileSource
        File, sheet, part, filters and columns; no timepoints are left in it.
    cell_form : CellForm
        How its cells are written, unless a column says otherwise.
    staged_form : CellForm
        How staging reads the cells of the export.
    slot_headers : tuple of str
        Headers of the use's timepoint: a record that is empty in all of them is none of this use.
    flag : Flag or None
        The column of yes and no that the use reads, if it does.
    """

    export_name: str
    source: FileSource
    file_form: FileForm
    cell_form: CellForm
    staged_form: CellForm = DEFAULT_CELL_FORM
    slot_headers: tuple[str, ...] = ()
    flag: Flag | None = None

    @property
    def columns(self) -> dict[str, ColumnSource]:
        """Contract column -> its source; our own headers when the mapping names none."""
        if self.source.columns:
            return self.source.columns
        return {name: ColumnSource(column=name) for name in column_names(self.export_name)}

    @property
    def may_be_absent(self) -> list[str]:
        """The contract columns whose absence from the file does not mean a renamed column."""
        own = [] if self.source.columns else unexpected_columns(self.export_name)
        return [*self.source.may_be_absent, *own]

    @property
    def headers(self) -> tuple[str, ...]:
        """Headers that filters need."""
        return (*self.source.records, *self.source.skip_records)

    @property
    def is_filtered(self) -> bool:
        """Whether the use takes only some of the records of its file."""
        return bool(self.source.records or self.slot_headers)

    def form_of(self, column: str) -> CellForm:
        """Return how the cells of a contract column are written."""
        source = self.source.columns.get(column)
        return self.cell_form if source is None else self.cell_form.with_keys(source)

    def source_file(self, name: str) -> str:
        """Return the file's name in the raw table: with ``#part`` when it has several uses."""
        return f"{name}#{self.source.part}" if self.source.part else name


def staged_form(uses: Iterable[FileUse]) -> CellForm:
    """Return the form in which staging reads all cells of an export, given its uses.

    It is the one that all uses and columns declare; where two differ, ISO dates, a decimal point
    and no missing codes, and intake rewrites the cells.
    """
    dates, marks, missing = set(), set(), set()
    uses = list(uses)
    for use in uses:
        for column in EXPORTS[use.export_name]:
            form = use.form_of(column.name)
            if column.name in use.columns:
                missing.add(form.missing_codes)
                dates.update([form.date_format] if column.kind == "date" else [])
                marks.update([form.decimal_mark] if column.kind in NUMBERS else [])
    dates = dates or {use.cell_form.date_format for use in uses}
    marks = marks or {use.cell_form.decimal_mark for use in uses}
    date_format = dates.pop() if len(dates) == 1 else "ymd-"
    return CellForm(
        decimal_mark=marks.pop() if len(marks) == 1 else ".",
        date_format=date_format if date_format in DATE_FORMATS else "ymd-",
        missing_codes=missing.pop() if len(missing) == 1 else (),
        partial_dates=any(use.cell_form.partial_dates for use in uses),
    )


def given_keys(keys: CellKeys, form: type[CellForm] | type[FileForm]) -> dict[str, Any]:
    """Return the keys of a form that are written."""
    names = {each.name for each in fields(form)} & set(type(keys).model_fields)
    return {name: getattr(keys, name) for name in names if getattr(keys, name) is not None}


def normal_name(file: str) -> str:
    """Return the form in which file names are compared: composed letters, lower case."""
    return unicodedata.normalize("NFC", file).lower()


def file_key(file: str) -> str:
    """Return what the names of one file in a mapping have in common: also without its ending."""
    name = normal_name(file)
    return name.removesuffix(max(filter(name.endswith, FORMATS), key=len, default=""))
