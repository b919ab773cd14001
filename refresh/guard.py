"""The last look before publishing: nothing in the candidate may point at a person.

The marts are built to hold no identifier, date or free text. This gate does not trust that: it
searches the candidate for the identifiers of the raw records and for types that carry dates.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from refresh.codes import ExitCode, Stop
from refresh.hashing import quote

IDENTIFIERS = (
    ("patients", "patient_id"),
    ("visits", "visit_id"),
    ("prescriptions", "prescription_id"),
    ("adverse_events", "adverse_event_id"),
)
DATED_TYPES = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIME", "BLOB")
SHORTEST_TELLING_IDENTIFIER = 6
"""In tables without patients an identifier shorter than this may be a number by chance."""


def require_no_person(work_file: Path, candidate: Path) -> int:
    """Search every text column of the candidate for identifiers of the delivery.

    Returns
    -------
    int
        Number of text columns searched.

    Raises
    ------
    Stop
        Naming the table and column; never the value.
    """
    with duckdb.connect(":memory:") as db:
        db.execute(f"attach '{_literal(candidate)}' as candidate (read_only)")
        db.execute(f"attach '{_literal(work_file)}' as vault (read_only)")
        columns = db.execute(
            "select schema_name, table_name, column_name, data_type from duckdb_columns() "
            "where database_name = 'candidate' and schema_name <> 'metadata'"
        ).fetchall()
        for schema, table, column, kind in columns:
            if schema in ("marts", "quality") and kind in DATED_TYPES:
                raise _leak(f"{schema}.{table}.{column} has type {kind}", "a calendar date")
        _collect_identifiers(db)
        texts: dict[tuple[str, str], list[str]] = {}
        patient_tables = {(s, t) for s, t, c, _ in columns if c == "patient_id"}
        for schema, table, column, kind in columns:
            if kind == "VARCHAR":
                texts.setdefault((schema, table), []).append(column)
        for (schema, table), names in texts.items():
            shortest = 1 if (schema, table) in patient_tables else SHORTEST_TELLING_IDENTIFIER
            _search(db, schema, table, names, shortest)
    return sum(map(len, texts.values()))


def _search(
    db: duckdb.DuckDBPyConnection, schema: str, table: str, columns: list[str], shortest: int
) -> None:
    """Stop when a text column holds an identifier of at least this length."""
    counts = ", ".join(
        f"count(distinct trim({quote(column)})) filter (trim({quote(column)}) in "
        f"(select identifier from identifiers where length(identifier) >= {shortest}))"
        for column in columns
    )
    found = db.execute(f"select {counts} from candidate.{quote(schema)}.{quote(table)}").fetchone()
    for column, n_found in zip(columns, found, strict=True):
        if n_found:
            raise _leak(
                f"{schema}.{table}.{column} holds {n_found} identifiers of the delivery",
                "an identifier",
            )


def _collect_identifiers(db: duckdb.DuckDBPyConnection) -> None:
    """List the delivery's identifiers; a word of our own code lists is not a telling one."""
    db.execute("create temp table identifiers (identifier varchar)")
    held = db.execute(
        "select table_name, column_name from duckdb_columns() "
        "where database_name = 'vault' and schema_name = 'raw'"
    ).fetchall()
    for table, column in IDENTIFIERS:
        if (table, column) in held:
            db.execute(
                f"insert into identifiers select distinct trim({column}) from vault.raw.{table} "
                f"where trim({column}) <> ''"
            )
    for table, column in db.execute(
        "select table_name, column_name from duckdb_columns() where database_name = 'vault' "
        "and schema_name = 'reference' and data_type = 'VARCHAR'"
    ).fetchall():
        db.execute(
            "delete from identifiers where identifier in "
            f"(select {quote(column)} from vault.reference.{quote(table)})"
        )


def _leak(where: str, what: str) -> Stop:
    return Stop(
        ExitCode.CHECKS_FAILED,
        f"{where}: {what} of a person must not be published; nothing was published",
        "mend the mart; only pseudonyms, codes, study days and ages may be in it",
        "person_in_published_file",
    )


def _literal(path: Path) -> str:
    return str(path).replace("'", "''")
