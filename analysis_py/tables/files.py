"""The files of a table: HTML, CSV, XLSX and DOCX."""

from __future__ import annotations

from analysis_py.report_words import typographic
from analysis_py.tables.document import docx_bytes
from analysis_py.tables.page import page_bytes
from analysis_py.tables.table import Table
from analysis_py.tables.workbook import xlsx_bytes
from core.spreadsheet import csv_bytes


def table_files(table: Table, banner: str) -> dict[str, bytes]:
    """Write a table in every format.

    Parameters
    ----------
    table : Table
    banner : str
        First line of everything that is shown: synthetic or not, and the delivery's label.

    Returns
    -------
    dict
        File name -> content; the same bytes for the same table.
    """
    return {
        f"{table.name}.html": page_bytes(table, banner),
        f"{table.name}.csv": _csv(table),
        f"{table.name}.xlsx": xlsx_bytes(table, banner),
        f"{table.name}.docx": docx_bytes(table, banner),
    }


def _csv(table: Table) -> bytes:
    """One record per line of the table; its block in a column of its own."""
    block, records = "", []
    for line in table.lines:
        if line.is_heading:
            block = line.name
        else:
            records.append([typographic(text) for text in (block, line.name, *line.cells)])
    return csv_bytes(["Block", table.stub, *table.columns], records)
