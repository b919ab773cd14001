"""The raw schema: its tables, and writing a judged delivery into it in one transaction."""

from __future__ import annotations

from collections import Counter
from typing import Self

import duckdb
import pyarrow as pa

from core import duck
from core.duck import quote
from intake.contract import EXPORTS, column_names
from intake.records import PLACE_FIELDS

RECORD_FIELDS = [
    pa.field("centre_code", pa.string()),
    pa.field("source_file", pa.string()),
    *PLACE_FIELDS,
]
"""Centre and place of a record in the delivery and what is wrong with it; the same in every raw
table. The centre is the empty text where there is one."""

DELIVERY = pa.schema(
    [
        ("load_id", pa.string()),
        ("source_system", pa.string()),
        ("study_code", pa.string()),
        ("mapping_name", pa.string()),
        ("mapping_version", pa.int64()),
        ("extraction_date", pa.date32()),
        ("is_synthetic", pa.bool_()),
        ("are_dates_relative", pa.bool_()),
        ("delivery_label", pa.string()),
        ("n_files", pa.int64()),
        ("key_fingerprint", pa.string()),
        ("reference_key", pa.string()),
        ("reading_id", pa.string()),
    ]
)
DELIVERY_FILES = pa.schema(
    [
        ("load_id", pa.string()),
        ("centre_code", pa.string()),
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
    """Return the columns of an export's raw table: the contract's as text, then RECORD_FIELDS.

    Patients have their pseudonym as the last column.
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


def _declaration(field: pa.Field, table: str) -> str:
    """Return the SQL that declares a column of a raw table.

    An identifier differs in nearly every row. To compress it takes three times as long as to write
    it, and halves it at best.
    """
    identifiers = {column.name for column in EXPORTS.get(table, ()) if column.kind == "identifier"}
    is_identifier = field.name in identifiers | {"pseudonym"}
    return (
        f"{quote(field.name)} {SQL_TYPES[field.type]}"
        f"{' using compression uncompressed' if is_identifier else ''}"
    )


class RawWriter:
    """One transaction that replaces the raw tables; an interruption leaves the old ones.

    Rows are written while files are still being judged. Leaving the context before ``finish`` takes
    all of them back.

    Parameters
    ----------
    cursor : duckdb.DuckDBPyConnection
        A cursor of its own, outside any transaction.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor
        self._n_written: Counter[str] = Counter()
        self._is_finished = False

    def __enter__(self) -> Self:
        self._cursor.execute("begin transaction")
        try:
            self._cursor.execute("create schema if not exists raw")
            for name, schema in table_schemas().items():
                # Declared columns, not `create ... as` from an empty table: with the latter DuckDB
                # 1.5 shows none of more than 122,880 rows inserted in the same transaction.
                columns = ", ".join(_declaration(field, name) for field in schema)
                self._cursor.execute(f"create or replace table raw.{quote(name)} ({columns})")
        except BaseException:
            self._cursor.execute("rollback")
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_finished:
            self._cursor.execute("rollback")

    def write(self, name: str, rows: pa.Table | pa.RecordBatchReader) -> None:
        """Add rows to a raw table, in their order."""
        self._cursor.register("intake_rows", rows)
        try:
            self._n_written[name] += duck.scalar(
                self._cursor, f"insert into raw.{quote(name)} from intake_rows"
            )
        finally:
            self._cursor.unregister("intake_rows")

    def finish(self, tables: dict[str, pa.Table]) -> None:
        """Write the small tables, commit, and read back how many rows each table holds.

        Parameters
        ----------
        tables : dict
            Raw table -> its rows.
        """
        for name, rows in tables.items():
            self.write(name, rows)
        self._is_finished = True
        try:
            self._cursor.execute("commit")
        except BaseException:
            self._cursor.execute("rollback")
            raise
        self._require_all_rows()

    def _require_all_rows(self) -> None:
        """Stop when a table is shorter than what was written into it."""
        for name, n_expected in self._n_written.items():
            n_read = duck.scalar(self._cursor, f"select count(*) from raw.{quote(name)}")
            if n_read != n_expected:
                self._cursor.execute("delete from raw.delivery")
                raise RuntimeError(
                    f"raw.{name} holds {n_read} of {n_expected} records after loading. "
                    "The database file did not keep what was written; run the build again."
                )


def are_raw_tables_complete(cursor: duckdb.DuckDBPyConnection) -> bool:
    """Return whether every raw table has today's columns and all records of its files."""
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
        return False
    n_read = dict(
        cursor.execute(
            "select export_name, sum(n_records_read) from raw.delivery_files group by all"
        ).fetchall()
    )
    return all(
        duck.scalar(cursor, f"select count(*) from raw.{quote(name)}") == n_read.get(name, 0)
        for name in EXPORTS
    )
