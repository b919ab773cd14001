"""Tables: the paper's own cells, equal in every format, and equal to the results."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace

import docx
import openpyxl
import pandas as pd
import pytest
from html_outline import outline_of

from analysis_py.catalogue import find
from analysis_py.figures import FIGURES
from analysis_py.phrases import typographic
from analysis_py.report.blocks import Drawn
from analysis_py.report.page import study_title
from analysis_py.report.sections import cohort, initiation, safety, topical
from analysis_py.report.source import ReportSource
from analysis_py.results import Results
from analysis_py.rows import NothingToShowError, ResultRows
from analysis_py.study import run_analyses
from analysis_py.tables import TABLES, Table, build_all
from analysis_py.tables.files import word_file, workbook
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
    return build_all(source.rows)


@pytest.fixture(scope="module")
def xlsx(tables: dict[str, Table], source: ReportSource) -> bytes:
    return workbook(tables.values(), source.study.results, BANNER)


@pytest.fixture(scope="module")
def sheets(xlsx: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(xlsx))


@pytest.fixture(scope="module")
def document(tables: dict[str, Table]) -> docx.document.Document:
    return docx.Document(io.BytesIO(word_file(list(tables.values()), BANNER)))


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
    assert table.lines
    for line in table.lines:
        assert line.is_heading or len(line.cells) == len(table.columns), line


def test_who_is_left_out_because_something_is_not_known_is_named(
    frames: dict[str, pd.DataFrame], source: ReportSource
) -> None:
    starts = frames["fct_tacrolimus_initiation"]
    unknown = starts["is_on_tacrolimus_at_baseline"].astype("boolean")
    unknown.iloc[:67] = pd.NA
    frames = {
        **frames,
        "fct_tacrolimus_initiation": starts.assign(is_on_tacrolimus_at_baseline=unknown),
    }
    analyses = [find(name) for name in ("A15", "A16", "A17")]
    tables = build_all(ResultRows(run_analyses(frames, analyses), source.rows.timepoints))
    assert cells(tables["tacrolimus_by_group"])["Left out: not known"][0] == "67 of 307"
    left_out = "Left out because not known: use of tacrolimus at baseline, 67 of 307 evaluable"
    for name in ("early_response", "models"):
        assert any(left_out in note for note in tables[name].notes), name
    assert {line.cells[2] for line in tables["models"].lines if line.cells} == {"240 of 307"}


def expected_rows(table: Table) -> list[list[str]]:
    rows = [[table.stub, *table.columns]]
    for line in table.lines:
        rows.append([line.name] if line.is_heading else [line.name, *map(typographic, line.cells)])
    return rows


@pytest.mark.parametrize("name", TABLES)
def test_the_workbook_has_the_cells_of_the_table(
    tables: dict[str, Table], sheets: openpyxl.Workbook, name: str
) -> None:
    rows = expected_rows(tables[name])
    sheet = sheets[tables[name].number]
    in_sheet = [[cell for cell in row if cell is not None] for row in sheet.values]
    assert in_sheet[3 : 3 + len(rows)] == [[text for text in row if text] for row in rows]
    assert sheet["A2"].value == BANNER


@pytest.mark.parametrize("name", TABLES)
def test_the_word_file_has_the_cells_of_the_table(
    tables: dict[str, Table], document: docx.document.Document, name: str
) -> None:
    place = list(TABLES).index(name)
    for row, expected in zip(document.tables[place].rows, expected_rows(tables[name]), strict=True):
        texts = [cell.text for cell in row.cells]
        assert texts == (expected if len(expected) > 1 else expected * len(texts))
    assert document.sections[place].header.paragraphs[0].text == BANNER


@pytest.mark.parametrize("name", TABLES)
def test_the_page_has_the_cells_of_the_table(
    tables: dict[str, Table], page: str, name: str
) -> None:
    after = page.partition(f'id="{tables[name].identifier}"')[2]
    part = after.partition("</table>")[0]
    rows: dict[int, list[str]] = {}
    for cell in outline_of(f"<div>{part.partition('>')[2]}</table></div></div>").all("th", "td"):
        rows.setdefault(id(cell.parents[-1]), []).append(cell.text.replace("\u00a0", " "))
    assert list(rows.values()) == expected_rows(tables[name])


def test_the_contents_of_the_workbook_link_every_sheet(
    tables: dict[str, Table], sheets: openpyxl.Workbook
) -> None:
    numbers = [table.number for table in tables.values()]
    assert sheets.sheetnames == ["Contents", *numbers, "Results"]
    linked = [row[0] for row in sheets["Contents"].iter_rows(min_row=4)]
    assert [cell.value for cell in linked] == [*numbers, "Results"]
    for cell in linked:
        assert cell.hyperlink.location == f"'{cell.value}'!A1"


def test_the_workbook_has_every_result_unrounded(xlsx: bytes, source: ReportSource) -> None:
    sheet = pd.read_excel(io.BytesIO(xlsx), sheet_name="Results").set_index("result_id")
    known = source.study.results.to_frame().set_index("result_id")
    assert list(sheet.index) == list(known.index)
    for column in ("value", "ci_lower", "ci_upper", "p_value"):
        ours, theirs = sheet[column].astype(float), known[column].astype(float)
        # A workbook stores 16 significant digits.
        pd.testing.assert_series_equal(ours, theirs, rtol=1e-14, atol=0)
    assert list(sheet["n"].astype("Int64")) == list(known["n"])


def test_files_do_not_contain_the_time_of_writing(
    tables: dict[str, Table], xlsx: bytes, source: ReportSource
) -> None:
    listed = list(tables.values())
    word = word_file(listed, BANNER)
    assert workbook(listed, source.study.results, BANNER) == xlsx
    assert word_file(listed, BANNER) == word
    for content in (xlsx, word):
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
    banner = "SYNTHETIC\x07DATA\x0b"
    listed = [tables["topical_therapy"]]
    document = docx.Document(io.BytesIO(word_file(listed, banner)))
    assert document.sections[0].header.paragraphs[0].text == "SYNTHETIC DATA "
    sheets = openpyxl.load_workbook(io.BytesIO(workbook(listed, Results(), banner)))
    assert sheets["Table II"]["A2"].value == "SYNTHETIC DATA "


def test_no_cell_of_the_workbook_is_a_formula(sheets: openpyxl.Workbook) -> None:
    for sheet in sheets:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f", f"{sheet.title} {cell.coordinate}"


def test_a_cohort_at_the_edge_is_laid_out_or_the_reason_is_given(
    edge_rows: dict[str, ResultRows],
) -> None:
    for rows in edge_rows.values():
        built = build_all(rows).values()
        assert all(str(reason) for reason in built if isinstance(reason, NothingToShowError))
        tables = [table for table in built if isinstance(table, Table)]
        assert workbook(tables, Results(), BANNER)
        assert word_file(tables, BANNER)


def test_a_separated_ratio_is_not_printed_as_if_it_were_fine(
    edge_rows: dict[str, ResultRows],
) -> None:
    table = build_all(edge_rows["only_women_start"])["models"]
    line = next(line for line in table.lines if line.name.startswith("Female sex"))
    assert "‡" in line.cells[0]
    assert line.cells[0].startswith(("[", "not estimable"))
    assert line.cells[-1] != "–"


def test_a_source_with_another_index_treatment_is_shown_with_its_name(source: ReportSource) -> None:
    ours = ResultRows(source.study.results, source.rows.timepoints, "tralokinumab")
    drawn = Drawn(build_all(ours), dict.fromkeys(FIGURES, NothingToShowError("not drawn")))
    other = replace(source, rows=ours)
    shown = repr([section(other, drawn) for section in (cohort, topical, initiation, safety)])
    assert "tralokinumab" in shown
    assert re.findall(r".{60}dupilumab.{20}", shown.lower()) == []
    delivery = replace(source.study.delivery, index_treatment="tralokinumab")
    assert study_title(delivery).startswith("Tralokinumab and topical tacrolimus")
