"""`registry analyse` and `compare`: results on standard output, errors in one line."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import duckdb
import pytest

from core.stop import ExitCode, Stop
from registry import study
from registry.main import main


@pytest.fixture(autouse=True)
def no_default_warehouse(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REGISTRY_WAREHOUSE", raising=False)


def test_list_names_every_analysis(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyse", "--list"]) == 0
    shown = capsys.readouterr().out
    assert all(f"A{number:02d}" in shown for number in range(1, 22))


def test_run_shows_one_analysis(twin_warehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyse", "cox", "--warehouse", str(twin_warehouse)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("SYNTHETIC DATA, no real patients")
    assert "0.964" in captured.out
    assert "0.938–0.992" in captured.out
    assert captured.err == ""


def test_run_as_csv_is_unrounded(twin_warehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyse", "A16", "--format", "csv", "--warehouse", str(twin_warehouse)]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    tested = next(row for row in rows if row["statistic"] == "chi_square")
    assert float(tested["p_value"]) == pytest.approx(0.0270907, abs=1e-7)


def test_warehouse_comes_from_the_environment(
    twin_warehouse: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REGISTRY_WAREHOUSE", str(twin_warehouse))
    assert main(["analyse", "A09"]) == 0
    assert "307" in capsys.readouterr().out


def test_all_can_save_the_results(
    twin_warehouse: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(shutil.copy(twin_warehouse, tmp_path / "copy.duckdb"))
    assert main(["analyse", "--warehouse", str(path)]) == 0
    assert "A12: not reached: fewer than half started (1)" in capsys.readouterr().out
    with duckdb.connect(str(path), read_only=True) as connection:
        assert not connection.execute(
            "select 1 from information_schema.schemata where schema_name = 'results'"
        ).fetchall()
    assert main(["analyse", "--save", "--warehouse", str(path)]) == 0
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("select count(*) from results.run").fetchone() == (1,)


@pytest.fixture
def older_by_ten_years(twin_warehouse: Path, tmp_path: Path) -> Path:
    """The twin with one printed number changed: the mean age at data collection."""
    path = Path(shutil.copy(twin_warehouse, tmp_path / "older.duckdb"))
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "update marts.dim_patients "
            "set age_at_data_collection_years = age_at_data_collection_years + 10"
        )
    return path


def test_compare_of_the_twin_exits_0(
    twin_warehouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "--warehouse", str(twin_warehouse)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("SYNTHETIC DATA")
    assert "res_cox_age_ci_hi" in shown


def test_compare_shows_what_differs_and_exits_5(
    older_by_ten_years: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "--warehouse", str(older_by_ten_years)]) == ExitCode.CHECKS_FAILED
    row = next(line for line in capsys.readouterr().out.splitlines() if "res_age_mean" in line)
    assert row.split()[1:4] == ["39", "39", "49"]


def test_compare_exits_0_when_every_difference_has_a_reason(
    older_by_ten_years: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reasons = tmp_path / "reasons.csv"
    reasons.write_text(
        "result_id,reason\nres_age_mean,ten years added\nres_cox_dlqi_p,none\n", encoding="utf-8"
    )
    code = main(["compare", "--reasons", str(reasons), "--warehouse", str(older_by_ten_years)])
    shown = capsys.readouterr().out
    assert code == 0
    assert "ten years added" in shown
    assert "Reason not needed: res_cox_dlqi_p does not differ." in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["analyse", "coxx"], "no analysis is called 'coxx'"),
        (["analyse", "cox", "--warehouse", "typo.duckdb"], "there is no warehouse file typo"),
        (["compare", "--reasons", "typo.csv"], "typo.csv could not be read"),
        (["report", "--warehouse", "typo.duckdb"], "there is no warehouse file typo.duckdb"),
    ],
)
def test_an_error_of_use_is_told_without_traceback_and_ends_with_9(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == ExitCode.ENVIRONMENT
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") <= 2
    assert "Traceback" not in captured.err


def test_without_a_name_the_published_file_is_read_then_the_build(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(study, "PROJECT_ROOT", tmp_path)
    monkeypatch.delenv("REGISTRY_PUBLISHED", raising=False)
    with pytest.raises(Stop, match=r"no build/warehouse\.duckdb"):
        study.warehouse_path(None)
    build = tmp_path / "build" / "warehouse.duckdb"
    build.parent.mkdir()
    build.touch()
    assert study.warehouse_path(None) == build
    published = tmp_path / "published" / "current.duckdb"
    published.parent.mkdir()
    published.touch()
    assert study.warehouse_path(None) == published


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n", "line 2: needs the columns result_id and reason"),
        ("result_id,reason\nres_age_mean,\n", "line 2"),
        ("result_id,reason\nno_such_number,because\n", "has no no_such_number"),
    ],
)
def test_a_file_of_reasons_is_checked(
    twin_warehouse: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str,
    message: str,
) -> None:
    reasons = tmp_path / "reasons.csv"
    reasons.write_text(content, encoding="utf-8")
    arguments = ["compare", "--reasons", str(reasons), "--warehouse", str(twin_warehouse)]
    assert main(arguments) == ExitCode.ENVIRONMENT
    assert message in capsys.readouterr().err
