"""Results as they stand in a warehouse file: read back, or told to be missing or stale."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import duckdb
import pandas as pd

from analysis_py.marts import MartsError, explain, schema_of
from analysis_py.published import Compared
from analysis_py.report_rows import estimates_of
from analysis_py.results import ResultError, Results
from analysis_py.store import SCHEMA, TABLES
from analysis_py.study import Delivery, Study


def stored_study(warehouse: Path, delivery: Delivery) -> Study | None:
    """Read schema results, read-only.

    Returns
    -------
    Study or None
        None where the file has no results, where they belong to another delivery than its marts,
        or where another version of the project wrote them.

    Raises
    ------
    MartsError
        If the file cannot be read.
    """
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            frames = _frames(connection)
    except duckdb.Error as error:
        raise MartsError(explain(error, warehouse)) from None
    if frames is None or list(frames["run"]["load_id"]) != [delivery.load_id]:
        return None
    results = Results()
    try:
        results.extend(estimates_of(frames["estimates"]))
        compared = _compared(frames["published_comparison"])
    except (TypeError, ResultError):
        return None
    return Study(delivery, results, compared, _software(str(frames["run"]["software"].iloc[0])))


def _frames(connection: duckdb.DuckDBPyConnection) -> dict[str, pd.DataFrame] | None:
    """Tables of schema results, or None where one is missing or has other columns."""
    schema = schema_of(connection, SCHEMA)
    found = connection.execute(
        "select table_name, column_name from information_schema.columns where table_schema = ? "
        "order by ordinal_position",
        [SCHEMA],
    ).fetchall()
    for table, spec in TABLES.items():
        names = [column for name, column in found if name == table]
        if names != list(spec.columns):
            return None
    return {table: connection.sql(f"select * from {schema}.{table}").df() for table in TABLES}


def _compared(frame: pd.DataFrame) -> list[Compared]:
    names = [field.name for field in fields(Compared)]
    texts = {field.name for field in fields(Compared) if field.type == "str"}
    known = frame[names].astype(object)
    known = known.where(known.notna(), None)
    return [
        Compared(**{n: "" if v is None and n in texts else v for n, v in row.items()})
        for row in known.to_dict("records")
    ]


def _software(text: str) -> dict[str, str]:
    """Undo "python 3.11.2, duckdb 1.5.5"."""
    return dict(item.rsplit(" ", 1) for item in text.split(", ") if " " in item)
