"""The same records in every format give the same raw tables."""

from __future__ import annotations

import datetime
import gzip
import io
import zipfile
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from intake_deliveries import HEADERS, KEY, as_csv, judge, table, write_delivery

from intake.cells import InexactNumberError, render
from intake.delivery import open_delivery
from intake.loader import load_delivery
from intake.mapping import MAPPINGS_FOLDER
from intake.uses import CellForm

ORDER = "order by record_number"


def raw(folder: Path, export: str = "visits", mapping: str = "", **options) -> list[tuple]:
    """Load a delivery; return the contract's columns and faults of a raw table."""
    connection = duckdb.connect()
    load_delivery(open_delivery(folder, mapping, **options), KEY, connection)
    columns = f"{HEADERS[export]}, record_number, record_fault"
    return connection.sql(f"select {columns} from raw.{export} {ORDER}").fetchall()


@pytest.fixture
def expected(tmp_path: Path) -> list[tuple]:
    return raw(write_delivery(tmp_path / "plain"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = write_delivery(tmp_path / "delivery")
    (folder / "visits.csv").unlink()
    return folder


def mappings(folder: Path, settings: str, export: str = "visits") -> dict:
    """Return the clinic's mapping with other settings of one export."""
    text = (MAPPINGS_FOLDER / "clinic.yml").read_text()
    folder = folder / "mappings"
    folder.mkdir(exist_ok=True)
    (folder / "clinic.yml").write_text(
        text.replace(f"  {export}:\n", f"  {export}:\n    {settings}\n", 1)
    )
    return {"mappings_folder": folder}


def workbook(path: Path, sheets: dict[str, list[list]]) -> None:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)


@pytest.mark.parametrize(
    ("settings", "form"),
    [
        ("encoding: utf-8", ("utf-8", "\r\n", ",", b"")),
        ("encoding: utf-8", ("utf-8", "\r", ",", b"")),
        ("encoding: utf-8", ("utf-8", "\n", ",", b"\xef\xbb\xbf")),
        ("encoding: utf-8", ("utf-8", "\r\n", ",", b"\xef\xbb\xbf")),
        ('delimiter: ";"', ("utf-8", "\n", ";", b"")),
        ("delimiter: tab", ("utf-8", "\n", "\t", b"")),
        ('delimiter: "|"', ("utf-8", "\n", "|", b"")),
        ("encoding: cp1252", ("cp1252", "\n", ",", b"")),
        ("encoding: latin-1", ("latin-1", "\n", ",", b"")),
        ("encoding: utf-16\n    delimiter: tab", ("utf-16", "\r\n", "\t", b"")),
        ("encoding: utf-16-le", ("utf-16-le", "\n", ",", b"")),
        ("encoding: utf-16-le", ("utf-16-le", "\n", ",", b"\xff\xfe")),
        ("encoding: utf-16-be", ("utf-16-be", "\r\n", ",", b"")),
    ],
)
def test_declared_text_forms_give_the_same_records(tmp_path, folder, expected, settings, form):
    encoding, line_end, delimiter, mark = form
    text = as_csv(table("visits"), delimiter, line_end)
    (folder / "visits.csv").write_bytes(mark + text.encode(encoding))
    assert raw(folder, **mappings(tmp_path, settings)) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16", "iso-8859-15"])
def test_text_beyond_ascii_is_the_same_in_every_encoding(tmp_path, folder, encoding):
    rows = table("visits")
    for row in rows[1:]:
        row[3] = "visit\u00e0 \u20ac"
    (folder / "visits.csv").write_bytes(as_csv(rows).encode(encoding))
    found = raw(folder, **mappings(tmp_path, f"encoding: {encoding}"))
    assert {row[3] for row in found} == {"visit\u00e0 \u20ac"}
    assert {row[-1] for row in found} == {None}


def test_utf8_under_a_declared_single_byte_encoding_is_refused(tmp_path, folder):
    rows = table("visits")
    rows[1][3] = "visit\u00e0"
    (folder / "visits.csv").write_bytes(as_csv(rows).encode())
    found = judge(folder, **mappings(tmp_path, "encoding: cp1252"))["visits.csv"]
    assert found.refusal.code == "wrong_encoding"
    assert "is UTF-8 text" in found.refusal.cause


def test_bytes_that_cp1252_does_not_know_are_a_fault_of_their_record(tmp_path, folder):
    rows = table("visits")
    rows[1][3] = rows[2][3] = "visit\u00e0"
    content = as_csv(rows).encode("cp1252").replace(b"V00003", b"V0\x81003")
    (folder / "visits.csv").write_bytes(content)
    found = raw(folder, **mappings(tmp_path, "encoding: cp1252"))
    assert [row[-1] for row in found[:4]] == [None, None, "invalid_utf8", None]


def test_decomposed_text_is_composed(folder):
    rows = table("visits")
    rows[1][3] = "visita\u0300"
    (folder / "visits.csv").write_text(as_csv(rows))
    assert raw(folder)[0][3] == "visit\u00e0"


@pytest.mark.parametrize("members", [1, 3])
def test_gzip_of_one_or_more_members(folder, expected, members):
    text = as_csv(table("visits")).encode()
    size = -(-len(text) // members)
    parts = [gzip.compress(text[start : start + size]) for start in range(0, len(text), size)]
    (folder / "visits.csv.gz").write_bytes(b"".join(parts))
    assert raw(folder) == expected


def test_a_large_archive_is_inflated_in_blocks(folder):
    rows = table("visits", 60_000)
    (folder / "visits.csv.gz").write_bytes(gzip.compress(as_csv(rows).encode()))
    judgement = judge(folder)["visits.csv.gz"]
    assert (judgement.refusal, judgement.tally.n_records) == (None, 60_000)


def test_gzip_of_something_else_is_refused(folder):
    (folder / "visits.csv.gz").write_bytes(gzip.compress(b"<html>login</html>\n"))
    assert judge(folder)["visits.csv.gz"].refusal.code == "wrong_kind"
    (folder / "visits.csv.gz").write_bytes(as_csv(table("visits")).encode())
    assert judge(folder)["visits.csv.gz"].refusal.code == "wrong_kind"


def typed(rows: list[list[str]]) -> list[list]:
    """Return visits with the cells that a workbook would hold."""
    out = [list(rows[0])]
    for row in rows[1:]:
        day = datetime.date.fromisoformat(row[2])
        scores = [float(row[4]), *map(int, row[5:10])]
        out.append([*row[:2], day, row[3], *scores, row[10]])
    return out


def test_a_workbook_with_typed_cells(folder, expected):
    blank = [[None] * 11, ["", None, "  "]]
    workbook(
        folder / "visits.xlsx", {"Sheet1": [*typed(table("visits")), *blank], "Other": [["x"]]}
    )
    assert raw(folder) == expected
    notices = judge(folder)["visits.xlsx"].notices
    assert [code for code, _ in notices] == ["other_sheets", "tail_ignored"]


def test_a_declared_sheet_and_marks(tmp_path, folder):
    workbook(folder / "visits.xlsx", {"Notes": [["x"]], "Visite": typed(table("visits"))})
    settings = 'decimal_mark: ","\n    date_format: dmy/'
    options = mappings(tmp_path, settings)
    mapping = options["mappings_folder"] / "clinic.yml"
    mapping.write_text(
        mapping.read_text().replace("file: visits", "file: visits\n        sheet: Visite")
    )
    first = raw(folder, **options)[0]
    assert (first[2], first[4]) == ("02/05/2019", "2,5")
    mapping.write_text(mapping.read_text().replace("Visite", "Visits"))
    refusal = judge(folder, **options)["visits.xlsx"].refusal
    assert refusal.code == "no_such_sheet"
    assert "'Visits'; it has Notes, Visite" in refusal.cause


def test_faults_in_a_workbook_cost_their_record_only(folder):
    rows = typed(table("visits", 30))
    rows[2].append("surplus")
    rows[4][3] = "line\nbreak"
    rows[6] = [None] * 11
    rows[8][3] = "x" * 5000
    workbook(folder / "visits.xlsx", {"Sheet1": rows})
    faults = [row[-1] for row in raw(folder)]
    assert [(n, fault) for n, fault in enumerate(faults, 1) if fault] == [
        (2, "field_count"),
        (4, "control_character"),
        (6, "empty_record"),
        (8, "cell_too_long"),
    ]


@pytest.mark.parametrize("damage", ["cut", "no sheet", "bad xml", "no types"])
def test_a_damaged_workbook_is_refused(folder, damage):
    path = folder / "visits.xlsx"
    workbook(path, {"Sheet1": typed(table("visits"))})
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    else:
        with (
            zipfile.ZipFile(io.BytesIO(path.read_bytes())) as old,
            zipfile.ZipFile(path, "w") as new,
        ):
            for name in old.namelist():
                content = old.read(name)
                if damage == "no sheet" and "worksheets" in name:
                    continue
                if damage == "no types" and name == "[Content_Types].xml":
                    content = b"<Types/>"
                if damage == "bad xml" and "worksheets" in name:
                    content = content[: len(content) // 2]
                new.writestr(name, content)
    assert judge(folder)["visits.xlsx"].refusal.code in ("damaged_workbook", "no_header")


def test_a_formula_that_was_never_calculated_is_refused(folder):
    rows = typed(table("visits"))
    rows[3][4] = "=E2+1"
    workbook(folder / "visits.xlsx", {"Sheet1": rows})
    assert judge(folder)["visits.xlsx"].refusal.code == "formula_without_result"


def test_a_workbook_without_records_or_header_is_refused(folder):
    path = folder / "visits.xlsx"
    workbook(path, {"Sheet1": table("visits")[:1]})
    assert judge(folder)["visits.xlsx"].refusal.code == "no_records"
    workbook(path, {"Sheet1": []})
    assert judge(folder)["visits.xlsx"].refusal.code == "no_header"
    workbook(path, {"Sheet1": [["Report"], [None], *table("visits")]})
    assert judge(folder)["visits.xlsx"].refusal.code == "preamble"
    workbook(path, {"Sheet1": table("visits")[1:]})
    assert judge(folder)["visits.xlsx"].refusal.code == "no_header"


def parquet(path: Path, rows: list[list]) -> None:
    columns = [list(column) for column in zip(*rows[1:], strict=True)]
    pq.write_table(pa.table(dict(zip(rows[0], columns, strict=True))), path)


def test_a_parquet_file_with_typed_columns(folder, expected):
    parquet(folder / "visits.parquet", typed(table("visits")))
    assert raw(folder) == expected


def test_faults_in_a_parquet_file_cost_their_record_only(folder):
    rows = table("visits", 30)
    rows[4][3] = "line\nbreak"
    rows[6] = [""] * 11
    rows[8][3] = "visita\u0300"
    parquet(folder / "visits.parquet", rows)
    found = raw(folder)
    assert [(row[-2], row[-1]) for row in found if row[-1]] == [
        (4, "control_character"),
        (6, "empty_record"),
    ]
    assert found[7][3] == "visit\u00e0"


def test_a_parquet_file_that_is_damaged_or_nested_is_refused(folder):
    path = folder / "visits.parquet"
    parquet(path, table("visits"))
    path.write_bytes(path.read_bytes()[:-100])
    assert judge(folder)["visits.parquet"].refusal.code == "damaged_parquet"
    rows = table("visits")
    parquet(path, [rows[0], *([*row[:4], [1.0], *row[5:]] for row in rows[1:])])
    assert judge(folder)["visits.parquet"].refusal.code == "column_type"
    parquet(path, [["visit_id", "x"], ["1", "2"]])
    assert judge(folder)["visits.parquet"].refusal.code == "column_missing"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("  text ", "  text "),
        (True, "TRUE"),
        (7, "7"),
        (7.0, "7"),
        (12.300000000000001, "12,3"),
        (-0.0, "0"),
        (2.0**53, "9007199254740992"),
        (4000000000000013.0, "4000000000000013"),
        (1.5e-7, "0,00000015"),
        (float("nan"), ""),
        (Decimal("12.50"), "12,50"),
        (9007199254740993, "9007199254740993"),
        (datetime.date(2020, 4, 3), "03/04/2020"),
        (datetime.date(202, 4, 3), "03/04/0202"),
        (datetime.datetime(2020, 4, 3), "03/04/2020"),
        (datetime.datetime(2020, 4, 3, 23, 30), "03/04/2020T23:30:00"),
        (
            datetime.datetime(2020, 4, 3, tzinfo=datetime.UTC),
            "03/04/2020T00:00:00+00:00",
        ),
        (datetime.time(7, 5), "07:05:00"),
    ],
)
def test_typed_cells_are_written_in_the_declared_form(value, text):
    assert render(value, CellForm(decimal_mark=",", date_format="dmy/")) == text


@pytest.mark.parametrize("value", [2.0**53 + 2, -(2.0**54), 1e21])
def test_a_whole_number_that_floating_point_cannot_tell_from_its_neighbour(value):
    with pytest.raises(InexactNumberError):
        render(value, CellForm())


def with_column(folder: Path, name: str, values: pa.Array) -> None:
    """Write the visits as Parquet with one column of another type."""
    rows = table("visits", len(values))
    columns = dict(zip(rows[0], map(pa.array, zip(*rows[1:], strict=True)), strict=True))
    pq.write_table(pa.table({**columns, name: values}), folder / "visits.parquet")


def column_of(folder: Path, name: str) -> list[str]:
    place = HEADERS["visits"].split(",").index(name)
    return [row[place] for row in raw(folder)]


def test_long_numbers_in_parquet_stay_apart(folder):
    numbers = [4_000_000_000_000_011, 4_000_000_000_000_012, 2**53, 17]
    with_column(folder, "patient_id", pa.array(map(float, numbers)))
    assert column_of(folder, "patient_id") == [str(number) for number in numbers]
    numbers[0] = 2**63 - 1
    with_column(folder, "patient_id", pa.array(numbers))
    assert column_of(folder, "patient_id") == [str(number) for number in numbers]


@pytest.mark.parametrize(
    ("value", "kind"), [(2.0**53 + 2, pa.float64()), (2.0**24 + 2, pa.float32())]
)
def test_whole_numbers_that_may_be_others_refuse_their_parquet_file(folder, value, kind):
    with_column(folder, "patient_id", pa.array([1.0, value], kind))
    refusal = judge(folder)["visits.parquet"].refusal
    assert refusal.code == "column_type"
    assert "column patient_id holds whole numbers as floating-point numbers" in refusal.cause
    assert str(int(value)) not in str(refusal)


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_numbers_in_parquet_are_read_as_written_and_nan_is_missing(folder, kind):
    values = np.array([58.3, float("nan"), 7.0, 0.1], kind.to_pandas_dtype())
    with_column(folder, "easi_score", pa.array(values))
    assert column_of(folder, "easi_score") == ["58.3", "", "7", "0.1"]
    with_column(folder, "easi_score", pa.array(values).dictionary_encode())
    assert column_of(folder, "easi_score") == ["58.3", "", "7", "0.1"]


@pytest.mark.parametrize(
    ("kind", "factor"),
    [(pa.date32(), 1), (pa.timestamp("ms"), 86_400_000), (pa.timestamp("s", "UTC"), 86_400)],
)
def test_a_date_in_parquet_that_no_calendar_has_is_one_bad_value(folder, kind, factor):
    days = pa.array([18_000 * factor, 5_000_000 * factor], pa.int64())
    values = days.cast(pa.int32()).cast(kind) if kind == pa.date32() else days.cast(kind)
    with_column(folder, "visit_date", values)
    first, second = column_of(folder, "visit_date")
    assert first.startswith("2019-04-14")
    assert not second.startswith(("0", "1 ", "2"))


def rewritten(path: Path, change) -> None:
    """Change the XML of a workbook's first sheet."""
    content = io.BytesIO(path.read_bytes())
    with zipfile.ZipFile(content) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            new.writestr(name, change(text) if name.endswith("sheet1.xml") else text)


SPELLINGS = {
    "plain": lambda xml: xml,
    "a prefix": lambda xml: (
        xml.replace(b"<", b"<x:")
        .replace(b"<x:/", b"</x:")
        .replace(b"<x:?", b"<?")
        .replace(b"xmlns=", b"xmlns:x=")
    ),
    "a comment": lambda xml: xml.replace(b"</f>", b"</f><!-- never calculated -->"),
    "a section": lambda xml: xml.replace(b"<f>", b"<f><![CDATA[1+]]>"),
    "a long formula": lambda xml: xml.replace(b"<f>", b"<f>" + b"1+" * 5000),
    "blanks": lambda xml: xml.replace(b"<f>", b"\n<f  ca = '1' >\n"),
    "UTF-16": lambda xml: xml.decode().replace("utf-8", "utf-16").encode("utf-16"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_formula_without_result_in_every_spelling(folder, spelling):
    rows = typed(table("visits"))
    workbook(folder / "visits.xlsx", {"Sheet1": rows})
    rewritten(folder / "visits.xlsx", SPELLINGS[spelling])
    assert judge(folder)["visits.xlsx"].refusal is None
    rows[3][4] = "=E2+1"
    workbook(folder / "visits.xlsx", {"Sheet1": rows})
    rewritten(folder / "visits.xlsx", SPELLINGS[spelling])
    assert judge(folder)["visits.xlsx"].refusal.code == "formula_without_result"


def test_escapes_and_edge_breaks_of_a_workbook_are_no_part_of_a_text(folder):
    rows = typed(table("visits"))
    rows[0][3] = "nominal_timepoint_x000D_\n"
    edges = ["baseline_x000D_", "baseline\n", "\r\n baseline\n ", "_x005F_x0041_", "a_x000A_b"]
    for row, text in zip(rows[1:], edges, strict=False):
        row[3] = text
    workbook(folder / "visits.xlsx", {"Sheet1": rows})
    found = raw(folder)
    assert [row[3] for row in found[:4]] == ["baseline"] * 3 + ["_x0041_"]
    assert [row[-1] for row in found[:6]] == [None] * 4 + ["control_character", None]


def test_a_line_break_at_the_edge_of_a_quoted_cell_is_a_blank(folder):
    rows = table("visits")
    rows[2][3] = "baseline\n"
    (folder / "visits.csv").write_text(as_csv(rows), newline="")
    assert {row[3] for row in raw(folder)} == {"baseline"}


def test_a_long_number_in_a_workbook_names_its_column(folder):
    rows = typed(table("visits"))
    rows[2][1] = 4_000_000_000_000_013
    workbook(folder / "visits.xlsx", {"Sheet1": rows})
    assert column_of(folder, "patient_id")[1] == "4000000000000013"
    rows[2][1] = 1e21
    workbook(folder / "visits.xlsx", {"Sheet1": rows})
    refusal = judge(folder)["visits.xlsx"].refusal
    assert (refusal.code, "patient_id" in refusal.cause) == ("column_type", True)


def test_a_hidden_sheet_is_read_only_where_the_mapping_names_it(tmp_path, folder):
    path = folder / "visits.xlsx"
    workbook(path, {"Old": typed(table("visits", 3)), "Visite": typed(table("visits"))})
    book = openpyxl.load_workbook(path)
    book["Old"].sheet_state = "veryHidden"
    book.active = 1
    book.save(path)
    assert judge(folder)["visits.xlsx"].refusal.code == "hidden_sheet"
    options = mappings(tmp_path, 'decimal_mark: "."')
    mapping = options["mappings_folder"] / "clinic.yml"
    mapping.write_text(
        mapping.read_text().replace("file: visits", "file: visits\n        sheet: Old")
    )
    found = judge(folder, **options)["visits.xlsx"]
    assert (found.refusal, found.tally.n_records) == (None, 3)
    assert [code for code, _ in found.notices] == ["hidden_sheet", "other_sheets"]


@pytest.mark.parametrize(
    ("number_format", "is_noted"),
    [
        ("General", False),
        ("0", False),
        ("#,##0.00", False),
        ("0.00E+00", False),
        ("_-* #,##0.00_-;-* #,##0.00_-", False),
        ("[Red]0.0", False),
        ("0%", True),
        ("00000", True),
        ('"P"0', True),
        ("0,", True),
        (";;;", True),
    ],
)
def test_a_number_format_that_shows_something_else_is_noted(folder, number_format, is_noted):
    path = folder / "visits.xlsx"
    workbook(path, {"Sheet1": typed(table("visits"))})
    book = openpyxl.load_workbook(path)
    book["Sheet1"]["E3"].number_format = number_format
    book.save(path)
    notes = [detail for code, detail in judge(folder)["visits.xlsx"].notices]
    assert notes == ["easi_score: 1 cells are shown otherwise than they are read"] * is_noted


def test_a_date_that_shows_no_day_is_noted(folder):
    path = folder / "visits.xlsx"
    workbook(path, {"Sheet1": typed(table("visits"))})
    book = openpyxl.load_workbook(path)
    book["Sheet1"]["C3"].number_format = "mm/yyyy"
    book.save(path)
    assert [code for code, _ in judge(folder)["visits.xlsx"].notices] == ["number_format"]


@pytest.mark.parametrize(
    ("limit", "value"),
    [("_MOST_SHEET_ROWS", 11), ("_MOST_SHEET_CELLS", 200), ("_MOST_BLANK_ROWS", 3)],
)
def test_a_workbook_of_blanks_is_refused(folder, monkeypatch, limit, value):
    rows = [*typed(table("visits", 5)), *([None] * 11 for _ in range(5)), ["", "x"]]
    workbook(folder / "visits.xlsx", {"Sheet1": rows})
    assert judge(folder)["visits.xlsx"].refusal is None
    monkeypatch.setattr(f"intake.workbook.{limit}", value)
    if limit == "_MOST_SHEET_CELLS":
        rewritten(folder / "visits.xlsx", lambda xml: xml.replace(b'r="B12"', b'r="XFD12"'))
    assert judge(folder)["visits.xlsx"].refusal.code == "workbook_too_large"


def test_a_workbook_that_names_a_row_beyond_the_last_is_refused(folder):
    workbook(folder / "visits.xlsx", {"Sheet1": typed(table("visits", 5))})
    rewritten(folder / "visits.xlsx", lambda xml: xml.replace(b'r="6"', b'r="4000000000"'))
    assert judge(folder)["visits.xlsx"].refusal.code == "workbook_too_large"
