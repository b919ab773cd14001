"""The catalogue on the demo: all passes as it is; each kind of bad delivery breaks its own rule."""

from __future__ import annotations

import dataclasses
import shutil

import duckdb
import pytest

from expectations import facts, gate
from expectations.catalogue import all_suites
from refresh import quality


@pytest.fixture(scope="module")
def built(warehouse, tmp_path_factory):
    """The demo's warehouse with the quality tables that a refresh adds."""
    file = tmp_path_factory.mktemp("demo") / "warehouse.duckdb"
    shutil.copyfile(warehouse, file)
    with duckdb.connect(str(file)) as db:
        quality.create_all(db)
        quality.fill_from_vault(db)
    return file


@pytest.fixture(scope="module")
def known(built):
    """Facts of a load before that was like the demo."""
    with duckdb.connect(str(built), read_only=True) as db:
        records = dict(
            db.execute("select export_name, n_records_read from raw.delivery_files").fetchall()
        )
    return facts.gather(built, built, records, "2020-06-01")


def failed(file, known, suite_name):
    suites = [suite for suite in all_suites(known) if suite.name == suite_name]
    report = gate.run(file, known, suites)
    assert not report.of_state("error"), report.of_state("error")
    return {outcome.expectation_code for outcome in report.of_state("failed")}


def changed(built, folder, *statements):
    file = folder / "warehouse.duckdb"
    shutil.copyfile(built, file)
    with duckdb.connect(str(file)) as db:
        for statement in statements:
            db.execute(statement)
    return file


def test_the_demo_passes_every_expectation(built, known):
    report = gate.run(built, known)
    assert report.n_expected == len(report.outcomes) > 100
    assert report.of_state("failed", "error", "not_applicable") == []


def test_the_first_delivery_has_nothing_to_be_compared_with(built):
    report = gate.run(built, facts.gather(built, None, {}, None))
    assert report.of_state("failed", "error") == []
    assert {outcome.expectation_code for outcome in report.of_state("not_applicable")} >= {
        "volume",
        "newest_visit",
        "easi_score_as_before",
    }


@pytest.mark.parametrize(
    ("suite", "rule", "statements"),
    [
        ("export_visits", "volume", ["delete from raw.visits where record_number % 2 = 0"]),
        ("export_visits", "records", ["delete from raw.visits"]),
        ("export_visits", "itch_nrs_varied", ["update raw.visits set itch_nrs_score = '5'"]),
        ("export_visits", "easi_number", ["update raw.visits set easi_score = '~' || easi_score"]),
        (
            "export_visits",
            "sleep_nrs_in_range",
            ["update raw.visits set sleep_nrs_score = easi_score where record_number % 4 = 0"],
        ),
        (
            "export_visits",
            "newest_visit",
            ["delete from raw.visits where visit_date >= '2020-05-01'"],
        ),
        (
            "export_visits",
            "visit_date_formed",
            ["update raw.visits set visit_date = visit_date || ' 0' where record_number % 3 = 0"],
        ),
        (
            "export_visits",
            "easi_number",
            ["update raw.visits set easi_score = replace(easi_score, '.', ',')"],
        ),
        (
            "export_visits",
            "visit_date_not_a_default",
            ["update raw.visits set visit_date = '2020-01-01' where record_number % 6 = 0"],
        ),
        (
            "export_prescriptions",
            "start_date_not_a_default",
            ["update raw.prescriptions set start_date='2019-01-01' where record_number % 6 = 0"],
        ),
        ("export_visits", "patient", ["update raw.visits set patient_id = 'X' || patient_id"]),
        (
            "export_visits",
            "visit_date_formed",
            ["update raw.visits set visit_date = '1 giu 2020' where record_number % 3 = 0"],
        ),
        (
            "export_visits",
            "visit_before_extraction",
            ["update raw.visits set visit_date = '2099-01-01' where record_number % 8 = 0"],
        ),
        (
            "export_visits",
            "record_sound",
            ["update raw.visits set record_fault = 'field_count' where record_number % 5 = 0"],
        ),
        (
            "export_patients",
            "birth_date_not_a_default",
            ["update raw.patients set birth_date = '1900-01-01' where record_number % 3 = 0"],
        ),
        ("export_patients", "sex_varied", ["update raw.patients set sex = 'female'"]),
        ("export_patients", "sex_known", ["update raw.patients set sex = 'z' || sex"]),
        (
            "export_patients",
            "patient_id_unique",
            ["update raw.patients set patient_id = 'P1' where record_number % 4 = 0"],
        ),
        (
            "export_prescriptions",
            "drug_name_varied",
            ["update raw.prescriptions set drug_name='a'"],
        ),
        (
            "export_ledger",
            "record_loss_small",
            ["update quality.record_ledger set n_records_quarantined = n_records_read / 5"],
        ),
        (
            "mart_fct_cohort_attrition",
            "never_rises",
            ["update marts.fct_cohort_attrition set n_patients = 9999 where step_number = 4"],
        ),
        (
            "mart_fct_patient_timepoints",
            "week_16_present",
            ["delete from marts.fct_patient_timepoints where timepoint_code = 'week_16'"],
        ),
        (
            "mart_fct_patient_timepoints",
            "dlqi_score_as_before",
            ["update marts.fct_patient_timepoints set dlqi_score = 2 * dlqi_score"],
        ),
        (
            "mart_fct_patient_timepoints",
            "easi_falls",
            ["update marts.fct_patient_timepoints set easi_score = 60 where timepoint_number > 0"],
        ),
        (
            "mart_fct_topical_regimens",
            "everybody_on_tacrolimus",
            ["update marts.fct_topical_regimens set is_on_tacrolimus = true"],
        ),
        (
            "mart_dim_patients",
            "one_sex_only",
            ["update marts.dim_patients set sex_code = 'female'"],
        ),
        ("mart_dim_patients", "patients", ["delete from marts.dim_patients"]),
        (
            "mart_fct_scores",
            "constant_score",
            ["update marts.fct_scores set score_value = 5 where score_code = 'itch_nrs'"],
        ),
        (
            "mart_fct_tacrolimus_initiation",
            "event_share",
            ["update marts.fct_tacrolimus_initiation set is_event = false"],
        ),
    ],
)
def test_a_bad_delivery_breaks_its_own_rule(built, known, tmp_path, *, suite, rule, statements):
    assert rule in failed(changed(built, tmp_path, *statements), known, suite)


def test_an_optional_column_that_nobody_fills_is_not_applicable(built, known, tmp_path):
    file = changed(built, tmp_path, "update raw.visits set poem_score = null")
    suites = [suite for suite in all_suites(known) if suite.name == "export_visits"]
    states = {
        outcome.expectation_code: outcome.state_code
        for outcome in gate.run(file, known, suites).outcomes
    }
    assert {states[f"poem_{word}"] for word in ("number", "in_range", "varied")} == {
        "not_applicable"
    }


def test_the_newest_visit_of_the_load_before_is_not_written_anywhere(built, known):
    given = dataclasses.replace(known, newest_visit_before="2019-09-17")
    report = gate.run(built, given, [s for s in all_suites(given) if s.name == "export_visits"])
    assert "2019-09-17" not in repr(report)
