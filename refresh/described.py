"""Create tables whose descriptions become comments in the DuckDB file."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from refresh.hashing import quote


@dataclass(frozen=True)
class DescribedTable:
    """Description and columns of one table: name to (type, description)."""

    description: str
    columns: dict[str, tuple[str, str]]


def create(db: duckdb.DuckDBPyConnection, schema: str, tables: dict[str, DescribedTable]) -> None:
    """Create every table anew, empty and described.

    Parameters
    ----------
    schema : str
        The schema as SQL, with its catalog where needed; it exists.
    """
    for name, table in tables.items():
        relation = f"{schema}.{quote(name)}"
        columns = ", ".join(f"{quote(c)} {kind}" for c, (kind, _) in table.columns.items())
        db.execute(f"create or replace table {relation} ({columns})")
        comment(db, "table", relation, table.description)
        for column, (_, description) in table.columns.items():
            comment(db, "column", f"{relation}.{quote(column)}", description)


def comment(db: duckdb.DuckDBPyConnection, kind: str, name: str, text: str) -> None:
    """Describe a table or column; COMMENT takes no parameters, so the text is quoted."""
    quoted = text.replace("'", "''")
    db.execute(f"comment on {kind} {name} is '{quoted}'")
