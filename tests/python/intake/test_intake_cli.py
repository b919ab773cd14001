"""``python -m intake check``: a verdict per file, and an exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from intake_deliveries import as_csv, table, write_delivery

from intake.cli import main
from intake.dbt_plugin import Plugin


def test_a_sound_delivery_can_be_loaded(tmp_path, capsys):
    write_delivery(tmp_path)
    rows = [[*row, "x"] for row in table("visits")]
    rows[0][-1] = "ward"
    rows[7].append("y")
    (tmp_path / "visits.csv").write_text(as_csv(rows))
    assert main(["check", str(tmp_path)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["patients.csv", "accepted", "20", "records"]
    assert (
        "visits.csv          accepted  20 records, 1 faulty: 1 field_count (first on line 8)" in out
    )
    assert "visits.csv          notice    extra_column: ward" in out
    assert out[-1] == f"Delivery {tmp_path} (mapping clinic): can be loaded."


def test_a_refused_delivery_is_told_file_by_file(tmp_path, capsys):
    write_delivery(tmp_path)
    (tmp_path / "visits.csv").write_bytes(b"<html>\n")
    (tmp_path / "patients2.csv").write_text("x\n")
    assert main(["check", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "visits.csv          REFUSED   looks like an HTML page" in out
    assert "patients2.csv       REFUSED   no export of the mapping uses this data file." in out
    assert "prescriptions.csv   accepted  20 records" in out
    assert out.endswith("(mapping clinic): refused.\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["nowhere"], "is not there"), ([".", "--mapping", "nobody"], "no mapping named 'nobody'")],
)
def test_a_mistake_of_the_user_is_one_line(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert main(["check", *arguments]) == 1
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_the_module_runs_and_help_imports_nothing_heavy(tmp_path):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "intake", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "check" in done.stdout
    assert "pyarrow" not in done.stderr
    assert "pydantic" not in done.stderr


def test_checking_makes_no_key(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("REGISTRY_KEY_FILE", raising=False)
    assert main(["check", str(write_delivery(tmp_path / "delivery"))]) == 0
    assert not (tmp_path / "config").exists()


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
    meta = {"delivery": str(tmp_path / "one"), "mapping": "clinic"}
    monkeypatch.delenv("REGISTRY_DELIVERY", raising=False)
    monkeypatch.delenv("REGISTRY_MAPPING", raising=False)
    assert loader.load(meta).num_rows == 1
    assert connection.sql("select count(*) from raw.visits").fetchone() == (20,)
    monkeypatch.setenv("REGISTRY_DELIVERY", str(tmp_path / "two"))
    loader.load(meta)
    assert connection.sql("select count(*) from raw.visits").fetchone() == (30,)


def test_the_plugin_stops_dbt_with_the_message_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("REGISTRY_KEY_FILE", raising=False)
    write_delivery(tmp_path / "one")
    (tmp_path / "one" / "visits.csv").write_bytes(b"")
    monkeypatch.setenv("REGISTRY_DELIVERY", str(tmp_path / "one"))
    loader, connection = plugin(tmp_path)
    with pytest.raises(Exception, match=r"visits\.csv: has 0 bytes\. Export it again\.") as caught:
        loader.load({})
    assert caught.type.__name__ == "DbtRuntimeError"
    assert connection.sql("select count(*) from duckdb_tables()").fetchone() == (0,)
