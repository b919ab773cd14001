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

SQL_TYPES = {
    pa.string(): "varchar",
    pa.int64(): "bigint",
    pa.date32(): "date",
    pa.bool_(): "boolean",
    pa.list_(pa.string()): "varchar[]",
}
"""Column types of the raw schema as DuckDB declares them."""


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
        n_written = {}
        for name, schema in table_schemas().items():
            # Declared columns, not `create ... as` from an empty table: with the latter DuckDB 1.5
            # shows none of more than 122,880 rows inserted in the same transaction.
            cursor.execute(f'create or replace table raw."{name}" ({_columns(schema)})')
            streams = [tables[name]] if name in tables else readers[name]
            n_written[name] = sum(_insert(cursor, name, stream) for stream in streams)
        cursor.execute("commit")
    except BaseException:
        cursor.execute("rollback")
        raise
    _require_all_rows(cursor, n_written)


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f'"{field.name}" {SQL_TYPES[field.type]}' for field in schema)


def _insert(cursor: Any, name: str, rows: pa.Table | pa.RecordBatchReader) -> int:
    cursor.register("intake_rows", rows)
    try:
        return cursor.execute(f'insert into raw."{name}" from intake_rows').fetchone()[0]
    finally:
        cursor.unregister("intake_rows")


def _require_all_rows(cursor: Any, n_written: dict[str, int]) -> None:
    """Read back how many rows each table holds; a loaded delivery is never short."""
    for name, n_expected in n_written.items():
        n_read = cursor.execute(f'select count(*) from raw."{name}"').fetchone()[0]
        if n_read != n_expected:
            cursor.execute('delete from raw."delivery"')
            raise RuntimeError(
                f"raw.{name} holds {n_read} of {n_expected} records after loading. "
                "The database file did not keep what was written; run the build again."
            )


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
