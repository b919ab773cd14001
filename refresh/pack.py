"""Copy what may be published from the work file into a new candidate file.

Only the schemas marts, results, quality and metadata leave the vault. The candidate is a new
file, never an old one with tables deleted: deleted rows stay in a DuckDB file's bytes. Views
become tables, because a view carries the name of the database it was made in. Table and column
comments travel along. Rows of patients are ordered by their pseudonym, so that the order of the
export, which somebody may know, is not published.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from core import duck
from core.duck import comment, quote
from core.settings import STORAGE_VERSION
from core.stop import ExitCode, Stop
from refresh import killpoints, metadata
from refresh.hashing import TableContent, columns_of, content_of

PUBLISHED_SCHEMAS = ("marts", "results", "quality")
CANDIDATE = "candidate"


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
    with duck.connect(None, work_file.parent / "tmp") as db:
        db.execute(f"attach {duck.literal(work_file)} as {quote(source)} (read_only)")
        target = duck.literal(candidate)
        db.execute(f"attach {target} as {CANDIDATE} (storage_version '{STORAGE_VERSION}')")
        tables = _tables_to_publish(db, source)
        contents: list[TableContent] = []
        db.execute("begin")
        for schema in (*PUBLISHED_SCHEMAS, metadata.SCHEMA):
            db.execute(f"create schema {CANDIDATE}.{quote(schema)}")
        for schema, table, table_comment in tables:
            _copy_table(db, source, schema, table, table_comment)
            contents.append(content_of(db, source, schema, table))
            killpoints.reach("candidate_table", published)
        metadata.write(db, CANDIDATE, contents, build)
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
    db: duckdb.DuckDBPyConnection, source: str, schema: str, table: str, table_comment: str | None
) -> None:
    columns = columns_of(db, source, schema, table)
    target = f"{CANDIDATE}.{quote(schema)}.{quote(table)}"
    relation = f"{quote(source)}.{quote(schema)}.{quote(table)}"
    db.execute(f"create table {target} as select * from {relation} {_order_by(columns)}")
    if table_comment:
        comment(db, "table", target, table_comment)
    described = db.execute(
        "select column_name, comment from duckdb_columns() where database_name = ? "
        "and schema_name = ? and table_name = ? and comment is not null",
        [source, schema, table],
    ).fetchall()
    for column, text in described:
        comment(db, "column", f"{target}.{quote(column)}", text)


def _order_by(columns: list[tuple[str, str]]) -> str:
    """Order by the identifiers and codes that stand at the front of a table."""
    leading: list[str] = []
    for name, _ in columns:
        is_key = name.endswith(("_id", "_code", "_number")) and name != "source_record_number"
        if not is_key:
            break
        leading.append(quote(name))
    return "order by " + ", ".join(leading[:4]) if leading else ""


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
        held = {f"{schema}.{name}" for schema, name in names if schema != metadata.SCHEMA}
        if held != set(expected):
            odd = ", ".join(sorted(held ^ set(expected))[:5])
            raise Stop(
                ExitCode.DAMAGED, f"{file} does not hold the tables it should: {odd}", "run again"
            )
        for schema, name in names:
            if schema == metadata.SCHEMA:
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
        return metadata.entry_of(db)
