"""What the report is made of, read from one warehouse file, read-only.

The door of the report: schema results, schema quality, and, in the vault, counts of quarantine.
Never a value of a patient: of a refusal only the file, the column, the rule and how often. Results
that are missing, or that belong to another delivery than the marts, are computed anew in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from analysis_py.comparison import Compared
from analysis_py.marts import Marts, MartsError, explain
from analysis_py.report_rows import ResultRows, Timepoint, estimates_of
from analysis_py.results import ResultError, Results
from analysis_py.study import Delivery, Study, read_delivery, run_study
from analysis_py.vocabulary import label

Connection = duckdb.DuckDBPyConnection
Records = tuple[dict[str, Any], ...]

STORED = "read from schema results of the file"
COMPUTED = "computed from the marts while the report was written"
FILE_HAS_NO_QUALITY = (
    "This file holds no account of the records: it has neither the schema quality of a published "
    "file nor the schema quarantine of a build. How many records were read and refused cannot be "
    "shown."
)

LEDGER = {
    "quality": """
        select source_file, export_name, n_records_read, n_records_staged,
            n_records_quarantined, n_records_deduplicated, n_values_refused, balance
        from quality.record_ledger order by export_name, source_file
    """,
    "quarantine": """
        select source_file, export_name, n_records_read, n_staged as n_records_staged,
            n_quarantined as n_records_quarantined, n_deduplicated as n_records_deduplicated,
            n_values_refused, balance
        from quarantine.record_ledger order by export_name, source_file
    """,
}
REFUSALS = {
    "quality": """
        select source_file, column_name, rule_label, scope_code, kahn_category, hint, n_records
        from quality.refusals order by n_records desc, source_file, rule_label, column_name
    """,
    "quarantine": """
        select source_file, column_name, rule_label, scope_code, kahn_category, hint,
            count(distinct record_number) as n_records
        from quarantine.rejected_records group by all
        order by n_records desc, source_file, rule_label, column_name
    """,
}
NOTICES = {
    "quality": "select source_file, notice_code, n_notices from quality.notices order by all",
    "quarantine": """
        select source_file, notice_code, count(*) as n_notices
        from raw.delivery_notices group by all order by all
    """,
}
EXPECTATIONS = """
    select suite_name, expectation_code, column_name, state_code, severity_code, reason,
        n_unexpected, n_judged, threshold
    from quality.expectation_results
    where build_number = (select max(build_number) from quality.expectation_results)
    order by all
"""
MOVED = """
    select result_id, label, change_code, value_before, value_after, p_value_before, p_value_after
    from quality.result_changes order by result_id
"""


@dataclass(frozen=True)
class Quality:
    """Account of the records, in counts.

    Attributes
    ----------
    ledger, refusals, notices, expectations, moved : tuple of dict
        Rows of the queries above; empty where there is nothing to tell.
    is_known : bool
        False where the file holds no account at all.
    has_expectations, has_comparison : bool
        Whether expectations were run, and whether an earlier version was compared.
    """

    ledger: Records = ()
    refusals: Records = ()
    notices: Records = ()
    expectations: Records = ()
    moved: Records = ()
    is_known: bool = False
    has_expectations: bool = False
    has_comparison: bool = False


@dataclass(frozen=True)
class ReportSource:
    """Everything the report shows, and where the results came from."""

    study: Study
    rows: ResultRows
    timepoints: tuple[Timepoint, ...]
    delivery: dict[str, Any]
    quality: Quality
    origin: str


def read_source(warehouse: Path, progress: Callable[[str], None]) -> ReportSource:
    """Read a warehouse file: a build, or a published version.

    Raises
    ------
    MartsError
        If the file is missing, locked, damaged, of another version, or without the marts.
    """
    progress("Reading the warehouse")
    with Marts(warehouse) as marts:
        delivery = read_delivery(marts)
        facts = _one_row(marts, "dim_delivery")
        timepoints = _timepoints(marts)
    study, quality = _read_tables(warehouse, delivery)
    origin = STORED
    if study is None:
        study, origin = run_study(warehouse, progress), COMPUTED
    return ReportSource(study, ResultRows(study.results), timepoints, facts, quality, origin)


def _read_tables(warehouse: Path, delivery: Delivery) -> tuple[Study | None, Quality]:
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            tables = _table_names(connection)
            return _stored_study(connection, tables, delivery), _quality(connection, tables)
    except duckdb.Error as error:
        raise MartsError(explain(error, warehouse)) from None


def _table_names(connection: Connection) -> set[tuple[str, str]]:
    rows = connection.execute("select table_schema, table_name from information_schema.tables")
    return set(rows.fetchall())


def _stored_study(
    connection: Connection, tables: set[tuple[str, str]], delivery: Delivery
) -> Study | None:
    """Return the stored results, or None where they are missing, stale or of another version."""
    names = ("estimates", "published_comparison", "run")
    if any(("results", name) not in tables for name in names):
        return None
    frames = {name: connection.sql(f"select * from results.{name}").df() for name in names}
    if list(frames["run"].get("load_id", [])) != [delivery.load_id]:
        return None
    try:
        results = Results()
        results.extend(estimates_of(frames["estimates"]))
        compared = _compared(frames["published_comparison"])
    except (KeyError, TypeError, ResultError):
        return None
    software = dict(
        item.rsplit(" ", 1) for item in str(frames["run"]["software"].iloc[0]).split(", ")
    )
    return Study(delivery, results, compared, software)


def _compared(frame: pd.DataFrame) -> list[Compared]:
    names = [field.name for field in fields(Compared)]
    known = frame[names].astype(object)
    known = known.where(known.notna(), None)
    texts = {field.name for field in fields(Compared) if field.type == "str"}
    return [
        Compared(**{n: "" if v is None and n in texts else v for n, v in row.items()})
        for row in known.to_dict("records")
    ]


def _quality(connection: Connection, tables: set[tuple[str, str]]) -> Quality:
    quality = Quality()
    if ("quality", "record_ledger") in tables:
        schema = "quality"
    elif ("quarantine", "record_ledger") in tables:
        schema = "quarantine"
    else:
        return quality
    quality = Quality(
        ledger=_records(connection, LEDGER[schema]),
        refusals=_records(connection, REFUSALS[schema]),
        is_known=True,
    )
    if schema == "quality" or ("raw", "delivery_notices") in tables:
        quality = replace(quality, notices=_records(connection, NOTICES[schema]))
    if ("quality", "expectation_results") in tables:
        found = _records(connection, EXPECTATIONS)
        quality = replace(quality, expectations=found, has_expectations=bool(found))
    if ("quality", "result_changes") in tables:
        moved = _records(connection, MOVED)
        quality = replace(quality, moved=moved, has_comparison=bool(moved))
    return quality


def _records(connection: Connection, query: str) -> Records:
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description]
    return tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())


def _one_row(marts: Marts, mart: str) -> dict[str, Any]:
    table = marts.read(mart)
    return table.astype(object).where(table.notna(), None).iloc[0].to_dict()


def _timepoints(marts: Marts) -> tuple[Timepoint, ...]:
    columns = ["timepoint_code", "timepoint_number", "nominal_week", "nominal_month"]
    table = marts.read("dim_timepoints", columns).sort_values("timepoint_number")
    return tuple(
        Timepoint(str(row.timepoint_code), label(str(row.timepoint_code)), int(row.nominal_week),
                  int(row.nominal_month))
        for row in table.itertuples()
    )  # fmt: skip
