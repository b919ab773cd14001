"""A table as an XLSX workbook: the table as printed, and the results it was made from."""

from __future__ import annotations

import io

from openpyxl import Workbook
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from analysis_py.report_rows import frame_of
from analysis_py.report_words import typographic
from analysis_py.tables.table import Table
from core.spreadsheet import safe_text, without_times

BOLD = Font(bold=True)
RULE = Side(style="thin")
WRAPPED = Alignment(wrap_text=True, vertical="top")
WIDEST, NARROWEST = 44, 9


def xlsx_bytes(table: Table, banner: str) -> bytes:
    """Write the workbook; its text cells hold text, whatever they begin with."""
    workbook = Workbook()
    _printed(workbook.active, table, banner)
    _results(workbook.create_sheet("Results"), table)
    buffer = io.BytesIO()
    workbook.save(buffer)
    return without_times(buffer.getvalue())


def _printed(sheet: Worksheet, table: Table, banner: str) -> None:
    sheet.title = "Table"
    _write(sheet.cell(1, 1), f"{table.number}. {table.title}").font = BOLD
    _write(sheet.cell(2, 1), banner)
    header = 4
    for column, name in enumerate((table.stub, *table.columns), start=1):
        cell = _write(sheet.cell(header, column), name)
        cell.font, cell.alignment = BOLD, WRAPPED
        cell.border = Border(top=RULE, bottom=RULE)
    row = header
    for line in table.lines:
        row += 1
        name = _write(sheet.cell(row, 1), line.name)
        name.font = Font(bold=line.is_heading)
        name.alignment = Alignment(wrap_text=not line.is_heading, vertical="top")
        for column, text in enumerate(line.cells, start=2):
            _write(sheet.cell(row, column), typographic(text)).alignment = WRAPPED
    for column in range(1, len(table.columns) + 2):
        sheet.cell(row, column).border = Border(bottom=RULE)
    for number, note in enumerate(table.notes, start=1):
        _write(sheet.cell(row + number, 1), typographic(note))
    sheet.freeze_panes = sheet.cell(header + 1, 2)
    for column in range(len(table.columns) + 1):
        texts = [(table.stub, *table.columns)[column]] + [
            (line.name, *line.cells)[column] for line in table.lines if not line.is_heading
        ]
        width = min(WIDEST, max(NARROWEST, *(len(text) + 2 for text in texts)))
        sheet.column_dimensions[get_column_letter(column + 1)].width = width
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True


def _results(sheet: Worksheet, table: Table) -> None:
    frame = frame_of(table.rows)
    values = frame.astype(object).where(frame.notna(), None)
    for column, name in enumerate(frame.columns, start=1):
        _write(sheet.cell(1, column), name).font = BOLD
    for row, line in enumerate(values.itertuples(index=False), start=2):
        for column, value in enumerate(line, start=1):
            if value is not None and value != "":
                _write(sheet.cell(row, column), value)
    sheet.freeze_panes = "B2"
    sheet.column_dimensions["A"].width = 60


def _write(cell: Cell, value: object) -> Cell:
    """Put a value into a cell; text stays text even where openpyxl would see a formula."""
    if isinstance(value, str):
        cell.value = safe_text(value)
        cell.data_type = "s"
    else:
        cell.value = value
    return cell
