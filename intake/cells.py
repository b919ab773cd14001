"""Reading formats that have typed cells instead of text: workbooks and Parquet files.

A cell becomes the text that a careful person would type into a CSV file of the same source: numbers
with the declared decimal mark and no exponent, dates in the declared order. Staging reads it like
any text.
"""

from __future__ import annotations

import datetime
import math
import re
import tempfile
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import islice
from typing import IO, Any
from xml.parsers import expat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from intake.mapping import ExportSource
from intake.records import (
    LONGEST_CELL,
    Fault,
    HeaderContract,
    Layout,
    Tally,
    batch_of_rows,
    batch_schema,
    fits,
    judge_fields,
    judge_header,
)
from intake.refusals import FileRefusedError, shown_name

_COPY_IN_MEMORY_BYTES = 32 << 20
_ROWS_PER_BATCH = 10_000
_ROWS_SEARCHED_FOR_HEADER = 25
_LARGEST_UNPACKED_BYTES = 2 << 30
_LARGEST_PART_BYTES = 256 << 20
"""Of what is held in memory as a whole: shared texts, formats, the list of sheets."""
_MOST_SHEET_ROWS = 1 << 20
"""As many as Excel has; a file may name any row, and every row up to it would be made."""
_MOST_SHEET_CELLS = 64 << 20
_SIGNIFICANT_DIGITS = ".15g"
"""As many as a spreadsheet shows: 12.300000000000001 was typed as 12.3."""
_LARGEST_EXACT = {pa.float16(): 1 << 11, pa.float32(): 1 << 24, pa.float64(): 1 << 53}
"""Up to here every whole number has a floating-point number of its own; above, two share one."""
_CONTROL_CHARACTER = "[\\x00-\\x08\\x0a-\\x1f\\x7f]"
_MAYBE_FORMULA = re.compile(rb"<(?:[^\s<>/:]+:)?f[\s/>]|^(?:\xff\xfe|\xfe\xff)")
"""A formula, or a sheet in UTF-16, in which this search would find none."""
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_FORMAT_ASIDE = re.compile(r"\[[^\]]*\]|[_*].")
"""Colours, conditions and paddings of a number format: they do not change what is read."""
_SHOWN_OTHERWISE = re.compile(r'%|"|\\|(?<![.0#+-])00|[0#?],+(?![0#?])|^$')
"""A number format that shows a percentage, a literal text, leading zeros, thousands, or nothing."""


class InexactNumberError(ValueError):
    """A floating-point number so large that it may have been another whole number."""


def private_copy(blocks: Iterable[bytes]) -> IO[bytes]:
    """Read a whole file into an unnamed copy, for formats that are not read in order.

    Parameters
    ----------
    blocks : iterable of bytes
        The file.

    Returns
    -------
    file
        In memory when small, else an unnamed file that is removed with the process.
    """
    copy = tempfile.SpooledTemporaryFile(max_size=_COPY_IN_MEMORY_BYTES)  # noqa: SIM115
    for block in blocks:
        copy.write(block)
    copy.seek(0)
    return copy


def render(value: Any, export: ExportSource) -> str:
    """Write a cell as text.

    Parameters
    ----------
    value : object
        Text, number, boolean, date, time or None.
    export : ExportSource
        Declared decimal mark and date format.

    Returns
    -------
    str
        "" for an empty cell and for NaN; the same text for the same cell, always.

    Raises
    ------
    InexactNumberError
        A floating-point number is whole and above 2^53.
    """
    if value is None or isinstance(value, str):
        text = value or ""
    elif isinstance(value, bool):
        text = "TRUE" if value else "FALSE"
    elif isinstance(value, float):
        text = _number(value, export.decimal_mark)
    elif isinstance(value, Decimal):
        text = format(value, "f").replace(".", export.decimal_mark)
    elif isinstance(value, (datetime.datetime, datetime.date)):
        text = _date(value, export)
    elif isinstance(value, datetime.time):
        text = value.isoformat()
    else:
        text = str(value)
    return text


def _number(value: float, decimal_mark: str) -> str:
    if math.isnan(value):
        return ""
    if value.is_integer():
        if abs(value) > _LARGEST_EXACT[pa.float64()]:
            raise InexactNumberError
        return str(int(value))
    text = format(value, _SIGNIFICANT_DIGITS)
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.replace(".", decimal_mark)


def _inexact(column: str) -> FileRefusedError:
    return FileRefusedError(
        "column_type",
        f"column {shown_name(column)} holds whole numbers as floating-point numbers that are too "
        "large to be exact: two different ones may look the same.",
        "Deliver it as text or as integer.",
    )


def _date(value: datetime.datetime | datetime.date, export: ExportSource) -> str:
    date = value.date() if isinstance(value, datetime.datetime) else value
    parts = {"y": f"{date.year:04d}", "m": f"{date.month:02d}", "d": f"{date.day:02d}"}
    text = export.date_separator.join(parts[part] for part in export.date_order)
    if isinstance(value, datetime.datetime) and (value.time() != datetime.time.min or value.tzinfo):
        text += "T" + value.timetz().isoformat()
    return text


@dataclass
class TableReader:
    """Common part of the readers of tables with cells.

    Attributes
    ----------
    copy : file
        Private copy of the file.
    contract : HeaderContract
        Headers that the file must and may have.
    export : ExportSource
        Declared decimal mark and date format.
    tally, notices, layout
        Filled while the file is read.
    """

    copy: IO[bytes]
    contract: HeaderContract
    export: ExportSource
    tally: Tally = field(default_factory=Tally)
    notices: list[tuple[str, str]] = field(default_factory=list)
    layout: Layout | None = None

    def _batch(self, rows: list[list[str] | Fault], lines: list[int]) -> pa.Table:
        assert self.layout is not None
        first = self.tally.n_records + 1
        self.tally.n_records += len(rows)
        self.tally.count_rows(rows, lines)
        return batch_of_rows(rows, range(first, first + len(rows)), lines, self.layout)


@dataclass
class WorkbookReader(TableReader):
    """Reads one sheet of an Excel workbook.

    Attributes
    ----------
    sheet : str or None
        Name of the sheet; the first one when None.
    preamble_lines : int
        Declared rows above the header.
    """

    sheet: str | None = None
    preamble_lines: int = 0
    _stored: dict[int, str] = field(default_factory=dict)
    _formats: Counter[tuple[str, str, type]] = field(default_factory=Counter)

    def batches(self) -> Iterator[pa.Table]:
        """Yield the records of the sheet in order, with the columns of ``records.batch_schema``.

        line_number is the row of the sheet.

        Raises
        ------
        FileRefusedError
            The workbook is damaged, has no such sheet, or its header is not the contract's.
        """
        try:
            yield from self._read()
        except FileRefusedError:
            raise
        except Exception:  # a damaged workbook raises anything, from KeyError to ParseError
            raise FileRefusedError("damaged_workbook", "is a damaged Excel workbook.") from None

    def _read(self) -> Iterator[pa.Table]:
        import openpyxl  # noqa: PLC0415 (slow to import, needed for workbooks only)

        # They repeat cells of the file; what they warn of is refused in staging.
        warnings.filterwarnings("ignore", module=r"openpyxl\.")
        self._refuse_bomb()
        sheet = self._chosen(openpyxl.load_workbook(self.copy, read_only=True, data_only=True))
        self._refuse_formulas(sheet)
        sheet.reset_dimensions()
        rows = self._bounded(enumerate(sheet.iter_rows(), 1))
        self._find_layout(rows)
        yield from self._records(rows)
        self._note_formats()

    def _chosen(self, book: Any) -> Any:
        """Return the declared sheet, or the first one, which must not be hidden then."""
        names = book.sheetnames
        if self.sheet is not None and self.sheet not in names:
            raise FileRefusedError(
                "no_such_sheet",
                f"has no sheet {shown_name(self.sheet)!r}; it has "
                f"{', '.join(shown_name(name, 31) for name in names[:10])}.",
            )
        sheet = book[self.sheet] if self.sheet is not None else book.worksheets[0]
        is_hidden = sheet.sheet_state != "visible"
        if is_hidden and self.sheet is None:
            raise FileRefusedError(
                "hidden_sheet", "its first sheet is hidden, and the mapping names no sheet."
            )
        if is_hidden:
            self.notices.append(("hidden_sheet", "the sheet that is read is hidden"))
        if len(names) > 1:
            self.notices.append(("other_sheets", f"{len(names) - 1} other sheets are not read"))
        return sheet

    def _refuse_bomb(self) -> None:
        with zipfile.ZipFile(self.copy) as archive:
            parts = archive.infolist()
        if sum(part.file_size for part in parts) > _LARGEST_UNPACKED_BYTES:
            raise _too_large(f"unpacks to more than {_LARGEST_UNPACKED_BYTES >> 30} GiB.")
        if any(
            part.file_size > _LARGEST_PART_BYTES and "worksheets/" not in part.filename
            for part in parts
        ):
            raise _too_large(
                f"holds more than {_LARGEST_PART_BYTES >> 20} MiB of texts or formats."
            )

    @staticmethod
    def _bounded(rows: Iterator[tuple[int, tuple]]) -> Iterator[tuple[int, tuple]]:
        """Yield the rows of a sheet; refuse one that names more rows or cells than a sheet has."""
        n_cells = 0
        for number, row in rows:
            n_cells += len(row)
            if number > _MOST_SHEET_ROWS or n_cells > _MOST_SHEET_CELLS:
                raise _too_large(
                    f"its sheet has more than {_MOST_SHEET_ROWS:,} rows or "
                    f"{_MOST_SHEET_CELLS:,} cells, blank ones included."
                )
            yield number, row

    def _refuse_formulas(self, sheet: Any) -> None:
        """Refuse formulas whose result was never calculated: they would read as empty cells."""
        with zipfile.ZipFile(self.copy) as archive:
            path = sheet._worksheet_path
            if _may_hold_formula(archive, path) and _holds_uncalculated_formula(archive, path):
                raise FileRefusedError(
                    "formula_without_result", "holds a formula whose result was never calculated."
                )

    def _find_layout(self, rows: Iterator[tuple[int, tuple]]) -> None:
        top = list(islice(rows, self.preamble_lines + 1))
        if len(top) <= self.preamble_lines:
            raise FileRefusedError("no_header", "has no header row.")
        header = self._texts(top[-1][1])
        if not fits(header, self.contract):
            for number, row in islice(rows, _ROWS_SEARCHED_FOR_HEADER):
                if fits(self._texts(row), self.contract):
                    raise FileRefusedError(
                        "preamble",
                        f"its header is in row {number}, "
                        f"expected in row {self.preamble_lines + 1}.",
                        f"Remove the rows above it, or declare preamble_lines: {number - 1}.",
                    )
        while header and not header[-1].strip():
            header.pop()
        self.layout = judge_header(header, self.contract)
        self._stored = dict(zip(self.layout.positions, self.layout.keys, strict=True))

    def _texts(self, row: Sequence[Any]) -> list[str]:
        return [self._text(cell, place) for place, cell in enumerate(row)]

    def _text(self, cell: Any, place: int) -> str:
        value = cell.value
        if isinstance(value, str):
            return _decoded(value) if "_x" in value else value
        column = self._stored.get(place)
        if value is not None and column is not None and not isinstance(value, bool):
            self._formats[column, cell.number_format or "", type(value)] += 1
        try:
            return render(value, self.export)
        except InexactNumberError:
            if column is None:
                return "?"  # in no stored column; only whether it is blank matters
            raise _inexact(column) from None

    def _note_formats(self) -> None:
        """Note columns whose number format shows something else than the number that is read."""
        n_otherwise: Counter[str] = Counter()
        for (column, number_format, kind), count in self._formats.items():
            plain = _FORMAT_ASIDE.sub("", number_format.split(";")[0])
            if issubclass(kind, datetime.date):
                is_otherwise = "d" not in plain.lower() or "y" not in plain.lower()
            else:
                is_otherwise = bool(_SHOWN_OTHERWISE.search(plain))
            n_otherwise[column] += count * is_otherwise
        self.notices += [
            ("number_format", f"{column}: {count} cells are shown otherwise than they are read")
            for column, count in n_otherwise.items()
            if count
        ]

    def _records(self, rows: Iterator[tuple[int, tuple]]) -> Iterator[pa.Table]:
        assert self.layout is not None
        n_columns = self.layout.n_columns
        judged: list[list[str] | Fault] = []
        lines: list[int] = []
        n_blank = 0
        for number, row in rows:
            texts = self._texts(row)
            if not any(text.strip() for text in texts):
                n_blank += 1
                continue
            for blank in range(number - n_blank, number):
                judged.append(Fault("empty_record", "every field is blank"))
                lines.append(blank)
            n_blank = 0
            while len(texts) > n_columns and not texts[-1].strip():
                texts.pop()
            texts += [""] * (n_columns - len(texts))
            judged.append(judge_fields(texts, self.layout))
            lines.append(number)
            if len(judged) >= _ROWS_PER_BATCH:
                yield self._batch(judged, lines)
                judged, lines = [], []
        if judged:
            yield self._batch(judged, lines)
        if n_blank:
            words = "1 blank row" if n_blank == 1 else f"{n_blank} blank rows"
            self.notices.append(("tail_ignored", f"{words} at the end of the sheet"))


def _too_large(cause: str) -> FileRefusedError:
    return FileRefusedError("workbook_too_large", cause)


def _decoded(text: str) -> str:
    """Return a workbook's text with its escapes decoded: ``_x000D_`` is a carriage return."""
    plain = _ESCAPED.sub(lambda escape: chr(int(escape.group(1), 16)), text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _may_hold_formula(archive: zipfile.ZipFile, path: str) -> bool:
    with archive.open(path) as part:
        rest = b""
        while block := part.read(1 << 20):
            if _MAYBE_FORMULA.search(rest + block):
                return True
            rest = block[-256:]
    return False


def _holds_uncalculated_formula(archive: zipfile.ZipFile, path: str) -> bool:
    """Return whether a cell of a sheet has a formula and no result, in any spelling of the XML.

    A result that is an empty text (``t="str"``) is a result.
    """
    found = False
    has_formula = is_in_value = False
    kind, value = "", ""

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal has_formula, is_in_value, kind, value
        local = name.rpartition(" ")[2]
        if local == "c":
            has_formula, kind, value = False, attributes.get("t", ""), ""
        elif local == "f":
            has_formula = True
        is_in_value = local == "v"

    def text(characters: str) -> None:
        nonlocal value
        if is_in_value:
            value += characters

    def end(name: str) -> None:
        nonlocal found, is_in_value
        is_in_value = False
        if name.rpartition(" ")[2] == "c":
            found = found or (has_formula and kind != "str" and not value.strip())

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = text
    parser.buffer_text = True
    with archive.open(path) as part:
        while not found and (block := part.read(1 << 20)):
            parser.Parse(block)
    return found


@dataclass
class ParquetReader(TableReader):
    """Reads a Parquet file; typed columns are written as text."""

    def batches(self) -> Iterator[pa.Table]:
        """Yield the records of the file in order, with the columns of ``records.batch_schema``.

        line_number is the record number.

        Raises
        ------
        FileRefusedError
            The file is damaged or its columns are not the contract's.
        """
        try:
            yield from self._read()
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise FileRefusedError("damaged_parquet", "is a damaged Parquet file.") from None

    def _read(self) -> Iterator[pa.Table]:
        file = pq.ParquetFile(self.copy)
        names = file.schema_arrow.names
        layout = judge_header(names, self.contract)
        # Only the stored columns are read, so positions are theirs.
        places = tuple(range(len(layout.keys)))
        self.layout = replace(layout, header=layout.keys, positions=places)
        stored = [names[place] for place in layout.positions]
        for name in stored:
            self._refuse_type(name, file.schema_arrow.field(name).type)
        for batch in file.iter_batches(batch_size=_ROWS_PER_BATCH, columns=stored):
            columns = [self._text(batch.column(batch.schema.get_field_index(n)), n) for n in stored]
            yield self._judged(columns)

    def _refuse_type(self, name: str, kind: pa.DataType) -> None:
        if isinstance(kind, pa.DictionaryType):
            kind = kind.value_type
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            raise FileRefusedError(
                "column_type", f"column {shown_name(name)} has the type {shown_name(str(kind))}."
            )

    def _text(self, column: pa.Array, name: str) -> pa.Array:
        """Write a column as text; a value that repeats is written once."""
        kind = column.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return pc.fill_null(column.cast(pa.string()), "")
        encoded = column if isinstance(kind, pa.DictionaryType) else column.dictionary_encode()
        try:
            texts = [render(value, self.export) for value in _python_values(encoded.dictionary)]
        except InexactNumberError:
            raise _inexact(name) from None
        return pc.fill_null(pa.array(texts, pa.string()).take(encoded.indices), "")

    def _judged(self, columns: list[pa.Array]) -> pa.Table:
        assert self.layout is not None
        n_rows = len(columns[0])
        is_odd = pc.equal(pc.utf8_trim_whitespace(columns[self.layout.probe]), "")
        for column in columns:
            if not pc.all(pc.string_is_ascii(column)).as_py():
                is_odd = pc.or_(is_odd, pc.invert(pc.string_is_ascii(column)))
            is_odd = pc.or_(is_odd, pc.match_substring_regex(column, _CONTROL_CHARACTER))
            is_odd = pc.or_(is_odd, pc.greater(pc.binary_length(column), LONGEST_CELL))
        first = self.tally.n_records + 1
        if not pc.any(is_odd).as_py():
            self.tally.n_records += n_rows
            numbers = pa.array(range(first, first + n_rows), pa.int64())
            faults = [pa.nulls(n_rows, pa.string())] * 2
            return pa.Table.from_arrays(
                [*columns, numbers, numbers, *faults], schema=batch_schema(self.layout)
            )
        rows = zip(*(column.to_pylist() for column in columns), strict=True)
        judged = [judge_fields(row, self.layout) for row in rows]
        return self._batch(judged, list(range(first, first + n_rows)))


def _python_values(values: pa.Array) -> list[Any]:
    """Return the values of a column as Python objects; a date that Python has not, as text."""
    if pa.types.is_floating(values.type) and values.type != pa.float64():
        return [_as_written(value, values.type) for value in values.to_numpy(zero_copy_only=False)]
    try:
        return values.to_pylist()
    except (ValueError, OverflowError, KeyError):
        return [_python_value(value) for value in values]


def _as_written(value: np.floating, kind: pa.DataType) -> float | None:
    """Return the shortest decimal number that a short floating-point number can mean."""
    if np.isnan(value):
        return None
    if float(value).is_integer() and abs(float(value)) > _LARGEST_EXACT[kind]:
        raise InexactNumberError
    return float(str(value))


def _python_value(value: pa.Scalar) -> Any:
    attempts: tuple[Callable[[], Any], ...] = (
        value.as_py,
        lambda: value.cast(pa.string()).as_py(),
    )
    for attempt in attempts:
        try:
            return attempt()
        except (ValueError, OverflowError, KeyError, pa.ArrowException):
            continue
    return str(value.value)
