"""The contenders write the same marts, and the comparison finds differences."""

from __future__ import annotations

import shutil

import duckdb
import pytest

from benchmarks.agreement import KEYS, compare
from benchmarks.contenders import LARGEST_MART


def test_the_bare_script_writes_the_same_ten_marts(ours, floor):
    assert compare(ours, floor) == (list(KEYS), [])


def test_polars_writes_the_same_mart(bench, ours):
    marts = bench.run("benchmarks.with_polars", "polars")
    assert compare(ours, marts) == ([LARGEST_MART], [])


def test_the_cohort_has_every_regimen_and_every_reason(ours):
    """Equality says little about a branch that no patient takes."""
    with duckdb.connect(str(ours), read_only=True) as db:
        regimens = db.sql(
            "select count(distinct topical_regimen_code), count(*) filter "
            "(regimen_not_evaluable_reason_code = 'not_reviewed') > 0 "
            "from marts.fct_topical_regimens"
        ).fetchone()
        endings = db.sql(
            "select count(*) filter (is_event and not is_on_tacrolimus_at_baseline) > 0, "
            "count(distinct censor_reason_code) from marts.fct_tacrolimus_initiation"
        ).fetchone()
        reasons = db.sql(
            "select count(distinct not_attended_reason_code) from marts.fct_patient_timepoints"
        ).fetchone()
        courses = db.sql(
            "select count(distinct is_ongoing), count(distinct treatment_class_code) "
            "from marts.fct_treatment_courses"
        ).fetchone()
        windows = db.sql(
            "select count(distinct is_window_over_week_52) from marts.fct_follow_up"
        ).fetchone()
    assert (regimens, endings, reasons) == ((4, True), (True, 3), (2,))
    assert (courses, windows) == ((2, 6), (2,))


def test_the_bare_script_writes_only_the_chosen_mart(bench):
    file = bench.run("benchmarks.floor", "one.duckdb", LARGEST_MART)
    with duckdb.connect(str(file), read_only=True) as db:
        written = {row[0] for row in db.sql("select table_name from duckdb_tables()").fetchall()}
    assert written == {LARGEST_MART}


@pytest.mark.parametrize(
    ("mart", "change", "what"),
    [
        (
            "fct_scores",
            "update marts.fct_scores set score_value = score_value + 0.1 where rowid = 3",
            "column score_value: 1 of",
        ),
        ("fct_scores", "delete from marts.fct_scores where rowid = 3", "rows"),
        ("fct_scores", "insert into marts.fct_scores from marts.fct_scores limit 1", "rows"),
        (
            "fct_scores",
            "alter table marts.fct_scores drop column has_response",
            "columns of one side only: has_response",
        ),
        (
            "fct_treatment_courses",
            "update marts.fct_treatment_courses set is_partial = null where rowid = 3",
            "1 and 1 rows",
        ),
        (
            "fct_treatment_courses",
            "insert into marts.fct_treatment_courses from marts.fct_treatment_courses limit 1",
            "0 and 1 rows",
        ),
    ],
)
def test_a_difference_is_found_and_named(floor, tmp_path, mart, change, what):
    changed = tmp_path / "changed.duckdb"
    shutil.copyfile(floor, changed)
    with duckdb.connect(str(changed)) as db:
        db.execute(change)
    _, [difference] = compare(floor, changed)
    assert difference.startswith(f"{mart}: ")
    assert what in difference
