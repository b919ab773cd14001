"""What is seen in files that no mapping describes yet."""

from __future__ import annotations

from collections import Counter

import propose_sources as sources
import pytest

from intake.propose import scan, tables
from intake.propose.headers import candidates, folded, phrases, words_of


def test_an_italian_wide_sheet_is_described(tmp_path):
    (table,) = scan.scan_folder(sources.italian_wide(tmp_path / "delivery")).tables
    assert (table.encoding, table.delimiter) == ("cp1252", ";")
    assert (table.preamble_lines, table.header_lines) == (2, 1)
    assert (table.n_records, table.footers) == (25, ["Totale"])
    birth, easi = table.column("data di nascita"), table.column("EASI_T4")
    visit = table.column("Data_T16")
    assert birth is not None
    assert easi is not None
    assert (birth.date_share, birth.n_two_digit_years) == (1, 1)
    assert birth.date_forms["dmy/"] > birth.date_forms["mdy/"]
    assert set(easi.decimal_marks) == {","}
    assert visit is not None
    assert set(visit.missing_codes) == {"n.d."}


def test_every_sheet_of_a_workbook_is_a_table(tmp_path):
    people, visits = scan.scan_folder(sources.two_sheets(tmp_path)).tables
    assert (people.sheet, people.preamble_lines, people.footers) == ("Anagrafica", 1, ["Totale"])
    day = visits.column("Data visita")
    assert day is not None
    assert day.n_typed_dates == day.n_filled == visits.n_records


def test_two_lines_of_headers_are_one_header_per_column(tmp_path):
    _, scores = scan.scan_folder(sources.german_sheet(tmp_path)).tables
    assert (scores.preamble_lines, scores.header_lines) == (0, 2)
    headers = [column.header for column in scores.columns]
    assert headers[:3] == ["Pat-Nr", "Datum Baseline", "Datum Woche 4"]
    assert len(set(headers)) == 13


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("13/05/1980", ["dmy/"]),
        ("05/13/1980", ["mdy/"]),
        ("3/4/1975", ["dmy/", "mdy/"]),
        ("01/02/85", ["dmy/", "mdy/"]),
        ("1980-05-13", ["ymd-"]),
        ("2019-03-14T08:30:00", ["ymd-"]),
        ("13.05.1980 00:00", ["dmy."]),
        ("13/05-1980", []),
        ("32/05/1980", []),
        ("12,5", []),
    ],
)
def test_the_forms_in_which_a_text_is_a_date(text, forms):
    assert tables.date_forms_of(text) == forms


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"id;name\n1;Anna\n", "utf-8"),
        ("N°;Età\n".encode(), "utf-8"),
        ("N°;Età\n".encode("cp1252"), "cp1252"),
        ("id;name\n".encode("utf-16"), "utf-16"),
        (b"id\x81;\xe0\n1;2\n", "latin-1"),
    ],
)
def test_the_encoding_is_seen(content, encoding):
    assert scan.encoding_of(content) == encoding


@pytest.mark.parametrize("mark", [";", ",", "\t", "|"])
def test_the_delimiter_is_the_mark_that_divides_lines_evenly(mark):
    lines = [mark.join(["id", "text", "value"])] + [mark.join(["1", '"a, b; c"', "2"])] * 5
    assert scan.delimiter_of("\n".join(lines)) == mark


def test_decimal_commas_do_not_make_a_comma_the_delimiter():
    assert scan.delimiter_of("id;easi;dlqi\n1;12,5;3\n2;4,0;5\n3;7,25;9\n") == ";"


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        ([["id", "day"], ["1", "2019-01-02"]], (0, 1)),
        ([["Title", ""], ["", ""], ["id", "day"], ["1", "2019-01-02"]], (2, 1)),
        ([["id", "EASI", "EASI"], ["", "T0", "T4"], ["1", "9", "4"]], (0, 2)),
        ([["", "EASI", ""], ["id", "T0", "T4"], ["1", "9", "4"]], (1, 1)),
        ([["", "EASI", "", "NRS", ""], ["id", "T0", "T4", "T0", "T4"], list("12345")], (0, 2)),
    ],
)
def test_the_place_of_the_header(rows, place):
    assert scan.header_place(rows) == place


def test_a_code_for_missing_is_a_word_of_the_list_or_a_sign_alone():
    assert all(map(scan.is_missing_code, ["n.d.", "-", "NA", "k.A.", "?"]))
    assert not any(map(scan.is_missing_code, ["0", "nessuna", "%", "none", "D'Anna"]))


def test_words_are_shown_only_where_three_patients_have_them():
    columns = [
        tables.Column("id", 0, Counter(str(n) for n in range(12)), Counter()),
        tables.Column("esito", 1, Counter({"migliorato": 10, "Rossi": 2}), Counter()),
        tables.Column("Cognome", 2, Counter({"Rossi": 12}), Counter()),
    ]
    records = [[str(n), "Rossi" if n > 9 else "migliorato", "Rossi"] for n in range(12)]
    table = tables.Table("x.csv", "csv", columns=columns, records=records)
    assert table.shown_words(columns[1], columns[0]) == {"migliorato": 10}
    assert table.shown_words(columns[2], columns[0]) == {}
    assert table.shown_words(columns[0], columns[0]) == {}
    assert table.shown_words(columns[1], None) == {}


def test_what_cannot_be_read_is_named_and_the_rest_is_described(tmp_path):
    sources.long_scores(tmp_path)
    (tmp_path / "broken.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    (tmp_path / "empty.csv").write_bytes(b"")
    found = scan.scan_folder(tmp_path)
    assert [table.file for table in found.tables] == ["measurements.csv", "subjects.csv"]
    assert [name for name, _ in found.problems] == ["broken.xlsx", "empty.csv"]


@pytest.mark.parametrize(
    ("header", "role"),
    [
        ("N°", "patient_id"),
        ("Pat-Nr", "patient_id"),
        ("DataNascita", "birth_date"),
        ("Geburtsdatum", "birth_date"),
        ("date of birth", "birth_date"),
        ("Comorbilità", "comorbidity_term"),
        ("Juckreiz", "itch_nrs"),
        ("Sleep NRS", "sleep_nrs"),
        ("Terapie pregresse", "prior_treatments"),
        ("Cognome e Nome", "identity"),
        ("redcap_event_name", "nominal_timepoint"),
    ],
)
def test_a_header_in_three_languages(header, role):
    assert candidates(header, phrases())[0].role == role


def test_a_part_of_a_header_counts_less_than_the_whole_and_short_words_are_compared_exactly():
    assert words_of("EASI", "easi") == 1
    assert 0.5 < words_of("EASI al basale", "easi") < 1
    assert words_of("ida", "iga") == 0
    assert folded("Data_di nascita") == folded("dataDiNascita") == "data di nascita"
