"""The raw schema: its tables, and writing a judged delivery into it in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from intake.contract import EXPORTS, column_names

RECORD_FIELDS = [
    pa.field("source_file", pa.string()),
    pa.field("record_number", pa.int64()),
    pa.field("line_number", pa.int64()),
    pa.field("record_fault", pa.string()),
    pa.field("record_fault_detail", pa.string()),
]
"""Where a record stood and what is wrong with it; the same in every raw table."""

DELIVERY = pa.schema(
    [
        ("load_id", pa.string()),
        ("source_system", pa.string()),
        ("mapping_name", pa.string()),
        ("mapping_version", pa.int64()),
        ("extraction_date", pa.date32()),
        ("is_synthetic", pa.bool_()),
        ("delivery_label", pa.string()),
        ("n_files", pa.int64()),
        ("key_fingerprint", pa.string()),
    ]
)
DELIVERY_FILES = pa.schema(
    [
        ("load_id", pa.string()),
        ("export_name", pa.string()),
        ("source_file", pa.string()),
        ("sha256", pa.string()),
        ("n_bytes", pa.int64()),
        ("file_format", pa.string()),
        ("encoding", pa.string()),
        ("n_records_read", pa.int64()),
        ("n_records_faulty", pa.int64()),
        ("mapping_version", pa.int64()),
    ]
)
DELIVERY_NOTICES = pa.schema(
    [("source_file", pa.string()), ("notice_code", pa.string()), ("detail", pa.string())]
)
SOURCE_FORMATS = pa.schema(
    [
        ("export_name", pa.string()),
        ("decimal_mark", pa.string()),
        ("date_order", pa.string()),
        ("date_separator", pa.string()),
        ("are_partial_dates_allowed", pa.bool_()),
        ("missing_codes", pa.list_(pa.string())),
        ("repeated_records", pa.string()),
    ]
)
SOURCE_WORDS = pa.schema(
    [("word_kind", pa.string()), ("source_word", pa.string()), ("code", pa.string())]
)


def export_schema(export_name: str) -> pa.Schema:
    """Return the columns of the raw table of an export.

    Parameters
    ----------
    export_name : str
        One of the contract's exports.

    Returns
    -------
    pyarrow.Schema
        The contract's columns as text, where the record stood, its fault; patients have their
        pseudonym as the last column.
    """
    fields = [pa.field(name, pa.string()) for name in column_names(export_name)]
    fields += RECORD_FIELDS
    if export_name == "patients":
        fields.append(pa.field("pseudonym", pa.string()))
    return pa.schema(fields)


def table_schemas() -> dict[str, pa.Schema]:
    """Return the name and columns of every raw table that intake writes."""
    return {name: export_schema(name) for name in EXPORTS} | {
        "delivery": DELIVERY,
        "delivery_files": DELIVERY_FILES,
        "delivery_notices": DELIVERY_NOTICES,
        "source_formats": SOURCE_FORMATS,
        "source_words": SOURCE_WORDS,
    }


def write_raw_tables(
    cursor: Any, tables: dict[str, pa.Table], readers: dict[str, Iterator[pa.RecordBatchReader]]
) -> None:
    """Replace every raw table in one transaction; a failure leaves the old ones.

    Parameters
    ----------
    cursor : duckdb.DuckDBPyConnection
        A cursor of its own, outside any transaction.
    tables : dict
        Raw table -> its rows, for the small ones.
    readers : dict
        Raw table -> streams of its rows, in order, for the exports.
    """
    cursor.execute("begin transaction")
    try:
        cursor.execute("create schema if not exists raw")
        for name, schema in table_schemas().items():
            _run(cursor, f'create or replace table raw."{name}" as', schema.empty_table())
            streams = [tables[name]] if name in tables else readers[name]
            for stream in streams:
                _run(cursor, f'insert into raw."{name}"', stream)
        cursor.execute("commit")
    except BaseException:
        cursor.execute("rollback")
        raise


def _run(cursor: Any, statement: str, rows: pa.Table | pa.RecordBatchReader) -> None:
    cursor.register("intake_rows", rows)
    try:
        cursor.execute(f"{statement} from intake_rows")
    finally:
        cursor.unregister("intake_rows")


def loaded_key(cursor: Any) -> tuple[str, str] | None:
    """Return load id and key fingerprint of the delivery that the raw tables hold.

    Parameters
    ----------
    cursor : duckdb.DuckDBPyConnection
        Open on the warehouse.

    Returns
    -------
    tuple of str, or None
        None when a raw table is missing or holds other columns than intake writes today.
    """
    found: dict[str, list[str]] = {}
    query = """
        select table_name, column_name
        from duckdb_columns()
        where schema_name = 'raw' and database_name = current_database()
        order by table_name, column_index
    """
    for table, column in cursor.execute(query).fetchall():
        found.setdefault(table, []).append(column)
    if any(found.get(name) != schema.names for name, schema in table_schemas().items()):
        return None
    row = cursor.execute("select load_id, key_fingerprint from raw.delivery").fetchall()
    return tuple(row[0]) if len(row) == 1 else None
