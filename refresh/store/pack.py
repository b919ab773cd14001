"""Write the candidate: a new file with what may be published, described, hashed and read back.

Only the schemas marts, results, quality and metadata leave the vault. The candidate is a new
file, because deleted rows stay in the bytes of an old one. Views become tables, because a view
carries the name of the database it was made in. Rows of patients are ordered by pseudonym, so
that the order of the export is not published.

Two builds of the same content give different bytes, so content is compared by hash:
``count(*), sum(hash(row))`` does not depend on row order or threads and is equal in DuckDB 1.4,
1.5 and 2.0.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from core import duck
from core.duck import DescribedTable, create_tables, describe, quote
from core.settings import STORAGE_VERSION
from core.stop import ExitCode, Stop

PUBLISHED_SCHEMAS = ("marts", "results", "quality")
CANDIDATE = "candidate"
METADATA = "metadata"
PROVENANCE_COLUMNS = frozenset({"record_reference", "source_file", "load_id"})
"""Columns that say where a row came from. The same records in another order, file or load,
are the same content."""

METADATA_TABLES = {
    "build": DescribedTable(
        "One row: the build that made this file. A file found anywhere can be traced by it.",
        {
            "build_id": ("varchar", "Hash of delivery, code, key and erasures; 8 hex digits."),
            "load_id": ("varchar", "Hash of the delivery's files, mapping and extraction date."),
            "source_system": ("varchar", "Source system that the delivery names."),
            "delivery_label": ("varchar", "Label of the delivery."),
            "git_commit": ("varchar", "Commit of the project's code."),
            "manifest_entry": ("varchar", "The build's line of the manifest, as JSON."),
            "build_number": ("integer", "Number of the version; versions are ordered by it."),
            "n_tests_run": ("integer", "dbt data tests that ran; all of them passed."),
            "n_expectations_run": ("integer", "Expectations that ran."),
            "is_synthetic": ("boolean", "Whether the delivery is labelled synthetic."),
            "packed_at_utc": ("timestamp", "When this file was packed, UTC."),
        },
    ),
    "inputs": DescribedTable(
        "One row per export file of the delivery: sha256, bytes and what became of its records.",
        {
            "export_name": ("varchar", "Export that the file feeds."),
            "source_file": ("varchar", "Name of the file."),
            "sha256": ("varchar", "sha256 of its bytes."),
            "n_bytes": ("bigint", "Size in bytes."),
            "n_records_read": ("bigint", "Records counted by the record reader."),
            "n_records_staged": ("bigint", "Records that passed into staging."),
            "n_records_quarantined": ("bigint", "Records refused as a whole."),
            "n_records_deduplicated": ("bigint", "Surplus copies of a record."),
        },
    ),
    "tables": DescribedTable(
        "One row per table of this file: rows, hashes of the content, description.",
        {
            "table_schema": ("varchar", "Schema."),
            "table_name": ("varchar", "Table."),
            "content_hash": ("varchar", "Hash of the rows without load and place of a record."),
            "row_hash": ("varchar", "Hash of the rows with every column."),
            "table_description": ("varchar", "What one row is, and how to read it."),
            "n_rows": ("bigint", "Number of rows."),
        },
    ),
    "columns": DescribedTable(
        "One row per column of this file: type and description. The data dictionary.",
        {
            "table_schema": ("varchar", "Schema."),
            "table_name": ("varchar", "Table."),
            "column_name": ("varchar", "Column."),
            "data_type": ("varchar", "DuckDB type."),
            "column_description": ("varchar", "Meaning and unit."),
            "column_number": ("integer", "Place of the column in its table, from 1."),
        },
    ),
}


@dataclass(frozen=True)
class TableContent:
    """Size and hashes of one table.

    Attributes
    ----------
    content_hash : str
        Over every column that is not provenance; 16 hexadecimal digits.
    row_hash : str
        Over every column; what a copy must reproduce.
    """

    schema: str
    name: str
    n_rows: int
    content_hash: str
    row_hash: str

    @property
    def full_name(self) -> str:
        """Schema and name, joined by a point."""
        return f"{self.schema}.{self.name}"

    def as_entry(self) -> dict[str, Any]:
        """Return the content as plain values for the manifest."""
        return asdict(self)


def columns_of(
    db: duckdb.DuckDBPyConnection, catalog: str, schema: str, table: str
) -> list[tuple[str, str]]:
    """Return names and types of a table's columns, in order."""
    described = db.execute(f"describe {quote(catalog, schema, table)}").fetchall()
    return [(name, kind) for name, kind, *_ in described]


def content_of(
    db: duckdb.DuckDBPyConnection, catalog: str, schema: str, table: str
) -> TableContent:
    """Count and hash the rows of one table or view."""
    columns = columns_of(db, catalog, schema, table)
    kept = [column for column in columns if column[0] not in PROVENANCE_COLUMNS]
    n_rows, content_sum, row_sum = db.execute(
        f"select count(*), {_hash_sum(kept)}, {_hash_sum(columns)} "
        f"from {quote(catalog, schema, table)}"
    ).fetchall()[0]
    return TableContent(
        schema, table, n_rows, _digest(kept, n_rows, content_sum), _digest(columns, n_rows, row_sum)
    )


def _hash_sum(columns: list[tuple[str, str]]) -> str:
    """Return SQL for the sum of row hashes; a table without such columns sums to 0."""
    if not columns:
        return "0"
    names = ", ".join(f"{quote(name)} := {quote(name)}" for name, _ in columns)
    return f"coalesce(sum(hash(struct_pack({names}))::hugeint), 0)"


def _digest(columns: list[tuple[str, str]], n_rows: int, hash_sum: int) -> str:
    text = json.dumps([columns, n_rows, str(hash_sum)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def pack(work_file: Path, candidate: Path, entry: dict[str, Any]) -> list[TableContent]:
    """Write the candidate, checkpoint it and read it back.

    Parameters
    ----------
    work_file : Path
        The built DuckDB file, closed.
    candidate : Path
        The file to write; must not exist.
    entry : dict
        The manifest entry; goes to ``metadata.build`` with the contents of all tables.

    Returns
    -------
    list of TableContent
        Rows and hashes of every published table, equal in work file and candidate.

    Raises
    ------
    Stop
        When the candidate does not read back as it was written, when a write-ahead log remains
        beside it, or when the build made no mart.
    """
    source = work_file.stem
    with duck.connect(None, work_file.parent / "tmp") as db:
        db.execute(f"attach {duck.literal(work_file)} as {quote(source)} (read_only)")
        db.execute(
            f"attach {duck.literal(candidate)} as {CANDIDATE} (storage_version '{STORAGE_VERSION}')"
        )
        tables = _tables_to_publish(db, source)
        described = _described_columns(db, source)
        contents: list[TableContent] = []
        db.execute("begin")
        for schema in (*PUBLISHED_SCHEMAS, METADATA):
            db.execute(f"create schema {CANDIDATE}.{quote(schema)}")
        for schema, table, table_comment in tables:
            _copy_table(db, source, schema, table)
            target = quote(CANDIDATE, schema, table)
            describe(db, target, table_comment, described.get((schema, table), {}))
            contents.append(content_of(db, source, schema, table))
        _write_metadata(db, contents, entry)
        db.execute("commit")
        _checkpoint(db)
        if candidate.with_name(candidate.name + ".wal").exists():
            raise Stop(
                ExitCode.NO_ROOM,
                f"a write-ahead log remained beside {candidate}: the file is incomplete",
                "free space on this disk and run again",
            )
        db.execute(f"attach {duck.literal(candidate)} as {CANDIDATE} (read_only)")
        verify_against(db, CANDIDATE, contents, candidate)
    return contents


def _checkpoint(db: duckdb.DuckDBPyConnection) -> None:
    db.execute(f"checkpoint {CANDIDATE}")
    db.execute(f"detach {CANDIDATE}")


def _tables_to_publish(
    db: duckdb.DuckDBPyConnection, source: str
) -> list[tuple[str, str, str | None]]:
    tables = db.execute(
        """
        select schema_name, table_name, comment from duckdb_tables() where database_name = $1
        union all
        select schema_name, view_name, comment from duckdb_views()
        where database_name = $1 and not internal
        order by all
        """,
        [source],
    ).fetchall()
    chosen = [table for table in tables if table[0] in PUBLISHED_SCHEMAS]
    if not any(schema == "marts" for schema, _, _ in chosen):
        raise Stop(
            ExitCode.CHECKS_FAILED,
            "the build left no table in schema marts",
            "look at the build's messages above; nothing was published",
            "no_marts",
        )
    return chosen


def _described_columns(
    db: duckdb.DuckDBPyConnection, source: str
) -> dict[tuple[str, str], dict[str, str]]:
    """Return the descriptions of columns: schema and table to column to text."""
    described: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, text in db.execute(
        "select schema_name, table_name, column_name, comment from duckdb_columns() "
        "where database_name = ? and comment is not null",
        [source],
    ).fetchall():
        described.setdefault((schema, table), {})[column] = text
    return described


def _copy_table(db: duckdb.DuckDBPyConnection, source: str, schema: str, table: str) -> None:
    columns = columns_of(db, source, schema, table)
    db.execute(
        f"create table {quote(CANDIDATE, schema, table)} as "
        f"select * from {quote(source, schema, table)} {_order_by(columns)}"
    )


def _order_by(columns: list[tuple[str, str]]) -> str:
    """Order by the identifiers and codes in the first columns of a table."""
    leading: list[str] = []
    for name, _ in columns:
        if not name.endswith(("_id", "_code", "_number")):
            break
        leading.append(quote(name))
    return "order by " + ", ".join(leading[:4]) if leading else ""


def _write_metadata(
    db: duckdb.DuckDBPyConnection, contents: list[TableContent], entry: dict[str, Any]
) -> None:
    """Create and fill schema metadata of the candidate: build, inputs, tables, columns."""
    schema = quote(CANDIDATE, METADATA)
    create_tables(db, schema, METADATA_TABLES)
    complete = {**entry, "tables": [table.as_entry() for table in contents]}
    _insert(
        db,
        f"{schema}.build",
        [
            entry["build_id"],
            entry.get("load_id"),
            entry.get("source_system"),
            entry.get("delivery_label"),
            entry.get("code", {}).get("git_commit"),
            json.dumps(complete, sort_keys=True),
            entry["seq"],
            entry.get("tests", {}).get("n_run"),
            entry.get("expectations", {}).get("n_run"),
            entry.get("is_synthetic"),
            entry["packed_at"].replace("+00:00", ""),
        ],
    )
    for line in entry.get("inputs", []):
        columns = METADATA_TABLES["inputs"].columns
        _insert(db, f"{schema}.inputs", [line.get(name) for name in columns])
    for table in contents:
        values = [table.schema, table.name, table.content_hash, table.row_hash, None, table.n_rows]
        _insert(db, f"{schema}.tables", values)
    db.execute(
        f"update {schema}.tables set table_description = comment from duckdb_tables() as described "
        "where database_name = ? and schema_name = table_schema "
        f"and described.table_name = tables.table_name",
        [CANDIDATE],
    )
    db.execute(
        f"""
        insert into {schema}.columns
        select schema_name, table_name, column_name, data_type, comment, column_index
        from duckdb_columns()
        where database_name = ?
        order by schema_name, table_name, column_index
        """,
        [CANDIDATE],
    )


def _insert(db: duckdb.DuckDBPyConnection, table: str, values: list[Any]) -> None:
    db.execute(f"insert into {table} values ({', '.join('?' * len(values))})", values)


def verify_against(
    db: duckdb.DuckDBPyConnection, catalog: str, contents: list[TableContent], file: Path
) -> None:
    """Read every row of a file that is open as ``catalog``, and compare with what it should hold.

    Raises
    ------
    Stop
        When a table is missing, added, or holds other rows.
    """
    expected = {table.full_name: table for table in contents}
    names = db.execute(
        "select schema_name, table_name from duckdb_tables() "
        "where database_name = ? and schema_name <> ?",
        [catalog, METADATA],
    ).fetchall()
    found = {f"{schema}.{name}" for schema, name in names}
    if found != set(expected):
        odd = ", ".join(sorted(found ^ set(expected))[:5])
        raise Stop(
            ExitCode.DAMAGED, f"{file} does not hold the tables it should: {odd}", "run again"
        )
    for schema, name in names:
        content = content_of(db, catalog, schema, name)
        if content != expected[content.full_name]:
            raise Stop(
                ExitCode.DAMAGED,
                f"{content.full_name} in {file} does not read back as it was written",
                "check the disk (`registry verify`) and run again",
            )


def verified_entry(file: Path) -> dict[str, Any]:
    """Return the manifest entry that a published file carries, after a look at every row.

    Raises
    ------
    Stop
        When the tables are not those of the entry.
    """
    with duckdb.connect(str(file), read_only=True) as db:
        entry = json.loads(duck.scalar(db, f"select manifest_entry from {METADATA}.build"))
        contents = [TableContent(**table) for table in entry["tables"]]
        verify_against(db, duck.scalar(db, "select current_database()"), contents, file)
    return dict(entry)
