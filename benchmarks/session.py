"""One measuring run: sizes, rounds of contenders in turn, then the parts."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import contenders, deliveries, machine, records
from benchmarks.contenders import PYTHON, Contender, Work
from benchmarks.dbt_timings import node_rows
from benchmarks.processes import ROOT, BenchmarkError, Cost, run_measured, tail
from benchmarks.records import PartRow, RunRow, SizeRow

Tell = Callable[[str], None]
ON_DELIVERY = ("bytes", "judging", "bare_load", "intake")


def measure(options: argparse.Namespace) -> None:
    """Measure every size and write the raw numbers after each.

    Raises
    ------
    BenchmarkError
        When there is too little room, a build fails, or two contenders disagree.
    """
    scratch = options.scratch.resolve()
    scratch.mkdir(parents=True, exist_ok=True)
    chosen = [each for each in contenders.CONTENDERS if each.name in options.contenders]
    if "polars" in options.contenders and importlib.util.find_spec("polars") is None:
        raise BenchmarkError(
            "Polars is not installed. `make bench` installs it; or leave it out with --contenders."
        )
    records.begin(options.out, machine.describe(options.seed, options.memory_limit))
    with _progress(_n_steps(options, chosen)) as tell:
        for n_patients in sorted(set(options.sizes)):
            deliveries.require_room(scratch, n_patients)
            _Size(options, scratch, n_patients, chosen, tell).measure()


def _n_steps(options: argparse.Namespace, chosen: list[Contender]) -> int:
    n_parts = sum(options.runs if part in ON_DELIVERY else 1 for part in options.parts)
    n_parts += options.runs * ("intake" in options.parts)
    return len(set(options.sizes)) * (2 + options.runs * len(chosen) + n_parts)


@contextmanager
def _progress(total: int) -> Iterator[Tell]:
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total)
        begun = False

        def tell(what: str) -> None:
            nonlocal begun
            bar.update(task, description=what, advance=1 if begun else 0)
            if not sys.stderr.isatty():
                bar.console.print(what)
            begun = True

        yield tell
        bar.update(task, completed=total, description="")


class _Size:
    """The measurements of one size."""

    def __init__(
        self,
        options: argparse.Namespace,
        scratch: Path,
        n_patients: int,
        chosen: list[Contender],
        tell: Tell,
    ) -> None:
        self._options = options
        self._scratch = scratch
        self._n = n_patients
        self._chosen = chosen
        self._tell = lambda what: tell(f"{n_patients:,} patients: {what}")
        self._work_folder = scratch / "work"
        self._parts: list[PartRow] = []

    def measure(self) -> None:
        """Measure, write the rows, and clear what is not to be kept."""
        self._tell("writing the delivery")
        delivery = deliveries.clean_delivery(self._scratch, self._n, self._options.seed)
        counts = deliveries.count_records(delivery)
        sizes = [SizeRow(self._n, export, *count) for export, count in counts.items()]
        bad = deliveries.bad_delivery(delivery) if "intake" in self._options.parts else None
        shutil.rmtree(self._work_folder, ignore_errors=True)
        try:
            runs = self._rounds(delivery)
            self._measure_parts(delivery, bad)
        finally:
            shutil.rmtree(self._work_folder, ignore_errors=True)
            if not self._options.keep:
                shutil.rmtree(delivery)
                shutil.rmtree(delivery.with_name(f"{delivery.name}_bad"), ignore_errors=True)
        for kind, rows in ((RunRow, runs), (PartRow, self._parts), (SizeRow, sizes)):
            records.replace_size(self._options.out, kind, self._n, rows)

    def _work(self, delivery: Path, name: str) -> Work:
        folder = self._work_folder / name
        folder.mkdir(parents=True, exist_ok=True)
        limit = self._options.memory_limit
        return Work(
            delivery, folder, contenders.environment(self._scratch, delivery, folder, limit)
        )

    def _rounds(self, delivery: Path) -> list[RunRow]:
        self._make_key()
        if any(each.name == "ours" for each in self._chosen):
            contenders.warm_up(self._work(delivery, "ours"))
        rows = []
        for run in range(1, self._options.runs + 1):
            first = (run - 1) % max(len(self._chosen), 1)
            for contender in self._chosen[first:] + self._chosen[:first]:
                self._tell(f"round {run}, {contender.label}")
                cost = self._run(contender, delivery, run)
                rows.append(
                    RunRow(
                        self._n, contender.name, run, cost.wall_seconds, cost.cpu_seconds,
                        cost.peak_mib, cost.exit_code,
                    )
                )  # fmt: skip
            if run == 1:
                self._require_agreement({row.contender for row in rows if row.exit_code == 0})
        order = [each.name for each in self._chosen]
        return sorted(rows, key=lambda row: (order.index(row.contender), row.run))

    def _make_key(self) -> None:
        """Have the key made before anybody is measured."""
        work = self._work(self._scratch, "key")
        code = "from privacy.pseudonyms import load_key; load_key(True)"
        log = work.folder / "key.log"
        if run_measured([PYTHON, "-c", code], log, work.environment).exit_code:
            raise BenchmarkError(f"No pseudonym key could be made:\n{tail(log)}")

    def _run(self, contender: Contender, delivery: Path, run: int) -> Cost:
        work = self._work(delivery, contender.name)
        output = work.folder / contender.output
        if output.is_dir():
            shutil.rmtree(output)
        output.unlink(missing_ok=True)
        log = work.folder / "output.log"
        cost = run_measured(contender.command(work), log, work.environment)
        if cost.exit_code and contender.name in ("ours", "floor"):
            raise BenchmarkError(
                f"{contender.label} failed at {self._n:,} patients (exit code {cost.exit_code}):\n"
                f"{tail(log)}"
            )
        if contender.name == "ours":
            target = work.folder / "target"
            self._parts += node_rows(target, self._n, run, cost.wall_seconds)
        return cost

    def _require_agreement(self, finished: set[str]) -> None:
        self._tell("comparing the results")
        outputs = [
            str(self._work_folder / each.name / each.output)
            for each in self._chosen
            if each.name in finished
        ]
        if len(outputs) < 2:
            return
        command = [PYTHON, "-m", "benchmarks.agreement", *outputs]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchmarkError(
                f"The contenders disagree at {self._n:,} patients:\n{done.stdout}{done.stderr}"
            )

    def _measure_parts(self, delivery: Path, bad: Path | None) -> None:
        for part in self._options.parts:
            if part in ON_DELIVERY:
                for run in range(1, self._options.runs + 1):
                    self._part(part, part, delivery, run)
                    if part == "intake" and bad is not None:
                        self._part(part, "intake_bad", bad, run)
            else:
                warehouse = self._work_folder / "ours" / "warehouse.duckdb"
                self._part(part, part.replace("analyses", "analysis"), warehouse, 1)

    def _part(self, part: str, kind: str, given: Path, run: int) -> None:
        self._tell(f"{kind} alone, run {run}")
        if not given.exists():
            return
        work = self._work(self._scratch, "parts")
        out, log = work.folder / "rows.json", work.folder / "output.log"
        command = [PYTHON, "-m", "benchmarks.parts", part, str(given), str(out)]
        cost = run_measured(command, log, work.environment)
        if cost.exit_code:
            last = tail(log, 1).strip()
            note = f"did not finish (exit code {cost.exit_code}): {last}"
            self._parts.append(PartRow(self._n, kind, "all", run, cost.wall_seconds, note=note))
            return
        for row in json.loads(out.read_text(encoding="utf-8")):
            peak = row.pop("peak_mib", None if part == "analyses" else cost.peak_mib)
            self._parts.append(PartRow(self._n, kind, run=run, peak_mib=peak, **row))


def render(numbers: Path, page: Path) -> None:
    """Write the page and its figure from the raw numbers.

    Raises
    ------
    BenchmarkError
        If nothing was measured yet.
    """
    rows = records.read(numbers, RunRow)
    if not rows:
        raise BenchmarkError(f"There are no numbers in {numbers}. Measure first, without --render.")
    figure = page.with_suffix(".svg")
    summarise = importlib.import_module("benchmarks.summary").summarise
    importlib.import_module("benchmarks.plot").draw(summarise(rows), figure)
    importlib.import_module("benchmarks.page").write_page(numbers, page, figure)
    print(f"Page: {page}")
