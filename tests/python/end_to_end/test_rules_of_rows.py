"""Data test `holds`: each kind of rule finds the rows that break it, and shows no value of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest
from builds import Build

from refresh.build import broken_rules

TABLE = "marts.fct_patient_timepoints"
STARTS = "cohort.cohort_tacrolimus_starts"
SEEDS = ("code_labels", "score_bands", "score_definitions")
TEST = "rows_of_fct_patient_timepoints"


@pytest.fixture(scope="module")
def compiled(demo_build: Build) -> str:
    return compiled_test(demo_build, TEST)


def compiled_test(build: Build, name: str) -> str:
    node = next(n for n in build.manifest["nodes"].values() if n["name"] == name)
    return node["compiled_code"]


@pytest.fixture
def broken_file(warehouse: Path, tmp_path: Path):
    """Return a function: a statement -> a warehouse with that one table, changed by it."""

    def breaking(statement: str) -> Path:
        file = tmp_path / warehouse.name
        with duckdb.connect(str(file)) as db:
            db.execute("create schema marts")
            db.execute(f"attach '{warehouse}' as built (read_only)")
            db.execute("create schema reference")
            for table in (TABLE, *(f"reference.{seed}" for seed in SEEDS)):
                db.execute(f"create table {table} as from built.{table}")
            db.execute("detach built")
            db.execute(statement.format(table=TABLE))
        return file

    return breaking


@pytest.fixture
def changed_copy(warehouse: Path, tmp_path: Path):
    """Return a function: a statement and a table -> a copy of the warehouse, changed by it."""

    def changing(statement: str, table: str) -> Path:
        file = shutil.copyfile(warehouse, tmp_path / warehouse.name)
        with duckdb.connect(str(file)) as db:
            db.execute(statement.format(table=table))
        return file

    return changing


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "insert into {table} from {table} limit 2",
            "keys of patient_id, timepoint_code: 2 rows",
        ),
        (
            "update {table} set is_attended = null where timepoint_code = 'week_04'",
            "complete of is_attended: 342 rows",
        ),
        (
            "update {table} set topical_regimen_code = 'ROSSI' where rowid < 3",
            "codes of topical_regimen_code: 3 rows",
        ),
        ("update {table} set easi_score = 72.1 where rowid < 4", "ranges of easi_score: 4 rows"),
        ("update {table} set easi_score = 72.0 where rowid < 4", None),
        (
            "update {table} set easi_change_from_baseline = -72.1 where rowid < 4",
            "ranges of easi_change_from_baseline: 4 rows",
        ),
        (
            "update {table} set dlqi_band_code = 'mild' where rowid < 3",
            "codes of dlqi_band_code: 3 rows",
        ),
        ("update {table} set topical_regimen_code = null where rowid < 4", None),
    ],
)
def test_a_broken_rule_is_named_and_counted(broken_file, compiled, statement, words):
    file = broken_file(statement)
    with duckdb.connect(str(file), read_only=True) as db:
        rows = db.execute(compiled).fetchall()
    assert len(rows) == (words is not None)
    result = {"unique_id": TEST, "status": "fail", "compiled_code": compiled}
    found = broken_rules(file, {"results": [result]})
    assert found == {TEST: words or ""}
    assert "ROSSI" not in str(found)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("update {table} set duration_months = 2 where rowid < 3", "duration_months: 3 rows"),
        ("update {table} set patient_id = 'ROSSI' where rowid = 0", "patient_id: 1 rows"),
        ("update {table} set duration_months = null where rowid < 3", None),
    ],
)
def test_a_value_missing_from_the_other_table_is_named_and_counted(
    demo_build, changed_copy, statement, words
):
    compiled = compiled_test(demo_build, "rows_of_cohort_tacrolimus_starts")
    result = {"unique_id": "t", "status": "fail", "compiled_code": compiled}
    found = broken_rules(changed_copy(statement, STARTS), {"results": [result]})["t"]
    assert ("references of " in found) == (words is not None)
    assert words is None or f"references of {words}" in found
    assert "ROSSI" not in found


@pytest.mark.parametrize(
    ("statement", "more"),
    [
        ("insert into {table} from {table} limit 2", 2),
        ("delete from {table} where rowid < 3", -3),
        ("update {table} set drug_number = 1", None),
    ],
)
def test_a_join_that_loses_or_multiplies_rows_is_found(demo_build, changed_copy, statement, more):
    compiled = compiled_test(demo_build, "courses_are_as_many_as_prescription_lines")
    file = changed_copy(statement, "cohort.cohort_prescriptions")
    with duckdb.connect(str(file), read_only=True) as db:
        rows = db.execute(compiled).fetchall()
    assert [n_rows - n_expected for n_rows, n_expected in rows] == ([] if more is None else [more])


def test_other_tests_and_other_results_are_left_to_dbt(warehouse):
    results = [
        {"unique_id": "a", "status": "pass", "compiled_code": "select 1"},
        {
            "unique_id": "b",
            "status": "fail",
            "compiled_code": "select patient_id from raw.patients",
        },
        {"unique_id": "c", "status": "fail"},
        {"unique_id": "d", "status": "fail", "compiled_code": "select nothing"},
    ]
    assert broken_rules(warehouse, {"results": results}) == {}
