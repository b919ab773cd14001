"""The account of the records of a warehouse file, in counts.

A published file holds it in schema quality, a build in schema quarantine. Never a value of a
patient is read: of a refusal only the file, the column, the rule and how often.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from analysis_py.marts import MartsError, explain, schema_of

Records = tuple[dict[str, Any], ...]

FILE_HAS_NO_QUALITY = (
    "This file holds no account of the records: it has neither the schema quality of a published "
    "file nor the schema quarantine of a build. How many records were read and refused cannot be "
    "shown."
)

LEDGER = {
    "quality": """
        select source_file, export_name, n_records_read, n_records_staged,
            n_records_quarantined, n_records_deduplicated, n_values_refused, balance
        from {quality}.record_ledger order by export_name, source_file
    """,
    "quarantine": """
        select source_file, export_name, n_records_read, n_staged as n_records_staged,
            n_quarantined as n_records_quarantined, n_deduplicated as n_records_deduplicated,
            n_values_refused, balance
        from {quarantine}.record_ledger order by export_name, source_file
    """,
}
REFUSALS = {
    "quality": """
        select source_file, column_name, rule_label, scope_code, kahn_category, hint, n_records
        from {quality}.refusals order by n_records desc, source_file, rule_label, column_name
    """,
    "quarantine": """
        select source_file, column_name, rule_label, scope_code, kahn_category, hint,
            count(distinct record_number) as n_records
        from {quarantine}.rejected_records group by all
        order by n_records desc, source_file, rule_label, column_name
    """,
}
NOTICES = {
    "quality": "select source_file, notice_code, n_notices from {quality}.notices order by all",
    "quarantine": """
        select source_file, notice_code, count(*) as n_notices
        from {raw}.delivery_notices group by all order by all
    """,
}
EXPECTATIONS = """
    select suite_name, expectation_code, column_name, state_code, severity_code, reason,
        n_unexpected, n_judged, threshold
    from {quality}.expectation_results
    where build_number = (select max(build_number) from {quality}.expectation_results)
    order by all
"""
MOVED = """
    select result_id, label, change_code, value_before, value_after, p_value_before, p_value_after
    from {quality}.result_changes order by result_id
"""


@dataclass(frozen=True)
class Quality:
    """Account of the records.

    Attributes
    ----------
    ledger, refusals, notices, expectations, moved : tuple of dict
        Rows of the queries above; empty where there is nothing to tell.
    is_known : bool
        False where the file holds no account at all.
    """

    ledger: Records = ()
    refusals: Records = ()
    notices: Records = ()
    expectations: Records = ()
    moved: Records = ()
    is_known: bool = False


def read_quality(warehouse: Path) -> Quality:
    """Read the account of the records, read-only.

    Raises
    ------
    MartsError
        If the file cannot be read.
    """
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            return _quality(connection)
    except duckdb.Error as error:
        raise MartsError(explain(error, warehouse)) from None


def _quality(connection: duckdb.DuckDBPyConnection) -> Quality:
    tables = set(
        connection.execute(
            "select table_schema, table_name from information_schema.tables"
        ).fetchall()
    )
    schema = next(
        (name for name in ("quality", "quarantine") if (name, "record_ledger") in tables), None
    )
    if schema is None:
        return Quality()

    def records(query: str, *needed: tuple[str, str]) -> Records:
        return _records(connection, query) if tables.issuperset(needed) else ()

    notices = ("quality", "notices") if schema == "quality" else ("raw", "delivery_notices")
    return Quality(
        ledger=records(LEDGER[schema]),
        refusals=records(REFUSALS[schema]),
        notices=records(NOTICES[schema], notices),
        expectations=records(EXPECTATIONS, ("quality", "expectation_results")),
        moved=records(MOVED, ("quality", "result_changes")),
        is_known=True,
    )


def _records(connection: duckdb.DuckDBPyConnection, query: str) -> Records:
    schemas = {name: schema_of(connection, name) for name in ("quality", "quarantine", "raw")}
    cursor = connection.execute(query.format(**schemas))
    names = [column[0] for column in cursor.description]
    return tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())
