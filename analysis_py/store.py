"""Schema results of a warehouse file: the tables, and the one function that writes them.

The build writes them after the marts. All tables are replaced in one transaction, so that a reader
sees the old results or the new ones; the closing checkpoint moves them into the file itself.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd

from analysis_py import published
from analysis_py.marts import Marts, MartsError, explain, schema_of
from analysis_py.results import COLUMNS
from analysis_py.study import Study
from core import duck
from core.duck import DescribedTable

SCHEMA = "results"
RUN_COLUMNS: dict[str, tuple[str, str]] = {
    "load_id": ("VARCHAR", "Delivery the marts were built from"),
    "is_synthetic": ("BOOLEAN", "Whether the patients are synthetic"),
    "delivery_label": ("VARCHAR", "Label of the delivery"),
    "header": ("VARCHAR", "First line of everything that is shown"),
    "n_estimates": ("BIGINT", "Rows of results.estimates"),
    "n_warnings": ("BIGINT", "Rows of results.estimates with a warning"),
    "n_compared": ("BIGINT", "Rows of results.published_comparison"),
    **{f"n_{status}": ("BIGINT", f"Of these, {status}") for status in published.STATUSES},
    "n_differs_without_reason": ("BIGINT", "Of those that differ, without a reason"),
    "software": ("VARCHAR", "Python and packages with their versions"),
}
TABLES = {
    "estimates": DescribedTable("Every number of the study, one row each", COLUMNS),
    "published_comparison": DescribedTable(
        "Every printed number beside ours", published.COMPARED_COLUMNS
    ),
    "run": DescribedTable("What the results were computed from and with; one row", RUN_COLUMNS),
}


def write_results(warehouse: Path, study: Study) -> None:
    """Replace schema results of a warehouse file.

    Parameters
    ----------
    warehouse : pathlib.Path
        An existing file with the marts that no other program has open.

    Raises
    ------
    MartsError
        If the file is missing, locked, without the marts, or cannot be written; its results are
        then those of before.
    """
    Marts(warehouse).close()
    contents = {
        "estimates": study.results.to_frame(),
        "published_comparison": published.to_frame(study.compared),
        "run": _run(study),
    }
    try:
        db = duck.connect(warehouse)
    except duckdb.Error as error:
        raise MartsError(explain(error, warehouse)) from None
    try:
        with db:
            _replace_tables(db, contents)
            db.execute("checkpoint")
    except duckdb.Error as error:
        raise MartsError(
            f"the results could not be written into {warehouse} ({type(error).__name__}); it holds "
            "what it held before. Check the free space and the permissions of its folder."
        ) from None


def _run(study: Study) -> pd.DataFrame:
    row = [
        study.delivery.load_id,
        study.delivery.is_synthetic,
        study.delivery.label,
        study.delivery.header,
        len(study.results),
        sum(1 for estimate in study.results if estimate.warning),
        len(study.compared),
        *published.counts(study.compared).values(),
        len(published.unexplained(study.compared)),
        ", ".join(f"{name} {number}" for name, number in study.software.items()),
    ]
    return pd.DataFrame([row], columns=list(RUN_COLUMNS))


def _replace_tables(db: duckdb.DuckDBPyConnection, contents: dict[str, pd.DataFrame]) -> None:
    db.execute("begin")
    try:
        schema = schema_of(db, SCHEMA)
        db.execute(f"create schema if not exists {schema}")
        duck.create_tables(db, schema, TABLES)
        for name, table in TABLES.items():
            db.register("incoming", contents[name])
            typed = (
                f"cast({duck.quote(column)} as {kind})"
                for column, (kind, _) in table.columns.items()
            )
            db.execute(
                f"insert into {schema}.{duck.quote(name)} select {', '.join(typed)} from incoming"
            )
            db.unregister("incoming")
        db.execute("commit")
    except duckdb.Error:
        db.execute("rollback")
        raise
