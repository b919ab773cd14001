"""The gate: four states, counts only, and a failure of the engine is never "bad data"."""

from __future__ import annotations

import dataclasses
import re

import duckdb
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from expectations import flags, gate
from expectations.catalogue import all_suites
from expectations.facts import Facts
from expectations.outcomes import STATES
from expectations.rules import (
    CONFORMANCE,
    Suite,
    filled,
    holds_columns,
    mean_between,
    no_rows,
    rows_between,
    true,
    unique_share,
    varied,
)

FORMATS = dict.fromkeys(
    ("patients", "visits", "prescriptions", "comorbidities", "adverse_events"), "%Y-%m-%d"
)
FACTS = Facts(date_formats=FORMATS, extraction_date="2020-12-31")


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Forty invented people, one without a name, ten with a value out of range."""
    file = tmp_path_factory.mktemp("gate") / "people.duckdb"
    with duckdb.connect(str(file)) as db:
        db.execute(
            "create table people as select n, 'ROSSI-' || n as patient_id, "
            "case when n > 0 then 'Maria <script>alert(1)</script>' end as name, "
            "case when n < 10 then 99 else 5 end as score, null::integer as nothing, "
            "7 as same from range(40) as r(n)"
        )
    return file


def judge(people, *rules, query="select *, score <= 10 as is_score_small from people"):
    report = gate.run(people, FACTS, [Suite("people", "export", query, list(rules))])
    assert len(report.outcomes) == report.n_expected == len(rules)
    return {outcome.expectation_code: outcome for outcome in report.outcomes}


def test_rules_that_hold_pass_with_count_and_denominator(people):
    found = judge(
        people,
        filled("name", "why", 0.9),
        rows_between("rows", 1, None, "why"),
        unique_share("patient_id", "why", 0.9),
        varied("score", "why"),
        mean_between("n", 0, 100, "why"),
        true("is_score_small", "score", CONFORMANCE, "why", 0.7),
    )
    assert {outcome.state_code for outcome in found.values()} == {"passed"}
    assert (found["name_filled"].n_unexpected, found["name_filled"].n_judged) == (1, 40)
    assert (found["score_small"].n_unexpected, found["score_small"].n_judged) == (10, 40)
    assert found["rows"].observed_value == 40


def test_rules_that_do_not_hold_fail_with_the_same_counts(people):
    found = judge(
        people,
        filled("name", "why", 1.0),
        true("is_score_small", "score", CONFORMANCE, "why", 0.9),
        varied("same", "why"),
        no_rows("none", "select 1 from {batch} where score > 10", CONFORMANCE, "why", "none"),
    )
    assert {outcome.state_code for outcome in found.values()} == {"failed"}
    assert found["score_small"].n_unexpected == 10
    assert found["none"].n_unexpected == 10


@pytest.mark.parametrize(
    "rule",
    [
        filled("no_such_column", "why"),
        no_rows("broken", "select nothing_like_that from {batch}", CONFORMANCE, "why", "none"),
        no_rows("cast", "select 1 from {batch} where name::integer > 0", CONFORMANCE, "why", "-"),
    ],
)
def test_what_cannot_be_evaluated_is_an_error_without_words_of_the_data(people, rule):
    outcome = judge(people, rule)[rule.code]
    assert outcome.state_code == "error"
    assert "Maria" not in outcome.cause
    assert outcome.cause


def test_a_suite_whose_query_fails_is_all_errors_and_the_next_suite_still_runs(people):
    suites = [
        Suite("broken", "export", "select * from no_such_table", [rows_between("a", 1, None, "w")]),
        Suite("sound", "export", "select * from people", [rows_between("b", 1, None, "w")]),
    ]
    report = gate.run(people, FACTS, suites)
    assert [outcome.state_code for outcome in report.outcomes] == ["error", "passed"]


def test_an_error_beside_others_does_not_take_them_with_it(people):
    found = judge(people, filled("no_such_column", "why"), rows_between("rows", 1, None, "why"))
    assert found["rows"].state_code == "passed"
    assert found["no_such_column_filled"].state_code == "error"


def test_rules_without_anything_to_judge_are_not_applicable(people):
    found = judge(
        people,
        varied("nothing", "an optional column that is not used"),
        rows_between("volume", 10, 20, "no load before").only_if(False),
        varied("score", "fewer rows than it takes", least_rows=1000),
    )
    assert {outcome.state_code for outcome in found.values()} == {"not_applicable"}


def test_no_outcome_holds_a_value_of_a_patient(people):
    found = judge(
        people,
        filled("name", "why", 1.0),
        varied("name", "why"),
        unique_share("name", "why", 1.0),
        no_rows("all", "select name, patient_id from {batch}", CONFORMANCE, "why", "none"),
    )
    shown = repr(list(found.values()))
    assert "ROSSI" not in shown
    assert "Maria" not in shown


def test_the_file_is_free_again_after_the_gate(people):
    judge(people, rows_between("rows", 1, None, "why"))
    with duckdb.connect(str(people)) as db:
        assert db.execute("select count(*) from people").fetchone() == (40,)


def test_every_rule_of_the_catalogue_says_what_why_and_how_bad():
    rules = [(suite, rule) for suite in all_suites(FACTS) for rule in suite.rules]
    assert len(rules) > 100
    for suite, rule in rules:
        assert re.fullmatch(r"[a-z][a-z0-9_]+", rule.code), rule
        assert rule.category in ("conformance", "completeness", "plausibility")
        assert rule.context in ("verification", "validation")
        assert rule.severity in ("critical", "warning")
        assert rule.reason.endswith(("?", ".")), rule
        assert rule.threshold
        assert suite.door in ("export", "mart")


def test_no_two_rules_of_a_suite_have_the_same_name():
    for suite in all_suites(FACTS):
        codes = [rule.code for rule in suite.rules]
        assert len(codes) == len(set(codes)), suite.name


def test_the_first_door_sees_raw_text_and_the_second_sees_marts():
    for suite in all_suites(FACTS):
        tables = set(re.findall(r"\b(raw|staging|cohort|marts|quarantine|quality)\.", suite.query))
        assert tables <= ({"raw", "quality"} if suite.door == "export" else {"marts"}), suite.name


def test_no_query_holds_a_question_mark_which_the_engine_would_take_for_a_parameter():
    for suite in all_suites(FACTS):
        assert "?" not in suite.query, suite.name
        for rule in suite.rules:
            assert "?" not in rule.arguments.get("unexpected_rows_query", ""), rule.code


def test_there_is_a_suite_for_every_export_and_every_mart():
    names = {suite.name for suite in all_suites(FACTS)}
    exports = {"patients", "visits", "prescriptions", "comorbidities", "adverse_events"}
    assert {f"export_{export}" for export in exports} <= names
    marts = {
        "dim_patients", "dim_timepoints", "dim_scores", "dim_delivery", "fct_patient_timepoints",
        "fct_scores", "fct_topical_regimens", "fct_tacrolimus_initiation", "fct_adverse_events",
        "fct_cohort_attrition", "fct_treatment_algorithm", "fct_published_results",
    }  # fmt: skip
    assert {f"mart_{mart}" for mart in marts} <= names


def test_comparisons_with_the_last_load_apply_only_when_there_is_one():
    before = Facts(
        last_records={"visits": 100},
        newest_visit_before="2020-01-01",
        last_means={("baseline", "easi_score"): 30.0},
        date_formats=FORMATS,
        extraction_date="2020-12-31",
    )

    def applicable(facts):
        return {
            f"{suite.name}.{rule.code}"
            for suite in all_suites(facts)
            for rule in suite.rules
            if rule.is_applicable
        }

    more = applicable(before) - applicable(FACTS)
    assert more == {
        "export_visits.volume",
        "export_visits.newest_visit",
        "mart_fct_patient_timepoints.easi_score_as_before",
    }


def test_the_four_states_are_the_only_ones():
    assert STATES == ("passed", "failed", "error", "not_applicable")


def test_the_engine_never_asks_for_a_row_that_broke_a_rule(people):
    limits = []

    def listen(*event_arguments):
        _, _, statement, parameters, *_ = event_arguments
        if "unexpected_values" in statement:
            place = re.search(r"LIMIT \$(\d+)", statement)
            limits.append(parameters[int(place[1]) - 1] if place else None)

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        rules = filled("name", "why"), true("is_score_small", "score", CONFORMANCE, "why")
        found = judge(people, *rules)
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    assert {outcome.n_unexpected for outcome in found.values()} == {1, 10}
    assert limits == [0, 0]


def test_flags_are_kept_without_the_text_they_come_from(people, tmp_path):
    rules = [
        filled("name", "why", 0.9),
        unique_share("patient_id", "why", 0.9),
        true("is_score_small", "score", CONFORMANCE, "why", 0.7),
        no_rows("high", "select 1 from {batch} where n > 100", CONFORMANCE, "why", "none"),
        holds_columns(["patient_id", "same", "name"], "why"),
    ]
    suite = Suite("people", "export", "select *, score <= 10 as is_score_small from people", rules)
    broken = Suite("broken", "export", "select error('ROSSI-1') as n from people", rules)
    scratch = tmp_path / "scratch.duckdb"
    assert flags.derive(people, [suite, broken], scratch) == {"broken": "InvalidInputException"}
    with duckdb.connect(str(scratch), read_only=True) as db:
        kinds = {name: kind for name, kind, *_ in db.execute("describe people").fetchall()}
        n_ids = db.execute("select count(distinct patient_id), count(name) from people").fetchone()
    assert kinds == {
        "n": "BIGINT",
        "patient_id": "UBIGINT",
        "name": "UBIGINT",
        "score": "INTEGER",
        "same": "BOOLEAN",
        "is_score_small": "BOOLEAN",
    }
    assert n_ids == (40, 39)


def test_nothing_is_left_beside_the_file_that_was_judged(people):
    judge(people, filled("name", "why", 0.9))
    assert [path.name for path in people.parent.iterdir()] == [people.name]
    unknown = dataclasses.replace(filled("name", "why"), expectation="NoSuchExpectation")
    assert judge(people, unknown)["name_filled"].state_code == "error"
    assert [path.name for path in people.parent.iterdir()] == [people.name]
