"""What columns of a file are taken for: by the file's name, by headers and by values."""

from __future__ import annotations

import csv
import io

import duckdb
import pytest
from intake_deliveries import KEY

from intake.delivery import open_delivery
from intake.loader import load_delivery
from intake.propose.draft import draft, propose
from intake.propose.proposal import written
from intake.propose.scan import Table, scan_folder
from intake.propose.seen import look
from intake.propose.shapes import uses_of
from intake.refusals import MappingError


def table_of(folder, name: str, rows: list[list[object]]) -> Table:
    """Return the table of a file of invented records."""
    folder.mkdir(exist_ok=True)
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";").writerows(rows)
    (folder / name).write_text(text.getvalue(), encoding="utf-8", newline="")
    return next(table for table in scan_folder(folder).tables if table.file == name)


def settings(table: Table, export: str, has_register: bool = False) -> dict[str, object]:
    """Return column of the contract -> source, of the first use by an export."""
    uses = uses_of([look(table)], has_register=has_register)
    use = next(use for use in uses if use.export == export)
    return {name: setting.value for name, setting in use.columns.items()}


EVENTS = [["k1", 1, "congiuntivite", "03/02/2020", "No", "risolto"],
          ["k2", 1, "herpes labiale", "13/05/2020", "Sì", "in corso"],
          ["k3", 2, "congiuntivite", "20/06/2020", "No", "risolto"]]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("eventi_avversi.csv", ["IDEvento", "IDPaziente", "Evento", "Data", "Grave", "Esito"]),
        ("Nebenwirkungen 2020.csv", ["Nr", "Patient", "Ereignis", "Beginn", "Schwer", "Ausgang"]),
        ("adae.csv", ["AESEQ code", "USUBJID", "AETERM", "ASTDT", "AESER", "AEOUT"]),
        ("safety.csv", ["Line no", "Patient ID", "What happened", "Since", "Serious", "Outcome"]),
        ("UAW.csv", ["Lfd Nr", "Fallnummer", "Was", "Wann", "Schwer", "Ausgang"]),
    ],
)
def test_plain_headers_of_a_file_of_adverse_events(tmp_path, name, headers):
    found = settings(table_of(tmp_path / "d", name, [headers, *EVENTS]), "adverse_events")
    names = ["adverse_event_id", "patient_id", "event_term", "onset_date", "is_serious", "outcome"]
    assert found == dict(zip(names, headers, strict=True))


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("terapie.csv", ["IDTerapia", "IDPaziente", "Preparazione", "Dal", "Al"]),
        ("farmaci_2020.csv", ["Nr riga", "Paziente", "Cosa", "Data", "Fine"]),
        ("cm.csv", ["Key", "USUBJID", "CMDECOD", "ASTDT", "AENDT"]),
    ],
)
def test_a_column_of_drugs_and_the_number_of_a_record_in_a_file_of_courses(tmp_path, name, headers):
    rows = [
        [11, 1, "Dupixent 300 mg", "2020-01-10", ""],
        [12, 1, "Protopic 0,1% ung", "2020-02-10", "2020-03-10"],
        [13, 2, "Elocon cream", "2020-04-10", ""],
    ]
    found = settings(table_of(tmp_path / "d", name, [headers, *rows]), "prescriptions")
    names = ["prescription_id", "patient_id", "drug_name", "start_date", "end_date"]
    assert found == dict(zip(names, headers, strict=True))


@pytest.mark.parametrize(
    ("numbers", "second"), [(("1", "1"), "IDTerapia"), (("4", "4"), "Farmaco")]
)
def test_a_number_that_records_share_is_a_key_with_the_patient_only(tmp_path, numbers, second):
    """Where it counts the records of each patient; any other number may be a dose."""
    rows = [["IDTerapia", "IDPaziente", "Farmaco", "Dal"]]
    for number, patient, drug in zip(numbers, "12", ("Dupixent", "Protopic"), strict=True):
        rows.append([number, patient, drug, f"2020-0{patient}-10"])
    found = settings(table_of(tmp_path / "d", "terapie.csv", rows), "prescriptions")
    assert found["prescription_id"] == {"join": ["IDPaziente", second]}


def test_a_table_of_scores_is_of_visits_whatever_its_name(tmp_path):
    rows = [["Patient", "Date", "EASI"], ["1", "2020-01-10", "30.1"], ["1", "2020-02-10", "9.4"]]
    found = settings(table_of(tmp_path / "d", "treatments.csv", rows), "visits")
    assert (found["visit_date"], found["easi_score"]) == ("Date", "EASI")


def test_a_file_with_records_is_never_left_out_without_a_question(tmp_path):
    folder = tmp_path / "d"
    people = [["Patient ID", "Sex"], ["1", "F"], ["2", "M"]]
    table_of(folder, "patients.csv", people)
    table_of(folder, "empty.csv", [["Patient ID", "Colour"]])
    proposal, _ = draft(folder, "ours")
    assert "QUESTION" not in written(proposal).split("ignored_files")[0].rpartition("columns:")[2]
    table_of(folder, "samples.csv", [["Patient ID", "Tube"], ["1", "blue"], ["2", "red"]])
    proposal, _ = draft(folder, "ours")
    lines = written(proposal).split("\n")
    at = lines.index("ignored_files: [samples.csv, empty.csv]")
    assert lines[at - 1] == "#   candidate: samples.csv, 2 records of Patient ID, Tube"
    assert "QUESTION" in lines[at - 2]


@pytest.mark.parametrize(
    ("name", "timepoint"),
    [
        ("week 16.csv", "week_16"),
        ("Woche_4.csv", "week_04"),
        ("mese 12.csv", "week_52"),
        ("baseline.csv", "baseline"),
        ("week 7.csv", None),
        ("visits 2016.csv", None),
    ],
)
@pytest.mark.parametrize("is_repeated", [False, True])
def test_the_name_of_a_file_of_one_visit_each_is_its_timepoint(
    tmp_path, name, timepoint, is_repeated
):
    rows = [["Patient", "Date", "EASI"], ["1", "2020-01-10", "30"], ["2", "2020-02-10", "9"]]
    rows += [["1", "2020-03-10", "9"]] * is_repeated
    found = settings(table_of(tmp_path / "d", name, rows), "visits")
    expected = None if is_repeated or timepoint is None else {"constant": timepoint}
    assert found.get("nominal_timepoint") == expected


def test_two_files_of_one_shape_share_no_key(tmp_path):
    for year in ("2019", "2020"):
        rows = [["Patient", "Visit date", "EASI", "Topical therapy"]]
        rows += [[n, f"{year}-03-0{n}", 20 + n, "Protopic"] for n in (1, 2, 3)]
        table_of(tmp_path / "d", f"visits {year}.csv", rows)
    seen = [look(table) for table in scan_folder(tmp_path / "d").tables]
    uses = [use for use in uses_of(seen, has_register=False) if use.export == "prescriptions"]
    assert [use.columns["prescription_id"].value["join"][2] for use in uses] == [
        {"constant": "topicals"},
        {"constant": "topicals_2"},
    ]


def test_a_remark_between_records_is_no_patient_and_is_not_shown(tmp_path):
    rows = [["ID", "Sex", "Date of birth"], ["P1", "F", "1950-02-03"], ["-- Rossi, new --", "", ""]]
    rows += [[f"P{n}", "M", f"19{50 + n}-02-03"] for n in range(2, 9)]
    table = table_of(tmp_path / "d", "patients.csv", rows)
    assert (table.n_remarks, table.n_records, len(table.records)) == (1, 9, 8)
    (use,) = uses_of([look(table)])
    assert use.keys["records"].value == {"Sex": "not_empty"}
    proposal, _ = draft(tmp_path / "d", "ours")
    assert "Rossi" not in written(proposal)


def test_a_patient_with_an_identifier_only_is_a_record(tmp_path):
    rows = [["ID", "Sex", "Date of birth"], ["P1", "F", "1950-02-03"], ["P11", "", ""]]
    rows += [[f"P{n}", "M", f"19{50 + n}-02-03"] for n in range(2, 9)]
    table = table_of(tmp_path / "d", "patients.csv", rows)
    assert (table.n_remarks, len(table.records)) == (0, 9)


def test_a_repeating_instrument_tells_what_its_records_are(tmp_path):
    rows = [["Record ID", "Repeat Instrument", "Repeat Instance", "Sex", "EASI score", "Visit date",
             "Event", "Since", "Serious"]]  # fmt: skip
    for n in range(1, 7):
        rows.append([f"{n}", "", "", "F", "30", "2019-01-10", "", "", ""])
        rows.append([f"{n}", "Adverse events", "1", "", "", "", "itch", f"2019-03-0{n}", "No"])
    table_of(tmp_path / "d", "labels.csv", rows)
    proposal, _ = draft(tmp_path / "d", "ours")
    (use,) = [use for use in proposal.uses if use.export == "adverse_events"]
    found = {name: setting.value for name, setting in use.columns.items()}
    assert use.keys["records"].value == {"Repeat Instrument": ["Adverse events"]}
    assert (found["event_term"], found["onset_date"]) == ("Event", "Since")


NUMBERED = [
    "PatID",
    "Sex",
    "drug1",
    "start1",
    "stop1",
    "drug2",
    "start2",
    "stop2",
    "drug3",
    "start3",
    "comorb_1",
    "comorb_2",
    "AE1 date",
    "AE1 term",
    "AE2 date",
    "AE2 term",
]


def numbered_sheet(folder) -> Table:
    rows: list[list[object]] = [NUMBERED]
    for n in range(1, 9):
        start = f"2019-03-{n:02d}"
        topical = ["Protopic", start] if n % 2 else ["", ""]
        event = ["2019-05-02", "herpes"] if n == 3 else ["", ""]
        rows.append([f"N{n}", "FM"[n % 2], "Dupixent", start, "", *topical, "", "", "", "asthma",
                     "rhinitis" if n < 4 else "", *event, "", ""])  # fmt: skip
    return table_of(folder, "sheet.csv", rows)


def test_numbered_columns_are_written_once(tmp_path):
    uses = {use.export: use for use in uses_of([look(numbered_sheet(tmp_path / "d"))])}
    found = {
        export: {name: s.value for name, s in use.columns.items() if not name.endswith("_id")}
        for export, use in uses.items()
    }
    assert found["prescriptions"] == {
        "drug_name": "drug{n}", "start_date": "start{n}", "end_date": "stop{n}",
    }  # fmt: skip
    assert found["comorbidities"] == {"comorbidity_term": "comorb_{n}"}
    assert found["adverse_events"] == {
        "event_term": "AE{n} term", "onset_date": "AE{n} date", "is_serious": {"constant": ""},
    }  # fmt: skip
    assert uses["prescriptions"].keys["may_be_absent"].value == ["end_date"]


def test_numbered_columns_are_read_once_for_each_number_that_is_filled(tmp_path):
    numbered_sheet(tmp_path / "d")
    report = propose(tmp_path / "d", str(tmp_path / "ours.yml"))
    connection = duckdb.connect()
    load_delivery(open_delivery(tmp_path / "d", str(report.path)), KEY, connection)
    assert connection.sql(
        "select prescription_id, drug_name, start_date from raw.prescriptions "
        "where patient_id in ('N1', 'N2') order by all"
    ).fetchall() == [
        ("N1|courses 1", "Dupixent", "2019-03-01"),
        ("N1|courses 2", "Protopic", "2019-03-01"),
        ("N2|courses 1", "Dupixent", "2019-03-02"),
    ]
    assert connection.sql(
        "select patient_id, onset_date, event_term, is_serious from raw.adverse_events"
    ).fetchall() == [("N3", "2019-05-02", "herpes", "")]
    assert dict(
        connection.sql(
            "select source_file, n_records_read from raw.delivery_files where export_name = "
            "'comorbidities'"
        ).fetchall()
    ) == {"sheet.csv#comorbidities_1": 8, "sheet.csv#comorbidities_2": 3}
    more = report.path.read_text().replace('"2"]', '"2", "7"]', 1)
    report.path.write_text(more)
    with pytest.raises(MappingError, match=r"numbered: sheet.csv has no column at 7"):
        propose(tmp_path / "d", str(report.path))


def test_the_number_of_a_record_of_each_patient_is_its_key(tmp_path):
    rows: list[list[object]] = [["Patient", "Seq", "Drug", "Start"]]
    rows += [[n, k, f"drug {k}", f"2020-0{k}-10"] for n in (1, 2) for k in (1, 2, 3)]
    found = settings(table_of(tmp_path / "d", "therapies.csv", rows), "prescriptions")
    assert found["prescription_id"] == {"join": ["Patient", "Seq"]}
