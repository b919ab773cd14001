"""Copy what may be published from the work file into a new candidate file.

Only the schemas marts, results, quality and metadata leave the vault. The candidate is a new
file, never an old one with tables deleted: deleted rows stay in a DuckDB file's bytes. Views
become tables, because a view carries the name of the database it was made in. Table and column
comments travel along. Rows of patients are ordered by their pseudonym, so that the order of the
export, which somebody may know, is not published.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb

from refresh import killpoints
from refresh.codes import ExitCode, Stop
from refresh.hashing import TableContent, columns_of, content_of, quote
from refresh.settings import STORAGE_VERSION

PUBLISHED_SCHEMAS = ("marts", "results", "quality")
METADATA_SCHEMA = "metadata"
CANDIDATE = "candidate"

METADATA_COMMENTS = {
    "build": "One row: the build that made this file. A file found anywhere can be traced by it.",
    "inputs": "One row per export file of the delivery: sha256, bytes and what became of records.",
    "tables": "One row per table of this file: rows, hash of the content, description.",
    "columns": "One row per column of this file: type and description. The data dictionary.",
}


def pack(
    work_file: Path, candidate: Path, build: dict[str, Any], published: Path
) -> list[TableContent]:
    """Write the candidate, checkpoint it and read it back.

    Parameters
    ----------
    work_file : Path
        The built DuckDB file, closed.
    candidate : Path
        The file to write; must not exist.
    build : dict
        The manifest entry; goes to ``metadata.build`` with the contents of all tables.
    published : Path
        The published folder (for kill points only).

    Returns
    -------
    list of TableContent
        Rows and hashes of every published table, equal in work file and candidate.

    Raises
    ------
    Stop
        When the candidate does not read back as it was written, when a write-ahead log stays
        beside it, or when a mart is missing.
    """
    contents = _write(work_file, candidate, build, published)
    killpoints.reach("candidate_closed", published)
    if candidate.with_name(candidate.name + ".wal").exists():
        raise Stop(
            ExitCode.NO_ROOM,
            f"a write-ahead log stayed beside {candidate}: not everything reached the file",
            "free space on this disk and run again",
        )
    verify_against(candidate, contents)
    return contents


def _write(
    work_file: Path, candidate: Path, build: dict[str, Any], published: Path
) -> list[TableContent]:
    source = work_file.stem
    with duckdb.connect(":memory:", config={"temp_directory": str(work_file.parent / "tmp")}) as db:
        db.execute(f"attach '{_literal(work_file)}' as {quote(source)} (read_only)")
        db.execute(
            f"attach '{_literal(candidate)}' as {CANDIDATE} (storage_version '{STORAGE_VERSION}')"
        )
        tables = _tables_to_publish(db, source)
        contents: list[TableContent] = []
        db.execute("begin")
        for schema in (*PUBLISHED_SCHEMAS, METADATA_SCHEMA):
            db.execute(f"create schema {CANDIDATE}.{quote(schema)}")
        for schema, table, comment in tables:
            _copy_table(db, source, schema, table, comment)
            contents.append(content_of(db, source, schema, table))
            killpoints.reach("candidate_table", published)
        _write_metadata(db, contents, build)
        db.execute("commit")
        killpoints.reach("candidate_packed", published)
        db.execute(f"checkpoint {CANDIDATE}")
        killpoints.reach("candidate_checkpointed", published)
        db.execute(f"detach {CANDIDATE}")
    return contents


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


def _copy_table(
    db: duckdb.DuckDBPyConnection, source: str, schema: str, table: str, comment: str | None
) -> None:
    columns = columns_of(db, source, schema, table)
    target = f"{CANDIDATE}.{quote(schema)}.{quote(table)}"
    relation = f"{quote(source)}.{quote(schema)}.{quote(table)}"
    db.execute(f"create table {target} as select * from {relation} {_order_by(columns)}")
    if comment:
        db.execute(f"comment on table {target} is {_text(comment)}")
    described = db.execute(
        "select column_name, comment from duckdb_columns() where database_name = ? "
        "and schema_name = ? and table_name = ? and comment is not null",
        [source, schema, table],
    ).fetchall()
    for column, column_comment in described:
        db.execute(f"comment on column {target}.{quote(column)} is {_text(column_comment)}")


def _order_by(columns: list[tuple[str, str]]) -> str:
    """Order by the identifiers and codes that stand at the front of a table."""
    leading: list[str] = []
    for name, _ in columns:
        is_key = name.endswith(("_id", "_code", "_number")) and name != "source_record_number"
        if not is_key:
            break
        leading.append(quote(name))
    return "order by " + ", ".join(leading[:4]) if leading else ""


def _write_metadata(
    db: duckdb.DuckDBPyConnection, contents: list[TableContent], build: dict[str, Any]
) -> None:
    entry = {**build, "tables": [table.as_entry() for table in contents]}
    schema = f"{CANDIDATE}.{METADATA_SCHEMA}"
    db.execute(
        f"""
        create table {schema}.build as select
            $build_id as build_id, $load_id as load_id, $source_system as source_system,
            $seq::integer as build_number, $label as delivery_label,
            $git_commit as git_commit, $entry as manifest_entry,
            $n_tests::integer as n_tests_run, $n_expectations::integer as n_expectations_run,
            $is_synthetic::boolean as is_synthetic, $finished::timestamp as packed_at_utc
        """,
        {
            "build_id": build["build_id"],
            "load_id": build.get("load_id"),
            "source_system": build.get("source_system"),
            "seq": build["seq"],
            "label": build.get("delivery_label"),
            "git_commit": build.get("code", {}).get("git_commit"),
            "entry": json.dumps(entry, sort_keys=True),
            "n_tests": build.get("tests", {}).get("n_run"),
            "n_expectations": build.get("expectations", {}).get("n_run"),
            "is_synthetic": build.get("is_synthetic"),
            "finished": build["packed_at"].replace("+00:00", ""),
        },
    )
    _write_inputs(db, schema, build.get("inputs", []))
    db.execute(
        f"""
        create table {schema}.tables (
            table_schema varchar, table_name varchar, content_hash varchar, row_hash varchar,
            table_description varchar, n_rows bigint
        )
        """
    )
    for table in contents:
        db.execute(
            f"insert into {schema}.tables select $1, $2, $3, $4, max(comment), $5 "
            "from duckdb_tables() "
            f"where database_name = '{CANDIDATE}' and schema_name = $1 and table_name = $2",
            [table.schema, table.name, table.content_hash, table.row_hash, table.n_rows],
        )
    db.execute(
        f"""
        create table {schema}.columns as
        select schema_name as table_schema, table_name, column_name, data_type,
            comment as column_description, column_index as column_number
        from duckdb_columns()
        where database_name = '{CANDIDATE}' and schema_name <> '{METADATA_SCHEMA}'
        order by all
        """
    )
    for name, comment in METADATA_COMMENTS.items():
        db.execute(f"comment on table {schema}.{name} is {_text(comment)}")


def _write_inputs(db: duckdb.DuckDBPyConnection, schema: str, inputs: list[dict[str, Any]]) -> None:
    columns = {
        "export_name": "varchar",
        "source_file": "varchar",
        "sha256": "varchar",
        "n_bytes": "bigint",
        "n_records_read": "bigint",
        "n_records_staged": "bigint",
        "n_records_quarantined": "bigint",
        "n_records_deduplicated": "bigint",
    }
    declared = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    db.execute(f"create table {schema}.inputs ({declared})")
    marks = ", ".join("?" for _ in columns)
    for row in inputs:
        db.execute(
            f"insert into {schema}.inputs values ({marks})", [row.get(name) for name in columns]
        )


def verify_against(file: Path, contents: list[TableContent]) -> None:
    """Open a file read-only, read every row, and compare with what it should hold.

    Raises
    ------
    Stop
        When a table is missing, added, or holds other rows.
    """
    expected = {table.full_name: table for table in contents}
    with duckdb.connect(str(file), read_only=True) as db:
        catalog = db.execute("select current_database()").fetchone()[0]
        names = db.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = ?",
            [catalog],
        ).fetchall()
        held = {f"{schema}.{name}" for schema, name in names if schema != METADATA_SCHEMA}
        if held != set(expected):
            odd = ", ".join(sorted(held ^ set(expected))[:5])
            raise Stop(
                ExitCode.DAMAGED, f"{file} does not hold the tables it should: {odd}", "run again"
            )
        for schema, name in names:
            if schema == METADATA_SCHEMA:
                continue
            found = content_of(db, catalog, schema, name)
            if found != expected[found.full_name]:
                raise Stop(
                    ExitCode.DAMAGED,
                    f"{found.full_name} in {file} does not read back as it was written",
                    "check the disk (`python -m refresh verify`) and run again",
                )


def build_entry_of(file: Path) -> dict[str, Any]:
    """Return the manifest entry that a published file carries inside itself."""
    with duckdb.connect(str(file), read_only=True) as db:
        row = db.execute(f"select manifest_entry from {METADATA_SCHEMA}.build").fetchone()
    return json.loads(row[0])


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _literal(path: Path) -> str:
    return str(path).replace("'", "''")
