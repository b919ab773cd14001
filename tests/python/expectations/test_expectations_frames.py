"""The gate judges by SQL in the file; on whole pandas frames every rule ends the same."""

from __future__ import annotations

import duckdb
import on_frames
import pytest
from changed_files import changed, known_of, refuse

from expectations import gate

SPOILING = (
    refuse("visits", "easi_score", "not_a_number", "record_number % 9 = 0"),
    refuse("visits", "sleep_nrs_score", "out_of_range", "record_number % 4 = 0"),
    refuse("visits", "visit_date", "date_format", "record_number % 7 = 0", "record"),
    refuse("visits", "visit_date", "date_range", "record_number % 8 = 0", "record"),
    refuse("visits", "visit_date", "before_birth", "record_number % 5 = 0", "record"),
    refuse("visits", "topical_adherence", "unknown_code", "record_number % 5 = 0"),
    refuse("visits", "(record)", "field_count", "record_number % 6 = 0", "record"),
    refuse("visits", "visit_id", "duplicate_exact", "record_number % 10 = 0", "duplicate"),
    refuse("patients", "birth_date", "age_range", "record_number % 9 = 0", "record"),
    refuse("patients", "sex", "unknown_code", "record_number % 5 = 0", "record"),
    refuse("patients", "patient_id", "conflicting_duplicate", "record_number % 11 = 0", "record"),
    refuse("prescriptions", "atc_code", "code_format", "record_number % 3 = 0"),
    refuse("prescriptions", "end_date", "date_format", "record_number % 10 < 2", "record"),
    refuse("comorbidities", "patient_id", "orphan", "record_number % 10 = 0", "record"),
    refuse("comorbidities", "patient_id", "parent_rejected", "record_number % 3 = 0", "record"),
    refuse("adverse_events", "is_serious", "unknown_code", "record_number % 5 = 0"),
    "update staging.stg_clinic__visits set itch_nrs_score = 5, poem_score = null",
    "update staging.stg_clinic__visits set visit_date = date '2018-01-01'",
    "update staging.stg_clinic__patients set birth_date = date '1900-01-01' "
    "where record_number % 3 = 0",
    "update staging.stg_pharmacy__prescriptions set drug_name = 'a'",
    "update staging.stg_pharmacy__prescriptions set is_start_date_partial = true, "
    "start_date = date '2019-07-01' where record_number % 2 = 0",
    "update quarantine.record_ledger set n_quarantined = n_records_read / 5, "
    "n_values_refused = n_records_read / 5",
    "update quarantine.record_ledger set n_records_read = 200 where export_name = 'comorbidities'",
    "update marts.fct_patient_timepoints set dlqi_score = 2 * dlqi_score",
    "update marts.fct_patient_timepoints set easi_score = 60 where timepoint_number > 0",
    "update marts.fct_patient_timepoints set sleep_nrs_score = null where patient_id > '4'",
    "update marts.fct_patient_timepoints set is_attended = false where timepoint_number < 2",
    "update marts.dim_patients set sex_code = 'female', "
    "index_season_start_date = date '2019-03-01'",
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
    """The demo's warehouse with staged records as tables."""
    return changed(warehouse, tmp_path_factory.mktemp("frames"))


@pytest.fixture(scope="module")
def spoilt(demo, tmp_path_factory):
    """The same with faults of many kinds at once."""
    return changed(demo, tmp_path_factory.mktemp("spoilt"), SPOILING)


@pytest.mark.parametrize(("name", "least_failed"), [("demo", 0), ("spoilt", 35)])
def test_the_gate_ends_as_whole_frames_do(request, demo, name, least_failed):
    file = request.getfixturevalue(name)
    known = known_of(demo)
    report = gate.run(file, known)
    found = {
        outcome.name: (
            outcome.state_code, outcome.n_unexpected, outcome.n_judged, outcome.observed_value
        )
        for outcome in report.outcomes
    }  # fmt: skip
    with duckdb.connect(str(file), read_only=True) as db:
        frames = on_frames.read(db)
    wanted = {}
    for suite in gate.all_suites(known):
        for rule in suite.rules:
            given = on_frames.verdict(suite, rule, frames, known)
            observed = None if given.observed is None else pytest.approx(given.observed)
            counts = (given.n_unexpected, given.n_judged, observed)
            wanted[f"{suite.name}.{rule.code}"] = (given.state, *counts)
    assert {n: (found[n], wanted[n]) for n in found if found[n] != wanted[n]} == {}
    assert len(report.of_state("failed")) >= least_failed
