"""The demo meets every expectation; each kind of bad delivery breaks its own.

Bad deliveries are judged by the plain gate, which gives the report of Great Expectations.
"""

from __future__ import annotations

import dataclasses

import plain_gate
import pytest
from changed_files import changed, known_of, refuse

from expectations import facts, gate


@pytest.fixture(scope="module")
def built(warehouse, tmp_path_factory):
    """The demo's warehouse with staged records as tables."""
    return changed(warehouse, tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def known(built):
    """Facts of a load before that was like the demo."""
    return known_of(built)


def states_of(file, known, suite_name):
    suites = [suite for suite in gate.all_suites(known) if suite.name == suite_name]
    report = plain_gate.run(file, known, suites)
    assert not report.of_state("error"), report.of_state("error")
    return {outcome.expectation_code: outcome.state_code for outcome in report.outcomes}


def test_the_views_of_staging_are_judged_where_they_are(warehouse):
    report = gate.run(warehouse, known_of(warehouse))
    assert report.n_expected == len(report.outcomes)
    assert report.of_state("failed", "error") == []
    assert not_applicable(report) == set()


def not_applicable(report):
    """Rules that were not judged; the demo has no export of scores."""
    found = report.of_state("not_applicable")
    assert {each.state_code for each in report.outcomes if each.suite_name == "export_scores"} == {
        "not_applicable"
    }
    return {each.expectation_code for each in found if each.suite_name != "export_scores"}


def test_the_first_delivery_has_nothing_to_be_compared_with(built):
    report = gate.run(built, facts.gather(built, None, {}, None))
    assert report.of_state("failed", "error") == []
    assert not_applicable(report) == {
        "volume", "volume_kept", "newest_visit", "easi_score_as_before", "itch_nrs_score_as_before",
        "sleep_nrs_score_as_before", "dlqi_score_as_before",
    }  # fmt: skip


LEDGER = "update quarantine.record_ledger set "


@pytest.mark.parametrize(
    ("suite", "rule", "statement"),
    [
        (
            "export_visits", "volume",
            LEDGER + "n_records_read = n_records_read / 2 where export_name = 'visits'",
        ),
        (
            "export_adverse_events", "volume_kept",
            LEDGER + "n_records_read = 0.9 * n_records_read where export_name = 'adverse_events'",
        ),
        *(
            (
                f"export_{export}", "reaches_last_visits",
                f"delete from staging.{table} where latest_{date} > (select "
                f"quantile_disc(latest_{date}, 0.85) from staging.{table})",
            )
            for export, table, date in (
                ("prescriptions", "stg_pharmacy__prescriptions", "start_date"),
                ("adverse_events", "stg_clinic__adverse_events", "onset_date"),
            )
        ),
        (
            "export_visits", "treated_patients_seen",
            "delete from staging.stg_clinic__visits where record_number % 7 = 0",
        ),
        (
            "export_visits", "first_timepoint_labelled",
            "delete from staging.stg_clinic__visits where hash(visit_id) % 100 < 15",
        ),
        (
            "export_prescriptions", "followed_patients_treated",
            "delete from cohort.cohort_index_dates where rowid % 8 = 0",
        ),
        ("export_visits", "records", LEDGER + "n_records_read = 0 where export_name = 'visits'"),
        (
            "export_visits", "itch_nrs_varied",
            "update staging.stg_clinic__visits set itch_nrs_score = 5",
        ),
        (
            "export_visits", "dlqi_recorded",
            "update staging.stg_clinic__visits set dlqi_score = null",
        ),
        (
            "export_prescriptions", "drug_name_understood",
            "update cohort.cohort_drugs set treatment_class_code = 'unmapped' "
            "where drug_name = 'protopic'",
        ),
        (
            "export_visits", "easi_score_refused",
            refuse("visits", "easi_score", "not_a_number", "record_number % 15 = 0"),
        ),
        (
            "export_visits", "sleep_nrs_score_refused",
            refuse("visits", "sleep_nrs_score", "out_of_range", "record_number % 15 = 0"),
        ),
        (
            "export_visits", "visit_date_refused",
            refuse("visits", "visit_date", "date_format", "record_number % 8 = 0", "record"),
        ),
        (
            "export_visits", "record_sound",
            refuse("visits", "(record)", "field_count", "record_number % 8 = 0", "record"),
        ),
        (
            "export_visits", "visit_before_extraction",
            refuse("visits", "visit_date", "date_range", "record_number % 15 = 0", "record"),
        ),
        (
            "export_visits", "patient",
            refuse("visits", "patient_id", "orphan", "record_number % 15 = 0", "record"),
        ),
        (
            "export_visits", "visit_id_unique",
            refuse("visits", "visit_id", "duplicate_exact", "record_number % 15 = 0", "duplicate"),
        ),
        (
            "export_visits", "newest_visit",
            "delete from staging.stg_clinic__visits where visit_date >= date '2020-05-01'",
        ),
        (
            "export_visits", "visit_date_not_a_default",
            "update staging.stg_clinic__visits set visit_date = date '2020-01-01' "
            "where record_number % 6 = 0",
        ),
        (
            "export_prescriptions", "start_date_not_a_default",
            "update staging.stg_pharmacy__prescriptions set start_date = date '2019-01-01' "
            "where record_number % 6 = 0",
        ),
        (
            "export_prescriptions", "drug_name_varied",
            "update staging.stg_pharmacy__prescriptions set drug_name = 'a'",
        ),
        (
            "export_patients", "birth_date_not_a_default",
            "update staging.stg_clinic__patients set birth_date = date '1900-01-01' "
            "where record_number % 15 = 0",
        ),
        *(
            (
                f"export_{export}", "reaches_last_patient",
                f"delete from staging.{table} where patient_id in (select patient_id from "
                "staging.stg_clinic__patients where record_number > 300)",
            )
            for export, table in (
                ("visits", "stg_clinic__visits"), ("adverse_events", "stg_clinic__adverse_events"),
            )
        ),
        (
            "export_visits", "newest_visit_near_extraction",
            "delete from staging.stg_clinic__visits where visit_date > date '2020-08-01'",
        ),
        (
            "export_patients", "birth_date_possible",
            refuse("patients", "birth_date", "age_range", "record_number % 15 = 0", "record"),
        ),
        (
            "export_patients", "sex_varied",
            "update staging.stg_clinic__patients set sex_code = 'female'",
        ),
        (
            "export_patients", "sex_refused",
            refuse("patients", "sex", "unknown_code", "record_number % 8 = 0", "record"),
        ),
        (
            "export_patients", "patient_id_unique",
            refuse("patients", "patient_id", "conflicting_duplicate", "record_number % 15 = 0"),
        ),
        ("export_ledger", "record_loss_small", LEDGER + "n_quarantined = n_records_read / 5"),
        ("export_ledger", "value_loss_small", LEDGER + "n_values_refused = n_records_read / 5"),
        (
            "mart_fct_cohort_attrition", "never_rises",
            "update marts.fct_cohort_attrition set n_patients = 9999 where step_number = 4",
        ),
        (
            "mart_fct_patient_timepoints", "every_timepoint_present",
            "update marts.fct_patient_timepoints set is_attended = false, "
            "not_attended_reason_code = 'no_visit_in_window' where timepoint_code = 'week_16'",
        ),
        (
            "mart_fct_patient_timepoints", "dlqi_score_as_before",
            "update marts.fct_patient_timepoints set dlqi_score = 2 * dlqi_score",
        ),
        (
            "mart_fct_patient_timepoints", "easi_falls",
            "update marts.fct_patient_timepoints set easi_score = 60 where timepoint_number > 0",
        ),
        (
            "mart_fct_topical_regimens", "everybody_on_tacrolimus",
            "update marts.fct_topical_regimens set is_on_tacrolimus = true",
        ),
        ("mart_dim_patients", "one_sex_only", "update marts.dim_patients set sex_code = 'female'"),
        ("mart_dim_patients", "patients", "delete from marts.dim_patients"),
        (
            "mart_dim_timepoints", "rows",
            "delete from marts.dim_timepoints where timepoint_number = 3",
        ),
        (
            "mart_fct_scores", "baseline_severity",
            "update marts.fct_scores set score_value = score_value / 10 "
            "where score_code = 'poem'",
        ),
        (
            "mart_fct_scores", "constant_score",
            "update marts.fct_scores set score_value = 5 where score_code = 'itch_nrs'",
        ),
        (
            "mart_fct_scores", "heaped_score",
            "update marts.fct_scores set score_value = 7 "
            "where score_code = 'poem' and timepoint_code = 'week_04'",
        ),
        (
            "mart_fct_tacrolimus_initiation", "event_share",
            "update marts.fct_tacrolimus_initiation set is_event = false",
        ),
        (
            "mart_fct_patient_timepoints", "regimens_known",
            "update marts.fct_patient_timepoints set is_regimen_evaluable = false",
        ),
        (
            "mart_dim_patients", "age_at_index_years_mean",
            "update marts.dim_patients set age_at_index_years = 75",
        ),
    ],
)  # fmt: skip
def test_a_bad_delivery_breaks_its_own_rule(built, known, tmp_path, *, suite, rule, statement):
    assert states_of(changed(built, tmp_path, [statement]), known, suite)[rule] == "failed"


def test_gates_of_a_study_judge_only_a_source_that_follows_it(built, known, tmp_path):
    other = changed(
        built,
        tmp_path,
        [
            "update raw.delivery set study_code = null",
            "update marts.dim_patients set age_at_index_years = 75",
            "update marts.fct_tacrolimus_initiation set is_event = false",
            "delete from marts.fct_patient_timepoints where timepoint_code = 'week_52'",
        ],
    )
    found = plain_gate.run(other, known_of(other))
    states = {each.expectation_code: each.state_code for each in found.outcomes}
    assert set(known.gates) <= set(states), "a gate of the seed that no suite judges"
    assert {states[code] for code in known.gates} == {"not_applicable"}
    assert found.n_expected == len(plain_gate.run(built, known).outcomes)


def test_a_start_that_is_not_known_is_none_that_never_was(built, known, tmp_path):
    statement = (
        "update marts.fct_tacrolimus_initiation set is_on_tacrolimus_at_baseline = null, "
        "is_event = false where {}"
    )
    suite = "mart_fct_tacrolimus_initiation"
    users = changed(built, tmp_path / "users", [statement.format("is_event")])
    assert states_of(users, known, suite)["event_share"] == "failed"
    most = changed(built, tmp_path / "most", [statement.format("is_event or patient_id > '3'")])
    assert states_of(most, known, suite)["event_share"] == "not_applicable"


@pytest.mark.parametrize(
    ("export", "column"), [("comorbidities", "comorbidity_term"), ("adverse_events", "event_term")]
)
def test_one_condition_everywhere_is_a_warning(built, known, tmp_path, export, column):
    statement = f"update staging.stg_clinic__{export} set {column} = 'asma, rinite'"
    report = plain_gate.run(changed(built, tmp_path, [statement]), known)
    failed = {each.expectation_code: each.severity_code for each in report.of_state("failed")}
    assert failed[f"{column}_varied"] == "warning"


@pytest.mark.parametrize("rule", ["parent_rejected", "before_birth"])
def test_a_record_refused_for_another_record_is_no_refused_cell(built, known, tmp_path, rule):
    column = "visit_date" if rule == "before_birth" else "patient_id"
    statement = refuse("visits", column, rule, "record_number % 4 = 0", "record")
    states = states_of(changed(built, tmp_path, [statement]), known, "export_visits")
    assert set(states.values()) == {"passed"}


def test_an_optional_column_without_values_is_not_applicable(built, known, tmp_path):
    statement = "update staging.stg_clinic__visits set poem_score = null"
    states = states_of(changed(built, tmp_path, [statement]), known, "export_visits")
    assert (states["poem_score_refused"], states["poem_varied"]) == ("not_applicable",) * 2
    by_month = states_of(changed(built, tmp_path, [statement]), known, "export_visits_by_month")
    assert by_month.pop("poem_score_by_month") == "not_applicable"
    assert set(by_month.values()) == {"passed"}


VISITS = "update staging.stg_clinic__visits set "
OCTOBER = "strftime(visit_date, '%Y-%m') = '2019-10'"


@pytest.mark.parametrize(
    ("column", "statements", "months"),
    [
        (
            "easi_score",
            [VISITS + f"easi_score = easi_score * 10 where {OCTOBER} and easi_score * 10 <= 72"],
            "2019-10",
        ),
        ("easi_score", [VISITS + f"easi_score = round(easi_score) where {OCTOBER}"], "2019-10"),
        ("iga_score", [VISITS + f"iga_score = 0 where {OCTOBER}"], "2019-10"),
        *(
            (
                column,
                [
                    "insert into quarantine.rejected_records by name select 'visits' "
                    "as export_name, source_file, record_number, 'value' as scope_code, "
                    f"'{column}' as column_name, 'out_of_range' as rule_code "
                    f"from staging.stg_clinic__visits where {OCTOBER} and {column} * 10 > {most}",
                    VISITS + f"{column} = null where {OCTOBER} and {column} * 10 > {most}",
                    VISITS + f"{column} = {column} * 10 where {OCTOBER}",
                ],
                "2019-10",
            )
            for column, most in (("iga_score", 4), ("poem_score", 28))
        ),
        (
            "easi_score",
            [
                VISITS + "easi_score = easi_score * 10 where easi_score * 10 <= 72 and rowid in "
                "(select rowid from staging.stg_clinic__visits where easi_score between 4 and 7.2 "
                f"and strftime(visit_date, '%Y-%m') = '2019-{month}' order by rowid limit 5)"
                for month in ("09", "10")
            ],
            "2019-09, 2019-10",
        ),
    ],
    ids=["decimal_mark", "no_tenths", "zero", "iga_refused", "poem_refused", "side_by_side"],
)
def test_a_month_with_another_level_or_grain_is_named(
    built, known, tmp_path, *, column, statements, months
):
    """Two months side by side share their evidence: neither of the last case would do alone."""
    suites = [suite for suite in gate.all_suites(known) if suite.name == "export_visits_by_month"]
    report = plain_gate.run(changed(built, tmp_path, statements), known, suites)
    [found] = report.of_state("failed")
    assert (found.expectation_code, found.severity_code) == (f"{column}_by_month", "warning")
    assert found.observed_value == months.count("2019")
    assert found.reason.endswith(f"({months})")


def test_what_was_not_delivered_is_not_judged(built, known, tmp_path):
    """No event, and a mapping without visits: nothing to judge is neither passed nor failed."""
    file = changed(
        built,
        tmp_path,
        [
            "delete from marts.fct_adverse_events",
            "delete from staging.stg_clinic__adverse_events",
            "delete from quarantine.rejected_records where export_name = 'adverse_events'",
            LEDGER + "n_records_read = 0 where export_name = 'adverse_events'",
        ],
    )
    states = states_of(file, known, "mart_fct_adverse_events")
    assert set(states.values()) == {"not_applicable"}
    first = dataclasses.replace(known, last_records={})
    states = states_of(file, first, "export_adverse_events")
    assert states.pop("records") == "failed"
    assert set(states.values()) == {"not_applicable"}
    given = dataclasses.replace(known, exports=("patients",))
    assert states_of(built, given, "export_visits")["records"] == "not_applicable"


def test_a_follow_up_that_cannot_be_breaks_every_rule_of_its_suite(built, known, tmp_path):
    statements = [
        "update marts.fct_follow_up set end_of_observation_day = 0",
        "delete from marts.fct_follow_up where rowid = 0",
        "update marts.fct_follow_up set end_of_observation_day = 407, last_recorded_day = 406, "
        "is_window_over_week_16 = false, is_window_over_week_52 = true where rowid = 1",
    ]
    states = states_of(changed(built, tmp_path, statements), known, "mart_fct_follow_up")
    assert set(states.values()) == {"failed"}


def test_courses_and_reviews_that_are_not_known_are_named(built, known, tmp_path):
    statements = [
        "update marts.fct_treatment_courses set start_day = null where rowid % 9 = 0",
        "update staging.stg_pharmacy__prescriptions set start_date = null where record_number = 7",
        "update staging.stg_pharmacy__prescriptions set start_date = null, "
        "period_code = 'before_index' where record_number = 8",
        "update marts.fct_topical_regimens set topical_regimen_code = null, "
        "regimen_not_evaluable_reason_code = 'not_reviewed'",
    ]
    file = changed(built, tmp_path, statements)
    states = states_of(file, known, "mart_fct_treatment_courses")
    assert set(states.values()) == {"failed"}
    states = states_of(file, known, "mart_fct_topical_regimens")
    assert states["topical_therapy_reviewed"] == "failed"
    report = plain_gate.run(file, known, [s for s in gate.all_suites(known) if "prescr" in s.name])
    [dated] = [each for each in report.outcomes if each.expectation_code == "courses_dated"]
    assert (dated.state_code, dated.severity_code, dated.n_unexpected) == ("failed", "warning", 1)


def test_a_rule_with_too_little_to_judge_is_not_applicable(built, known, tmp_path):
    statements = [
        "delete from marts.dim_patients where rowid > 18",
        "update marts.dim_patients set age_at_diagnosis_years = null",
        "update marts.fct_tacrolimus_initiation set is_event = true",
        "delete from marts.fct_scores where score_code <> 'iga'",
        "update marts.fct_patient_timepoints set is_attended = false, easi_score = null, "
        "not_attended_reason_code = 'window_after_extraction' where timepoint_number > 0",
    ]
    found = plain_gate.run(changed(built, tmp_path, statements), known).of_state("not_applicable")
    names = {outcome.name for outcome in found}
    of_no_export = {name for name in names if name.startswith("export_scores.")}
    assert of_no_export, "the demo has no export of further scores"
    assert names - of_no_export == {
        "mart_dim_patients.one_sex_only",
        "mart_dim_patients.age_at_index_years_mean",
        "mart_dim_patients.ages_in_order",
        "mart_dim_patients.evaluable_share",
        "mart_dim_patients.one_season_only",
        "mart_dim_patients.disease_course_code_recorded",
        "mart_dim_patients.clinical_phenotype_code_recorded",
        "mart_dim_patients.age_at_diagnosis_years_recorded",
        "mart_fct_tacrolimus_initiation.days_and_months_agree",
        "mart_fct_scores.heaped_score",
        "mart_fct_patient_timepoints.easi_falls",
    }


def test_a_share_is_reported_with_its_number_and_denominator(built, known, tmp_path):
    statement = refuse("visits", "poem_score", "out_of_range", "record_number <= 30")
    file = changed(built, tmp_path, [statement])
    suites = [suite for suite in gate.all_suites(known) if suite.name == "export_visits"]
    [found] = [
        outcome
        for outcome in plain_gate.run(file, known, suites).outcomes
        if outcome.expectation_code == "poem_score_refused"
    ]
    assert (found.state_code, found.n_unexpected, found.n_judged) == ("failed", 30, 350)
    assert found.observed_value == pytest.approx(100 * 30 / 350)
    assert found.threshold == "at most 5 % of filled cells"


def test_the_newest_visit_of_the_load_before_is_not_written_anywhere(built, known):
    given = dataclasses.replace(known, newest_visit_before="2019-09-17")
    suites = [suite for suite in gate.all_suites(given) if suite.name == "export_visits"]
    report = plain_gate.run(built, given, suites)
    assert "2019-09-17" not in repr(report)
    [found] = [o for o in report.outcomes if o.expectation_code == "newest_visit"]
    assert (found.state_code, found.observed_value) == ("passed", 0)
