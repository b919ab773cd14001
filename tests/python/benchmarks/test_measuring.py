"""Deliveries, processes, a measuring run, and the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from builds import ROOT

from benchmarks import records
from benchmarks.cli import main
from benchmarks.deliveries import BAD_EVERY, EXPORTS, bad_delivery, count_records, require_room
from benchmarks.processes import BenchmarkError, run_measured
from benchmarks.records import PartRow, RunRow, SizeRow
from intake.delivery import open_delivery, plan_folder
from intake.judgement import judge_files


def test_every_hundredth_record_is_bad_and_intake_sees_each(bench):
    folder = bad_delivery(bench.delivery)
    delivery = open_delivery(folder, "")
    judgements = judge_files(delivery, plan_folder(delivery))
    counts = count_records(folder)
    assert counts.keys() == set(EXPORTS)
    for judgement in judgements:
        n_records = counts[judgement.planned.name.removesuffix(".csv")][0]
        assert judgement.tally.n_records == n_records
        assert judgement.tally.n_faulty == n_records // BAD_EVERY
    clean = (bench.delivery / "visits.csv").read_bytes().splitlines()
    bad = (folder / "visits.csv").read_bytes().splitlines()
    changed = [n for n, (a, b) in enumerate(zip(clean, bad, strict=True)) if a != b]
    assert changed == list(range(BAD_EVERY, len(clean), BAD_EVERY))


def test_a_process_is_charged_with_its_children_and_its_peak(tmp_path):
    burn = "import time\nwhile time.process_time() < 0.2: pass\n"
    code = (
        "import subprocess, sys; block = bytearray(80 << 20); "
        f"subprocess.run([sys.executable, '-c', {burn!r}]); sys.exit(3)"
    )
    cost = run_measured([sys.executable, "-c", code], tmp_path / "log", {})
    assert cost.exit_code == 3
    assert cost.cpu_seconds >= 0.2
    assert cost.wall_seconds > 0
    assert cost.peak_mib >= 80


def test_too_little_room_is_said_before_anything_is_written(tmp_path):
    with pytest.raises(BenchmarkError, match="are needed for 1,000,000,000,000 patients"):
        require_room(tmp_path, 10**12)


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    arguments = ["--sizes", "60", "--runs", "2", "--contenders", "floor", "pandas"]
    arguments += [
        "--parts",
        "bytes",
        "judging",
        "bare_load",
        "intake",
        "--scratch",
        str(folder / "scratch"),
    ]
    arguments += ["--out", str(folder / "results"), "--page", str(folder / "page.md")]
    assert main(arguments) == 0
    return folder


def test_a_run_measures_every_contender_in_every_round(measured):
    rows = records.read(measured / "results", RunRow)
    rounds = [(row.contender, row.run) for row in rows]
    assert rounds == [("floor", 1), ("floor", 2), ("pandas", 1), ("pandas", 2)]
    assert all(row.exit_code == 0 and row.cpu_seconds > 0 and row.peak_mib > 0 for row in rows)
    parts = {row.part: row.note for row in records.read(measured / "results", PartRow)}
    assert parts.keys() == {"bytes", "judging", "bare_load", "intake", "intake_bad"}
    assert parts["judging"] == "5 files"
    assert parts["intake"] == "0 bad records"
    sizes = records.read(measured / "results", SizeRow)
    n_bad = sum(size.n_records // BAD_EVERY for size in sizes)
    assert parts["intake_bad"] == f"{n_bad} bad records"


def test_a_run_writes_the_page_and_clears_its_scratch(measured):
    page = (measured / "page.md").read_text(encoding="utf-8")
    assert "| bare DuckDB script | 60 |" in page
    assert "## What was learnt" in page
    assert (measured / "page.svg").read_text(encoding="utf-8").startswith("<?xml")
    left = {path.name for path in (measured / "scratch").iterdir()}
    assert left == {"benchmark.key", "simulator_60.log"}


def test_a_page_without_numbers_is_refused_with_what_to_do(tmp_path, capsys):
    assert main(["--render", "--out", str(tmp_path), "--page", str(tmp_path / "page.md")]) == 1
    assert "Measure first" in capsys.readouterr().err
    assert not (tmp_path / "page.md").exists()


@pytest.mark.parametrize("wrong", [["--sizes", "0"], ["--runs", "-1"], ["--contenders", "spark"]])
def test_wrong_options_are_refused(wrong, capsys):
    with pytest.raises(SystemExit) as stop:
        main(wrong)
    assert stop.value.code == 2
    assert wrong[0] in capsys.readouterr().err


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom benchmarks.cli import parser\nparser().format_help()\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    heavy = {"duckdb", "pandas", "numpy", "polars", "pyarrow", "matplotlib", "rich", "yaml", "dbt"}
    assert heavy & set(done.stdout.split()) == set()
