"""``python -m benchmarks``: measure every contender in turn; write numbers, page and figure."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path

import click
import yaml

from benchmarks import numbers
from benchmarks.contenders import (
    BY_NAME,
    CONTENDERS,
    DBT,
    PYTHON,
    ROOT,
    Contender,
    Cost,
    dbt_places,
    run_measured,
    tail,
)
from benchmarks.numbers import Run

RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
SEED = 1  # of the simulated cohorts
MEMORY_LIMIT = os.environ.get("REGISTRY_MEMORY_LIMIT") or "3GB"
SCRATCH_BYTES_PER_PATIENT = 8_000  # delivery, warehouse, other results, spilled data
PACKAGES = ("duckdb", "dbt-core", "dbt-duckdb", "pyarrow", "polars")
_COHORT = (
    "from pathlib import Path; from simulator.cohort.write import write_cohort; "
    "write_cohort({n}, {seed}, None, Path({folder!r}), file_format='csv', overwrite=True)"
)
_KEY = "from privacy.pseudonyms import load_key; load_key(True)"


@click.command(epilog="The defaults take about 20 minutes on two cores and 10 GB of disk.")
@click.option(
    "--size", "sizes", type=click.IntRange(1), multiple=True, metavar="N",
    default=(342, 10_000, 100_000, 1_000_000), show_default=True,
    help="Number of patients; may be repeated. New numbers of a size replace earlier ones.",
)  # fmt: skip
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option(
    "--contender", "names", type=click.Choice(list(BY_NAME)), multiple=True,
    default=tuple(BY_NAME), show_default=True, help="May be repeated.",
)  # fmt: skip
@click.option(
    "--scratch", type=click.Path(path_type=Path), default=ROOT / "build" / "bench",
    help="Folder for deliveries and warehouses; default build/bench.",
)  # fmt: skip
@click.option("--render", is_flag=True, help="Measure nothing; write the page from the numbers.")
def main(
    sizes: tuple[int, ...], rounds: int, names: tuple[str, ...], scratch: Path, render: bool
) -> None:
    """Measure the build of the warehouse beside a bare DuckDB script and Polars.

    Simulated deliveries, each contender in a process of its own. Writes the raw numbers into
    benchmarks/results, then docs/benchmarks.md and its figure.
    """
    if not render:
        if "polars" in names and importlib.util.find_spec("polars") is None:
            raise click.ClickException("Polars is not installed. Run `make install`.")
        commit = _commit()  # before numbers are written, which would make it dirty
        _write_machine(RESULTS)
        chosen = [each for each in CONTENDERS if each.name in names]
        for n_patients in sorted(set(sizes)):
            _Size(n_patients, chosen, scratch.resolve()).measure(rounds, commit)
    if not numbers.read(RESULTS):
        raise click.ClickException(f"{RESULTS} has no numbers. Measure first, without --render.")
    importlib.import_module("benchmarks.page").write_page(RESULTS, PAGE)
    click.echo(f"Page: {PAGE}")


class _Size:
    """The measurements at one size."""

    def __init__(self, n_patients: int, chosen: list[Contender], scratch: Path) -> None:
        self.n_patients = n_patients
        self.chosen = chosen
        self.scratch = scratch
        self.work = scratch / "work"
        self.delivery = scratch / str(n_patients)
        # The same names in every run: dbt parses the project again when a variable changes
        self.environment = {
            "REGISTRY_DELIVERY": str(self.delivery),
            "REGISTRY_MAPPING": "",
            "REGISTRY_WAREHOUSE": str(self.work / "ours" / BY_NAME["ours"].output),
            "REGISTRY_KEY_FILE": str(scratch / "benchmark.key"),
            "REGISTRY_MEMORY_LIMIT": MEMORY_LIMIT,
            "DBT_USE_COLORS": "false",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }

    def measure(self, rounds: int, commit: str) -> None:
        """Measure every contender in every round and write the numbers."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        needed, free = self.n_patients * SCRATCH_BYTES_PER_PATIENT, shutil.disk_usage(self.scratch)
        if free.free < needed:
            raise click.ClickException(
                f"{self.scratch} has {free.free / 1e9:.1f} GB free; {self.n_patients:,} patients "
                f"need about {needed / 1e9:.1f} GB. Name another folder with --scratch."
            )
        self._say("writing the delivery")
        cohort = _COHORT.format(n=self.n_patients, seed=SEED, folder=str(self.delivery))
        self._prepare("cohort", [PYTHON, "-c", cohort])
        exports = list(self.delivery.glob("*.csv"))
        n_records = sum(map(_count_records, exports))
        n_bytes = sum(export.stat().st_size for export in exports)
        stamp = datetime.now(UTC).date().isoformat(), commit, self.n_patients, n_records, n_bytes
        shutil.rmtree(self.work, ignore_errors=True)
        try:
            self._prepare("key", [PYTHON, "-c", _KEY])
            if "ours" in [each.name for each in self.chosen]:
                self._prepare("parse", [DBT, "parse", *dbt_places(self.work / "ours")])
            runs = []
            for number in range(1, rounds + 1):
                first = (number - 1) % len(self.chosen)
                for contender in self.chosen[first:] + self.chosen[:first]:
                    self._say(f"round {number}, {contender.label}")
                    cost = self._run(contender)
                    runs.append(Run(*stamp, contender.name, number, *astuple(cost)))
                if number == 1:
                    self._require_agreement([run.contender for run in runs if not run.exit_code])
            runs.sort(key=lambda run: (self.chosen.index(BY_NAME[run.contender]), run.round))
            numbers.replace_size(RESULTS, self.n_patients, runs)
        finally:
            shutil.rmtree(self.work, ignore_errors=True)
            shutil.rmtree(self.delivery, ignore_errors=True)

    def _say(self, what: str) -> None:
        click.echo(f"{self.n_patients:,} patients: {what}", err=True)

    def _prepare(self, name: str, command: list[str]) -> None:
        log = self.scratch / f"{name}.log"
        if run_measured(command, log, self.environment).exit_code:
            raise click.ClickException(f"The step {name!r} failed:\n{tail(log)}")

    def _run(self, contender: Contender) -> Cost:
        folder = self.work / contender.name
        output = folder / contender.output
        shutil.rmtree(output) if output.is_dir() else output.unlink(missing_ok=True)
        log = folder / "output.log"
        cost = run_measured(contender.command(self.delivery, folder), log, self.environment)
        if cost.exit_code and contender.name in ("ours", numbers.BASE):
            raise click.ClickException(f"{contender.label} failed:\n{tail(log)}")
        return cost

    def _require_agreement(self, finished: list[str]) -> None:
        self._say("comparing the results")
        outputs = [str(self.work / name / BY_NAME[name].output) for name in finished]
        if len(outputs) > 1:
            self._prepare("agreement", [PYTHON, "-m", "benchmarks.agreement", *outputs])


def _count_records(file: Path) -> int:
    with open(file, "rb") as lines:
        return sum(block.count(b"\n") for block in iter(lambda: lines.read(1 << 20), b"")) - 1


def _write_machine(folder: Path) -> None:
    """Describe the machine; numbers of another machine or memory limit are deleted."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    machine = {
        "processor": models[0] if models else platform.processor() or "unknown",
        "cores": os.cpu_count(),
        "memory_gib": round(memory / (1 << 30)),
        "system": f"{platform.system()} {platform.machine()}",
        "memory_limit": MEMORY_LIMIT,
    }
    file = folder / "machine.yml"
    before = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else machine
    if any(before.get(name) != value for name, value in machine.items()):
        for old in folder.glob("*.csv"):
            old.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    versions = {"python": platform.python_version(), **versions}
    file.write_text(yaml.safe_dump({**machine, "versions": versions}, sort_keys=False))


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
