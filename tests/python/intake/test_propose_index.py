"""The course that enrols a patient is found by its drug and start, or asked for."""

from __future__ import annotations

import datetime

import duckdb
import pytest
from intake_deliveries import KEY
from test_propose_roles import table_of

from intake.check import check
from intake.delivery import open_delivery
from intake.loader import load_delivery
from intake.propose.draft import draft, propose


def day(patient: int, after: int = 0) -> str:
    return (datetime.date(2019, 1, 10) + datetime.timedelta(9 * patient + after)).isoformat()


def people(*headers: str) -> list[list[object]]:
    return [["Patient ID", "Sex", "Date of birth", *headers]]


def person(patient: int) -> list[object]:
    return [patient, "FM"[patient % 2], f"{1950 + patient}-02-03"]


def test_a_drug_without_a_start_asks_with_the_first_visit_among_the_candidates(tmp_path):
    rows = people("Biologic", "Date T0", "EASI T0", "Date T16", "EASI T16", "Consent")
    for patient in range(1, 9):
        first, later = day(patient), day(patient, 112)
        rows.append([*person(patient), "Dupixent 300", first, 30, later, 9, day(patient, -5)])
    table_of(tmp_path / "d", "sheet.csv", rows)
    proposal, _ = draft(tmp_path / "d", "ours")
    (use,) = [use for use in proposal.uses if use.export == "prescriptions"]
    start = use.columns["start_date"]
    assert use.columns["drug_name"].value == "Biologic"
    assert (start.is_commented, start.value) == (True, "Consent")
    assert start.candidates == ("Consent", "Date T0, the first visit")
    assert proposal.index_course is None


def test_the_date_in_the_group_of_the_drug_is_its_start(tmp_path):
    rows: list[list[object]] = [
        ["Patient", "", "Visit 0", "", "Week 16", "", "Therapy", ""],
        ["ID", "Sex", "Date", "EASI", "Date", "EASI", "Product", "Date"],
    ]
    for patient in range(1, 9):
        first, later = day(patient), day(patient, 112)
        rows.append([patient, "F", first, 30, later, 8, "Dupixent", day(patient, 1)])
    table_of(tmp_path / "d", "sheet.csv", rows)
    proposal, _ = draft(tmp_path / "d", "ours")
    (use,) = [use for use in proposal.uses if use.export == "prescriptions"]
    assert (use.columns["start_date"].value, use.columns["start_date"].question) == (
        "Therapy Date",
        "",
    )


def test_a_source_that_names_no_index_treatment_gets_a_course_to_fill_in(tmp_path):
    rows = people("First dose given")
    visits: list[list[object]] = [["Patient ID", "Date", "EASI"]]
    for patient in range(1, 9):
        rows.append([*person(patient), day(patient)])
        visits += [[patient, day(patient, after), 30 - after / 5] for after in (0, 28)]
    table_of(tmp_path / "d", "patients.csv", rows)
    table_of(tmp_path / "d", "visits.csv", visits)
    report = propose(tmp_path / "d", str(tmp_path / "ours.yml"))
    (question,) = [q for q in report.questions if "index treatment" in q[1]]
    lines = report.path.read_text().split("\n")
    line, _, is_open = question
    assert not is_open
    assert "start_date: First dose given" in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace("# ", "", 1)
    empty = "no record of the index treatment with a start: no patient can be enrolled"
    before = [each.words for each in check(tmp_path / "d", str(report.path)).coverage]
    assert empty in before
    assert "no topical_adherence: the study's question about tacrolimus stays empty" in before
    report.path.write_text("\n".join(lines))
    judged = check(tmp_path / "d", str(report.path))
    assert not judged.is_refused
    (told,) = [each.words for each in judged.coverage if each.words.startswith("8 records: presc")]
    assert told.endswith("start_date 8")
    assert empty not in [each.words for each in judged.coverage]


def test_days_and_an_arm_offer_the_first_day_for_the_patients_of_that_arm(tmp_path):
    rows: list[list[object]] = [["USUBJID", "AGE", "SEX", "ARM"]]
    visits: list[list[object]] = [["USUBJID", "AVISIT", "ADY", "PARAMCD", "AVAL"]]
    for patient in range(1, 13):
        arm = ["Dupilumab", "Placebo"][patient % 2]
        rows.append([f"A{patient}", 20 + patient, "F", arm])
        visits += [[f"A{patient}", f"Week {n // 7}", n, "EASI", 30 - n / 5] for n in (1, 29)]
    table_of(tmp_path / "d", "adsl.csv", rows)
    table_of(tmp_path / "d", "adqs.csv", visits)
    proposal, _ = draft(tmp_path / "d", "ours")
    assert proposal.index_course is not None
    use = proposal.index_course.value
    assert use["records"] == {"ARM": ["Dupilumab"]}
    assert use["columns"]["start_date"] == {"constant": "1"}


@pytest.mark.parametrize(
    ("days", "form", "is_asked"),
    [
        ((1, 29), "study_day", False),
        ((-1, 1, 29), "study_day", False),
        ((0, 28), "day", False),
        ((-7, 0, 1), "day", False),
        ((-7, 28), "day", True),
    ],
)
def test_a_day_0_or_a_day_1_says_how_days_are_counted_in_every_file(tmp_path, days, form, is_asked):
    rows: list[list[object]] = [["USUBJID", "AGE", "SEX"]]
    visits: list[list[object]] = [["USUBJID", "ADY", "EASI"]]
    courses: list[list[object]] = [["USUBJID", "CMDECOD", "ASTDY"]]
    for patient in range(1, 9):
        rows.append([f"A{patient}", 20 + patient, "F"])
        visits += [[f"A{patient}", n, 30 - n / 5] for n in days]
        courses.append([f"A{patient}", "DUPILUMAB", days[-1]])
    for name, table in {"adsl": rows, "visits": visits, "adcm": courses}.items():
        table_of(tmp_path / "d", f"{name}.csv", table)
    proposal, _ = draft(tmp_path / "d", "ours")
    setting = proposal.defaults["date_format"]
    assert (setting.value, bool(setting.question)) == (form, is_asked)
    assert "visits.csv, adcm.csv" in setting.comment + setting.question


@pytest.mark.parametrize("has_labels", [False, True])
def test_the_first_visit_of_a_long_table_is_offered_as_the_start(tmp_path, has_labels):
    values: list[list[object]] = [["Patient ID", "Date", "Parameter", "Value"]]
    rows: list[list[object]] = [["Patient ID", "Sex", "Age"]]
    rows += [[n, "FM"[n % 2], 30 + n] for n in range(1, 9)]
    values[0] += ["Visit"] * has_labels
    for patient in range(1, 9):
        for after, label in ((28, "Week 4"), (0, "Baseline"), (112, "Week 16")):
            for score, value in (("EASI", 20 - after / 10), ("DLQI", 9)):
                row = [patient, day(patient, after), score, value]
                values.append([*row, *[label] * has_labels])
    table_of(tmp_path / "d", "patients.csv", rows)
    table_of(tmp_path / "d", "values.csv", values)
    report = propose(tmp_path / "d", str(tmp_path / "ours.yml"))
    (line,) = [line for line, question, _ in report.questions if "index treatment" in question]
    lines = report.path.read_text().split("\n")
    assert "the first visit" in lines[line - 2]
    lines[line - 1] = lines[line - 1].replace("# ", "", 1)
    report.path.write_text("\n".join(lines))
    connection = duckdb.connect()
    load_delivery(open_delivery(tmp_path / "d", str(report.path)), KEY, connection)
    starts = connection.sql("""
        select patient_id, min(start_date), count(distinct start_date)
        from raw.prescriptions
        where drug_name is not null
        group by patient_id
        order by patient_id
    """).fetchall()
    n_starts = 1 if has_labels else 3
    assert starts == [(str(n), day(n), n_starts) for n in range(1, 9)]
