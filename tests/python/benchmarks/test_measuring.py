"""One measuring run, the numbers computed from it, and the page."""

from __future__ import annotations

import importlib
import math
import subprocess
import sys

import pytest
from builds import ROOT
from click.testing import CliRunner

from benchmarks import numbers
from benchmarks.contenders import run_measured
from benchmarks.numbers import Run, exponent, summarise
from benchmarks.page import draw, number, seconds, table, write_page

runner = importlib.import_module("benchmarks.__main__")
SIZES = (342, 10_000, 100_000, 1_000_000)
PEERS = ("floor", "floor_one", "polars")
MACHINE = """processor: Model X
cores: 2
memory_gib: 8
system: Linux x86_64
memory_limit: 4GB
versions: {python: 3.11.1, duckdb: 1.5.5}
"""


def run_row(n, contender, round_, wall, exit_code=0):
    return Run(
        "2024-01-01", "abc1234", n, 5 * n, 400 * n, contender, round_, wall, round(wall * 2, 3),
        100.0 * round_, exit_code,
    )  # fmt: skip


@pytest.fixture
def rows():
    """Ours: 10 s and a second per 10,000 patients; the bare script: 3 s per 10,000 patients."""
    return [
        run_row(n, contender, round_, round((fixed + per * n / 10_000) * factor, 3))
        for n in SIZES
        for contender, fixed, per in (("ours", 10, 1), ("floor", 0, 3))
        for round_, factor in ((1, 1.0), (2, 2.0), (3, 1.1))
    ]


def test_a_process_is_charged_with_its_children_and_its_peak_memory(tmp_path):
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


def invoke(folder, *arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "RESULTS", folder / "results")
        patch.setattr(runner, "PAGE", folder / "page.md")
        return CliRunner().invoke(runner.main, ["--scratch", str(folder / "scratch"), *arguments])


def test_a_run_measures_every_contender_in_every_round(tmp_path):
    chosen = [word for name in PEERS for word in ("--contender", name)]
    done = invoke(tmp_path, "--size", "60", "--rounds", "2", *chosen)
    assert done.exit_code == 0, done.output
    runs = numbers.read(tmp_path / "results")
    assert [(run.contender, run.round) for run in runs] == [
        (name, round_) for name in PEERS for round_ in (1, 2)
    ]
    for run in runs:
        assert (run.n_patients, run.exit_code) == (60, 0)
        assert min(run.n_records, run.n_bytes, run.cpu_seconds, run.peak_mib) > 0
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "| bare DuckDB script | 60 |" in page
    assert "## What was learnt" in page
    left = {path.name for path in (tmp_path / "scratch").iterdir()}
    assert left == {"benchmark.key", "agreement.log", "cohort.log", "key.log"}


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["--render"], 1, "Measure first"),
        (["--size", "1000000000000"], 1, "1,000,000,000,000 patients need about"),
        (["--size", "0"], 2, "--size"),
        (["--contender", "spark"], 2, "--contender"),
    ],
)
def test_an_impossible_request_is_refused(tmp_path, arguments, exit_code, message):
    done = invoke(tmp_path, *arguments)
    assert done.exit_code == exit_code
    assert message in done.output
    assert not (tmp_path / "page.md").exists()


def test_the_runner_imports_nothing_large():
    code = (
        "import sys, benchmarks.__main__\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    large = {"duckdb", "pandas", "numpy", "polars", "pyarrow", "matplotlib", "dbt"}
    assert large & set(done.stdout.split()) == set()


def test_numbers_of_another_machine_are_deleted(tmp_path, rows):
    runner._write_machine(tmp_path)
    numbers.replace_size(tmp_path, 342, rows[:6])
    runner._write_machine(tmp_path)
    assert numbers.read(tmp_path) == rows[:6]
    (tmp_path / "machine.yml").write_text(MACHINE, encoding="utf-8")
    runner._write_machine(tmp_path)
    assert numbers.read(tmp_path) == []


def test_new_numbers_of_a_size_replace_only_those_of_that_size(tmp_path, rows):
    for n in SIZES:
        numbers.replace_size(tmp_path, n, [row for row in rows if row.n_patients == n])
    assert numbers.read(tmp_path) == rows
    again = [run_row(342, "ours", 1, 1.0)]
    numbers.replace_size(tmp_path, 342, again)
    assert numbers.read(tmp_path) == [*again, *rows[6:]]


def test_a_summary_has_medians_of_finished_runs_and_ratios_within_a_round():
    ours, floor, polars = summarise(
        [
            run_row(342, "ours", 1, 10.0),
            run_row(342, "ours", 2, 90.0),
            run_row(342, "ours", 3, 14.0),
            run_row(342, "floor", 1, 5.0),
            run_row(342, "floor", 2, 30.0),
            run_row(342, "floor", 3, 2.0),
            run_row(342, "polars", 1, 1.0, exit_code=-9),
        ]
    )
    assert (ours.wall_seconds, ours.cpu_seconds, ours.peak_mib) == (14.0, 28.0, 300.0)
    assert ours.ratios == [2.0, 3.0, 7.0]
    assert floor.ratios == [1.0, 1.0, 1.0]
    assert (polars.walls, polars.n_failed, polars.ratios) == ([], 1, [])


@pytest.mark.parametrize("power", [0.5, 1.0, 1.05, 2.0])
def test_the_exponent_of_a_power_law_is_found_without_the_smallest_size(power):
    points = [(342, 1e6), *((n, 7 * n**power) for n in SIZES[1:])]
    assert exponent(points) == pytest.approx(power)


def test_an_exponent_needs_two_sizes():
    assert math.isnan(exponent([(10_000, 1.0), (10_000, 2.0), (342, 1.0)]))


def test_columns_of_numbers_are_aligned_to_the_right():
    text = table(("name", "s", "note"), [("a", "1.5", ""), ("b", "", "late")])
    assert text.splitlines() == [
        "| name | s | note |", "| --- | --: | --- |", "| a | 1.5 |  |", "| b |  | late |",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"), [(0.0123, "0.01"), (12.34, "12.3"), (1234.5, "1234"), (math.nan, "")]
)
def test_seconds_have_three_figures(value, text):
    assert seconds(value) == text


def test_numbers_have_thousands_separators():
    assert (number(1234567.0), number(math.nan), number(2.0, 2)) == ("1,234,567", "", "2.00")


def test_the_page_shows_ratios_growth_and_machine(tmp_path, rows):
    (tmp_path / "machine.yml").write_text(MACHINE, encoding="utf-8")
    for n in SIZES:
        numbers.replace_size(tmp_path, n, [row for row in rows if row.n_patients == n])
    write_page(tmp_path, tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    for line in (
        "| this project | 1,000,000 | 5,000,000 | 400.0 | 121 | 110-220 | 242 | 300 | "
        "0.37, 0.37, 0.37 | 2024-01-01, abc1234 |",
        # least squares by hand over log10 of 11, 20 and 110: the slope is half their whole rise
        "| this project | 0.50 | 0.50 | 0.00 |",
        "| bare DuckDB script | 1.00 | 1.00 | 0.00 |",
        "![Wall time against patients](page.svg)",
    ):
        assert line in text.splitlines()
    assert "Model X, 2 cores, 8 GiB, Linux x86_64" in text
    assert text.startswith("# Benchmarks\n\nSYNTHETIC DATA")


def test_the_figure_is_the_same_for_the_same_numbers(tmp_path, rows):
    files = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for file in files:
        draw(summarise(rows), file)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert len(files[0].read_bytes()) < 100_000


def test_the_committed_page_is_written_from_the_committed_numbers(tmp_path):
    write_page(runner.RESULTS, tmp_path / "benchmarks.md")
    assert (tmp_path / "benchmarks.md").read_text("utf-8") == runner.PAGE.read_text("utf-8")
