"""Cells in the form that staging reads, several facts in one cell, and remarks behind a drug."""

from __future__ import annotations

import pyarrow as pa
import pytest

from intake.remarks import MOST_PIECES, Remark, pieces, read_remark
from intake.rewriting import Rewriting, iso_date, written_date
from intake.uses import CellForm

DMY = CellForm(date_format="dmy/")
PIVOT = CellForm(date_format="dmy/", two_digit_years=24)
ROME = CellForm(date_format="ymd-", time_zone="Europe/Rome")
DAY = CellForm(date_format="day")
STUDY_DAY = CellForm(date_format="study_day")


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("12/05/1980", DMY, "1980-05-12"),
        ("3/4/1975", DMY, "1975-04-03"),
        (" 3/4/1975 ", DMY, "1975-04-03"),
        ("3/4/1975", CellForm(date_format="mdy/"), "1975-03-04"),
        ("1975.4.3", CellForm(date_format="ymd."), "1975-04-03"),
        ("05/1980", DMY, "1980-05"),
        ("5/1980", DMY, "1980-05"),
        ("1980", DMY, "1980"),
        ("31/02/2020", DMY, "2020-02-31"),
        ("01/01/85", DMY, None),
        ("01/01/85", PIVOT, "1985-01-01"),
        ("1/1/24", PIVOT, "2024-01-01"),
        ("1/1/25", PIVOT, "1925-01-01"),
        ("1980-05-12", DMY, None),
        ("12/05/198", DMY, None),
        ("12/005/1980", DMY, None),
        ("12/05/1980/1", DMY, None),
        ("circa 1980", DMY, None),
        ("٣/٤/1975", DMY, None),
        ("12/05/1980 00:00", DMY, "1980-05-12"),
        ("12/05/1980T23:30:59.123", DMY, "1980-05-12"),
        ("12/05/1980 24:00", DMY, None),
        ("05/1980 10:00", DMY, None),
        ("2020-04-03T23:30:00Z", CellForm(), None),
        ("2020-04-03T23:30:00Z", ROME, "2020-04-04"),
        ("2020-04-03T23:30Z", ROME, "2020-04-04"),
        ("2020-04-03T23:30:00+02:00", ROME, "2020-04-03"),
        ("2020-04-03T00:15:00+0300", ROME, "2020-04-02"),
        ("2020-04-03T23:30:00", ROME, "2020-04-03"),
        ("2020-02-31T10:00:00Z", ROME, "2020-02-31"),
        ("43924", CellForm(date_format="serial"), "2020-04-03"),
        ("43924.75", CellForm(date_format="serial"), "2020-04-03"),
        ("59", CellForm(date_format="serial"), "1900-02-28"),
        ("60", CellForm(date_format="serial"), None),
        ("61", CellForm(date_format="serial"), "1900-03-01"),
        ("0", CellForm(date_format="serial"), None),
        ("2958466", CellForm(date_format="serial"), None),
        ("42462", CellForm(date_format="serial_1904"), "2020-04-03"),
        ("2020-04-03", CellForm(date_format="serial"), None),
        ("0", DAY, "2001-01-01"),
        ("day 28", DAY, "2001-01-29"),
        ("Tag 28", DAY, "2001-01-29"),
        ("giorno 28", DAY, "2001-01-29"),
        ("D28", DAY, "2001-01-29"),
        ("-14", DAY, "2000-12-18"),
        ("week 4", DAY, None),
        ("2020-04-03", DAY, None),
        ("1", STUDY_DAY, "2001-01-01"),
        ("Day 29", STUDY_DAY, "2001-01-29"),
        ("-1", STUDY_DAY, "2000-12-31"),
        ("0", STUDY_DAY, None),
        ("day -0", STUDY_DAY, None),
    ],
)
def test_a_date_is_read_in_its_declared_form_only(text, form, expected):
    assert iso_date(text, form) == expected


def test_a_date_is_written_in_the_form_of_the_export():
    assert written_date("2020-04-03", DMY) == "03/04/2020"
    assert written_date("2020-04", CellForm(date_format="mdy.")) == "04.2020"
    assert written_date("2020", DMY) == "2020"
    assert written_date("2020-04", CellForm()) == "2020-04"


def test_only_a_column_with_an_unusual_text_is_rewritten():
    def shout(text: str) -> str:
        return text.upper()

    usual = pa.chunked_array([["x020-04-03", "", None, "2020"], ["y020-04-03"]])
    assert Rewriting(shout, is_of_unusual=True)(usual) is usual
    for odd in ("3/4/2020", "x 3/4/2020", "x/4/2020\u00a0", "x/4/2020\t\t"):
        found = Rewriting(shout, is_of_unusual=True)(pa.chunked_array([["x020-04-03", None, odd]]))
        assert found.to_pylist() == ["X020-04-03", None, odd.upper()]
    middle = pa.chunked_array([["a b", "x020-04-03", "a b"]]).slice(1, 1)
    assert Rewriting(shout, is_of_unusual=True)(middle) is middle


@pytest.mark.parametrize(
    ("text", "marks", "expected"),
    [
        ("a; b ;; c", (";",), ["a", "b", "c"]),
        ("a, b", (";",), ["a, b"]),
        ("Protopic 0,1%, Elidel", (",",), ["Protopic 0,1%", "Elidel"]),
        ("MTX (15 mg; 2018); CsA", (";",), ["MTX (15 mg; 2018)", "CsA"]),
        ("MTX (15 mg; CsA", (";",), ["MTX (15 mg", "CsA"]),
        ("a; n.d.; b / c", (";", "/"), ["a", "b", "c"]),
        ("n.d.; n.d.", (";",), ["n.d.; n.d."]),
        (" ; ", (";",), [" ; "]),
        ("n.d.", (".",), ["n.d."]),
        ("", (";",), [""]),
        (None, (";",), [None]),
    ],
)
def test_a_cell_has_one_piece_per_fact(text, marks, expected):
    assert pieces(text, marks, ("n.d.",)) == expected


def test_a_cell_has_at_most_fifty_pieces_and_loses_nothing():
    found = pieces(";".join(map(str, range(60))), (";",), ())
    assert len(found) == MOST_PIECES
    assert found[-1] == ";".join(map(str, range(49, 60)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Protopic 0,1% ung 2/die dal 03/2019", ("Protopic ung", "2019-03", "0,1% 2/die", "")),
        ("Elidel crema al bisogno", ("Elidel crema", "", "al bisogno", "")),
        ("Dupixent 300 mg 1 fl ogni 14 gg", ("Dupixent", "", "300 mg 1 fl ogni 14 gg", "")),
        ("Deltacortene 25 mg per os", ("Deltacortene per os", "", "25 mg", "")),
        ("MTX 15 mg/sett", ("MTX", "", "15 mg/sett", "")),
        ("Advantan 2 times a day since March 2020", ("Advantan", "2020-03", "2 times a day", "")),
        ("Elidel, seit 2019, bei Bedarf", ("Elidel", "2019", "bei Bedarf", "")),
        ("Protopic dal 1/3/2019", ("Protopic", "2019-03-01", "", "")),
        ("Protopic dal 2019-03-01", ("Protopic dal 2019-03-01", "", "", "")),
        ("tacrolimus 0,1 unguento", ("tacrolimus 0,1 unguento", "", "", "")),
        ("Protopic 0.1% - sospeso", ("Protopic - sospeso", "", "0.1%", "")),
        ("CsA (stop per ipertensione)", ("CsA (stop per ipertensione)", "", "", "")),
        ("Protopic fino al 2019", ("Protopic fino al 2019", "", "", "")),
        ("20 mg", ("20 mg", "", "", "")),
    ],
)
def test_a_remark_is_read_where_it_is_a_pattern(text, expected):
    assert read_remark(text, DMY, is_past=False, has_dose=True) == Remark(*expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CsA (stop per ipertensione)", ("CsA", "", "", "ipertensione")),
        ("MTX sospeso", ("MTX", "", "", "")),
        ("MTX stopped because of nausea; later CsA", ("MTX ; later CsA", "", "", "nausea")),
        ("CsA abgesetzt wegen Hypertonie", ("CsA", "", "", "Hypertonie")),
        ("CsA 3 mg/kg", ("CsA 3 mg/kg", "", "", "")),
    ],
)
def test_a_stop_is_taken_off_an_earlier_treatment_only(text, expected):
    assert read_remark(text, DMY, is_past=True, has_dose=False) == Remark(*expected)
