"""Content hashes of tables: equal content, equal hash, whatever the row order or file bytes.

Two runs of the same statements give DuckDB files that differ in some bytes, so bytes are never
compared between builds. ``count(*), sum(hash(row))`` does not depend on row order or threads
and is equal in DuckDB 1.4, 1.5 and 2.0; the column names and types are hashed beside it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import duckdb

from core.duck import quote

PROVENANCE_COLUMNS = frozenset({"source_file", "source_record_number", "load_id"})
"""Columns that say where a row came from. The same records in another order, or under another
file name, are the same content."""


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
        """Schema and name, as a person writes them."""
        return f"{self.schema}.{self.name}"

    def as_entry(self) -> dict[str, Any]:
        """Return the content as plain values for the manifest."""
        return asdict(self)


def columns_of(
    connection: duckdb.DuckDBPyConnection, catalog: str, schema: str, table: str
) -> list[tuple[str, str]]:
    """Return names and types of a table's columns, in order."""
    relation = ".".join(quote(part) for part in (catalog, schema, table))
    described = connection.execute(f"describe {relation}").fetchall()
    return [(name, kind) for name, kind, *_ in described]


def content_of(
    connection: duckdb.DuckDBPyConnection, catalog: str, schema: str, table: str
) -> TableContent:
    """Count and hash the rows of one table or view.

    Returns
    -------
    TableContent
        ``n_rows`` is a number of rows; the hashes are hexadecimal text.
    """
    columns = columns_of(connection, catalog, schema, table)
    kept = [column for column in columns if column[0] not in PROVENANCE_COLUMNS]
    relation = ".".join(quote(part) for part in (catalog, schema, table))
    n_rows, content_sum, row_sum = connection.execute(
        f"select count(*), {_hash_sum(kept)}, {_hash_sum(columns)} from {relation}"
    ).fetchone()
    return TableContent(
        schema,
        table,
        n_rows,
        _digest(kept, n_rows, content_sum),
        _digest(columns, n_rows, row_sum),
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


def combined(contents: list[TableContent], schema: str = "marts") -> str:
    """Return one hash for all tables of a schema, independent of their order."""
    parts = sorted((table.name, table.content_hash) for table in contents if table.schema == schema)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
