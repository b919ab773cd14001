"""What is measured: this project, the bare DuckDB script and Polars."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

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
        return [
            PYTHON, "-m", self.module, str(delivery), str(folder / self.output), *self.options
        ]  # fmt: skip


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
        "`read_csv` with declared types, then the eight marts with patients' data, pseudonyms "
        "included, into one DuckDB file",
        "dbt, tests, quarantine, ledger, vocabulary of foreign words, partial dates, the raw, "
        "staging and cohort tables (they are temporary)",
        module="benchmarks.floor",
    ),
    Contender(
        "floor_one",
        "bare DuckDB script, one mart",
        "the same script, only the largest mart: one row per patient and timepoint",
        "as the bare script, and seven marts",
        module="benchmarks.floor",
        options=(LARGEST_MART,),
    ),
    Contender(
        "polars",
        "Polars, one mart",
        "the same mart, pseudonyms included, as a Parquet file",
        "as the bare script, and seven marts",
        output="marts",
        module="benchmarks.with_polars",
    ),
)
BY_NAME = {contender.name: contender for contender in CONTENDERS}
