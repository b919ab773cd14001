"""The gate runs as SQL in the file; on whole pandas frames it says the same, rule by rule."""

from __future__ import annotations

import shutil

import duckdb
import on_frames
import pytest

from expectations import facts, gate
from expectations.catalogue import all_suites
from refresh import quality

SPOILING = (
    "update raw.visits set easi_score = '~' || easi_score where record_number % 9 = 0",
    "update raw.visits set itch_nrs_score = '5'",
    "update raw.visits set sleep_nrs_score = easi_score where record_number % 4 = 0",
    "update raw.visits set poem_score = null",
    "update raw.visits set visit_date = '1 giu 2020' where record_number % 7 = 0",
    "update raw.visits set visit_date = '2099-01-01' where record_number % 8 = 0",
    "update raw.visits set topical_adherence = 'perhaps' where record_number % 5 = 0",
    "update raw.visits set record_fault = 'field_count' where record_number % 6 = 0",
    "update raw.patients set patient_id = null where record_number = 20",
    "update raw.patients set birth_date = '1900-01-01' where record_number % 3 = 0",
    "update raw.patients set sex = 'z' || sex where record_number % 5 = 0",
    "update raw.patients set patient_id = 'P1' where record_number % 11 = 0",
    "update raw.prescriptions set drug_name = 'a'",
    "update raw.prescriptions set atc_code = lower(atc_code) where record_number % 2 = 0",
    "update raw.prescriptions set atc_code = '9' || atc_code where record_number % 3 = 0",
    "update raw.prescriptions set end_date = 'soon' where record_number % 10 < 2",
    "update raw.comorbidities set patient_id = 'nobody' where record_number % 10 = 0",
    "delete from raw.comorbidities where record_number > 200",
    "update raw.adverse_events set is_serious = 'maybe' where record_number % 5 = 0",
    "update quality.record_ledger set n_records_quarantined = n_records_read / 5",
    "update marts.fct_patient_timepoints set dlqi_score = 2 * dlqi_score",
    "update marts.fct_patient_timepoints set easi_score = 60 where timepoint_number > 0",
    "update marts.fct_patient_timepoints set sleep_nrs_score = null where patient_id > '4'",
    "update marts.fct_patient_timepoints set is_attended = false where timepoint_number < 2",
    "update marts.dim_patients set sex_code = 'female', index_year = 2019, index_quarter = 2",
    "update marts.dim_patients set age_at_diagnosis_years = 99 where patient_id > 'd'",
    "update marts.dim_patients set disease_course_code = null where patient_id > '5'",
    "update marts.fct_scores set score_value = 5 where score_code = 'itch_nrs'",
    "update marts.fct_topical_regimens set is_on_tacrolimus = true",
    "update marts.fct_tacrolimus_initiation set is_event = false, duration_months = 0",
    "update marts.fct_cohort_attrition set n_patients = 9999 where step_number = 4",
    "update marts.fct_adverse_events set is_serious = true, onset_day = 9999",
    "update marts.fct_treatment_algorithm set recommendation_code = null, "
    "no_recommendation_reason_code = null where patient_id > '8'",
)


@pytest.fixture(scope="module")
def demo(warehouse, tmp_path_factory):
    """The demo's warehouse with the quality tables that a refresh adds."""
    file = tmp_path_factory.mktemp("frames") / "warehouse.duckdb"
    shutil.copyfile(warehouse, file)
    with duckdb.connect(str(file)) as db:
        quality.create_all(db)
        quality.fill_from_vault(db)
    return file


@pytest.fixture(scope="module")
def spoilt(demo):
    """The same with faults of many kinds at once."""
    file = demo.with_name("spoilt.duckdb")
    shutil.copyfile(demo, file)
    with duckdb.connect(str(file)) as db:
        for statement in SPOILING:
            db.execute(statement)
    return file


@pytest.mark.parametrize(("name", "least_failed"), [("demo", 0), ("spoilt", 35)])
def test_the_gate_says_what_whole_frames_say(request, demo, name, least_failed):
    file = request.getfixturevalue(name)
    with duckdb.connect(str(demo), read_only=True) as db:
        records = dict(
            db.execute("select export_name, n_records_read from raw.delivery_files").fetchall()
        )
    known = facts.gather(file, demo, records, "2020-06-01")
    report = gate.run(file, known)
    found = {
        outcome.name: (
            outcome.state_code, outcome.n_unexpected, outcome.n_judged, outcome.observed_value
        )
        for outcome in report.outcomes
    }  # fmt: skip
    with duckdb.connect(str(file), read_only=True) as db:
        exports, marts = on_frames.read(db)
    wanted = {}
    for suite in all_suites(known):
        rows = on_frames.frame_of(suite, exports, marts, known)
        for rule in suite.rules:
            said = on_frames.verdict(rule, rows, known)
            observed = None if said.observed is None else pytest.approx(said.observed)
            counts = (said.n_unexpected, said.n_judged, observed)
            wanted[f"{suite.name}.{rule.code}"] = (said.state, *counts)
    assert {n: (found[n], wanted[n]) for n in found if found[n] != wanted[n]} == {}
    assert len(report.of_state("failed")) >= least_failed
