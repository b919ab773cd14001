"""Judging a delivery without a warehouse, and the plugin by which dbt loads one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.utils import SourceConfig
from dbt_common.exceptions import DbtRuntimeError
from intake_deliveries import as_csv, table, write_delivery

from core.stop import ExitCode
from intake.check import check
from intake.dbt_plugin import Plugin
from intake.refusals import IntakeError


def test_a_sound_delivery_can_be_loaded(tmp_path):
    write_delivery(tmp_path)
    rows = [[*row, "x"] for row in table("visits")]
    rows[0][-1] = "ward"
    rows[7].append("y")
    (tmp_path / "visits.csv").write_text(as_csv(rows))
    report = check(tmp_path)
    assert (report.folder, report.mapping, report.is_refused) == (str(tmp_path), "clinic", False)
    assert report.lines[:3] == [
        ("patients.csv", "accepted", "20 records"),
        ("visits.csv", "accepted", "20 records, 1 faulty: 1 field_count (first on line 8)"),
        ("visits.csv", "notice", "extra_column: ward"),
    ]


def test_many_notices_of_one_code_are_one_line(tmp_path):
    write_delivery(tmp_path)
    names = [f"extra {number}" for number in range(27)]
    rows = [[*row, *names] for row in table("visits")]
    (tmp_path / "visits.csv").write_text(as_csv(rows))
    [line] = [line for line in check(tmp_path).lines if line.verdict == "notice"]
    assert line.words == f"extra_column: {', '.join(names[:20])} and 7 more"


def test_values_and_unknown_words_are_counted_per_export(tmp_path):
    write_delivery(tmp_path)
    rows = table("patients")
    place = rows[0].index("clinical_phenotype")
    for number in (1, 2, 3):
        rows[number][place] = " Follicular "
    rows[4][place] = "like D'Anna"
    rows[5][place] = ""
    (tmp_path / "patients.csv").write_text(as_csv(rows))
    told = [line.words for line in check(tmp_path).coverage if line.name == "patients"]
    assert "clinical_phenotype 19" in told[0]
    assert told[0].startswith("20 records: patient_id 20, sex 20")
    assert told[1].startswith("no value: ad_diagnosis_date")
    assert told[2:] == ["clinical_phenotype: 2 unknown in 4 records: 'follicular' 3"]


def test_every_refused_file_has_a_line(tmp_path):
    write_delivery(tmp_path)
    (tmp_path / "visits.csv").write_bytes(b"<html>\n")
    (tmp_path / "patients2.csv").write_text("x\n")
    report = check(tmp_path)
    assert report.is_refused
    words = {line.name: line.words for line in report.lines if line.verdict == "REFUSED"}
    assert words["visits.csv"].startswith("looks like an HTML page")
    assert words["patients2.csv"].startswith("no export of the mapping uses this data file.")
    assert ("prescriptions.csv", "accepted", "20 records") in report.lines


@pytest.mark.parametrize(
    ("folder", "mapping", "words"),
    [("nowhere", "", "is not there"), (".", "none", "no mapping named 'none'")],
)
def test_a_wrong_folder_or_mapping_is_one_line_with_advice(
    tmp_path, monkeypatch, folder, mapping, words
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IntakeError, match=words) as caught:
        check(Path(folder), mapping)
    stop = caught.value
    assert (stop.code, stop.rule, stop.details) == (
        ExitCode.DELIVERY_REFUSED, "delivery_refused", (),
    )  # fmt: skip
    assert stop.todo


def test_progress_is_called_with_the_bytes_of_every_file(tmp_path):
    write_delivery(tmp_path)
    n_bytes: dict[str, int] = {}
    check(tmp_path, progress=lambda name, n: n_bytes.update({name: n_bytes.get(name, 0) + n}))
    assert n_bytes == {path.name: path.stat().st_size for path in tmp_path.glob("*.csv")}


def test_checking_makes_no_key(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("REGISTRY_KEY_FILE", raising=False)
    assert not check(write_delivery(tmp_path / "delivery")).is_refused
    assert not (tmp_path / "config").exists()


def source(**meta: str) -> SourceConfig:
    return SourceConfig("intake", "incoming_delivery", "raw", "our-select", meta, [])


def plugin(path: Path) -> tuple[Plugin, duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    made = Plugin("intake", {})
    made.configure_connection(connection)
    return made, connection


def test_the_plugin_reads_the_delivery_of_the_environment_before_the_source(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("REGISTRY_KEY_FILE", raising=False)
    write_delivery(tmp_path / "one")
    write_delivery(tmp_path / "two", 30)
    loader, connection = plugin(tmp_path)
    meta = source(delivery=str(tmp_path / "one"), mapping="clinic")
    monkeypatch.delenv("REGISTRY_DELIVERY", raising=False)
    monkeypatch.delenv("REGISTRY_MAPPING", raising=False)
    assert loader.load(meta).num_rows == 1
    assert connection.sql("select count(*) from raw.visits").fetchone() == (20,)
    monkeypatch.setenv("REGISTRY_DELIVERY", str(tmp_path / "two"))
    loader.load(meta)
    assert meta.table_name() == "raw.incoming_delivery"
    assert connection.sql("select count(*) from raw.visits").fetchone() == (30,)


def test_a_bare_dbt_build_makes_the_folder_of_its_warehouse(tmp_path):
    Plugin("intake", {}, DuckDBCredentials(path=str(tmp_path / "build" / "warehouse.duckdb")))
    assert (tmp_path / "build").is_dir()


def test_a_warehouse_that_another_process_has_open_is_one_line(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    duckdb.connect(str(path)).close()
    code = (
        "import duckdb, sys\n"
        "db = duckdb.connect(sys.argv[1], read_only=True)\n"
        "print(1, flush=True)\n"
        "input()"
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", code, path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert reader.stdout.readline() == "1\n"
    credentials = DuckDBCredentials(path=str(path))
    with pytest.raises(DbtRuntimeError, match="another process has this warehouse open"):
        Plugin("intake", {}, credentials).update_connection_config(credentials, {})
    reader.communicate("\n")
    Plugin("intake", {}, credentials).update_connection_config(credentials, {})


def test_the_plugin_stops_dbt_with_the_message_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("REGISTRY_KEY_FILE", raising=False)
    write_delivery(tmp_path / "one")
    (tmp_path / "one" / "visits.csv").write_bytes(b"")
    monkeypatch.setenv("REGISTRY_DELIVERY", str(tmp_path / "one"))
    loader, connection = plugin(tmp_path)
    with pytest.raises(Exception, match=r"visits\.csv: has 0 bytes\. Export it again\.") as caught:
        loader.load(source())
    assert caught.type.__name__ == "DbtRuntimeError"
    assert connection.sql("select count(*) from duckdb_tables()").fetchone() == (0,)
