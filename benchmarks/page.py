"""docs/benchmarks.md and its figure from the raw numbers; learnt.md is the part written by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import yaml
from matplotlib.figure import Figure

from benchmarks import numbers
from benchmarks.contenders import BY_NAME, CONTENDERS
from benchmarks.numbers import FROM_PATIENTS, Summary, exponent

LEARNT = Path(__file__).resolve().parent / "learnt.md"
STYLES = {
    "ours": ("#0b5394", "o"), "floor": ("#444444", "s"), "floor_one": ("#999999", "D"),
    "polars": ("#38761d", "v"),
}  # fmt: skip

INTRODUCTION = """# Benchmarks

SYNTHETIC DATA, no real patients. `make bench` writes this page from the raw numbers in
`benchmarks/results`; [What was learnt](#what-was-learnt) is written by hand.

All contenders get the same simulated exports (CSV, without bad records), each in a process of its
own. They run in turn, each round in another order; a ratio compares two runs of the same round.
Wall time, CPU time and the peak of the resident memory come from the operating system. After the
first round the results are compared: every mart that a contender and this project both write has
the same rows and the same values in every column, pseudonyms included.
"""


def write_page(folder: Path, page: Path) -> None:
    """Write the page, and beside it the figure, from the raw numbers in a folder."""
    summaries = numbers.summarise(numbers.read(folder))
    figure = page.with_suffix(".svg")
    page.parent.mkdir(parents=True, exist_ok=True)
    draw(summaries, figure)
    blocks = [
        INTRODUCTION,
        _machine(yaml.safe_load((folder / "machine.yml").read_text(encoding="utf-8"))),
        "## Who does what\n",
        _who({each.last.contender for each in summaries}),
        "## Whole builds\n",
        _whole(summaries),
        f"![Wall time against patients]({figure.name})\n",
        _growth(summaries),
        LEARNT.read_text(encoding="utf-8"),
    ]
    page.write_text("\n".join(block.rstrip("\n") + "\n" for block in blocks), encoding="utf-8")


def draw(summaries: Sequence[Summary], path: Path) -> None:
    """Draw wall time against patients, both logarithmic; equal numbers give equal bytes."""
    with mpl.rc_context({"svg.hashsalt": "benchmarks", "font.size": 9, "svg.fonttype": "path"}):
        figure = Figure(figsize=(6.4, 3.8), layout="constrained")
        axes = figure.add_subplot()
        for name in dict.fromkeys(each.last.contender for each in summaries):
            points = _points(summaries, name, lambda each: each.wall_seconds)
            slope, (colour, marker) = exponent(points), STYLES[name]
            label = BY_NAME[name].label
            axes.plot(
                *(zip(*sorted(points), strict=True) if points else ([], [])),
                marker=marker,
                color=colour,
                linewidth=1.2,
                markersize=4,
                label=label if math.isnan(slope) else f"{label} (exponent {slope:.2f})",
            )
        axes.set(xscale="log", yscale="log")
        axes.set(xlabel="patients (synthetic)", ylabel="wall time, seconds (median)")
        axes.grid(which="major", linewidth=0.4, color="#cccccc")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
        figure.savefig(path, format="svg", metadata={"Date": None})


def _points(
    summaries: Sequence[Summary], name: str, cost: Callable[[Summary], float]
) -> list[tuple[float, float]]:
    return [
        (each.last.n_patients, cost(each))
        for each in summaries
        if each.last.contender == name and each.walls
    ]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; columns of numbers are aligned to the right."""
    lines = [list(row) for row in rows]
    marks = [
        "--:" if lines and all(not row[n].strip("0123456789.,-") for row in lines) else "---"
        for n in range(len(header))
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [list(header), marks, *lines]) + "\n"


def seconds(value: float) -> str:
    """Return seconds with three figures, at most two decimals; empty for NaN."""
    if math.isnan(value):
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def number(value: float, digits: int = 0) -> str:
    """Return a number with thousands separators; empty for NaN."""
    return "" if math.isnan(value) else f"{value:,.{digits}f}"


def _machine(machine: dict[str, Any]) -> str:
    return (
        f"Machine: {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}. Memory limit of DuckDB: {machine['memory_limit']}. Versions: "
        + ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
        + ".\n"
    )


def _who(measured: set[str]) -> str:
    rows = [
        (each.label, each.does, each.leaves_out) for each in CONTENDERS if each.name in measured
    ]
    return table(("contender", "does", "leaves out"), rows)


def _whole(summaries: Sequence[Summary]) -> str:
    rows = []
    for each in summaries:
        run, walls = each.last, each.walls
        failed = f"{each.n_failed} of {each.n_failed + len(walls)} did not finish"
        ratios = ", ".join(number(ratio, 2) for ratio in each.ratios)
        rows.append(
            (
                BY_NAME[run.contender].label,
                number(run.n_patients),
                number(run.n_records),
                number(run.n_bytes / 1e6, 1),
                seconds(each.wall_seconds) if walls else failed,
                f"{seconds(min(walls))}-{seconds(max(walls))}" if len(walls) > 1 else "",
                seconds(each.cpu_seconds),
                number(each.peak_mib),
                "" if run.contender == numbers.BASE else ratios,
                f"{run.measured}, {run.commit}",
            )
        )
    header = (
        "contender", "patients", "records", "MB", "wall s", "lowest-highest", "CPU s", "peak MiB",
        "wall / bare script, each round", "measured, commit",
    )  # fmt: skip
    return table(header, rows) + "\nTimes are medians; the peak is the highest of the runs.\n"


def _growth(summaries: Sequence[Summary]) -> str:
    largest = max(each.last.n_patients for each in summaries)
    if largest <= FROM_PATIENTS:
        return f"The exponent of growth needs two sizes of {FROM_PATIENTS:,} patients or more.\n"
    rows = []
    for name in dict.fromkeys(each.last.contender for each in summaries):
        costs = [
            _points(summaries, name, cost)
            for cost in (lambda x: x.wall_seconds, lambda x: x.cpu_seconds, lambda x: x.peak_mib)
        ]
        rows.append((BY_NAME[name].label, *(number(exponent(points), 2) for points in costs)))
    return (
        f"Growth: the exponent of patients by least squares on logarithms, {FROM_PATIENTS:,} to "
        f"{largest:,} patients. 1 means that twice the patients cost twice as much; costs "
        "that do not depend on size (dbt's start) make the exponent smaller.\n\n"
    ) + table(("contender", "wall", "CPU", "peak memory"), rows)
