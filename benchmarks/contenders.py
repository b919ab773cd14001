"""Who is measured: a command, what it writes, and what it does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import BenchmarkError, run_measured, tail
from benchmarks.study_rules import MART_NAMES

PYTHON = sys.executable


@dataclass(frozen=True)
class Work:
    """Where a contender works: the delivery, a folder of its own, and the variables it gets."""

    delivery: Path
    folder: Path
    environment: dict[str, str]


@dataclass(frozen=True)
class Contender:
    """One way to get from the exports to marts.

    Attributes
    ----------
    name, label : str
        For options and files; for people.
    does, leaves_out : str
        What the page says about it.
    command : callable
        From work to the words of the command.
    output : str
        What it writes, below its folder; removed before each run.
    """

    name: str
    label: str
    does: str
    leaves_out: str
    command: Callable[[Work], list[str]]
    output: str


def _ours(work: Work) -> list[str]:
    return [str(Path(PYTHON).parent / "dbt"), "build", *dbt_places(work.folder)]


def dbt_places(folder: Path) -> list[str]:
    """Return dbt's options for its target and its logs."""
    return ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]


def _module(name: str, output: str, *more: str) -> Callable[[Work], list[str]]:
    return lambda work: [
        PYTHON, "-m", name, str(work.delivery), str(work.folder / output), *more
    ]  # fmt: skip


_WAREHOUSE, _TABLES = "warehouse.duckdb", "marts"
THREE = "the per-timepoint, regimen and time-to-event tables"

CONTENDERS = (
    Contender(
        "ours",
        "this project",
        "`dbt build`: intake with every check, raw, staging, quarantine and ledger, cohort, every "
        "mart, every data test, into one DuckDB file",
        "nothing; dbt's parse state is warm, as in every build but the first",
        _ours,
        _WAREHOUSE,
    ),
    Contender(
        "floor",
        "bare DuckDB script",
        "`read_csv` with declared types, then the eight marts that hold patients' data, "
        "pseudonyms included, into one DuckDB file",
        "dbt, tests, quarantine, ledger, vocabulary of foreign words, partial dates, the raw, "
        "staging and cohort tables (they are temporary)",
        _module("benchmarks.floor", _WAREHOUSE),
        _WAREHOUSE,
    ),
    Contender(
        "floor_three",
        "bare DuckDB script, three marts",
        f"the same script, {THREE} only",
        "as the bare script, and five marts",
        _module("benchmarks.floor", _WAREHOUSE, *MART_NAMES),
        _WAREHOUSE,
    ),
    Contender(
        "pandas",
        "pandas, three marts",
        f"{THREE}, pseudonyms included, as Parquet files",
        "as the bare script, and five marts",
        _module("benchmarks.with_pandas", _TABLES),
        _TABLES,
    ),
    Contender(
        "polars",
        "Polars, three marts",
        f"{THREE}, pseudonyms included, as Parquet files",
        "as the bare script, and five marts",
        _module("benchmarks.with_polars", _TABLES),
        _TABLES,
    ),
)
BY_NAME = {contender.name: contender for contender in CONTENDERS}


def environment(scratch: Path, delivery: Path, folder: Path, memory_limit: str) -> dict[str, str]:
    """Return the variables that every contender gets; names of files never change between runs.

    dbt parses everything again when a variable of its profile changes.
    """
    return {
        "REGISTRY_DELIVERY": str(delivery),
        "REGISTRY_MAPPING": "",
        "REGISTRY_WAREHOUSE": str(folder / _WAREHOUSE),
        "REGISTRY_KEY_FILE": str(scratch / "benchmark.key"),
        "REGISTRY_MEMORY_LIMIT": memory_limit,
        "DBT_USE_COLORS": "false",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def warm_up(work: Work) -> None:
    """Let dbt parse the project once, so that its partial-parse state is there."""
    log = work.folder / "parse.log"
    command = [str(Path(PYTHON).parent / "dbt"), "parse", *dbt_places(work.folder)]
    if run_measured(command, log, work.environment).exit_code:
        raise BenchmarkError(f"dbt cannot parse the project:\n{tail(log)}")
