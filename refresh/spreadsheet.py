"""Write tables of counts as CSV and workbook; no cell of theirs can become a formula."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Font

from analysis_py.tables.spreadsheet import csv_bytes, safe_text

Cell = str | int | None


def write_csv(path: Path, rows: Sequence[Sequence[Cell]]) -> None:
    """Write rows as CSV; the first row is the header."""
    path.write_bytes(csv_bytes([str(cell) for cell in rows[0]], rows[1:]))


def write_xlsx(path: Path, sheets: dict[str, Sequence[Sequence[Cell]]]) -> None:
    """Write one workbook with a sheet per table; the first row of each is bold."""
    book = Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title[:31])
        for row_number, row in enumerate(rows, start=1):
            for column_number, cell in enumerate(row, start=1):
                written = sheet.cell(row_number, column_number)
                if isinstance(cell, str):
                    written.value = safe_text(cell)
                    written.data_type = "s"
                else:
                    written.value = cell
                if row_number == 1:
                    written.font = Font(bold=True)
    book.save(path)
