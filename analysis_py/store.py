"""Write schema results into a warehouse file; the only place of this package that writes there.

Called by the build after the marts. The three tables are replaced in one transaction, so that a
reader sees the old results or the new ones, never a mixture; the closing checkpoint makes sure that
they are in the file itself.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd

from analysis_py import comparison
from analysis_py.comparison import CONFIRMED, CORRECTED, DIFFERS, EQUAL, NOT_COMPUTABLE
from analysis_py.marts import Marts, MartsError, explain, schema_of
from analysis_py.results import COLUMNS
from analysis_py.study import Study

SCHEMA = "results"

COMPARISON_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("published_result_id", "VARCHAR", "Key: the printed number, as in fct_published_results"),
    ("section", "VARCHAR", "Part of the paper"),
    ("analysis_id", "VARCHAR", "Analysis that answers it; P00 protocol, B00 background"),
    ("kind", "VARCHAR", "result, protocol, background or qualitative"),
    ("timepoint", "VARCHAR", "Timepoint in the ledger's words"),
    ("population", "VARCHAR", "Population in the ledger's words"),
    ("measure", "VARCHAR", "Measure in the ledger's words"),
    ("statistic", "VARCHAR", "Kind of number in the ledger's words"),
    ("printed", "VARCHAR", "As printed; an en dash where the paper prints a dash"),
    ("published_value", "DOUBLE", "Printed number; NULL where it is no number"),
    ("target", "VARCHAR", "What a cohort must show: as printed, or corrected"),
    ("target_value", "DOUBLE", "The same as a number"),
    ("our_result_id", "VARCHAR", "Key in results.estimates, or mart and column of a constant"),
    ("our_field", "VARCHAR", "Column of that row that holds our number"),
    ("ours", "VARCHAR", "Our number, half-up at the printed decimals"),
    ("our_value", "DOUBLE", "Our number, unrounded"),
    ("difference", "DOUBLE", "Our unrounded number minus the target; NULL for p < 0.001"),
    ("status", "VARCHAR", f"{EQUAL}, {CORRECTED}, {DIFFERS}, {CONFIRMED} or {NOT_COMPUTABLE}"),
    ("reason", "VARCHAR", "Why corrected, different or not computable"),
    ("duplicate_of", "VARCHAR", "The row of the same number printed elsewhere"),
    ("note", "VARCHAR", "Note of the ledger on the printed number"),
    ("quote", "VARCHAR", "Words of the paper around the number"),
)
RUN_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("load_id", "VARCHAR", "Delivery the marts were built from"),
    ("is_synthetic", "BOOLEAN", "Whether the patients are synthetic"),
    ("delivery_label", "VARCHAR", "Label of the delivery"),
    ("header", "VARCHAR", "First line of everything that is shown"),
    ("n_estimates", "BIGINT", "Rows of results.estimates"),
    ("n_warnings", "BIGINT", "Rows of results.estimates with a warning"),
    ("n_compared", "BIGINT", "Rows of results.published_comparison"),
    *((f"n_{status}", "BIGINT", f"Of these, {status}") for status in comparison.STATUSES),
    ("n_differs_without_reason", "BIGINT", "Of those that differ, without a reason"),
    ("software", "VARCHAR", "Python and packages with their versions"),
)
TABLES = {
    "estimates": ("Every number of the study, one row each", COLUMNS),
    "published_comparison": ("Every printed number beside ours", COMPARISON_COLUMNS),
    "run": ("What the results were computed from and with; one row", RUN_COLUMNS),
}


def write_results(warehouse: Path, study: Study) -> None:
    """Replace schema results of a warehouse file.

    Parameters
    ----------
    warehouse : pathlib.Path
        An existing file with the marts; nobody else may have it open.
    study : Study
        From :func:`analysis_py.study.run_study`.

    Raises
    ------
    MartsError
        If the file is missing, locked, without the marts, or cannot be written; it then holds what
        it held before.
    """
    with Marts(warehouse):
        pass
    try:
        connection = duckdb.connect(str(warehouse))
    except duckdb.Error as error:
        raise MartsError(explain(error, warehouse)) from None
    try:
        with connection:
            _replace_tables(connection, _contents(study))
            connection.execute("checkpoint")
    except duckdb.Error as error:
        raise MartsError(
            f"the results could not be written into {warehouse} ({type(error).__name__}); it holds "
            "what it held before. Check the free space and the permissions of its folder."
        ) from None


def _contents(study: Study) -> dict[str, pd.DataFrame]:
    return {
        "estimates": study.results.to_frame(),
        "published_comparison": comparison.to_frame(study.compared),
        "run": _run_row(study),
    }


def _run_row(study: Study) -> pd.DataFrame:
    counts = comparison.counts(study.compared)
    return pd.DataFrame(
        [
            [
                study.delivery.load_id,
                study.delivery.is_synthetic,
                study.delivery.label,
                study.delivery.header,
                len(study.results),
                sum(1 for estimate in study.results if estimate.warning),
                len(study.compared),
                *counts.values(),
                len(comparison.unexplained(study.compared)),
                ", ".join(f"{name} {number}" for name, number in study.software.items()),
            ]
        ],
        columns=[name for name, _, _ in RUN_COLUMNS],
    )


def _replace_tables(
    connection: duckdb.DuckDBPyConnection, contents: dict[str, pd.DataFrame]
) -> None:
    connection.execute("begin")
    try:
        schema = schema_of(connection, SCHEMA)
        connection.execute(f"create schema if not exists {schema}")
        for table, (description, columns) in TABLES.items():
            name = f"{schema}.{table}"
            definition = ", ".join(f'"{column}" {kind}' for column, kind, _ in columns)
            connection.execute(f"create or replace table {name} ({definition})")
            connection.register("incoming", contents[table])
            selected = ", ".join(f'cast("{column}" as {kind})' for column, kind, _ in columns)
            connection.execute(f"insert into {name} select {selected} from incoming")
            connection.unregister("incoming")
            connection.execute(f"comment on table {name} is {_literal(description)}")
            for column, _, text in columns:
                connection.execute(f'comment on column {name}."{column}" is {_literal(text)}')
        connection.execute("commit")
    except duckdb.Error:
        connection.execute("rollback")
        raise


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
