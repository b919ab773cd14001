"""The contenders write the same marts, and the comparison would see it if they did not."""

from __future__ import annotations

import shutil

import duckdb
import pytest

from benchmarks.agreement import KEYS, compare
from benchmarks.study_rules import MART_NAMES


def test_the_bare_script_writes_the_same_eight_marts(ours, floor):
    assert compare(ours, floor) == (list(KEYS), [])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_each_library_writes_the_same_three_marts(bench, ours, library):
    pytest.importorskip(library, reason=f"{library} is in the group dev of pyproject.toml")
    marts = bench.run(f"benchmarks.with_{library}", library)
    shared, differences = compare(ours, marts)
    assert (sorted(shared), differences) == (sorted(MART_NAMES), [])


def test_the_cohort_reaches_every_regimen_and_every_ending(ours):
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
    assert (regimens, endings, reasons) == ((4, True), (True, 2), (1,))


def test_the_bare_script_leaves_out_marts_that_were_not_chosen(bench):
    file = bench.run("benchmarks.floor", "three.duckdb", *MART_NAMES)
    with duckdb.connect(str(file), read_only=True) as db:
        written = {row[0] for row in db.sql("select table_name from duckdb_tables()").fetchall()}
    assert written == set(MART_NAMES)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (
            "update marts.fct_scores set score_value = score_value + 0.1 where rowid = 3",
            "column score_value: 1 of",
        ),
        ("delete from marts.fct_scores where rowid = 3", "rows"),
        ("insert into marts.fct_scores from marts.fct_scores limit 1", "rows"),
        (
            "alter table marts.fct_scores drop column has_response",
            "columns that one side lacks: has_response",
        ),
    ],
)
def test_a_difference_is_found_and_named(floor, tmp_path, change, what):
    changed = tmp_path / "changed.duckdb"
    shutil.copyfile(floor, changed)
    with duckdb.connect(str(changed)) as db:
        db.execute(change)
    _, differences = compare(floor, changed)
    assert [difference.mart for difference in differences] == ["fct_scores"]
    assert what in differences[0].what
