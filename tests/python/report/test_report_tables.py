"""Tables: the paper's own cells, equal in every format, and equal to the rows of results."""

from __future__ import annotations

import csv
import io
import zipfile
from html.parser import HTMLParser

import docx
import openpyxl
import pandas as pd
import pytest

from analysis_py.analyses import _models
from analysis_py.report.source import ReportSource
from analysis_py.report_rows import NothingToShowError, ResultRows
from analysis_py.report_words import LEFT_OUT, typographic
from analysis_py.tables import TABLES, Table, build_all
from analysis_py.tables.files import table_files
from core.spreadsheet import safe_text

BANNER = "SYNTHETIC DATA, no real patients"
# As printed in the paper, "44,3" and "(34.5)" as its rounding gives them.
TABLE_2 = {
    "None (emollients only)": (
        "106 (34.5)",
        "127 (44.9); p = 0.005",
        "121 (48.0); p < 0.001",
        "124 (63.9); p < 0.001",
    ),
    "Corticosteroids": (
        "136 (44.3)",
        "92 (32.5); p < 0.001",
        "75 (29.8); p < 0.001",
        "33 (17.0); p < 0.001",
    ),
    "Tacrolimus": (
        "20 (6.5)",
        "31 (11.0); p = 0.003",
        "34 (13.5); p = 0.006",
        "22 (11.3); p = 0.061",
    ),
    "Corticosteroids and tacrolimus": (
        "45 (14.7)",
        "33 (11.7); p < 0.001",
        "22 (8.7); p = 0.108",
        "15 (7.7); p = 0.099",
    ),
}
TABLE_1 = {
    "Relapsing": ("51 (26.8)", "39 (25.7)", "90 (26.3)"),
    "Persistent": ("80 (42.1)", "87 (57.2)", "167 (48.8)"),
    "Generalized": ("81 (42.6)", "51 (33.6)", "132 (38.6)"),
    "Genitalia": ("2 (1.1)", "–", "2 (0.6)"),
    "Face hands and genitalia": ("54 (28.4)", "40 (26.3)", "94 (27.5)"),
    "Not recorded": ("1 (0.5)", "3 (2.0)", "4 (1.2)"),
}


@pytest.fixture(scope="module")
def tables(source: ReportSource) -> dict[str, Table]:
    return build_all(source.rows, source.timepoints)


@pytest.fixture(scope="module")
def made(tables: dict[str, Table]) -> dict[str, bytes]:
    return {
        name: content
        for table in tables.values()
        for name, content in table_files(table, BANNER).items()
    }


def cells(table: Table) -> dict[str, tuple[str, ...]]:
    return {line.name: line.cells for line in table.lines if not line.is_heading}


def test_table_i_prints_what_the_paper_prints(tables: dict[str, Table]) -> None:
    table = tables["clinical_features"]
    printed = cells(table)
    for name, expected in TABLE_1.items():
        assert printed[name] == expected
    assert table.columns == tuple(
        f"{who}, n (%)" for who in ("Males (n = 190)", "Females (n = 152)", "Total (n = 342)")
    )


def test_table_ii_prints_what_the_paper_prints(tables: dict[str, Table]) -> None:
    table = tables["topical_therapy"]
    printed = cells(table)
    assert {name: printed[name] for name in TABLE_2} == TABLE_2
    assert [column.split(",")[0] for column in table.columns] == [
        "Baseline (n = 307)",
        "Week 4 (n = 283)",
        "Week 16 (n = 252)",
        "Week 52 (n = 194)",
    ]
    assert any("exact McNemar" in note for note in table.notes)


def test_the_pairs_add_up_to_both_margins(tables: dict[str, Table]) -> None:
    lines = [line for line in tables["regimen_pairs"].lines if not line.is_heading]
    assert len(lines) == 12
    for line in lines:
        before, after, stayed, left, entered, never, _ = (int(text) for text in line.cells[:7])
        assert (before, after) == (stayed + left, stayed + entered)
        assert stayed + left + entered + never in (283, 252, 194)


@pytest.mark.parametrize("name", TABLES)
def test_every_line_has_a_cell_per_column(tables: dict[str, Table], name: str) -> None:
    table = tables[name]
    assert table.notes
    assert table.rows
    for line in table.lines:
        assert line.is_heading or len(line.cells) == len(table.columns), line


class Cells(HTMLParser):
    """Texts of the cells of the one table of a page, per row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.is_open = False

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.is_open = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.is_open = False

    def handle_data(self, data: str) -> None:
        if self.is_open:
            self.rows[-1][-1] += data


def expected_rows(table: Table) -> list[list[str]]:
    rows = [[table.stub, *table.columns]]
    for line in table.lines:
        rows.append([line.name] if line.is_heading else [line.name, *map(typographic, line.cells)])
    return rows


@pytest.mark.parametrize("name", TABLES)
def test_every_format_holds_the_same_cells(
    tables: dict[str, Table], made: dict[str, bytes], name: str
) -> None:
    table = tables[name]
    rows = expected_rows(table)

    parser = Cells()
    parser.feed(made[f"{table.name}.html"].decode())
    assert [[text.replace("\u00a0", " ") for text in row] for row in parser.rows] == rows

    sheet = openpyxl.load_workbook(io.BytesIO(made[f"{table.name}.xlsx"]))["Table"]
    in_sheet = [[cell for cell in row if cell is not None] for row in sheet.values]
    assert in_sheet[3 : 3 + len(rows)] == [[text for text in row if text] for row in rows]
    assert sheet["A2"].value == BANNER

    document = docx.Document(io.BytesIO(made[f"{table.name}.docx"]))
    assert document.sections[0].header.paragraphs[0].text == BANNER
    for row, expected in zip(document.tables[0].rows, rows, strict=True):
        texts = [cell.text for cell in row.cells]
        assert texts == (expected if len(expected) > 1 else expected * len(texts))

    records = list(csv.reader(io.StringIO(made[f"{table.name}.csv"].decode("utf-8-sig"))))
    assert [record[1:] for record in records[1:]] == [row for row in rows[1:] if len(row) > 1]


@pytest.mark.parametrize("name", TABLES)
def test_the_workbook_carries_the_rows_of_results_unrounded(
    tables: dict[str, Table], made: dict[str, bytes], source: ReportSource, name: str
) -> None:
    content = made[f"{tables[name].name}.xlsx"]
    sheet = pd.read_excel(io.BytesIO(content), sheet_name="Results").set_index("result_id")
    known = source.study.results.to_frame().set_index("result_id").loc[sheet.index]
    for column in ("value", "ci_lower", "ci_upper", "p_value"):
        ours, theirs = sheet[column].astype(float), known[column].astype(float)
        # A workbook holds 16 significant digits.
        pd.testing.assert_series_equal(ours, theirs, rtol=1e-14, atol=0)
    assert list(sheet["n"].astype("Int64")) == list(known["n"])


def test_files_do_not_know_the_hour(tables: dict[str, Table], made: dict[str, bytes]) -> None:
    again = {
        name: content
        for table in tables.values()
        for name, content in table_files(table, BANNER).items()
    }
    assert again == made
    for name, content in made.items():
        if name.endswith((".xlsx", ".docx")):
            archive = zipfile.ZipFile(io.BytesIO(content))
            assert {entry.date_time[0] for entry in archive.infolist()} == {1980}
            core = archive.read("docProps/core.xml")
            assert b"dcterms:created" not in core
            assert b"dcterms:modified" not in core


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("=HYPERLINK()", "'=HYPERLINK()"),
        ("+1 (0)", "'+1 (0)"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "' x"),
        ("a\x07b", "a b"),
        ("-cmd", "'-cmd"),
        ("  =1+1", "'  =1+1"),
        ("＝1+1", "'＝1+1"),
        ("-0.5", "-0.5"),
        ("1e-05", "1e-05"),
        ("<0.001", "<0.001"),
        ("", ""),
    ],
)
def test_no_text_becomes_a_formula(text: str, safe: str) -> None:
    assert safe_text(text) == safe


def test_a_label_with_control_characters_can_be_written(tables: dict[str, Table]) -> None:
    made = table_files(tables["topical_therapy"], "SYNTHETIC\x07DATA\x0b")
    document = docx.Document(io.BytesIO(made["table_2_topical_therapy.docx"]))
    assert document.sections[0].header.paragraphs[0].text == "SYNTHETIC DATA "


def test_no_cell_of_any_workbook_is_a_formula(made: dict[str, bytes]) -> None:
    for name, content in made.items():
        if name.endswith(".xlsx"):
            for sheet in openpyxl.load_workbook(io.BytesIO(content)):
                for row in sheet.iter_rows():
                    for cell in row:
                        assert cell.data_type != "f", f"{name} {cell.coordinate}"


def test_a_cohort_at_the_edge_is_laid_out_or_told(
    edge_rows: dict[str, ResultRows], source: ReportSource
) -> None:
    for rows in edge_rows.values():
        for table in build_all(rows, source.timepoints).values():
            if isinstance(table, NothingToShowError):
                assert str(table)
            else:
                assert len(table_files(table, BANNER)) == 4


def test_a_separated_ratio_is_not_printed_as_if_it_were_fine(
    edge_rows: dict[str, ResultRows], source: ReportSource
) -> None:
    table = build_all(edge_rows["only_women_start"], source.timepoints)["models"]
    line = next(line for line in table.lines if line.name.startswith("Female sex"))
    assert "‡" in line.cells[0]
    assert line.cells[0].startswith(("[", "not estimable"))
    assert line.cells[-1] != "–"


def test_patients_left_out_do_not_speak_against_a_number() -> None:
    assert LEFT_OUT == _models.LEFT_OUT
