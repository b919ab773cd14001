"""The gate: four states, counts only, and a failure of the engine is never "bad data"."""

from __future__ import annotations

import csv
import dataclasses
import re
from pathlib import Path

import duckdb
import pytest
from duckdb_sqlalchemy import Dialect
from sqlalchemy import event
from sqlalchemy.engine import Engine

from core.stop import Terminated
from expectations import gate
from expectations.facts import Facts, Gate
from expectations.rules import (
    CONFORMANCE,
    STATES,
    Rule,
    Suite,
    no_rows,
    rows_between,
    value_between,
)
from intake.contract import EXPORTS

with (Path(__file__).parents[3] / "seeds/protocol/study_gates.csv").open(encoding="utf-8") as rows:
    GATES = [row["gate_code"] for row in csv.DictReader(rows)]
FACTS = Facts(
    extraction_date="2020-12-31",
    gates={code: Gate(20, 1, None, "patients", "A study.", True) for code in GATES},
)
PEOPLE = (
    "select *, count(name) over () as n_names, "
    "count(*) filter (score > 10) over () as n_high, 25.0 as high from people"
)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Forty invented people, one without a name, ten with a value out of range."""
    file = tmp_path_factory.mktemp("gate") / "people.duckdb"
    with duckdb.connect(str(file)) as db:
        db.execute(
            "create table people as select n, 'ROSSI-' || n as patient_id, "
            "case when n > 0 then 'Maria <script>alert(1)</script>' end as name, "
            "case when n < 10 then 99 else 5 end as score, null::integer as nothing "
            "from range(40) as r(n)"
        )
    return file


def between(code: str, least: float | None = None, most: float | None = None) -> Rule:
    return value_between(code, least, most, category=CONFORMANCE, reason="why", threshold="some")


def judge(people, *rules, query=PEOPLE):
    report = gate.run(people, FACTS, [Suite("people", "export", query, list(rules))])
    assert len(report.outcomes) == report.n_expected == len(rules)
    return {outcome.expectation_code: outcome for outcome in report.outcomes}


def test_rules_that_hold_pass_with_count_and_denominator(people):
    share = dataclasses.replace(between("high", None, 30), counts=("n_high", "n_names"))
    found = judge(people, share, rows_between("rows", 1, None, "why"), between("n", 0, 39))
    assert {outcome.state_code for outcome in found.values()} == {"passed"}
    assert (found["high"].n_unexpected, found["high"].n_judged) == (10, 39)
    assert (found["high"].observed_value, found["rows"].observed_value) == (25, 40)


def test_rules_that_do_not_hold_fail_with_the_same_counts(people):
    share = dataclasses.replace(between("high", None, 20), counts=("n_high", "n_names"))
    none = no_rows("none", "select 1 from {batch} where score > 10", CONFORMANCE, "why", "none")
    found = judge(people, share, none, rows_between("rows", 41, None, "why"), between("n", 40))
    assert {outcome.state_code for outcome in found.values()} == {"failed"}
    assert found["high"].n_unexpected == found["none"].n_unexpected == 10


@pytest.mark.parametrize(
    "rule",
    [
        dataclasses.replace(between("no_such_column", 1), needs=None),
        no_rows("broken", "select nothing_like_that from {batch}", CONFORMANCE, "why", "none"),
        no_rows("cast", "select 1 from {batch} where name::integer > 0", CONFORMANCE, "why", "-"),
    ],
)
def test_what_cannot_be_evaluated_is_an_error_without_words_of_the_data(people, rule):
    found = judge(people, rule, rows_between("rows", 1, None, "why"))
    outcome = found[rule.code]
    assert outcome.state_code == "error"
    assert "Maria" not in outcome.cause
    assert outcome.cause
    assert found["rows"].state_code == "passed"


def test_a_suite_whose_query_fails_is_all_errors_and_the_next_suite_still_runs(people):
    suites = [
        Suite("broken", "export", "select * from no_such_table", [rows_between("a", 1, None, "w")]),
        Suite("sound", "export", "select * from people", [rows_between("b", 1, None, "w")]),
    ]
    report = gate.run(people, FACTS, suites)
    assert [outcome.state_code for outcome in report.outcomes] == ["error", "passed"]


def test_the_row_of_a_counting_query_is_kept_with_its_types(people):
    query = (
        "select count(*) as n, avg(score) as mean, 0.1::double / 3 as part, null::bigint as none, "
        "'it''s' as word, 7.5::decimal(4, 1) as points, true as is_so, date '2020-02-29' as day, "
        'sum(score) as "the sum" from people'
    )
    with duckdb.connect(str(people), read_only=True) as db:
        kept = gate._with_its_row(db, Suite("people", "export", query, is_one_row=True))
        asked, again = db.sql(query), db.sql(kept.query)
        assert (again.columns, again.types) == (asked.columns, asked.types)
        assert again.fetchall() == asked.fetchall()
    assert "people" not in kept.query


def test_rules_without_anything_to_judge_are_not_applicable(people):
    none = "select 1 from {batch} where score > 10"
    found = judge(
        people,
        between("nothing", 1),
        rows_between("volume", 10, 20, "no load before").only_if(False),
        no_rows("few", none, CONFORMANCE, "why", "none").at_least(40, "count(name)"),
        no_rows("unknown", none, CONFORMANCE, "why", "none").at_least(1, "max(nothing)"),
    )
    assert {outcome.state_code for outcome in found.values()} == {"not_applicable"}
    enough = no_rows("enough", none, CONFORMANCE, "why", "none").at_least(39, "count(name)")
    assert judge(people, enough)["enough"].state_code == "failed"


def test_no_outcome_holds_a_value_of_a_patient(people):
    query = "select name, patient_id from {batch}"
    found = judge(people, between("name", 1), no_rows("all", query, CONFORMANCE, "why", "none"))
    shown = repr(list(found.values()))
    assert "ROSSI" not in shown
    assert "Maria" not in shown


def test_a_signal_while_a_rule_is_judged_ends_the_run(people, monkeypatch):
    """Great Expectations repeats a query that failed: a signal that ended it would be lost."""
    execute, signals = Dialect.do_execute, [Terminated()]

    def interrupted_once(dialect, cursor, statement, *arguments):
        if "score > 10" in statement and signals:
            raise RuntimeError("Query interrupted") from signals.pop()
        return execute(dialect, cursor, statement, *arguments)

    monkeypatch.setattr(Dialect, "do_execute", interrupted_once)
    rule = no_rows("few", "select 1 from {batch} where score > 10", CONFORMANCE, "why", "none")
    with pytest.raises(Terminated):
        judge(people, rule)


def test_the_file_is_free_again_after_the_gate(people):
    judge(people, rows_between("rows", 1, None, "why"))
    with duckdb.connect(str(people)) as db:
        assert db.execute("select count(*) from people").fetchone() == (40,)


def test_every_rule_has_a_name_a_reason_and_a_severity():
    rules = [(suite, rule) for suite in gate.all_suites(FACTS) for rule in suite.rules]
    for suite, rule in rules:
        assert re.fullmatch(r"[a-z][a-z0-9_]+", rule.code), rule
        assert rule.category in ("conformance", "completeness", "plausibility")
        assert rule.context in ("verification", "validation")
        assert rule.severity in ("critical", "warning")
        assert rule.reason.endswith(("?", ".")), rule
        assert rule.threshold
        assert suite.subject in ("export", "mart")


def test_there_are_fewer_rules_because_staging_judges_the_cells():
    """Form, words and ranges of cells are judged in staging; here is one share per column."""
    per_subject = {"export": 0, "mart": 0}
    for suite in gate.all_suites(FACTS):
        per_subject[suite.subject] += len(suite.rules)
    assert per_subject == {"export": 102, "mart": 53}


def test_no_two_rules_of_a_suite_have_the_same_name():
    for suite in gate.all_suites(FACTS):
        codes = [rule.code for rule in suite.rules]
        assert len(codes) == len(set(codes)), suite.name


def test_exports_are_judged_by_the_verdicts_of_staging_and_marts_by_themselves():
    for suite in gate.all_suites(FACTS):
        tables = set(re.findall(r"\b(raw|staging|cohort|marts|quarantine|quality)\.", suite.query))
        allowed = {"staging", "quarantine", "cohort"} if suite.subject == "export" else {"marts"}
        assert tables <= allowed, suite.name


def test_no_query_holds_a_question_mark_which_the_engine_would_take_for_a_parameter():
    for suite in gate.all_suites(FACTS):
        assert "?" not in suite.query, suite.name
        for rule in suite.rules:
            assert "?" not in rule.arguments.get("unexpected_rows_query", ""), rule.code


def test_there_is_a_suite_for_every_export_and_every_mart():
    names = {suite.name for suite in gate.all_suites(FACTS)}
    assert {f"export_{export}" for export in EXPORTS} <= names
    marts = {
        "dim_patients", "dim_timepoints", "dim_scores", "dim_delivery", "fct_patient_timepoints",
        "fct_scores", "fct_topical_regimens", "fct_tacrolimus_initiation", "fct_adverse_events",
        "fct_follow_up", "fct_treatment_courses", "fct_cohort_attrition", "fct_treatment_algorithm",
        "fct_published_results",
    }  # fmt: skip
    assert {f"mart_{mart}" for mart in marts} <= names


def test_comparisons_with_the_last_load_apply_only_when_there_is_one():
    before = Facts(
        last_records={"visits": 100},
        newest_visit_before="2020-01-01",
        last_means={("baseline", "easi_score"): 30.0},
        extraction_date="2020-12-31",
    )

    def applicable(facts):
        return {
            f"{suite.name}.{rule.code}"
            for suite in gate.all_suites(facts)
            for rule in suite.rules
            if rule.is_applicable
        }

    more = applicable(before) - applicable(FACTS)
    assert more == {
        "export_visits.volume",
        "export_visits.volume_kept",
        "export_visits.newest_visit",
        "mart_fct_patient_timepoints.easi_score_as_before",
    }


def test_the_four_states_are_the_only_ones():
    assert STATES == ("passed", "failed", "error", "not_applicable")


def test_the_engine_reads_no_column_of_text(people):
    statements = []

    def listen(*event_arguments):
        statements.append(event_arguments[2])

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        judge(people, between("score", 0, 100), rows_between("rows", 1, None, "why"))
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    assert any("max(" in statement for statement in statements)
    assert not [s for s in statements if "unexpected_values" in s or "DISTINCT" in s.upper()]


def test_nothing_is_left_beside_the_file_that_was_judged(people):
    judge(people, between("score", 0, 100))
    assert [path.name for path in people.parent.iterdir()] == [people.name]
    unknown = dataclasses.replace(between("score", 0), expectation="NoSuchExpectation")
    assert judge(people, unknown)["score"].state_code == "error"
    assert [path.name for path in people.parent.iterdir()] == [people.name]
