"""Every query of the analyst guide runs, and those for analysts need nothing but the marts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from doc_files import Query, codes, document, queries, section, table

GUIDE = document("docs/analyst_guide.md")
QUERIES = queries(GUIDE)
FEWEST_QUESTIONS = 14


@pytest.fixture(scope="module")
def build_file(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(warehouse), read_only=True) as db:
        yield db


@pytest.fixture(scope="module")
def marts_only(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """What an analyst has: a database in which no other schema than marts exists."""
    with duckdb.connect() as db:
        db.execute(f"attach '{warehouse}' as built (read_only)")
        db.execute("create schema marts")
        names = db.execute(
            "select table_name from duckdb_tables() "
            "where database_name = 'built' and schema_name = 'marts'"
        ).fetchall()
        for (name,) in names:
            db.execute(f'create table marts."{name}" as from built.marts."{name}"')
        db.execute("detach built")
        yield db


def name_of(query: Query) -> str:
    return query.heading


@pytest.mark.parametrize(
    "query", [query for query in QUERIES if not query.is_for_build_file], ids=name_of
)
def test_an_analysts_query_needs_only_marts_and_returns_rows(
    query: Query, marts_only: duckdb.DuckDBPyConnection
) -> None:
    rows = marts_only.execute(query.sql).fetchall()
    assert rows or query.may_be_empty


@pytest.mark.parametrize(
    "query", [query for query in QUERIES if query.is_for_build_file], ids=name_of
)
def test_a_data_managers_query_runs_on_the_build_file(
    query: Query, build_file: duckdb.DuckDBPyConnection
) -> None:
    rows = build_file.execute(query.sql).fetchall()
    assert rows or query.may_be_empty


def test_the_rate_of_adverse_events_counts_events_and_time_of_one_interval(marts_only) -> None:
    [rate] = [query for query in QUERIES if "per_100_patient_years" in query.sql]
    rows = {row[0]: row[1:] for row in marts_only.execute(rate.sql).fetchall()}
    n_events, *_, per_100_patient_years = rows["Any event"]
    assert (n_events, per_100_patient_years) == (136, 57.2)


def test_no_event_is_not_never_on_tacrolimus(marts_only) -> None:
    n_without_event, n_seen_at_baseline_only = marts_only.execute(
        "select count(*), count(*) filter (duration_months = 0) "
        "from marts.fct_tacrolimus_initiation where not is_event"
    ).fetchall()[0]
    assert (n_without_event, n_seen_at_baseline_only) == (197, 20)
    assert "of the 197 of the study, 20 were seen at baseline only" in GUIDE


@pytest.mark.parametrize("query", QUERIES, ids=name_of)
def test_every_answer_comes_with_a_sentence_on_how_to_read_it(query: Query) -> None:
    assert query.heading.endswith("?")
    assert query.reading.rstrip(")").endswith(".")


def test_every_question_has_a_query_and_there_are_enough() -> None:
    questions = [line.removeprefix("### ") for line in GUIDE.splitlines() if line.startswith("###")]
    assert len(questions) == len(set(questions)) >= FEWEST_QUESTIONS
    assert {query.heading for query in QUERIES} == set(questions)


def test_the_guide_lists_every_mart(marts_only: duckdb.DuckDBPyConnection) -> None:
    words = section(GUIDE, "## The words")
    listed = [name for row in table(words) for name in codes(row["mart"])]
    built = [
        name
        for (name,) in marts_only.execute(
            "select table_name from duckdb_tables() where schema_name = 'marts'"
        ).fetchall()
    ]
    assert sorted(listed) == sorted(built)


def test_the_regimens_of_a_visit_add_up_to_the_evaluable(
    marts_only: duckdb.DuckDBPyConnection,
) -> None:
    [query] = [query for query in QUERIES if query.heading == "What is applied at each visit?"]
    pivoted = {row[1]: sum(row[2:]) for row in marts_only.execute(query.sql).fetchall()}
    counted = dict(
        marts_only.execute(
            "select timepoint_code, count(*) from marts.fct_patient_timepoints "
            "where is_regimen_evaluable group by timepoint_code"
        ).fetchall()
    )
    assert pivoted == counted


def test_the_rows_of_attendance_add_up_to_the_enrolled(
    marts_only: duckdb.DuckDBPyConnection,
) -> None:
    [query] = [query for query in QUERIES if query.heading == "Who came when, and why not?"]
    sums = {sum(row[1:]) for row in marts_only.execute(query.sql).fetchall()}
    assert sums == {marts_only.execute("select count(*) from marts.dim_patients").fetchone()[0]}
