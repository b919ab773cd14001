"""Ratios, growth, tables and the page, on fixed numbers."""

from __future__ import annotations

import json

import pytest

from benchmarks import records
from benchmarks.dbt_timings import node_rows
from benchmarks.page import number, seconds, table, write_page
from benchmarks.plot import draw
from benchmarks.records import PartRow, RunRow, SizeRow
from benchmarks.summary import exponent, growth, parts_of, summarise

SIZES = (342, 10_000, 100_000, 1_000_000)


def run_row(n, contender, run, wall, exit_code=0):
    return RunRow(n, contender, run, wall, round(wall * 2, 3), 100.0 * run, exit_code)


def wall(summary):
    return summary.wall_seconds


@pytest.fixture
def rows():
    """Ours: 10 s and a second per 10,000 patients; the floor: 3 s per 10,000 patients."""
    return [
        run_row(n, contender, run, round((fixed + per * n / 10_000) * factor, 3))
        for n in SIZES
        for contender, fixed, per in (("ours", 10, 1), ("floor", 0, 3))
        for run, factor in ((1, 1.0), (2, 2.0), (3, 1.1))
    ]


@pytest.mark.parametrize("power", [0.5, 1.0, 1.05, 2.0])
def test_the_exponent_of_a_power_law_is_found(power):
    assert exponent([(n, 7 * n**power) for n in SIZES]) == pytest.approx(power)


def test_an_exponent_needs_two_sizes():
    assert exponent([(10, 1.0), (10, 2.0)]) is None


def test_growth_leaves_small_sizes_out(rows):
    summaries = summarise(rows)
    assert growth(summaries, "floor", wall) == pytest.approx(1.0)
    # least squares by hand over log10 of 11, 20 and 110: the slope is half their whole rise
    assert growth(summaries, "ours", wall) == pytest.approx(0.5, abs=1e-9)
    assert growth(summaries, "polars", wall) is None


def test_a_summary_is_the_median_of_finished_runs_and_of_ratios_within_a_round():
    summaries = summarise(
        [
            run_row(342, "ours", 1, 10.0),
            run_row(342, "ours", 2, 90.0),
            run_row(342, "ours", 3, 14.0),
            run_row(342, "floor", 1, 5.0),
            run_row(342, "floor", 2, 30.0),
            run_row(342, "floor", 3, 2.0),
            run_row(342, "pandas", 1, 1.0, exit_code=-9),
        ]
    )
    ours, floor, pandas = summaries
    assert (ours.wall_seconds, ours.wall_lowest, ours.wall_highest) == (14.0, 10.0, 90.0)
    assert (ours.cpu_seconds, ours.peak_mib, ours.ratio) == (28.0, 300.0, 3.0)
    assert floor.ratio == 1.0
    assert (pandas.n_runs, pandas.n_failed, pandas.ratio) == (0, 1, None)


def test_parts_are_medians_and_keep_what_is_not_known():
    rows = [
        PartRow(342, "intake", "all", run, seconds, cpu, 10.0 * run, "0 bad records")
        for run, seconds, cpu in ((1, 3.0, 2.0), (2, 9.0, 4.0), (3, 4.0, 3.0))
    ]
    rows.append(PartRow(342, "model", "fct_scores", 1, 0.5))
    intake, model = parts_of(rows, 342)
    assert (intake.wall_seconds, intake.cpu_seconds, intake.peak_mib) == (4.0, 3.0, 30.0)
    assert (model.wall_seconds, model.cpu_seconds, model.peak_mib) == (0.5, None, None)


def test_columns_of_numbers_stand_to_the_right():
    text = table(("name", "s", "note"), [("a", "1.5", ""), ("b", "", "late")])
    assert text.splitlines() == [
        "| name | s | note |", "| --- | --: | --- |", "| a | 1.5 |  |", "| b |  | late |",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"), [(0.0123, "0.01"), (12.34, "12.3"), (1234.5, "1234"), (None, "")]
)
def test_seconds_have_three_figures(value, text):
    assert seconds(value) == text


def test_numbers_have_thousands_apart():
    assert (number(1234567.0), number(float("nan")), number(2.0, 2)) == ("1,234,567", "", "2.00")


def test_raw_numbers_come_back_and_a_size_replaces_itself_only(tmp_path, rows):
    records.write(tmp_path, RunRow, rows)
    assert records.read(tmp_path, RunRow) == rows
    again = [run_row(342, "ours", 1, 1.0)]
    records.replace_size(tmp_path, RunRow, 342, again)
    found = records.read(tmp_path, RunRow)
    assert [row for row in found if row.n_patients == 342] == again
    assert [row for row in found if row.n_patients != 342] == rows[6:]


def test_numbers_of_another_machine_are_not_mixed_in(tmp_path, rows):
    machine = {"machine": {"cores": 2}, "settings": {"seed": 1}}
    records.begin(tmp_path, machine)
    records.write(tmp_path, RunRow, rows)
    records.begin(tmp_path, {**machine, "commit": "later"})
    assert records.read(tmp_path, RunRow) == rows
    records.begin(tmp_path, {**machine, "machine": {"cores": 8}})
    assert records.read(tmp_path, RunRow) == []


def test_times_of_nodes_come_from_what_dbt_recorded(tmp_path):
    def step(name, first, last):
        return {
            "name": name,
            "started_at": f"2024-01-01T00:00:{first:05.2f}Z",
            "completed_at": f"2024-01-01T00:00:{last:05.2f}Z",
        }

    results = [
        ("operation.p.load", [step("compile", 1, 4), step("execute", 4, 4)]),
        ("model.p.fct_scores", [step("compile", 4, 4.5), step("execute", 4.5, 7)]),
        ("test.p.unique_scores.abc", [step("compile", 7, 7), step("execute", 7, 9)]),
    ]
    text = json.dumps(
        {
            "elapsed_time": 10.0,
            "results": [{"unique_id": name, "timing": timing} for name, timing in results],
        }
    )
    (tmp_path / "run_results.json").write_text(text)
    rows = {(row.part, row.name): row.wall_seconds for row in node_rows(tmp_path, 342, 1, 15.0)}
    assert rows == {
        ("dbt", "start"): 5.0,
        ("dbt", "load"): 3.0,
        ("dbt", "nodes"): 5.0,
        ("model", "fct_scores"): 2.5,
        ("test", "unique_scores"): 2.0,
    }


def test_the_page_shows_ratio_growth_parts_and_machine(tmp_path, rows):
    records.begin(
        tmp_path,
        {
            "machine": {
                "processor": "Model X", "cores": 2, "memory_gib": 8, "system": "Linux x86_64",
            },
            "settings": {"seed": 1, "memory_limit": "4GB"},
            "versions": {"python": "3.11.1", "duckdb": "1.5.5"},
            "commit": "abc1234",
            "measured": "2024-01-01",
        },
    )  # fmt: skip
    records.write(tmp_path, RunRow, rows)
    records.write(tmp_path, SizeRow, [SizeRow(1_000_000, "visits", 5_000_000, 400_000_000)])
    parts = [
        PartRow(1_000_000, "intake", "all", 1, 6.0, 5.0, 200.0, "0 bad records"),
        PartRow(1_000_000, "dbt", "start", 1, 6.0),
        PartRow(1_000_000, "dbt", "load", 1, 5.0),
        PartRow(1_000_000, "dbt", "nodes", 1, 80.0),
        PartRow(1_000_000, "model", "fct_scores", 1, 9.0),
        PartRow(1_000_000, "model", "dim_patients", 1, 11.0),
        PartRow(1_000_000, "analysis", "A13 cox", 1, 2.0, 3.0, 300.0),
    ]
    records.write(tmp_path, PartRow, parts)
    write_page(tmp_path, tmp_path / "page.md", tmp_path / "page.svg")
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    for line in (
        "| this project | 1,000,000 | 5,000,000 | 400.0 | 121 | 110-220 | 242 | 300 | 0.37 |",
        "| this project | 0.50 | 0.50 | 0.74 | 0.00 |",
        "| intake alone, clean records | 1,000,000 | 6.00 | 5.00 | 200 | 80 | 0 bad records |",
        "| 1,000,000 | 6.00 | 5.00 | 80.0 | 0.00 | 20.0 | 0.00 |",
        "| A13 cox | 2.00 | 3.00 | 300 |  |",
        "![Wall time against patients](page.svg)",
    ):
        assert line in text.splitlines()
    assert text.index("`dim_patients`") < text.index("`fct_scores`")
    assert "Model X, 2 cores, 8 GiB, Linux x86_64" in text
    assert text.startswith("# Benchmarks\n\nSYNTHETIC DATA")


def test_the_figure_is_the_same_for_the_same_numbers(tmp_path, rows):
    summaries = summarise(rows)
    files = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for file in files:
        draw(summaries, file)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert len(files[0].read_bytes()) < 100_000
