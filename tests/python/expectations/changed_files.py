"""A built warehouse whose staged records and refusals can be changed by hand."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb

from expectations import facts
from expectations.exports import STAGED

NAME = "warehouse.duckdb"
"""Views of staging hold the name of their file."""


def changed(built: Path, folder: Path, statements: Sequence[str] = ()) -> Path:
    """Copy a built warehouse and change the copy; staged records are tables there."""
    folder.mkdir(exist_ok=True)
    file = Path(shutil.copyfile(built, folder / NAME))
    with duckdb.connect(str(file)) as db:
        for relation in STAGED.values():
            kind = "view" if _is_view(db, relation) else "table"
            name = relation.split(".")[1]
            db.execute(f"create table {relation}_copy as from {relation}")
            db.execute(f"drop {kind} {relation}")
            db.execute(f"alter table {relation}_copy rename to {name}")
        for statement in statements:
            db.execute(statement)
    return file


def _is_view(db: duckdb.DuckDBPyConnection, relation: str) -> bool:
    schema, name = relation.split(".")
    query = "select 1 from duckdb_views() where schema_name = ? and view_name = ?"
    return db.execute(query, [schema, name]).fetchone() is not None


def refuse(export: str, column: str, rule: str, condition: str, scope: str = "value") -> str:
    """Return the statement that records a refusal for each raw record of an export."""
    return (
        "insert into quarantine.rejected_records by name "
        f"select '{export}' as export_name, '{export}.csv' as source_file, record_number, "
        f"'{column}' as column_name, '{rule}' as rule_code, '{scope}' as scope_code "
        f"from raw.{export} where {condition}"
    )


def known_of(built: Path) -> facts.Facts:
    """Return the facts of a load before that was like this one."""
    with duckdb.connect(str(built), read_only=True) as db:
        records = dict(
            db.execute("select export_name, n_records_read from raw.delivery_files").fetchall()
        )
    return facts.gather(built, built, records, "2020-06-01")
