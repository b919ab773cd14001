"""Sheets of other shapes through their mappings: wide, several facts in a cell, several sheets.

Every person is invented.
"""

from __future__ import annotations

import datetime
from pathlib import Path

import duckdb
import openpyxl
import pytest
from intake_deliveries import KEY, judge

from intake.delivery import open_delivery
from intake.loader import load_delivery
from intake.refusals import DeliveryRefusedError

WIDE_MAPPING = """\
version: 1
source_system: wide
label: One wide sheet
defaults:
  encoding: cp1252
  delimiter: ";"
  decimal_mark: ","
  date_format: dmy/
  two_digit_years: 24
  missing_codes: [n.d., "-"]
  preamble_lines: 1
  header_lines: 2
exports:
  patients:
    files:
      - file: Reparto (città) *
        part: patients
        skip_records: {Anagrafica N°: [Totale]}
        columns:
          patient_id: Anagrafica N°
          sex: Anagrafica Sesso
          birth_date: Anagrafica Data di nascita
          involves_face: {column: Anagrafica Viso, words: {sì (naso): "yes"}}
  visits:
    files:
      - file: Reparto (città) *
        part: visits
        timepoints: {T0: baseline, T4: week_04}
        columns:
          visit_id: {join: [Anagrafica N°, {constant: "{t}"}]}
          patient_id: Anagrafica N°
          visit_date: Visite Data {t}
          easi_score: EASI {t}
          itch_nrs_score: {by_timepoint: {T0: NRS base}}
  prescriptions:
    decimal_mark: "."
    files:
      - file: Reparto (città) *
        part: topicals
        records: {Terapie Topica: not_empty}
        columns:
          prescription_id: {join: [Anagrafica N°, {constant: topical}, {piece: true}]}
          patient_id: Anagrafica N°
          drug_name: {column: Terapie Topica, split: [";"], remarks: true}
      - file: Reparto (città) *
        part: dupilumab
        columns:
          prescription_id: {join: [Anagrafica N°, {constant: dupilumab}]}
          patient_id: Anagrafica N°
          drug_name: {constant: Dupixent}
          start_date: {column: Terapie Inizio, date_format: ymd-}
  comorbidities:
    files:
      - file: Reparto (città) *
        part: comorbidities
        records: {Terapie Comorbilità: {none_of: [nessuna, ""]}}
        columns:
          patient_id: Anagrafica N°
          comorbidity_term: {column: Terapie Comorbilità, split: [",", ";"]}
"""

WIDE_SHEET = (
    "Reparto, aggiornato al 30/06/2024;;;;;;;;;;;\n"
    "Anagrafica;;;;Visite;;EASI;;NRS;Terapie;;\n"
    'N°;Sesso;"Data di\nnascita";Viso;Data T0;Data T4;T0;T4;base;Topica;Inizio;Comorbilità\n'
    "1;M;12/05/1980;sì (naso);14/03/2019;11/4/2019;32,5;14,2;9;"
    '"Protopic ung dal 03/2019; Elidel";2019-03-14;asma, rinite\n'
    "2;f;01/01/85;no;02/05/2019 10:30;n.d.;28;n.d.;8;n.d.;2019-5-2;nessuna\n"
    "3;F;22/11/1990;si;;;-;;;Advantan;12/09/2019;-\n"
    "Totale;3;;;;;;;;;;\n"
)


@pytest.fixture
def wide(tmp_path: Path) -> tuple[Path, dict]:
    folder, mappings = tmp_path / "in", tmp_path / "mappings"
    folder.mkdir()
    mappings.mkdir()
    (folder / "Reparto (città) 2024.csv").write_bytes(WIDE_SHEET.encode("cp1252"))
    (mappings / "wide.yml").write_text(WIDE_MAPPING, encoding="utf-8")
    return folder, {"mappings_folder": mappings}


def load(folder: Path, options: dict, name: str = "wide") -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    load_delivery(open_delivery(folder, name, **options), KEY, connection)
    return connection


def rows(connection: duckdb.DuckDBPyConnection, columns: str, table: str) -> list[tuple]:
    where = "where record_fault is null order by source_file, record_number"
    return connection.execute(f"select {columns} from raw.{table} {where}").fetchall()


def test_a_wide_sheet_becomes_one_record_per_fact(wide):
    connection = load(*wide)
    people = rows(connection, "patient_id, sex, birth_date, involves_face", "patients")
    assert people == [
        ("1", "M", "12/05/1980", "yes"),
        ("2", "f", "01/01/1985", "no"),
        ("3", "F", "22/11/1990", "si"),
    ]
    visits = rows(
        connection,
        "visit_id, visit_date, nominal_timepoint, easi_score, itch_nrs_score",
        "visits",
    )
    assert visits == [
        ("1|T0", "14/03/2019", "baseline", "32,5", "9"),
        ("2|T0", "02/05/2019", "baseline", "28", "8"),
        ("1|T4", "11/04/2019", "week_04", "14,2", None),
    ]
    courses = rows(connection, "prescription_id, drug_name, start_date", "prescriptions")
    assert courses == [
        ("1|dupilumab", "Dupixent", "2019-03-14"),
        ("2|dupilumab", "Dupixent", "2019-05-02"),
        ("3|dupilumab", "Dupixent", "12/09/2019"),
        ("1|topical|1", "Protopic ung", "2019-03"),
        ("3|topical|1", "Advantan", None),
        ("1|topical|2", "Elidel", None),
    ]
    terms = rows(connection, "patient_id, comorbidity_term", "comorbidities")
    assert terms == [("1", "asma"), ("1", "rinite")]


def test_staging_is_told_the_form_that_the_cells_have_now(wide):
    formats = load(*wide).execute("from raw.source_formats order by 1").fetchall()
    assert formats == [
        ("comorbidities", ",", "dmy", "/", False, ["n.d.", "-"], "refuse"),
        ("patients", ",", "dmy", "/", False, ["n.d.", "-"], "refuse"),
        ("prescriptions", ".", "ymd", "-", True, ["n.d.", "-"], "refuse"),
        ("visits", ",", "dmy", "/", False, ["n.d.", "-"], "refuse"),
    ]


def test_every_record_of_a_wide_sheet_is_accounted_for(wide):
    connection = load(*wide)
    files = connection.execute(
        "select export_name, split_part(source_file, '#', 2), n_records_read, n_records_faulty "
        "from raw.delivery_files order by all"
    ).fetchall()
    assert files == [
        ("comorbidities", "comorbidities", 1, 0),
        ("comorbidities", "comorbidities+2", 1, 0),
        ("patients", "patients", 3, 0),
        ("patients", "skipped", 1, 1),
        ("prescriptions", "dupilumab", 3, 0),
        ("prescriptions", "topicals", 2, 0),
        ("prescriptions", "topicals+2", 1, 0),
        ("visits", "visits_t0", 2, 0),
        ("visits", "visits_t4", 1, 0),
    ]
    for export in ("comorbidities", "patients", "prescriptions", "visits"):
        counted = connection.execute(
            f"select source_file, count(*) from raw.{export} group by all"
        ).fetchall()
        declared = connection.execute(
            "select source_file, n_records_read from raw.delivery_files where export_name = ?",
            [export],
        ).fetchall()
        assert sorted(counted) == sorted(declared)
    keys = connection.execute(
        "select count(*), count(distinct (source_file, record_number)) from raw.prescriptions"
    ).fetchone()
    assert keys == (6, 6)
    line = connection.execute(
        "select line_number, record_fault, record_fault_detail from raw.patients "
        "where record_fault is not null"
    ).fetchall()
    assert line == [(8, "not_selected", "Totale")]


def test_empty_slots_are_counted_for_the_data_manager(wide):
    judgement = judge(wide[0], "wide", **wide[1])["Reparto (città) 2024.csv"]
    slots = [detail.split("#")[1] for code, detail in judgement.notices if code == "empty_slots"]
    assert slots == ["visits_t0: 1", "visits_t4: 2"]


def test_a_wide_delivery_is_not_loaded_again(wide):
    connection = load(*wide)
    connection.execute("update raw.patients set sex = 'kept' where record_number = 1")
    load_delivery(open_delivery(wide[0], "wide", **wide[1]), KEY, connection)
    kept = connection.execute("select count(*) from raw.patients where sex = 'kept'").fetchone()
    assert kept == (1,)


def test_a_wildcard_means_exactly_one_file(wide):
    folder, options = wide
    again = folder / "Reparto (città) 2025.csv"
    again.write_bytes(WIDE_SHEET.encode("cp1252"))
    connection = duckdb.connect()
    with pytest.raises(DeliveryRefusedError, match=r"several files could be it: .*2024.*2025"):
        load_delivery(open_delivery(folder, "wide", **options), KEY, connection)


def test_a_row_that_no_use_takes_is_counted_as_such(wide):
    folder, options = wide
    path = options["mappings_folder"] / "wide.yml"
    text = path.read_text("utf-8")
    start, end = text.index("  prescriptions:"), len(text)
    text = text[:start] + text[end:]
    only_visits = text.replace("        part: patients\n", "        part: patients\n"
        "        records: {Anagrafica Sesso: [M, f]}\n")  # fmt: skip
    path.write_text(only_visits, encoding="utf-8")
    files = load(folder, options).execute(
        "select split_part(source_file, '#', 2), n_records_read from raw.delivery_files order by 1"
    )
    assert files.fetchall() == [
        ("not_selected", 1),
        ("patients", 2),
        ("skipped", 1),
        ("visits_t0", 2),
        ("visits_t4", 1),
    ]


SHEETS_MAPPING = """\
version: 1
source_system: sheets
label: A workbook of two sheets
defaults: {date_format: dmy/, decimal_mark: ","}
exports:
  patients:
    files:
      - file: registro
        part: patients
        sheet: Anagrafica
        preamble_lines: 2
        skip_records: {Codice: [Totale pazienti]}
        columns: {patient_id: Codice, sex: Sesso, birth_date: Nascita}
  visits:
    files:
      - file: registro
        part: visits
        sheet: Visite
        header_lines: 2
        columns:
          visit_id: {join: [Codice, Visita Quando]}
          patient_id: Codice
          visit_date: Visita Data
          nominal_timepoint: Visita Quando
          easi_score: Score EASI
"""


def test_one_mapping_reads_two_sheets_of_one_workbook(tmp_path):

    book = openpyxl.Workbook()
    first = book.active
    first.title = "Anagrafica"
    day = datetime.date
    for row in (
        ["Registro"], [], ["Codice", "Sesso", "Nascita"], ["A1", "F", day(1980, 5, 12)],
        ["A2", "M", "3/4/1975"], ["Totale pazienti", 2, None],
    ):  # fmt: skip
        first.append(row)
    second = book.create_sheet("Visite")
    for row in (
        [None, "Visita", None, "Score"], ["Codice", "Data", "Quando", "EASI"],
        ["A1", day(2019, 3, 14), "T0", 32.5], ["A2", datetime.datetime(2019, 5, 2, 10), "T0", 28],
    ):  # fmt: skip
        second.append(row)
    book.create_sheet("Note")
    (tmp_path / "in").mkdir()
    book.save(tmp_path / "in" / "registro.xlsx")
    (tmp_path / "sheets.yml").write_text(SHEETS_MAPPING)
    connection = load(tmp_path / "in", {"mappings_folder": tmp_path}, "sheets")
    assert rows(connection, "patient_id, birth_date", "patients") == [
        ("A1", "12/05/1980"),
        ("A2", "03/04/1975"),
    ]
    visits = rows(connection, "visit_id, visit_date, easi_score, source_file", "visits")
    assert visits == [
        ("A1|T0", "14/03/2019", "32,5", "registro.xlsx#visits"),
        ("A2|T0", "02/05/2019", "28", "registro.xlsx#visits"),
    ]
    notices = connection.execute("select notice_code, detail from raw.delivery_notices").fetchall()
    assert ("other_sheets", "1 other sheets are not read") in notices
    delivery = connection.execute("select n_files from raw.delivery").fetchone()
    assert delivery == (1,)


DAYS_MAPPING = """\
version: 1
source_system: days
label: Ages and day numbers, one row per measurement
criteria: [has_index_treatment, is_adult]
defaults: {date_format: day}
exports:
  patients:
    files:
      - file: persons
        part: person
        columns: {patient_id: ID, sex: SEX, age_at_index_years: AGE}
  visits:
    files:
      - file: measures
        part: easi
        records: {PARAM: [EASI]}
        columns:
          visit_id: {join: [ID, DAY, PARAM]}
          patient_id: ID
          visit_date: DAY
          easi_score: VALUE
      - file: measures
        part: dlqi
        records: {PARAM: {one_of: [DLQI]}}
        columns:
          visit_id: {join: [ID, DAY, PARAM]}
          patient_id: ID
          visit_date: DAY
          dlqi_score: VALUE
  prescriptions:
    files:
      - file: persons
        part: drug
        columns:
          prescription_id: {join: [ID, {constant: drug}]}
          patient_id: ID
          drug_name: DRUG
          start_date: {constant: "day 0"}
"""


def test_ages_and_days_and_one_row_per_measurement(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "persons.csv").write_text("ID,SEX,AGE,DRUG\n1,F,44,Dupixent\n2,M,n/a,Dupixent\n")
    (folder / "measures.csv").write_text(
        "ID,DAY,PARAM,VALUE\n1,day 0,EASI,30.5\n1,Day 0,DLQI,20\n1,D28,EASI,12\n"
        "2,-3,EASI,25\n2,week 4,EASI,9\n2,0,WEIGHT,70\n"
    )
    (tmp_path / "days.yml").write_text(DAYS_MAPPING)
    connection = load(folder, {"mappings_folder": tmp_path}, "days")
    assert rows(connection, "visit_id, visit_date, easi_score, dlqi_score", "visits") == [
        ("1|Day 0|DLQI", "2001-01-01", None, "20"),
        ("1|day 0|EASI", "2001-01-01", "30.5", None),
        ("1|D28|EASI", "2001-01-29", "12", None),
        ("2|-3|EASI", "2000-12-29", "25", None),
        ("2|week 4|EASI", "week 4", "9", None),
    ]
    starts = rows(connection, "prescription_id, start_date", "prescriptions")
    assert starts == [("1|drug", "2001-01-01"), ("2|drug", "2001-01-01")]
    assert connection.execute("select are_dates_relative from raw.delivery").fetchone() == (True,)
    faulty = connection.execute(
        "select record_number, record_fault_detail, source_file from raw.visits "
        "where record_fault is not null"
    ).fetchall()
    assert faulty == [(6, "WEIGHT", "measures.csv#not_selected")]


def test_words_of_a_column_are_known_to_staging(wide):
    words = load(*wide).execute("from raw.source_words order by all").fetchall()
    assert words == [("yes_no", "yes", "yes")]


YES_AND_NO = """\
version: 1
source_system: boxes
label: Columns of yes and no
criteria: [is_adult]
defaults: {missing_codes: [n.d.]}
exports:
  patients:
    files: [{file: people, columns: {patient_id: Nr, sex: Sesso}}]
  comorbidities:
    files:
      - {file: boxes, part: asma, records: {Asma: [si]},
         columns: {patient_id: Nr, comorbidity_term: {constant: asma}}}
      - {file: boxes, part: rinite, records: {Rinite: [si]},
         columns: {patient_id: Nr, comorbidity_term: {constant: rinite}}}
      - {file: boxes, part: orticaria, records: {Orticaria: [x]},
         columns: {patient_id: Nr, comorbidity_term: {constant: orticaria}}}
      - {file: boxes, part: lieve, records: {Gravità: [si, lieve], Asma: not_empty},
         columns: {patient_id: Nr, comorbidity_term: {constant: eczema}}}
      - {file: boxes, part: grave, records: {Gravità: [grave]},
         columns: {patient_id: Nr, comorbidity_term: {constant: eczema grave}}}
  prescriptions:
    files:
      - {file: boxes, part: prima, records: {Ciclo: [si]},
         columns: {prescription_id: Nr, patient_id: Nr, drug_name: {constant: ciclosporina},
                   period: {constant: before_index}}}
      - {file: boxes, part: visita, records: {Visita: ["1"]},
         columns: {prescription_id: {join: [Nr, Visita]}, patient_id: Nr,
                   drug_name: {constant: dupilumab}}}
"""
BOXES = """\
Nr,Visita,Asma,Rinite,Orticaria,Gravità,Ciclo
1,1,si,si,x,si,si
2,1,no,,,lieve,no
3,1,,,,grave,
4,1,n.d.,si,?,NO,?
5,1,SI,,,boh,non noto
6,1,?,,,,no
7,1,,,,,
7,2,no,,,,
8,1,no,,,,no
"""


def boxes(folder: Path, mapping: str = YES_AND_NO) -> duckdb.DuckDBPyConnection:
    folder.mkdir()
    (folder / "people.csv").write_text("Nr,Sesso\n" + "".join(f"{n},m\n" for n in range(1, 9)))
    (folder / "boxes.csv").write_text(BOXES, encoding="utf-8")
    (folder.parent / "ours.yml").write_text(mapping, encoding="utf-8")
    connection = duckdb.connect()
    load_delivery(open_delivery(folder, str(folder.parent / "ours.yml")), KEY, connection)
    return connection


def patients_by(connection: duckdb.DuckDBPyConnection, column: str, table: str) -> dict:
    query = f"""
        select {column}, list(patient_id order by patient_id) from raw.{table}
        where {column} is not null group by all
    """
    return dict(connection.sql(query).fetchall())


def test_a_cell_that_a_mapping_does_not_name_is_a_doubt_unless_it_says_no(tmp_path):
    """Empty cells are too, where the column says no of others and of the patient nothing."""
    connection = boxes(tmp_path / "d")
    assert patients_by(connection, "comorbidity_term", "comorbidities") == {
        "asma": ["1"],
        "asma?": ["3", "4", "5", "6"],
        "rinite": ["1", "4"],
        "orticaria": ["1"],
        "orticaria?": ["4"],
        "eczema": ["1", "2"],
        "eczema?": ["5", "6", "7", "8"],
        "eczema grave": ["3"],
    }
    assert patients_by(connection, "drug_name", "prescriptions") == {
        "ciclosporina": ["1"],
        "ciclosporina?": ["3", "4", "5", "7", "7"],
        "dupilumab": ["1", "2", "3", "4", "5", "6", "7", "8"],
    }


def test_a_word_is_no_where_the_mapping_says_so(tmp_path):
    words = 'words: {yes_no: {"?": "no", boh: "no"}}\nexports:'
    connection = boxes(tmp_path / "d", YES_AND_NO.replace("exports:", words, 1))
    found = patients_by(connection, "comorbidity_term", "comorbidities")
    doubts = {term: found[term] for term in ("asma?", "orticaria?", "eczema?")}
    assert doubts == {
        "asma?": ["3", "4", "5"],
        # Now the column says no.
        "orticaria?": ["2", "3", "5", "6", "7", "7", "8"],
        "eczema?": ["6", "7", "8"],
    }


def test_a_record_of_boxes_that_say_nothing_new_is_of_no_use(tmp_path):
    """The first record of patient 7 is empty where the second says no."""
    mapping = YES_AND_NO[: YES_AND_NO.index("  prescriptions:")]
    connection = boxes(tmp_path / "d", mapping)
    query = """
        select record_number, record_fault from raw.comorbidities
        where record_fault is not null or source_file like '%not_selected' order by all
    """
    assert connection.sql(query).fetchall() == [(7, "not_selected")]
