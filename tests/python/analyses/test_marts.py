"""Marts as frames: read-only, schema marts, errors for people."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from warehouse_files import write_warehouse

from analysis_py.catalogue import ANALYSES, required_columns
from analysis_py.marts import Marts, MartsError, explain
from analysis_py.results import Results
from analysis_py.study import read_delivery, run_analyses


@pytest.fixture
def copied(twin_warehouse: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(twin_warehouse, tmp_path / "copy.duckdb"))


def test_columns_come_typed(twin_warehouse: Path) -> None:
    with Marts(twin_warehouse) as marts:
        visits = marts.read("fct_patient_timepoints", ["timepoint_code", "easi_score"])
        starts = marts.read("fct_tacrolimus_initiation", ["is_event", "duration_months"])
    assert isinstance(visits["timepoint_code"].dtype, pd.CategoricalDtype)
    assert str(visits["easi_score"].dtype) == "float64"
    assert str(starts["is_event"].dtype) == "boolean"
    assert str(starts["duration_months"].dtype) == "Int64"


def test_results_from_the_file_are_those_from_the_frames(
    twin_warehouse: Path, results: Results
) -> None:
    with Marts(twin_warehouse) as marts:
        read = marts.frames(required_columns(ANALYSES))
    again = run_analyses(read)
    pd.testing.assert_frame_equal(again.to_frame(), results.to_frame(), rtol=1e-12)


@pytest.mark.parametrize("threads", [1, 4])
def test_results_are_equal_to_the_last_bit(
    twin_warehouse: Path,
    tmp_path: Path,
    frames: dict[str, pd.DataFrame],
    threads: int,
) -> None:
    """Whatever the order of the rows in the file, and the number of threads that read it."""
    shuffled = {mart: frame.sample(frac=1, random_state=threads) for mart, frame in frames.items()}
    path = write_warehouse(tmp_path / "shuffled.duckdb", shuffled)
    read = {}
    for file in (twin_warehouse, path):
        with Marts(file) as marts:
            marts._connection.execute(f"set threads = {threads if file == path else 2}")
            read[file] = marts.frames(required_columns(ANALYSES))
    ours, theirs = (run_analyses(found).to_frame() for found in read.values())
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


@pytest.mark.parametrize("name", ["marts", "results", "two words", 'a"b'])
def test_a_file_may_have_any_name(twin_warehouse: Path, tmp_path: Path, name: str) -> None:
    path = Path(shutil.copy(twin_warehouse, tmp_path / f"{name}.duckdb"))
    with Marts(path) as marts:
        assert len(marts.read("dim_patients", ["patient_id"])) == 342


def test_numbers_of_any_type_become_numbers(tmp_path: Path) -> None:
    path = tmp_path / "types.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.t as select 1.5::decimal(4,1) as d, 3::tinyint as i, "
            "null::boolean as b, null::varchar as v, 2::hugeint as h"
        )
    with Marts(path) as marts:
        frame = marts.read("t")
    assert (frame["d"][0], frame["i"][0], frame["h"][0]) == (1.5, 3, 2)
    assert frame["b"].isna().all()
    assert frame["v"].isna().all()


def test_nothing_is_written_not_even_a_new_file(tmp_path: Path, twin_warehouse: Path) -> None:
    with pytest.raises(MartsError, match=r"no warehouse file .*make run"):
        Marts(tmp_path / "typo.duckdb")
    assert not list(tmp_path.iterdir())
    before = twin_warehouse.read_bytes()
    with Marts(twin_warehouse) as marts:
        marts.read("dim_patients", ["patient_id"])
    assert twin_warehouse.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"not a database", b"\x00" * 5000])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.duckdb"
    path.write_bytes(content)
    with pytest.raises(MartsError, match=r"other\.duckdb"):
        Marts(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MartsError, match="is a folder"):
        Marts(tmp_path)


def test_a_file_without_the_marts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.duckdb"
    duckdb.connect(str(path)).close()
    with pytest.raises(MartsError, match="has no schema marts"):
        Marts(path)
    duckdb.connect(str(path)).close()


def test_a_missing_mart_or_column_is_named(copied: Path) -> None:
    with duckdb.connect(str(copied)) as connection:
        connection.execute("alter table marts.dim_patients drop column sex_code")
    with Marts(copied) as marts:
        with pytest.raises(MartsError, match=r"dim_patients.*no column sex_code.*build it again"):
            marts.read("dim_patients", ["patient_id", "sex_code"])
        with pytest.raises(MartsError, match="no mart dim_weather"):
            marts.read("dim_weather")
        assert not marts.has("dim_weather")


def test_a_file_locked_by_another_program_says_who(copied: Path) -> None:
    code = (
        "import duckdb, sys\n"
        f"c = duckdb.connect({str(copied)!r})\n"
        "c.execute('create table t as select 1')\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "ready\n"
        with pytest.raises(MartsError, match=rf"is locked: .*process {holder.pid}\)"):
            Marts(copied)
        holder.communicate("")
    Marts(copied).close()


def test_a_file_open_for_writing_in_this_program_is_said(copied: Path) -> None:
    with duckdb.connect(str(copied)), pytest.raises(MartsError, match="in this same program"):
        Marts(copied)


def test_a_damaged_file_is_said(copied: Path) -> None:
    content = bytearray(copied.read_bytes())
    for position in range(12288, len(content), 512):
        content[position] ^= 0xFF
    copied.write_bytes(content)
    with pytest.raises(MartsError, match=r"damaged|could not be"), Marts(copied) as marts:
        marts.read("fct_patient_timepoints")


def test_another_version_is_said() -> None:
    # The words of DuckDB 1.5 about a file of version 2.
    error = duckdb.IOException(
        "IO Error: Trying to read a database file with version number 69, but we can only read "
        "versions between 64 and 68."
    )
    assert "newer version of DuckDB" in explain(error, Path("x.duckdb"))


def test_an_unknown_error_shows_nothing_of_the_engine() -> None:
    text = explain(duckdb.ConversionException("Original Line: P0001,F,1967"), Path("x.duckdb"))
    assert "P0001" not in text
    assert "x.duckdb" in text


def test_delivery_must_be_one_row(copied: Path) -> None:
    with duckdb.connect(str(copied)) as connection:
        connection.execute("delete from marts.dim_delivery")
    with Marts(copied) as marts, pytest.raises(MartsError, match="0 rows instead of one"):
        read_delivery(marts)
