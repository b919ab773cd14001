"""Schema metadata of a published file: which build made it, from what, and what it holds."""

from __future__ import annotations

import json
from typing import Any

import duckdb

from core.duck import DescribedTable, create_tables, quote
from refresh.hashing import TableContent

SCHEMA = "metadata"

TABLES = {
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
            "content_hash": ("varchar", "Hash of the rows without source file and record number."),
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


def write(
    db: duckdb.DuckDBPyConnection,
    catalog: str,
    contents: list[TableContent],
    build: dict[str, Any],
) -> None:
    """Create and fill schema metadata in an attached file.

    Parameters
    ----------
    catalog : str
        Name under which the file is attached.
    contents : list of TableContent
        Rows and hashes of its other tables.
    build : dict
        The manifest entry.
    """
    schema = f"{quote(catalog)}.{SCHEMA}"
    create_tables(db, schema, TABLES)
    _write_build(db, schema, contents, build)
    for line in build.get("inputs", []):
        values = [line.get(name) for name in TABLES["inputs"].columns]
        marks = ", ".join("?" for _ in values)
        db.execute(f"insert into {schema}.inputs values ({marks})", values)
    for table in contents:
        db.execute(
            f"insert into {schema}.tables select $1, $2, $3, $4, max(comment), $5 "
            "from duckdb_tables() "
            "where database_name = $6 and schema_name = $1 and table_name = $2",
            [table.schema, table.name, table.content_hash, table.row_hash, table.n_rows, catalog],
        )
    db.execute(
        f"""
        insert into {schema}.columns
        select schema_name, table_name, column_name, data_type, comment, column_index
        from duckdb_columns()
        where database_name = ?
        order by schema_name, table_name, column_index
        """,
        [catalog],
    )


def _write_build(
    db: duckdb.DuckDBPyConnection,
    schema: str,
    contents: list[TableContent],
    build: dict[str, Any],
) -> None:
    entry = {**build, "tables": [table.as_entry() for table in contents]}
    values = [
        build["build_id"],
        build.get("load_id"),
        build.get("source_system"),
        build.get("delivery_label"),
        build.get("code", {}).get("git_commit"),
        json.dumps(entry, sort_keys=True),
        build["seq"],
        build.get("tests", {}).get("n_run"),
        build.get("expectations", {}).get("n_run"),
        build.get("is_synthetic"),
        build["packed_at"].replace("+00:00", ""),
    ]
    marks = ", ".join("?" for _ in values)
    db.execute(f"insert into {schema}.build values ({marks})", values)


def entry_of(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Return the manifest entry that an open file carries inside itself."""
    return json.loads(db.execute(f"select manifest_entry from {SCHEMA}.build").fetchone()[0])
