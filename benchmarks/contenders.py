"""What is measured, this project, the bare DuckDB script and Polars, and what a run of it cost.

Costs come from the kernel when the process ends (wait4): CPU seconds of the process and of the
children it waited for, and the largest resident memory of any one of them. On Linux a new process
inherits the peak memory of its parent, so the benchmark's own process imports nothing large.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_MAXRSS_PER_MIB = (1 << 20) if sys.platform == "darwin" else (1 << 10)
PYTHON = sys.executable
DBT = str(Path(PYTHON).parent / "dbt")
WAREHOUSE = "warehouse.duckdb"
LARGEST_MART = "fct_patient_timepoints"


@dataclass(frozen=True)
class Contender:
    """One way to get from the exports to marts.

    Attributes
    ----------
    does, leaves_out : str
        Description for the page.
    output : str
        What it writes into its folder: a DuckDB file, or a folder of Parquet files.
    module, options : str, tuple of str
        Module that is run with the delivery, the output and these options; empty for `dbt build`.
    """

    name: str
    label: str
    does: str
    leaves_out: str
    output: str = WAREHOUSE
    module: str = ""
    options: tuple[str, ...] = ()

    def command(self, delivery: Path, folder: Path) -> list[str]:
        """Return the words of the command."""
        if not self.module:
            return [DBT, "build", *dbt_places(folder)]
        return [PYTHON, "-m", self.module, str(delivery), str(folder / self.output), *self.options]


def dbt_places(folder: Path) -> list[str]:
    """Return dbt's options for its target folder and its logs."""
    return ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]


CONTENDERS = (
    Contender(
        "ours",
        "this project",
        "`dbt build`: intake with every check, raw, staging, quarantine and ledger, cohort, every "
        "mart, every data test, into one DuckDB file",
        "nothing; dbt's parse state is warm, as in every build but the first",
    ),
    Contender(
        "floor",
        "bare DuckDB script",
        "`read_csv` with declared types, then the ten marts that this project makes of patients' "
        "data, pseudonyms included, into one DuckDB file",
        "dbt, tests, quarantine, ledger, vocabulary of foreign words, partial dates, columns that "
        "these exports do not have, the raw, staging and cohort tables (they are temporary)",
        module="benchmarks.floor",
    ),
    Contender(
        "floor_one",
        "bare DuckDB script, one mart",
        "the same script, only the largest mart: one row per patient and timepoint",
        "as the bare script, and nine marts",
        module="benchmarks.floor",
        options=(LARGEST_MART,),
    ),
    Contender(
        "polars",
        "Polars, one mart",
        "the same mart, pseudonyms included, as a Parquet file",
        "as the bare script, and nine marts",
        output="marts",
        module="benchmarks.with_polars",
    ),
)
BY_NAME = {contender.name: contender for contender in CONTENDERS}


@dataclass(frozen=True)
class Cost:
    """What a process cost: wall and CPU in seconds, peak memory in MiB; exit code 0 = finished."""

    wall_seconds: float
    cpu_seconds: float
    peak_mib: float
    exit_code: int


def run_measured(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Cost:
    """Run a command to its end, also if it fails.

    Parameters
    ----------
    environment : mapping
        Variables in addition to those of this process.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            list(command),
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(wall, cpu, usage.ru_maxrss / _MAXRSS_PER_MIB, process.returncode)


def tail(log: Path, n: int = 15) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-n:])
