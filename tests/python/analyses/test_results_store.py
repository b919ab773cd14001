"""Schema results: written in one transaction, described, the same twice."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from analysis_py import store
from analysis_py.marts import MartsError
from analysis_py.store import TABLES, write_results
from analysis_py.study import Study, run_study
from core.duck import DescribedTable


@pytest.fixture(scope="module")
def study(twin_warehouse: Path) -> Study:
    return run_study(twin_warehouse)


@pytest.fixture
def written(twin_warehouse: Path, tmp_path: Path, study: Study) -> Path:
    path = Path(shutil.copy(twin_warehouse, tmp_path / "written.duckdb"))
    write_results(path, study)
    return path


def read(path: Path, query: str) -> list[tuple]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_tables_hold_every_row_in_the_file_itself(written: Path, study: Study) -> None:
    assert not written.with_name(written.name + ".wal").exists()
    assert read(written, "select count(*) from results.estimates") == [(len(study.results),)]
    assert read(written, "select count(*) from results.published_comparison") == [(351,)]
    row = read(
        written,
        'select value, ci_lower, p_value, n, "group" from results.estimates '
        "where result_id = 'a13.evaluable.all.any.is_female.hazard_ratio'",
    )[0]
    ours = study.results["a13.evaluable.all.any.is_female.hazard_ratio"]
    assert row == (ours.value, ours.ci_lower, ours.p_value, 307, "all")


def test_missing_is_null_and_nothing_is_empty_text_nan(written: Path) -> None:
    found = read(
        written,
        "select count(*) filter (where isnan(value)), "
        "count(*) filter (where p_value is null) from results.estimates",
    )
    assert found[0][0] == 0
    assert found[0][1] > 0
    without_value = read(
        written, "select analysis_id, warning from results.estimates where value is null order by 1"
    )
    not_assessed = "not assessed: only complete cases have a score here"
    assert without_value == [
        *((analysis, not_assessed) for analysis in ("A05", "A06", "A07", "A08")),
        ("A12", "not reached: fewer than half started"),
        ("A22", not_assessed),
    ]


def test_run_says_what_the_results_come_from(written: Path, study: Study) -> None:
    row = read(
        written,
        "select is_synthetic, header, n_compared, n_differs, software from results.run",
    )
    assert len(row) == 1
    assert row[0][:3] == (True, "SYNTHETIC DATA, no real patients (twin)", 351)
    assert "statsmodels" in row[0][4]


def test_every_column_is_described(written: Path) -> None:
    undescribed = read(
        written,
        "select table_name, column_name from duckdb_columns() "
        "where schema_name = 'results' and comment is null",
    )
    assert not undescribed
    columns = read(
        written,
        "select table_name, list(column_name order by column_index) from duckdb_columns() "
        "where schema_name = 'results' group by table_name",
    )
    assert dict(columns) == {name: list(table.columns) for name, table in TABLES.items()}


def test_the_same_study_twice_is_the_same_content(
    written: Path, twin_warehouse: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copy(twin_warehouse, tmp_path / "again.duckdb"))
    write_results(other, run_study(other))
    write_results(written, run_study(written))
    for table in TABLES:
        query = f"select * from results.{table} order by all"
        assert read(written, query) == read(other, query)


def test_a_failure_leaves_the_old_results(
    written: Path, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read(written, "select * from results.estimates order by all")
    broken = {**TABLES, "run": DescribedTable("Broken", {"no_such_column": ("BIGINT", "none")})}
    monkeypatch.setattr(store, "TABLES", broken)
    changed = replace(study, results=type(study.results)())
    with pytest.raises(MartsError, match="holds what it held before"):
        write_results(written, changed)
    assert read(written, "select * from results.estimates order by all") == before


def test_a_missing_file_is_not_created(tmp_path: Path, study: Study) -> None:
    with pytest.raises(MartsError, match="no warehouse file"):
        write_results(tmp_path / "typo.duckdb", study)
    assert not list(tmp_path.iterdir())


def test_marts_are_untouched(twin_warehouse: Path, written: Path) -> None:
    query = "select * from marts.dim_patients order by all"
    assert read(twin_warehouse, query) == read(written, query)


def test_a_file_may_be_called_like_the_schema(
    twin_warehouse: Path, tmp_path: Path, study: Study
) -> None:
    path = Path(shutil.copy(twin_warehouse, tmp_path / "results.duckdb"))
    write_results(path, study)
    assert read(path, "select count(*) from results.results.run") == [(1,)]
