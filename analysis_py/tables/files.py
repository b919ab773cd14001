"""All tables as one workbook and one Word file; the same tables give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from docx import Document
from docx.document import Document as WordDocument
from docx.enum.section import WD_ORIENT
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.section import Section
from docx.shared import Cm, Pt
from docx.table import Table as WordTable
from docx.table import _Cell
from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.worksheet import Worksheet

from analysis_py.phrases import typographic
from analysis_py.results import Results
from analysis_py.rows import records
from analysis_py.tables.table import Table
from core.spreadsheet import safe_text, saved, write_cell

BOLD = Font(bold=True)
LINK = Font(color="0B4F83", underline="single")
RULE = Side(style="thin")
WRAPPED = Alignment(wrap_text=True, vertical="top")
WIDEST_CELL, NARROWEST_CELL = 44, 9

SHORT_SIDE, LONG_SIDE, MARGIN = Cm(21.0), Cm(29.7), Cm(2.0)
MOST_COLUMNS_UPRIGHT = 4
SMALL, LARGE = Pt(9), Pt(10)
INDENT = Cm(0.35)
WIDEST_SHARE = 30


def workbook(tables: Iterable[Table], results: Results, banner: str) -> bytes:
    """Write the XLSX workbook: contents, a sheet per table, and every result unrounded.

    Parameters
    ----------
    results : Results
        Fill the last sheet.
    banner : str
        Shown on every sheet of a table: synthetic or not, the delivery, who may read it.
    """
    tables = list(tables)
    book = Workbook()
    contents = book.active
    contents.title = "Contents"
    write_cell(contents["A1"], "Tables of the study").font = BOLD
    write_cell(contents["A2"], banner)
    entries = [(table.number, table.title) for table in tables]
    entries.append(("Results", "Every result, unrounded, with population, method and warnings"))
    for row, (number, title) in enumerate(entries, start=4):
        name = write_cell(contents.cell(row, 1), number)
        name.hyperlink = Hyperlink(ref=name.coordinate, location=f"'{number}'!A1")
        name.font = LINK
        write_cell(contents.cell(row, 2), title)
    contents.column_dimensions["A"].width = 14
    for table in tables:
        _table_sheet(book.create_sheet(table.number), table, banner)
    _results_sheet(book.create_sheet("Results"), results)
    return saved(book)


def _table_sheet(sheet: Worksheet, table: Table, banner: str) -> None:
    write_cell(sheet.cell(1, 1), f"{table.number}. {table.title}").font = BOLD
    write_cell(sheet.cell(2, 1), banner)
    header = 4
    for column, name in enumerate((table.stub, *table.columns), start=1):
        cell = write_cell(sheet.cell(header, column), name)
        cell.font, cell.alignment = BOLD, WRAPPED
        cell.border = Border(top=RULE, bottom=RULE)
    row = header
    for line in table.lines:
        row += 1
        name = write_cell(sheet.cell(row, 1), line.name)
        name.font = Font(bold=line.is_heading)
        name.alignment = Alignment(wrap_text=not line.is_heading, vertical="top")
        for column, text in enumerate(line.cells, start=2):
            write_cell(sheet.cell(row, column), typographic(text)).alignment = WRAPPED
    for column in range(1, len(table.columns) + 2):
        sheet.cell(row, column).border = Border(bottom=RULE)
    for number, note in enumerate(table.notes, start=1):
        write_cell(sheet.cell(row + number, 1), typographic(note))
    sheet.freeze_panes = sheet.cell(header + 1, 2)
    for place, texts in enumerate(_columns(table), start=1):
        width = min(WIDEST_CELL, max(NARROWEST_CELL, *(len(text) + 2 for text in texts)))
        sheet.column_dimensions[get_column_letter(place)].width = width
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True


def _columns(table: Table) -> list[tuple[str, ...]]:
    """Head and texts of each column, without the headings of blocks."""
    lines = [(line.name, *line.cells) for line in table.lines if not line.is_heading]
    return list(zip((table.stub, *table.columns), *lines, strict=True))


def _results_sheet(sheet: Worksheet, results: Results) -> None:
    frame = results.to_frame()
    for column, name in enumerate(frame.columns, start=1):
        write_cell(sheet.cell(1, column), name).font = BOLD
    for row, record in enumerate(records(frame), start=2):
        for column, value in enumerate(record.values(), start=1):
            if value is not None and value != "":
                write_cell(sheet.cell(row, column), value)
    sheet.freeze_panes = "B2"
    sheet.column_dimensions["A"].width = 60


def word_file(tables: Sequence[Table], banner: str) -> bytes:
    """Write the DOCX document, a page or more per table, to be copied into a manuscript."""
    document = Document()
    document.core_properties.title = "Tables of the study"
    document.core_properties.author = ""
    document.core_properties.comments = safe_text(banner)[:255]
    style = document.styles["Normal"]
    style.font.name = "Calibri"
    style.font.size = SMALL
    style.paragraph_format.space_after = Pt(0)
    language = style.element.get_or_add_rPr().makeelement(qn("w:lang"), {qn("w:val"): "en-GB"})
    style.element.get_or_add_rPr().append(language)
    header = document.sections[0].header.paragraphs[0]
    header.add_run(safe_text(banner))
    for number, table in enumerate(tables):
        section = document.add_section() if number else document.sections[0]
        width = _set_up_page(section, is_wide=len(table.columns) > MOST_COLUMNS_UPRIGHT)
        _write_table(document, table, width)
    return saved(document)


def _set_up_page(section: Section, *, is_wide: bool) -> int:
    """Turn the page upright or across; return the width between its margins."""
    sides = (LONG_SIDE, SHORT_SIDE) if is_wide else (SHORT_SIDE, LONG_SIDE)
    section.page_width, section.page_height = sides
    section.orientation = WD_ORIENT.LANDSCAPE if is_wide else WD_ORIENT.PORTRAIT
    for side in ("left_margin", "right_margin", "top_margin", "bottom_margin"):
        setattr(section, side, MARGIN)
    return sides[0] - 2 * MARGIN


def _write_table(document: WordDocument, table: Table, width: int) -> None:
    """Write title, table with repeated head line, and notes."""
    title = document.add_paragraph()
    title.paragraph_format.keep_with_next = True
    title.paragraph_format.space_after = Pt(8)
    for text, is_bold in ((f"{table.number}. ", True), (table.title, False)):
        run = title.add_run(text)
        run.bold, run.font.size = is_bold, LARGE
    grid = document.add_table(rows=0, cols=len(table.columns) + 1)
    grid.autofit = False
    for column, share in zip(grid.columns, _widths(table, width), strict=True):
        column.width = share  # a row that is added takes the widths of the columns
    head = _add_row(grid, (table.stub, *table.columns), "tblHeader", is_bold=True)
    _rules(head, "top", "bottom")
    has_headings = any(line.is_heading for line in table.lines)
    last = head
    for line in table.lines:
        if line.is_heading:
            last = _add_row(grid, (line.name,), "cantSplit", is_bold=True)
            last[0].merge(grid.rows[-1].cells[-1])
            continue
        last = _add_row(grid, (line.name, *map(typographic, line.cells)), "cantSplit")
        if has_headings:
            last[0].paragraphs[0].paragraph_format.left_indent = INDENT
    _rules(last, "bottom")
    for note in table.notes:
        paragraph = document.add_paragraph(typographic(note))
        paragraph.paragraph_format.space_before = Pt(2)


def _add_row(
    grid: WordTable, texts: Sequence[str], kind: str, *, is_bold: bool = False
) -> tuple[_Cell, ...]:
    row = grid.add_row()
    row._tr.get_or_add_trPr().append(OxmlElement(f"w:{kind}"))
    cells = row.cells
    for cell, text in zip(cells, texts, strict=len(texts) > 1):  # a heading has one text
        run = cell.paragraphs[0].add_run(safe_text(text))
        if is_bold:
            run.bold = True
    return cells


def _rules(cells: Iterable[_Cell], *sides: str) -> None:
    """Draw horizontal rules on a row's cells, as journals print them."""
    for cell in cells:
        borders = OxmlElement("w:tcBorders")
        for side in sides:
            rule = OxmlElement(f"w:{side}")
            rule.set(qn("w:val"), "single")
            rule.set(qn("w:sz"), "6")
            borders.append(rule)
        cell._tc.get_or_add_tcPr().append(borders)


def _widths(table: Table, room: int) -> list[int]:
    """Divide the width by each column's longest text, up to a limit; heads may break at blanks."""
    texts = [_longest(column, is_first=place == 0) for place, column in enumerate(_columns(table))]
    widths = [min(WIDEST_SHARE, longest) + 5 for longest in texts]
    return [int(room * width / sum(widths)) for width in widths]


def _longest(column: tuple[str, ...], *, is_first: bool) -> int:
    head, *cells = column
    return max(len(head) if is_first else max(map(len, head.split())), *map(len, cells))
