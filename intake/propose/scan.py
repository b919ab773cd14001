"""Facts of every table of a folder, read without a mapping: how it is written and what it holds.

Cells stay in memory: a message or a proposal shows headers, counts and codes, and words of a column
only where ``Table.shown_words`` returns them.
"""

from __future__ import annotations

import csv
import datetime
import io
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from intake.cells import InexactNumberError, private_copy, render
from intake.file_bytes import SourceBytes, inflate, open_folder
from intake.propose.headers import MISSING_WORDS, TOTAL_WORDS, folded, words_of
from intake.records import BYTE_ORDER_MARK
from intake.refusals import FileRefusedError
from intake.uses import DEFAULT_CELL_FORM, FORMATS

MOST_RECORDS_READ = 50_000
"""Records of one table that are looked at; more would change no proposal."""

_MOST_BYTES_READ = 64 << 20
LEAST_PATIENTS_OF_A_WORD = 3
"""A word that fewer patients have is counted and not shown."""

_SURELY = 0.6
_ROWS_SEARCHED_FOR_HEADER = 25
_ROWS_SEARCHED_FOR_FOOTER = 5
_LEAST_HEADER_SHARE = 0.6
_MOST_DATA_SHARE = 0.2
_MISSING_SIGNS = frozenset({"-", "--", "---", "–", "—", ".", "..", "?", "/", "//", "*"})
_MARKS = (";", ",", "\t", "|")

DATE = re.compile(r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})(?:[T ]\d{1,2}:\d{2}.*)?")
PARTIAL_DATE = re.compile(
    r"(?:18|19|20)\d{2}|(?:0?[1-9]|1[0-2])[-/.](?:18|19|20)\d{2}"
    r"|(?:18|19|20)\d{2}[-/.](?:0?[1-9]|1[0-2])"
)
NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
_DECIMAL = re.compile(r"[+-]?\d+([.,])\d+")
_ZONED = re.compile(r".*\d:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})")
_RELATIVE_DAY = re.compile(r"(?:d|day|tag|giorno)\.? ?-?\d{1,5}", re.IGNORECASE)
_SERIAL_DAYS = range(7_000, 60_000)
"""Spreadsheet day numbers from 1919 to 2064."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    header : str
        As written; line breaks are blanks.
    position : int
        From 0.
    values : Counter
        Text of a cell that is neither empty nor a missing code -> records; typed cells included.
    missing_codes : Counter
        Text that means "not recorded" -> records.
    n_typed_dates, n_typed_numbers : int
        Cells that a workbook or Parquet file holds as a date or number.
    """

    header: str
    position: int
    values: Counter[str] = field(repr=False)
    missing_codes: Counter[str] = field(repr=False)
    n_typed_dates: int = 0
    n_typed_numbers: int = 0

    @cached_property
    def n_filled(self) -> int:
        """Records with a value."""
        return self.values.total()

    def share(self, pattern: re.Pattern[str]) -> float:
        """Return the share of the values that match a pattern as a whole; 0 without values."""
        n = sum(count for text, count in self.values.items() if pattern.fullmatch(text))
        return n / self.n_filled if self.n_filled else 0.0

    @cached_property
    def date_share(self) -> float:
        """Share of the values that are full dates in any order."""
        return self.share(DATE)

    @cached_property
    def number_share(self) -> float:
        """Share of the values that are numbers with either decimal mark."""
        return self.share(NUMBER)

    @cached_property
    def is_serial(self) -> bool:
        """Whether every value may be a spreadsheet day number."""
        texts = self.values.keys()
        return bool(texts) and all(t.isdecimal() and int(t) in _SERIAL_DAYS for t in texts)

    @cached_property
    def is_relative_day(self) -> bool:
        """Whether most values are days such as ``day 28`` or ``Tag 28``."""
        return self.share(_RELATIVE_DAY) > 0.8

    @cached_property
    def date_forms(self) -> dict[str, int]:
        """Date form -> values that it can read, over the full dates that are text."""
        forms: Counter[str] = Counter()
        for text, count in self.values.items():
            for form in date_forms_of(text):
                forms[form] += count
        return dict(forms)

    @cached_property
    def n_two_digit_years(self) -> int:
        """Dates whose year has two digits."""
        matches = [(DATE.fullmatch(text), count) for text, count in self.values.items()]
        return sum(n for match, n in matches if match and max(map(len, match.group(1, 4))) < 4)

    @cached_property
    def n_zoned(self) -> int:
        """Timestamps with a time zone."""
        return sum(count for text, count in self.values.items() if _ZONED.fullmatch(text))

    @cached_property
    def decimal_marks(self) -> Counter[str]:
        """Decimal mark -> numbers written with it."""
        found = [(_DECIMAL.fullmatch(text), n) for text, n in self.values.items()]
        return sum((Counter({m.group(1): n}) for m, n in found if m), Counter())

    @cached_property
    def numbers(self) -> dict[float, int]:
        """Number -> records."""
        found: Counter[float] = Counter()
        for text, n in self.values.items():
            if NUMBER.fullmatch(text):
                found[float(text.replace(",", "."))] += n
        return dict(found)


def date_forms_of(text: str) -> list[str]:
    """Return the declared forms in which a text is a full date: ``12/05/1980`` is dmy/ and mdy/."""
    match = DATE.fullmatch(text)
    if match is None:
        return []
    first, mark, second, third = match.groups()
    if len(first) == 4:
        orders = [("ymd", second, third)]
    elif len(third) in (2, 4) and len(first) <= 2:
        orders = [("dmy", second, first), ("mdy", first, second)]
    else:
        orders = []
    return [
        order + mark
        for order, month, day in orders
        if 1 <= int(month) <= 12 and 1 <= int(day) <= 31
    ]


@dataclass
class Table:
    """One CSV or Parquet file, or one sheet of a workbook.

    Attributes
    ----------
    file, file_format : str
        Name in the folder; one of intake's formats.
    sheet : str or None
        Of a workbook with several sheets.
    encoding, delimiter : str
        As a mapping writes them; "" where the format has none.
    preamble_lines, header_lines : int
        Lines above the header; lines of the header.
    columns : list of Column
    records : list of list of str
        At most MOST_RECORDS_READ, without footers.
    n_records : int
        Records in the table, footers included.
    footers : list of str
        First text of each line of totals at the end.
    is_whole : bool
        Whether every record was looked at.
    pattern : str
        The file's name with ``*`` for a day in it; "" for the name as it is.
    """

    file: str
    file_format: str
    sheet: str | None = None
    encoding: str = ""
    delimiter: str = ""
    preamble_lines: int = 0
    header_lines: int = 1
    columns: list[Column] = field(default_factory=list)
    records: list[list[str]] = field(default_factory=list, repr=False)
    n_records: int = 0
    footers: list[str] = field(default_factory=list)
    is_whole: bool = True
    pattern: str = ""

    @property
    def named(self) -> str:
        """The file as a mapping names it: its pattern where it has one."""
        return self.pattern or self.file

    @property
    def name(self) -> str:
        """File, and sheet where there is one."""
        return f"{self.named} [{self.sheet}]" if self.sheet else self.named

    def column(self, header: str) -> Column | None:
        """Return the column with this header; case and outer blanks do not count."""
        wanted = header.strip().lower()
        return next((c for c in self.columns if c.header.strip().lower() == wanted), None)

    def cells(self, column: Column) -> list[str]:
        """Return the cells of a column record by record; a missing code is empty."""
        texts = (record[column.position].strip() for record in self.records)
        return ["" if text in column.missing_codes else text for text in texts]

    def shown_words(self, column: Column, patients: Column | None) -> dict[str, int]:
        """Return the words of a column with their records, where they say nothing about a person.

        A word is shown where three patients or more have it, and the column has few words: at most
        20, each in three records or more on average.
        """
        is_coded = 0 < len(column.values) <= 20 and column.n_filled >= 3 * len(column.values)
        if patients is None or column is patients or not is_coded:
            return {}
        if words_of(column.header, "identity") > _SURELY or column.date_share > 0:
            return {}
        holders: dict[str, set[str]] = {}
        for patient, text in zip(self.cells(patients), self.cells(column), strict=True):
            holders.setdefault(text, set()).add(patient)
        return {
            text: n
            for text, n in column.values.most_common()
            if len(holders.get(text, ())) >= LEAST_PATIENTS_OF_A_WORD and len(text) <= 40
        }


@dataclass
class Folder:
    """What was found in a folder: tables, and files that cannot be read with the reason."""

    tables: list[Table] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)


def scan_folder(folder: Path) -> Folder:
    """Look at every file of a folder that may hold a table; nothing is loaded.

    Raises
    ------
    OSError
        The folder cannot be listed.
    """
    found = Folder()
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith((".", "~$")))
    with open_folder(folder) as handle:
        for name in names:
            file_format = next((FORMATS[e] for e in _endings() if name.lower().endswith(e)), None)
            if file_format is None:
                continue
            try:
                found.tables += _tables(handle, name, file_format)
            except FileRefusedError as refusal:
                found.problems.append((name, refusal.cause))
    return found


def _endings() -> list[str]:
    return sorted(FORMATS, key=len, reverse=True)


def _tables(handle: int, name: str, file_format: str) -> Iterator[Table]:
    source = SourceBytes(handle, name)
    try:
        if file_format == "xlsx":
            yield from _sheets(name, private_copy(source.blocks()))
        elif file_format == "parquet":
            yield _parquet(name, private_copy(source.blocks()))
        else:
            blocks = source.blocks() if file_format == "csv" else inflate(source.blocks())
            yield _csv(name, file_format, blocks)
    finally:
        source.close()


def _csv(name: str, file_format: str, blocks: Iterator[bytes]) -> Table:
    content = b""
    for block in blocks:
        content += block
        if len(content) > _MOST_BYTES_READ:
            content = content[: content.rfind(b"\n") + 1]
            break
    is_cut = len(content) > _MOST_BYTES_READ - (4 << 20)
    encoding = encoding_of(content)
    text = content.decode(encoding, "replace").removeprefix(BYTE_ORDER_MARK)
    delimiter = delimiter_of(text)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    shown = "tab" if delimiter == "\t" else delimiter
    table = _table(rows, Table(name, file_format, encoding=encoding, delimiter=shown))
    table.is_whole = table.is_whole and not is_cut
    return table


def encoding_of(content: bytes) -> str:
    """Return the encoding of text as a mapping writes it."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(content) - 4:
            undefined = b"\x81\x8d\x8f\x90\x9d"
            return "latin-1" if any(byte in content for byte in undefined) else "cp1252"
    return "utf-8"


def delimiter_of(text: str) -> str:
    """Return the mark by which most lines have the same number of fields, two or more."""
    head = "".join(islice(io.StringIO(text, newline=""), 200))
    best, most = ",", (0.0, 0)
    for mark in _MARKS:
        widths = Counter(len(row) for row in csv.reader(io.StringIO(head), delimiter=mark) if row)
        width, n = widths.most_common(1)[0] if widths else (1, 0)
        evidence = (round(n / widths.total(), 1), width) if width > 1 else (0.0, 0)
        if evidence > most:
            best, most = mark, evidence
    return best


def _sheets(name: str, copy: Any) -> Iterator[Table]:
    import openpyxl  # noqa: PLC0415 (slow to import, needed for workbooks only)

    warnings.filterwarnings("ignore", module=r"openpyxl\.")
    try:
        book = openpyxl.load_workbook(copy, read_only=True, data_only=True)
        sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        for sheet in sheets:
            sheet.reset_dimensions()
            rows = [list(row) for row in sheet.iter_rows(values_only=True)]
            blank = Table(name, "xlsx", sheet=sheet.title if len(book.sheetnames) > 1 else None)
            table = _table(rows, blank)
            if table.columns:
                yield table
    except Exception:  # a damaged workbook raises anything
        raise FileRefusedError("damaged_workbook", "is a damaged Excel workbook.") from None


def _parquet(name: str, copy: Any) -> Table:
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        file = pq.ParquetFile(copy)
        batches = file.iter_batches(batch_size=MOST_RECORDS_READ)
        found = next(batches, None)
    except (pa.ArrowException, OSError):
        raise FileRefusedError("damaged_parquet", "is a damaged Parquet file.") from None
    columns = [] if found is None else [column.to_pylist() for column in found.columns]
    rows = [list(file.schema_arrow.names), *map(list, zip(*columns, strict=True))]
    table = _table(rows, Table(name, "parquet"), has_plain_header=True)
    table.n_records = file.metadata.num_rows
    table.is_whole = table.n_records == len(table.records)
    return table


def _table(rows: list[list[Any]], table: Table, has_plain_header: bool = False) -> Table:
    """Find header and footers among the rows of a table and describe its columns."""
    texts = [[_text(cell) for cell in row] for row in rows[: MOST_RECORDS_READ + 100]]
    while texts and not any(texts[-1]):
        texts.pop()
    if not texts:
        return table
    if not has_plain_header:
        table.preamble_lines, table.header_lines = header_place(texts)
    start = table.preamble_lines + table.header_lines
    headers = joined_headers(texts[table.preamble_lines : start])
    records = [row for row in texts[start:] if any(row)]
    table.n_records = sum(1 for row in rows[start:] if any(cell not in (None, "") for cell in row))
    while records and len(table.footers) < _ROWS_SEARCHED_FOR_FOOTER and _is_total(records[-1]):
        table.footers.insert(0, next(text for text in records.pop() if text))
    width = len(headers)
    table.records = [(row + [""] * width)[:width] for row in records[:MOST_RECORDS_READ]]
    table.is_whole = len(records) <= MOST_RECORDS_READ
    typed = rows[start : start + len(records)]
    table.columns = [
        _column(header, position, table.records, typed)
        for position, header in enumerate(headers)
        if header
    ]
    return table


def _column(
    header: str, position: int, records: Sequence[list[str]], typed: Sequence[list[Any]]
) -> Column:
    counts = Counter(record[position].strip() for record in records)
    counts.pop("", None)
    missing = Counter({text: n for text, n in counts.items() if is_missing_code(text)})
    cells = [row[position] for row in typed if position < len(row)]
    return Column(
        header,
        position,
        counts - missing,
        missing,
        sum(isinstance(cell, datetime.date) for cell in cells),
        sum(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells),
    )


def is_missing_code(text: str) -> bool:
    """Return whether a text means "not recorded": a sign such as ``-``, or a word of the list."""
    return folded(text) in MISSING_WORDS if any(map(str.isalnum, text)) else text in _MISSING_SIGNS


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell
    try:
        return render(cell, DEFAULT_CELL_FORM)  # typed cells in our own form
    except InexactNumberError:
        return str(cell)


def _looks_like_data(text: str) -> bool:
    return bool(NUMBER.fullmatch(text.strip()) or DATE.fullmatch(text.strip()))


def header_place(rows: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Return the lines above the header and the lines of the header, 1 or 2.

    The header is the first line with texts in most columns and next to no numbers or dates. It has
    two lines where its texts repeat (``EASI, EASI`` above ``T0, T4``, or ``T0, T4, T0, T4`` below
    ``EASI, , NRS,``).
    """
    filled = [[bool(text.strip()) for text in row] for row in rows[:200]]
    width = max(max((i for i, f in enumerate(row) if f), default=-1) + 1 for row in filled)
    for number, row in enumerate(rows[:_ROWS_SEARCHED_FOR_HEADER]):
        texts = [text.strip() for text in row if text.strip()]
        n_data = sum(map(_looks_like_data, texts))
        if len(texts) < _LEAST_HEADER_SHARE * width or n_data > _MOST_DATA_SHARE * len(texts):
            continue
        is_unique = len({text.lower() for text in texts}) == len(texts)
        below = [text.strip() for text in rows[number + 1]] if number + 1 < len(rows) else []
        if is_unique:
            return number, 1
        if number and any(rows[number - 1]) and _repeats_below(rows[number - 1], row):
            return number - 1, 2
        if below and _repeats_below(row, below):
            return number, 2
        return number, 1
    return 0, 1


def _repeats_below(upper: Sequence[str], lower: Sequence[str]) -> bool:
    """Return whether two lines together name every column once, the lower one without data."""
    names = [name for name in joined_headers([upper, lower]) if name]
    lower_texts = [text for text in lower if text.strip()]
    return (
        len(set(names)) == len(names)
        and len(lower_texts) >= 2
        and sum(map(_looks_like_data, lower_texts)) <= _MOST_DATA_SHARE * len(lower_texts)
    )


def joined_headers(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return one header per column: with two lines the group, carried to the right, and the name.

    A line break inside a header is a blank.
    """
    plain = [[" ".join(text.split()) for text in line] for line in lines]
    if len(plain) == 1:
        return plain[0]
    upper, lower = plain
    width = max(len(upper), len(lower))
    upper, lower = (line + [""] * (width - len(line)) for line in (upper, lower))
    group, names = "", []
    for above, below in zip(upper, lower, strict=True):
        group = above or (group if below else "")
        names.append(f"{group} {below}".strip())
    return names


def _is_total(row: Sequence[str]) -> bool:
    first = next((text for text in row if text.strip()), "")
    start = re.split(r"[^\w]", unicodedata.normalize("NFC", first.strip().lower()), maxsplit=1)[0]
    return folded(first) in TOTAL_WORDS or start in TOTAL_WORDS
