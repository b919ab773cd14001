"""Read every table of a folder without a mapping: its encoding, delimiter, header and footers."""

from __future__ import annotations

import csv
import datetime
import io
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from intake.cells import InexactNumberError, private_copy, render
from intake.file_bytes import SourceBytes, inflate, open_folder
from intake.propose.headers import MISSING_WORDS, TOTAL_WORDS, folded
from intake.propose.tables import DATE, NUMBER, Column, Folder, Table
from intake.records import BYTE_ORDER_MARK, joined_headers
from intake.refusals import FileRefusedError
from intake.uses import DEFAULT_CELL_FORM, FORMATS

MOST_RECORDS_READ = 50_000
"""Records of one table that are looked at; more would change no proposal."""

_MOST_BYTES_READ = 64 << 20
_ROWS_SEARCHED_FOR_HEADER = 25
_MOST_REMARKS = 0.2
_LEAST_WIDTH_OF_REMARKS = 3
_ROWS_SEARCHED_FOR_FOOTER = 5
_LEAST_HEADER_SHARE = 0.6
_MOST_DATA_SHARE = 0.2
_MISSING_SIGNS = frozenset({"-", "--", "---", "–", "—", ".", "..", "?", "/", "//", "*"})
_MARKS = (";", ",", "\t", "|")


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
            endings = [ending for ending in FORMATS if name.lower().endswith(ending)]
            if not endings:
                continue
            try:
                found.tables += _tables(handle, name, FORMATS[max(endings, key=len)])
            except FileRefusedError as refusal:
                found.problems.append((name, refusal.cause))
    return found


def _tables(handle: int, name: str, file_format: str) -> Iterator[Table]:
    with closing(SourceBytes(handle, name)) as source:
        if file_format == "xlsx":
            yield from _sheets(name, private_copy(source.blocks()))
        elif file_format == "parquet":
            yield _parquet(name, private_copy(source.blocks()))
        else:
            blocks = source.blocks() if file_format == "csv" else inflate(source.blocks())
            yield _csv(name, file_format, blocks)


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
    records = _without_remarks(records, headers, table)
    table.records = [(row + [""] * width)[:width] for row in records[:MOST_RECORDS_READ]]
    table.is_whole = len(records) <= MOST_RECORDS_READ
    typed = rows[start : start + len(records)]
    table.columns = [
        _column(header, position, table.records, typed)
        for position, header in enumerate(headers)
        if header
    ]
    return table


def _without_remarks(
    records: list[list[str]], headers: Sequence[str], table: Table
) -> list[list[str]]:
    """Leave out the lines between records that hold one text unlike the cells of its column.

    A patient with an identifier and nothing else stays: the identifier is written like the others.
    Without a column that distinguishes both nothing is left out.
    """
    lone = [number for number, row in enumerate(records) if len([t for t in row if t]) == 1]
    if not 0 < len(lone) <= _MOST_REMARKS * len(records) or len(headers) < _LEAST_WIDTH_OF_REMARKS:
        return records
    whole = [row for number, row in enumerate(records) if number not in {*lone}]
    shapes = {(place, _shape(row[place])) for row in whole for place in range(len(row))}
    remarks = {
        number for number in lone
        if not shapes & {(place, _shape(t)) for place, t in enumerate(records[number]) if t}
    }  # fmt: skip
    kept = [row for number, row in enumerate(records) if number not in remarks]
    places = {place for number in remarks for place, text in enumerate(records[number]) if text}
    for place, header in enumerate(headers):
        is_in_all = all(place < len(row) and row[place] for row in kept)
        if remarks and header and is_in_all and place not in places:
            table.n_remarks, table.always_filled = len(remarks), header
            return kept
    return records


def _shape(text: str) -> str:
    """Return how a text is written: its digits, letters, blanks and signs, each run once."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", text.strip()))


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


def _is_total(row: Sequence[str]) -> bool:
    first = next((text for text in row if text.strip()), "")
    start = re.split(r"[^\w]", unicodedata.normalize("NFC", first.strip().lower()), maxsplit=1)[0]
    return folded(first) in TOTAL_WORDS or (start in TOTAL_WORDS and len(start) > 1)
