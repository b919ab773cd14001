"""Safe text for spreadsheet cells, CSV, and Office files that are the same bytes every time."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_TIMES = re.compile(rb"<dcterms:(created|modified)[^>]*>[^<]*</dcterms:\1>")
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
_CORE = "docProps/core.xml"


def safe_text(text: str) -> str:
    """Return text that no spreadsheet takes for a formula (OWASP CSV injection, CWE-1236).

    A plain number stays as it is; control characters, which a workbook cannot store, become blanks.

    Examples
    --------
    >>> safe_text("=1+1"), safe_text("-0.5"), safe_text("Face")
    ("'=1+1", '-0.5', 'Face')
    """
    shown = _CONTROL.sub(" ", text)
    begins_like_a_formula = text.startswith(FORMULA_STARTS) or text.lstrip().startswith(
        FORMULA_STARTS
    )
    if begins_like_a_formula and not _NUMBER.fullmatch(text):
        return f"'{shown}"
    return shown


def write_cell(cell: Any, value: object) -> Any:
    """Write a value into an openpyxl cell and return the cell; text never becomes a formula."""
    if isinstance(value, str):
        cell.value = safe_text(value)
        cell.data_type = "s"
    else:
        cell.value = value
    return cell


def csv_bytes(header: Sequence[str], lines: Iterable[Sequence[object]]) -> bytes:
    """Write CSV in UTF-8 with a byte order mark, which spreadsheets need to read accents.

    Parameters
    ----------
    lines : iterable of sequences
        Text is made safe; a number is written unrounded; None is an empty cell.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    for line in (header, *lines):
        writer.writerow([safe_text(value) if isinstance(value, str) else value for value in line])
    return buffer.getvalue().encode("utf-8-sig")


def saved(document: Any) -> bytes:
    """Return an openpyxl workbook or a Word document as a file without the time of writing."""
    written, buffer = io.BytesIO(), io.BytesIO()
    document.save(written)
    with (
        zipfile.ZipFile(written) as source,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            content = source.read(name)
            if name == _CORE:
                content = _TIMES.sub(b"", content)
            entry = zipfile.ZipInfo(name, _FIRST_DAY)
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, content)
    return buffer.getvalue()
