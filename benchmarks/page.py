"""docs/benchmarks.md from the raw numbers; `learnt.md` is the one part that people write."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import records
from benchmarks.contenders import BY_NAME, CONTENDERS
from benchmarks.records import PartRow, RunRow, SizeRow
from benchmarks.summary import FROM_PATIENTS, PartSummary, Summary, growth, parts_of, summarise

LEARNT = Path(__file__).resolve().parent / "learnt.md"
SLOWEST = 15
LONGEST_NAME = 70
PARTS = {
    "bytes": "read and hash the bytes, nothing else",
    "judging": "intake's judging alone, nothing written",
    "bare_load": "DuckDB's own reader into text tables, no check",
    "intake": "intake alone, clean records",
    "intake_bad": "intake alone, every hundredth record bad",
    "gate": "expectations, both doors",
}

INTRODUCTION = """# Benchmarks

SYNTHETIC DATA, no real patients. Written by `make bench` from the raw numbers in `{numbers}`; only
[What was learnt](#what-was-learnt) is written by hand.

The same simulated exports (CSV, no bad record) go to every contender, each in a process of its own.
The contenders take turns, each round in another order; a ratio compares two runs of one round. Wall
and CPU seconds and the peak of the resident memory come from the operating system. After the first
round the results are compared: every mart that a contender shares with the first one has the same
rows and the same values in every column, pseudonyms included.
"""


def write_page(numbers: Path, page: Path, figure: Path) -> None:
    """Write the page.

    Parameters
    ----------
    numbers : Path
        Folder of the raw numbers.
    page : Path
        Markdown file to write.
    figure : Path
        The plot, beside the page.
    """
    runs, parts = records.read(numbers, RunRow), records.read(numbers, PartRow)
    sizes = records.read(numbers, SizeRow)
    machine = records.read_machine(numbers)
    summaries = summarise(runs)
    blocks = [
        INTRODUCTION.format(numbers=_shown(numbers)),
        *_machine(machine),
        "## Who does what\n",
        _who({summary.contender for summary in summaries}),
        "## Whole builds\n",
        _whole(summaries, sizes),
        f"![Wall time against patients]({figure.name})\n",
        _growth(summaries),
        *_parts(parts, sizes),
        LEARNT.read_text(encoding="utf-8"),
    ]
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(block.rstrip("\n") + "\n" for block in blocks), encoding="utf-8")


def _shown(path: Path) -> str:
    root = Path(__file__).resolve().parents[1]
    resolved = path.resolve()
    return str(resolved.relative_to(root)) if resolved.is_relative_to(root) else path.name


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; columns of numbers stand to the right."""
    lines = [list(row) for row in rows]
    columns = list(zip(*lines, strict=True)) or [()] * len(header)
    marks = ["--:" if all(map(_is_number, column)) else "---" for column in columns]
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, marks, *lines]) + "\n"


def _is_number(text: str) -> bool:
    return not text.strip("0123456789.,-")


def _in_short(name: str) -> str:
    return f"`{name}`" if len(name) <= LONGEST_NAME else f"`{name[:LONGEST_NAME]}`..."


def seconds(value: float | None) -> str:
    """Return seconds as a person reads them: three figures, no more than three decimals."""
    if value is None or math.isnan(value):
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def number(value: float | None, digits: int = 0) -> str:
    """Return a number with thousands apart; empty where there is none."""
    return "" if value is None or math.isnan(value) else f"{value:,.{digits}f}"


def _machine(machine: dict[str, Any]) -> list[str]:
    if not machine:
        return []
    own, versions = machine["machine"], machine["versions"]
    text = (
        f"Machine: {own['processor']}, {own['cores']} cores, {own['memory_gib']} GiB, "
        f"{own['system']}. Memory limit of DuckDB: {machine['settings']['memory_limit']}. "
        f"Seed {machine['settings']['seed']}. Measured {machine['measured']}, commit "
        f"{machine['commit']}, with "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + ".\n"
    )
    return [text]


def _who(measured: set[str]) -> str:
    return table(
        ("contender", "does", "leaves out"),
        [
            (contender.label, contender.does, contender.leaves_out)
            for contender in CONTENDERS
            if contender.name in measured
        ],
    )


def _whole(summaries: Sequence[Summary], sizes: Sequence[SizeRow]) -> str:
    rows = []
    for each in summaries:
        here = [size for size in sizes if size.n_patients == each.n_patients]
        n_records = sum(size.n_records for size in here)
        n_bytes = sum(size.n_bytes for size in here)
        spread = f"{seconds(each.wall_lowest)}-{seconds(each.wall_highest)}"
        failed = f"{each.n_failed} of {each.n_failed + each.n_runs} did not finish"
        rows.append(
            (
                BY_NAME[each.contender].label,
                number(each.n_patients),
                number(n_records),
                number(n_bytes / 1e6, 1),
                seconds(each.wall_seconds) if each.n_runs else failed,
                spread if each.n_runs > 1 else "",
                seconds(each.cpu_seconds),
                number(each.peak_mib),
                number(each.ratio, 2),
            )
        )
    header = (
        "contender", "patients", "records", "MB", "wall s", "lowest-highest", "CPU s", "peak MiB",
        "wall / bare script",
    )  # fmt: skip
    return table(header, rows) + "\nMedians; the peak is the highest of the runs.\n"


def _growth(summaries: Sequence[Summary]) -> str:
    largest = max((each.n_patients for each in summaries), default=0)
    if largest <= FROM_PATIENTS:
        return "The exponent of growth needs two sizes of 10,000 patients or more.\n"
    rows = []
    for name in dict.fromkeys(each.contender for each in summaries):
        upper = [each for each in summaries if each.n_patients >= largest // 10]
        rows.append(
            (
                BY_NAME[name].label,
                number(growth(summaries, name, lambda each: each.wall_seconds), 2),
                number(growth(summaries, name, lambda each: each.cpu_seconds), 2),
                number(growth(upper, name, lambda each: each.wall_seconds), 2),
                number(growth(summaries, name, lambda each: each.peak_mib), 2),
            )
        )
    text = (
        "How cost grows: the exponent of patients, least squares on logarithms, "
        f"{FROM_PATIENTS:,} to {largest:,} patients. 1 is growth in step. What costs the same at "
        "every size (dbt's start) makes it smaller; the third column looks at the sizes from "
        f"{largest // 10:,} on alone.\n\n"
    )
    header = ("contender", "wall", "CPU", f"wall from {largest // 10:,}", "peak memory")
    return text + table(header, rows)


def _parts(parts: Sequence[PartRow], sizes: Sequence[SizeRow]) -> list[str]:
    measured = sorted({row.n_patients for row in parts})
    if not measured:
        return []
    by_size = {n: parts_of(parts, n) for n in measured}
    blocks = ["## Parts\n", _alone(by_size, sizes), _inside(by_size)]
    largest = measured[-1]
    shown = by_size[largest]
    for kind, title in (("model", "Models"), ("test", "Data tests")):
        slowest = _of(shown, kind)
        if slowest:
            total = sum(part.wall_seconds for part in slowest)
            slowest.sort(key=lambda part: -part.wall_seconds)
            text = (
                f"{title} at {largest:,} patients, the slowest {min(SLOWEST, len(slowest))} of "
                f"{len(slowest)}; all together {seconds(total)} s. Two run at once and share the "
                "engine, so the times overlap.\n\n"
            )
            rows = [
                (_in_short(part.name), seconds(part.wall_seconds)) for part in slowest[:SLOWEST]
            ]
            blocks.append(text + table((kind, "wall s"), rows))
    analyses = _of(shown, "analysis")
    if analyses:
        rows = [
            (
                part.name,
                seconds(part.wall_seconds),
                seconds(part.cpu_seconds),
                number(part.peak_mib),
                part.note,
            )
            for part in analyses
        ]
        header = ("analysis", "wall s", "CPU s", "peak MiB of the process", "note")
        blocks.append(f"Analyses at {largest:,} patients.\n\n" + table(header, rows))
    return blocks


def _of(parts: Sequence[PartSummary], kind: str) -> list[PartSummary]:
    return [part for part in parts if part.part == kind]


def _alone(by_size: dict[int, list[PartSummary]], sizes: Sequence[SizeRow]) -> str:
    rows = []
    for n_patients, parts in by_size.items():
        n_bytes = sum(size.n_bytes for size in sizes if size.n_patients == n_patients)
        for kind, label in PARTS.items():
            for part in _of(parts, kind):
                rate = n_bytes / 1e6 / part.cpu_seconds if part.cpu_seconds else math.nan
                is_reading = kind != "gate"
                rows.append(
                    (
                        label,
                        number(n_patients),
                        seconds(part.wall_seconds),
                        seconds(part.cpu_seconds),
                        number(part.peak_mib),
                        number(rate) if is_reading else "",
                        part.note,
                    )
                )
    header = ("part", "patients", "wall s", "CPU s", "peak MiB", "MB per CPU s", "note")
    text = "Each alone in a process, times without imports, medians.\n\n"
    return text + table(header, rows)


def _inside(by_size: dict[int, list[PartSummary]]) -> str:
    rows = []
    for n_patients, parts in by_size.items():
        whole = {part.name: part.wall_seconds for part in _of(parts, "dbt")}
        if not whole:
            continue
        sums = [sum(part.wall_seconds for part in _of(parts, kind)) for kind in _NODES]
        cells = [whole["start"], whole["load"], whole["nodes"], *sums]
        rows.append((number(n_patients), *map(seconds, cells)))
    if not rows:
        return ""
    header = (
        "patients", "dbt's own start and end", "intake in the build", "first to last node",
        "seeds", "models", "tests",
    )  # fmt: skip
    text = (
        "Inside `dbt build`, wall seconds, medians; the last three are sums over nodes that "
        "overlap.\n\n"
    )
    return text + table(header, rows)


_NODES = ("seed", "model", "test")
