"""Foreign sources through their mappings: REDCap exports and SDTM tables."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from intake_deliveries import KEY, as_csv, judge

from intake.delivery import open_delivery
from intake.loader import load_delivery

FIELDS = [
    *("record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"),
    *("sex", "birth_date", "ad_diagnosis_date", "disease_course", "clinical_phenotype"),
    *(f"critical_areas___{n}" for n in range(1, 4)),
    *(f"comorbidities___{n}" for n in range(1, 5)),
    *("visit_date", "easi_score", "itch_nrs", "sleep_nrs", "dlqi_score", "iga_score", "poem_score"),
    *("topical_adherence", "drug_name", "atc_code", "route", "strength", "body_site"),
    *("start_date", "end_date", "event_term", "onset_date", "is_serious", "outcome", "notes"),
]


def redcap_row(record: str, event: str, instrument: str = "", instance: str = "", **cells) -> list:
    """Return one line of a longitudinal flat export of invented people."""
    known = {
        "record_id": record,
        "redcap_event_name": event,
        "redcap_repeat_instrument": instrument,
        "redcap_repeat_instance": instance,
        **cells,
    }
    return [known.get(name, "") for name in FIELDS]


def boxes(*ticked: int) -> dict[str, str]:
    return {f"comorbidities___{n}": "1" if n in ticked else "0" for n in range(1, 5)}


def test_a_redcap_export_becomes_five_exports(tmp_path):
    rows = [
        FIELDS,
        redcap_row(
            "1", "baseline_arm_1", sex="0", birth_date="1980", visit_date="2019-01-02",
            easi_score="25.1", critical_areas___1="1", critical_areas___2="0",
            notes="a note\nover two lines", **boxes(1, 3),
        ),
        redcap_row("1", "week_4_arm_1", visit_date="2019-01-30", easi_score="12.0"),
        redcap_row(
            "1", "baseline_arm_1", "prescription", "1",
            drug_name="Dupixent", start_date="2019-01-02",
        ),
        redcap_row(
            "1", "baseline_arm_1", "prescription", "2",
            drug_name="Protopic", start_date="2019-01-02",
        ),
        redcap_row(
            "1", "week_4_arm_1", "adverse_event", "1", event_term="conjunctivitis",
            onset_date="2019-01-20", is_serious="0",
        ),
        redcap_row(
            "2", "baseline_arm_1", sex="1", birth_date="1990-02", visit_date="2019-03-04",
            **boxes(),
        ),
        redcap_row("2", "telephone_call_arm_1"),
    ]  # fmt: skip
    text = as_csv([*rows, ["3", "short"]], line_end="\r\n")
    (tmp_path / "redcap_export.csv").write_text(text, newline="")
    connection = duckdb.connect()
    load_delivery(open_delivery(tmp_path, "redcap"), KEY, connection)

    def found(query: str) -> list[tuple]:
        return connection.sql(query).fetchall()

    assert found(
        "select patient_id, sex, involves_face, involves_hands, involves_genitalia, source_file, "
        "record_number, line_number, record_fault from raw.patients order by record_number"
    ) == [
        ("1", "female", "1", "0", "", "redcap_export.csv#patients", 1, 2, None),
        ("2", "male", "", "", "", "redcap_export.csv#patients", 6, 8, None),
        (*[None] * 5, "redcap_export.csv#not_selected", 7, 9, "not_selected"),
        (*[None] * 5, "redcap_export.csv#patients", 8, 10, "field_count"),
    ]
    assert found("select record_fault_detail from raw.patients where record_number = 7") == [
        ("telephone_call_arm_1, ",)
    ]
    assert found(
        "select visit_id, visit_date, easi_score from raw.visits order by record_number"
    ) == [
        ("1|baseline_arm_1", "2019-01-02", "25.1"),
        ("1|week_4_arm_1", "2019-01-30", "12.0"),
        ("2|baseline_arm_1", "2019-03-04", ""),
    ]
    assert found("select prescription_id, drug_name from raw.prescriptions order by 1") == [
        ("1|baseline_arm_1|prescription|1", "Dupixent"),
        ("1|baseline_arm_1|prescription|2", "Protopic"),
    ]
    assert found("select patient_id, comorbidity_term, source_file from raw.comorbidities") == [
        ("1", "Rhinitis", "redcap_export.csv#rhinitis"),
        ("1", "Asthma", "redcap_export.csv#asthma"),
    ]
    assert found("select adverse_event_id, is_serious from raw.adverse_events") == [
        ("1|week_4_arm_1|adverse_event|1", "0")
    ]
    assert found(
        "select source_file, n_records_read, n_records_faulty from raw.delivery_files order by 1"
    ) == [
        ("redcap_export.csv#adverse_events", 1, 0),
        ("redcap_export.csv#asthma", 1, 0),
        ("redcap_export.csv#comorbidities_not_known", 0, 0),
        ("redcap_export.csv#conjunctivitis", 0, 0),
        ("redcap_export.csv#food_allergy", 0, 0),
        ("redcap_export.csv#not_selected", 1, 1),
        ("redcap_export.csv#patients", 3, 1),
        ("redcap_export.csv#prescriptions", 2, 0),
        ("redcap_export.csv#rhinitis", 1, 0),
        ("redcap_export.csv#visits", 3, 0),
    ]
    notices = found("select notice_code, detail from raw.delivery_notices")
    assert ("unselected_records", "1 records belong to no export") in notices
    assert ("extra_column", "notes is not stored") in notices


def test_redcap_labels_and_a_repeating_event(tmp_path):
    labels = {f"comorbidities___{n}": "Checked" if n == 2 else "Unchecked" for n in range(1, 5)}
    rows = [
        FIELDS,
        redcap_row("1", "baseline_arm_1", sex="0", birth_date="1980", **labels),
        redcap_row("1", "unscheduled_arm_1", "", "1", visit_date="2019-02-01"),
        redcap_row("1", "unscheduled_arm_1", "", "2", visit_date="2019-02-08"),
        redcap_row("1", "baseline_arm_1", "prescription", "1", drug_name="Dupixent"),
    ]
    (tmp_path / "redcap_export.csv").write_text(as_csv(rows), newline="")
    connection = duckdb.connect()
    load_delivery(open_delivery(tmp_path, "redcap"), KEY, connection)
    assert connection.sql("select comorbidity_term from raw.comorbidities").fetchall() == [
        ("Conjunctivitis",)
    ]
    assert connection.sql("select visit_id from raw.visits order by 1").fetchall() == [
        ("1|baseline_arm_1",),
        ("1|unscheduled_arm_1|1",),
        ("1|unscheduled_arm_1|2",),
    ]


def test_a_filter_that_selects_nothing_refuses_the_file(tmp_path):
    """Check boxes in words that the mapping does not list: every comorbidity would be gone."""
    labels = {f"comorbidities___{n}": "S\u00ec" if n == 2 else "No" for n in range(1, 5)}
    rows = [
        FIELDS,
        redcap_row("1", "baseline_arm_1", sex="0", birth_date="1980", **labels),
        redcap_row("1", "baseline_arm_1", "prescription", "1", drug_name="Dupixent"),
    ]
    (tmp_path / "redcap_export.csv").write_text(as_csv(rows), newline="")
    refusal = judge(tmp_path, "redcap")["redcap_export.csv"].refusal
    assert refusal is not None
    assert refusal.code == "none_selected"
    assert "holds no record of comorbidities" in refusal.cause


@pytest.fixture
def longitudinal(shared: Path, tmp_path: Path) -> tuple[Path, dict]:
    """A real longitudinal project, with a mapping of its own; its dictionary is not data."""
    (tmp_path / "delivery").mkdir()
    data = (shared / "real" / "redcap" / "longitudinal" / "data.csv").read_bytes()
    (tmp_path / "delivery" / "data.csv").write_bytes(data if data.endswith(b"\n") else data + b"\n")
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "longitudinal.yml").write_text("""\
version: 1
source_system: longitudinal
label: REDCapR's longitudinal test project
exports:
  patients:
    files:
      - file: data
        part: patients
        records: {redcap_event_name: [enrollment_arm_1, enrollment_arm_2]}
        columns: {patient_id: study_id, sex: sex, birth_date: dob, involves_face: gym___0}
  visits:
    files:
      - file: data
        part: visits
        records: {redcap_event_name: [final_visit_arm_1, final_visit_arm_2]}
        columns:
          visit_id: {join: [study_id, redcap_event_name], separator: "-"}
          patient_id: study_id
          visit_date: date_visit_4
          nominal_timepoint: redcap_event_name
""")
    return tmp_path / "delivery", {"mappings_folder": tmp_path / "mappings"}


def test_a_real_redcap_export_is_read_through_a_mapping(longitudinal):
    folder, options = longitudinal
    connection = duckdb.connect()
    load_delivery(open_delivery(folder, "longitudinal", **options), KEY, connection)
    patients = connection.sql(
        "select patient_id, sex, birth_date, involves_face from raw.patients "
        "where record_fault is null order by all"
    ).fetchall()
    assert [row[:3] for row in patients] == [
        ("100", "1", "1983-09-23"),
        ("220", "0", "2011-02-12"),
        ("304", "0", "2005-04-02"),
    ]
    assert {row[3] for row in patients} <= {"0", "1"}
    visits = connection.sql("select visit_id, visit_date from raw.visits order by 1").fetchall()
    assert visits == [
        ("100-final_visit_arm_1", "2015-02-02"),
        ("220-final_visit_arm_1", "2011-04-02"),
        ("304-final_visit_arm_2", ""),
    ]


@pytest.mark.parametrize("project", ["checkboxes-1", "decimal-comma", "validation-types-1"])
def test_other_real_redcap_exports_are_judged_whole(shared, tmp_path, project):
    (tmp_path / "delivery").mkdir()
    data = (shared / "real" / "redcap" / project / "data.csv").read_bytes()
    (tmp_path / "delivery" / "data.csv").write_bytes(data.rstrip(b"\n") + b"\n")
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "any.yml").write_text("""\
version: 1
source_system: any
label: any
exports:
  patients:
    files:
      - file: data
        columns: {patient_id: record_id, sex: {constant: unknown}, birth_date: {constant: ""}}
""")
    judged = judge(tmp_path / "delivery", "any", mappings_folder=tmp_path / "mappings")["data.csv"]
    assert judged.refusal is None
    assert judged.tally.n_faulty == 0
    assert judged.tally.n_records == {"checkboxes-1": 4, "decimal-comma": 4}.get(
        project, judged.tally.n_records
    )


def test_the_pilot_trial_is_read_whole(shared):
    connection = duckdb.connect()
    delivery = open_delivery(shared / "real" / "cdisc_pilot", "cdisc_pilot")
    load_delivery(delivery, KEY, connection)
    query = """
        select export_name, source_file, n_records_read, n_records_faulty
        from raw.delivery_files order by source_file
    """
    assert connection.sql(query).fetchall() == [
        ("adverse_events", "ae.csv", 1191, 0),
        ("prescriptions", "cm.csv", 7510, 0),
        ("patients", "dm.csv", 306, 0),
        ("prescriptions", "ex.csv", 591, 0),
        ("visits", "sv.csv", 3559, 0),
    ]
    query = """
        select
            count(*) filter (start_date = 'NA'),
            count(distinct prescription_id) filter (start_date <> 'NA')
        from raw.prescriptions
        where source_file = 'cm.csv'
    """
    assert connection.sql(query).fetchone() == (21, 1078)
    query = """
        select count(distinct patient_id)
        from raw.prescriptions
        inner join raw.source_words
            on lower(drug_name) = source_word and word_kind = 'drug'
    """
    assert connection.sql(query).fetchone() == (254,)
