"""A table as a DOCX document, to be pasted into a manuscript."""

from __future__ import annotations

import io

from docx import Document
from docx.document import Document as OpenDocument
from docx.enum.section import WD_ORIENT
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt
from docx.table import Table as WordTable
from docx.table import _Cell, _Row

from analysis_py.report_words import typographic
from analysis_py.tables.table import Table
from core.spreadsheet import safe_text, without_times

SHORT_SIDE, LONG_SIDE, MARGIN = Cm(21.0), Cm(29.7), Cm(2.0)
MOST_COLUMNS_UPRIGHT = 4
SMALL = Pt(9)
INDENT = Cm(0.35)
WIDEST_SHARE = 30


def docx_bytes(table: Table, banner: str) -> bytes:
    """Write the document: title, table with repeated head line, notes; the banner on top."""
    document = Document()
    _page(document, is_wide=len(table.columns) > MOST_COLUMNS_UPRIGHT, banner=banner)
    document.core_properties.title = f"{table.number}. {table.title}"
    document.core_properties.author = ""
    document.core_properties.comments = safe_text(banner)[:255]
    title = document.add_paragraph()
    title.add_run(f"{table.number}. ").bold = True
    title.add_run(table.title)
    title.paragraph_format.keep_with_next = True
    _grid(document, table)
    for note in table.notes:
        paragraph = document.add_paragraph()
        paragraph.paragraph_format.space_before = Pt(2)
        paragraph.paragraph_format.space_after = Pt(0)
        paragraph.add_run(typographic(note)).font.size = SMALL
    buffer = io.BytesIO()
    document.save(buffer)
    return without_times(buffer.getvalue())


def _page(document: OpenDocument, *, is_wide: bool, banner: str) -> None:
    section = document.sections[0]
    sides = (LONG_SIDE, SHORT_SIDE) if is_wide else (SHORT_SIDE, LONG_SIDE)
    section.page_width, section.page_height = sides
    section.orientation = WD_ORIENT.LANDSCAPE if is_wide else WD_ORIENT.PORTRAIT
    for side in ("left_margin", "right_margin", "top_margin", "bottom_margin"):
        setattr(section, side, MARGIN)
    section.header.paragraphs[0].add_run(safe_text(banner)).font.size = SMALL
    style = document.styles["Normal"]
    style.font.name = "Calibri"
    style.font.size = Pt(10)
    language = style.element.get_or_add_rPr().makeelement(qn("w:lang"), {qn("w:val"): "en-GB"})
    style.element.get_or_add_rPr().append(language)


def _grid(document: OpenDocument, table: Table) -> None:
    grid = document.add_table(rows=1, cols=len(table.columns) + 1)
    head = grid.rows[0]
    for cell, text in zip(head.cells, (table.stub, *table.columns), strict=True):
        _fill(cell, text, is_bold=True)
    _repeat(head)
    _rules(head, "top", "bottom")
    has_headings = any(line.is_heading for line in table.lines)
    for line in table.lines:
        row = grid.add_row()
        _keep_together(row)
        if line.is_heading:
            _fill(row.cells[0].merge(row.cells[-1]), line.name, is_bold=True)
            continue
        for cell, text in zip(row.cells, (line.name, *map(typographic, line.cells)), strict=True):
            _fill(cell, text)
        if has_headings:
            row.cells[0].paragraphs[0].paragraph_format.left_indent = INDENT
    _rules(grid.rows[-1], "bottom")
    _set_widths(grid, _shares(table), document)


def _fill(cell: _Cell, text: str, *, is_bold: bool = False) -> None:
    paragraph = cell.paragraphs[0]
    paragraph.paragraph_format.space_after = Pt(0)
    run = paragraph.add_run(safe_text(text))
    run.font.size = SMALL
    run.bold = is_bold


def _repeat(row: _Row) -> None:
    """Repeat the head line on every page."""
    row._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))


def _keep_together(row: _Row) -> None:
    row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))


def _rules(row: _Row, *sides: str) -> None:
    """Horizontal rules of a row, as journals print them."""
    for cell in row.cells:
        borders = OxmlElement("w:tcBorders")
        for side in sides:
            rule = OxmlElement(f"w:{side}")
            rule.set(qn("w:val"), "single")
            rule.set(qn("w:sz"), "6")
            borders.append(rule)
        cell._tc.get_or_add_tcPr().append(borders)


def _shares(table: Table) -> list[float]:
    """Share of the width that each column gets: by its longest text, long ones being broken."""
    texts = [(table.stub, *(line.name for line in table.lines if not line.is_heading))]
    for place, name in enumerate(table.columns):
        cells = [line.cells[place] for line in table.lines if not line.is_heading]
        longest_word = max(name.split(), key=len)
        texts.append((longest_word, *cells))
    widths = [min(WIDEST_SHARE, max(len(text) for text in column)) + 5 for column in texts]
    return [width / sum(widths) for width in widths]


def _set_widths(grid: WordTable, shares: list[float], document: OpenDocument) -> None:
    grid.autofit = False
    section = document.sections[0]
    room = section.page_width - section.left_margin - section.right_margin
    for column, share in zip(grid.columns, shares, strict=True):
        column.width = int(room * share)
    for row in grid.rows:
        if len(set(row.cells)) == len(shares):
            for cell, share in zip(row.cells, shares, strict=True):
                cell.width = int(room * share)
