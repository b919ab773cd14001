"""Codes of lookup files, units, drugs named at visits, and one workbook per visit."""

from __future__ import annotations

import csv

import duckdb
import openpyxl
import pytest
from intake_deliveries import KEY
from propose_sources import redcap_project
from test_propose_roles import table_of

from intake.delivery import open_delivery
from intake.loader import load_delivery
from intake.propose.draft import draft, propose
from intake.refusals import MappingError

N = range(1, 9)


def loaded(folder) -> duckdb.DuckDBPyConnection:
    """Return the raw tables of a folder, read with the mapping that is proposed for it."""
    report = propose(folder, str(folder.parent / "ours.yml"))
    connection = duckdb.connect()
    load_delivery(open_delivery(folder, str(report.path)), KEY, connection)
    return connection


def database(folder) -> None:
    """Tables of a database, with codes of lookup tables; every person is invented."""
    table_of(folder, "tblGeschlecht.csv", [["ID", "Bezeichnung"], [1, "männlich"], [2, "weiblich"]])
    drugs = [["MedID", "Name"], [1, "Dupixent"], [2, "Protopic Salbe"], [3, "Ciclosporin"]]
    table_of(folder, "tblMedikament.csv", drugs)
    illnesses = [["ErkrID", "Text"], [1, "Asthma"], [2, "Rhinitis"]]
    table_of(folder, "tblBegleiterkrankung.csv", illnesses)
    people = [["PatID", "GeschlechtID", "GebDatum"]]
    table_of(folder, "tblPatient.csv", people + [[n, 1 + n % 2, f"1970-01-0{n}"] for n in N])
    courses = [["TherapieID", "PatID", "MedID", "Beginn"]]
    courses += [[10 + n, n, 1 + n % 3, f"2019-03-0{n}"] for n in N]
    table_of(folder, "tblTherapie.csv", courses)
    table_of(folder, "tblPatErkr.csv", [["PatID", "ErkrID"]] + [[n, 1 + n % 2] for n in N])
    staff = [["ArztID", "Name"], [1, "Rossi, Anna"], [2, "Weber, Jan"]]
    table_of(folder, "tblArzt.csv", staff)


def test_codes_of_lookup_files_are_read_as_their_labels(tmp_path):
    database(tmp_path / "d")
    connection = loaded(tmp_path / "d")
    query = """
        select patient_id, sex, drug_name, comorbidity_term
        from raw.patients
        inner join raw.prescriptions using (patient_id)
        inner join raw.comorbidities using (patient_id)
        where patient_id in ('1', '2')
        order by patient_id
    """
    assert connection.sql(query).fetchall() == [
        ("1", "weiblich", "Protopic Salbe", "Rhinitis"),
        ("2", "männlich", "Ciclosporin", "Asthma"),
    ]
    text = (tmp_path / "ours.yml").read_text()
    assert "Rossi" not in text
    assert "tblArzt.csv, 2 records" in text
    with (tmp_path / "d" / "tblMedikament.csv").open("a", encoding="utf-8", newline="") as file:
        file.write("4;Elidel\r\n")
    again = propose(tmp_path / "d", str(tmp_path / "ours.yml"))
    assert again.added == ["prescriptions: drug_name: codes 4"]
    assert '"3": Ciclosporin, "4": Elidel}}' in again.path.read_text()


def test_a_list_of_patients_is_no_lookup_file(tmp_path):
    table_of(tmp_path / "d", "patients.csv", [["PatID", "Sex"], *([n, "FM"[n % 2]] for n in N)])
    visits = [["PatID", "Date", "EASI"]]
    visits += [[n, f"2019-0{k}-11", 20 - k] for n in N for k in (1, 2)]
    table_of(tmp_path / "d", "visits.csv", visits)
    proposal, _ = draft(tmp_path / "d", "ours")
    assert [use.export for use in proposal.uses] == ["patients", "visits"]
    assert [use.table.labels for use in proposal.uses] == [{}, {}]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("12,5 Punkte", "12.5"), ("7", "7"), ("8 punkte", "8"), ("> 50 Punkte", "> 50 Punkte")],
)
def test_the_unit_behind_a_score_is_declared_and_taken_off(tmp_path, cell, expected):
    rows = [["Pat-Nr", "Datum", "EASI"], *([n, f"2{n}.02.2019", f"{n},5 Punkte"] for n in N)]
    rows.append([9, "09.02.2019", cell])
    table_of(tmp_path / "d", "werte.csv", rows)
    people = [["Pat-Nr", "Geschlecht"], *([n, "mw"[n % 2]] for n in range(1, 10))]
    table_of(tmp_path / "d", "patienten.csv", people)
    connection = loaded(tmp_path / "d")
    assert "unit: [Punkte]}" in (tmp_path / "ours.yml").read_text()
    (value,) = connection.sql("select easi_score from raw.visits where patient_id = '9'").fetchone()
    assert value.replace(",", ".") == expected


def test_a_unit_is_of_numbers_only(tmp_path):
    table_of(tmp_path / "d", "p.csv", [["PatID", "Sex"], [1, "F"], [2, "M"]])
    report = propose(tmp_path / "d", str(tmp_path / "ours.yml"))
    text = report.path.read_text().replace("sex: Sex", "sex: {column: Sex, unit: [x]}")
    report.path.write_text(text)
    with pytest.raises(MappingError, match="sex: unit: is no number"):
        open_delivery(tmp_path / "d", str(report.path))


def test_one_workbook_per_visit_and_the_drug_that_is_named_there(tmp_path):
    (tmp_path / "d").mkdir()
    for week in (0, 4, 16):
        book = openpyxl.Workbook()
        book.active.append(["Pat.-Nr.", "Datum", "EASI", "Lokaltherapie"])
        for n in N:
            day = f"{20 + n}.0{1 + week // 4}.2019"
            book.active.append([n, day, 20 - week, "Protopic" if n % 2 else ""])
        book.save(tmp_path / "d" / f"visits_T{week}.xlsx")
    table_of(tmp_path / "d", "patienten.csv", [["Pat.-Nr.", "Geschl."], *([n, "m"] for n in N)])
    connection = loaded(tmp_path / "d")
    query = "select source_file, nominal_timepoint from raw.visits group by all order by all"
    assert connection.sql(query).fetchall() == [
        ("visits_T0.xlsx#visits", "baseline"),
        ("visits_T16.xlsx#visits", "week_16"),
        ("visits_T4.xlsx#visits", "week_04"),
    ]
    query = """
        select start_date, end_date from raw.prescriptions
        where patient_id = '3' and drug_name is not null order by start_date
    """
    days = [f"23.0{month}.2019" for month in (1, 2, 5)]
    assert connection.sql(query).fetchall() == [(day, day) for day in days]
    text = (tmp_path / "ours.yml").read_text()
    assert text.count("was it in use on that day?") == 3


def test_a_cell_that_is_neither_yes_nor_no_is_a_doubt_not_an_absence(tmp_path):
    rows = [["Nr", "Geschlecht", "Geburtsdatum", "Asthma", "Rhinitis", "Urticaria"]]
    cells = ["ja", "nein", "", "n.d."]
    rows += [[n, "m", f"1970-01-0{n}", cells[n % 4], "ja" if n % 2 else "nein", ""] for n in N]
    rows[1][5] = rows[2][5] = "x"
    table_of(tmp_path / "d", "patienten.csv", rows)
    connection = loaded(tmp_path / "d")
    query = """
        select comorbidity_term, list(patient_id order by patient_id) from raw.comorbidities
        where comorbidity_term is not null group by comorbidity_term order by 1
    """
    assert connection.sql(query).fetchall() == [
        ("asthma", ["4", "8"]),
        ("asthma?", ["2", "3", "6", "7"]),
        ("rhinitis", ["1", "3", "5", "7"]),
    ]


def test_an_empty_box_or_a_code_for_missing_data_is_a_doubt(tmp_path):
    folder = redcap_project(tmp_path / "d")
    with (folder / "export.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        is_own = (
            row["redcap_event_name"] == "baseline_arm_1" and not row["redcap_repeat_instrument"]
        )
        row["como____99"] = "1" if is_own and row["record_id"] == "4" else "0"
        if is_own and row["record_id"] == "3":
            row["como___1"] = row["como___2"] = ""
    with (folder / "export.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    connection = loaded(folder)
    query = """
        select patient_id from raw.comorbidities where comorbidity_term = 'not known' order by 1
    """
    assert connection.sql(query).fetchall() == [("3",), ("4",)]


def test_an_empty_cell_where_others_say_none_is_a_doubt(tmp_path):
    rows = [["Nr", "Geschlecht", "Geburtsdatum", "Begleiterkrankungen", "Vortherapien"]]
    illnesses, drugs = ["Asthma", "keine", ""], ["Ciclosporin", "n.d.", "keine"]
    rows += [[n, "m", f"1970-01-0{n}", illnesses[n % 3], drugs[n % 3]] for n in N]
    table_of(tmp_path / "d", "patienten.csv", rows)
    connection = loaded(tmp_path / "d")
    for query in (
        "select comorbidity_term, list(patient_id order by patient_id) from raw.comorbidities",
        "select drug_name, list(patient_id order by patient_id) from raw.prescriptions",
    ):
        term = query.split()[1].rstrip(",")
        found = dict(connection.sql(f"{query} where {term} is not null group by all").fetchall())
        not_known = ["2", "5", "8"] if "comorbidity" in query else ["1", "4", "7"]
        assert found["not known"] == not_known
        assert found["keine"] == (["1", "4", "7"] if "comorbidity" in query else ["2", "5", "8"])
