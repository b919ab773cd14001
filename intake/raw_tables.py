"""The raw schema: its tables, and writing a judged delivery into it in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
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
        ("reading_id", pa.string()),
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


@dataclass(frozen=True)
class Earlier:
    """Raw tables that hold a load.

    Attributes
    ----------
    database : str
        Name of the database that holds them, as the connection knows it.
    load_id, reading_id, key_fingerprint : str
        The row of its raw.delivery.
    """

    database: str
    load_id: str
    reading_id: str
    key_fingerprint: str

    def table(self, name: str) -> str:
        """Return the full name of one of its raw tables, quoted."""
        database = self.database.replace('"', '""')
        return f'"{database}".raw."{name}"'


class RawWriter:
    """One transaction that replaces the raw tables; whatever interrupts it leaves the old ones.

    Rows are written while files are still being judged. They count for nothing until ``finish``:
    leaving the context before that takes all of them back.

    Parameters
    ----------
    cursor : duckdb.DuckDBPyConnection
        A cursor of its own, outside any transaction.
    kept : collection of str
        Raw tables that stay as they are or are copied from an earlier load.
    """

    def __init__(self, cursor: Any, kept: Collection[str] = ()) -> None:
        self._cursor = cursor
        self._kept = kept
        self._n_written: Counter[str] = Counter()
        self._is_finished = False

    def __enter__(self) -> RawWriter:
        self._cursor.execute("begin transaction")
        try:
            self._cursor.execute("create schema if not exists raw")
            for name in table_schemas():
                if name not in self._kept:
                    self._create(name)
        except BaseException:
            self._cursor.execute("rollback")
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_finished:
            self._cursor.execute("rollback")

    def _create(self, name: str) -> None:
        # Declared columns, not `create ... as` from an empty table: with the latter DuckDB 1.5
        # shows none of more than 122,880 rows inserted in the same transaction.
        columns = _columns(table_schemas()[name])
        self._cursor.execute(f'create or replace table raw."{name}" ({columns})')

    def write(self, name: str, rows: pa.Table | pa.RecordBatchReader) -> None:
        """Add rows to a raw table, in their order."""
        self._cursor.register("intake_rows", rows)
        try:
            found = self._cursor.execute(f'insert into raw."{name}" from intake_rows').fetchone()
        finally:
            self._cursor.unregister("intake_rows")
        self._n_written[name] += found[0]

    def take_over(self, name: str, earlier: Earlier) -> None:
        """Copy a raw table from the earlier load, unless it already stands in this database."""
        here = self._cursor.execute("select current_database()").fetchone()[0]
        if earlier.database != here:
            self._create(name)
            found = self._cursor.execute(
                f'insert into raw."{name}" from {earlier.table(name)}'
            ).fetchone()
            self._n_written[name] += found[0]

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
            query = f'select count(*) from raw."{name}"'
            n_read = self._cursor.execute(query).fetchone()[0]
            if n_read != n_expected:
                self._cursor.execute('delete from raw."delivery"')
                raise RuntimeError(
                    f"raw.{name} holds {n_read} of {n_expected} records after loading. "
                    "The database file did not keep what was written; run the build again."
                )


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f'"{field.name}" {SQL_TYPES[field.type]}' for field in schema)


def earlier_load(cursor: Any, database: str | None = None) -> Earlier | None:
    """Return what the raw tables of a database hold.

    Parameters
    ----------
    cursor : duckdb.DuckDBPyConnection
        Open on the warehouse.
    database : str, optional
        An attached database; the connection's own by default.

    Returns
    -------
    Earlier or None
        None when a raw table is missing or holds other columns than intake writes today.
    """
    database = database or cursor.execute("select current_database()").fetchone()[0]
    found: dict[str, list[str]] = {}
    query = """
        select table_name, column_name
        from duckdb_columns()
        where schema_name = 'raw' and database_name = ?
        order by table_name, column_index
    """
    for table, column in cursor.execute(query, [database]).fetchall():
        found.setdefault(table, []).append(column)
    if any(found.get(name) != schema.names for name, schema in table_schemas().items()):
        return None
    delivery = Earlier(database, "", "", "").table("delivery")
    rows = cursor.execute(f"select load_id, reading_id, key_fingerprint from {delivery}").fetchall()
    return Earlier(database, *rows[0]) if len(rows) == 1 else None
