"""Write tables for spreadsheets so that no cell can become a formula.

A text that begins with one of the signs below is run as a formula by spreadsheet programs
(CWE-1236); it gets an apostrophe in front. Numbers stay numbers.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Font

Cell = str | int | float | None
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")


def safe(cell: Cell) -> Cell:
    """Return a cell that a spreadsheet shows and never runs.

    Control characters become question marks; a text that begins like a formula, blanks in front
    of it or not, gets an apostrophe.
    """
    if not isinstance(cell, str):
        return cell
    begins_like_formula = cell.startswith(FORMULA_STARTS) or cell.lstrip().startswith(
        FORMULA_STARTS
    )
    shown = "".join(c if c.isprintable() else "?" for c in cell)
    return "'" + shown if begins_like_formula else shown


def write_csv(path: Path, rows: Sequence[Sequence[Cell]]) -> None:
    """Write rows as UTF-8 CSV with a byte order mark, so that spreadsheets read accents."""
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows([safe(cell) for cell in row] for row in rows)


def write_xlsx(path: Path, sheets: dict[str, Sequence[Sequence[Cell]]]) -> None:
    """Write one workbook with a sheet per table; the first row of each is bold."""
    book = Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title[:31])
        for row_number, row in enumerate(rows, start=1):
            for column_number, cell in enumerate(row, start=1):
                written = sheet.cell(row_number, column_number)
                written.value = safe(cell)
                if isinstance(cell, str):
                    written.data_type = "s"
                if row_number == 1:
                    written.font = Font(bold=True)
    book.save(path)
