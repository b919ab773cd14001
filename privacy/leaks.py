"""Leak check: search a candidate for identifiers of the delivery before it is published.

The marts contain no identifier, calendar date or free text by design. This check verifies it: it
compares every text of the candidate with the identifiers of the raw records, and refuses column
types that can carry a date.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from core import duck
from core.duck import quote
from core.stop import ExitCode, Stop

IDENTIFIERS = (
    ("patients", "patient_id"),
    ("visits", "visit_id"),
    ("prescriptions", "prescription_id"),
    ("adverse_events", "adverse_event_id"),
)
DATED_TYPES = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIME", "BLOB")
MINIMUM_IDENTIFIER_LENGTH = 6
"""In tables without patients a shorter identifier may equal a count or a code by chance."""


def require_no_person(work_file: Path, candidate: Path) -> int:
    """Search every text column of the candidate for identifiers of the delivery.

    Returns
    -------
    int
        Number of text columns searched.

    Raises
    ------
    Stop
        Names the table and column; never the value.
    """
    with duck.connect(None, work_file.parent / "tmp") as db:
        db.execute(f"attach {duck.literal(candidate)} as candidate (read_only)")
        db.execute(f"attach {duck.literal(work_file)} as vault (read_only)")
        columns = db.execute(
            "select schema_name, table_name, column_name, data_type from duckdb_columns() "
            "where database_name = 'candidate' and schema_name <> 'metadata'"
        ).fetchall()
        for schema, table, column, kind in columns:
            if schema in ("marts", "quality") and kind in DATED_TYPES:
                raise _leak(f"{schema}.{table}.{column} has type {kind}", "a calendar date")
        _collect_identifiers(db)
        n_searched = _collect_texts(db, columns)
        found = db.execute(
            "select place, count(*) from texts semi join identifiers "
            "on texts.text = identifiers.identifier "
            "and length(identifiers.identifier) >= texts.minimum_length "
            "group by place order by place limit 1"
        ).fetchone()
    if found:
        raise _leak(f"{found[0]} holds {found[1]} identifiers of the delivery", "an identifier")
    return n_searched


def _collect_texts(db: duckdb.DuckDBPyConnection, columns: list[tuple[str, str, str, str]]) -> int:
    """Collect the distinct texts of every text column; most columns hold a handful of codes."""
    db.execute("create temp table texts (place varchar, minimum_length integer, text varchar)")
    patient_tables = {(s, t) for s, t, column, _ in columns if column == "patient_id"}
    texts = [column for column in columns if column[3] == "VARCHAR"]
    for schema, table, column, _ in texts:
        minimum = 1 if (schema, table) in patient_tables else MINIMUM_IDENTIFIER_LENGTH
        db.execute(
            f"insert into texts select distinct ?, ?::integer, trim({quote(column)}) "
            f"from candidate.{quote(schema, table)} where {quote(column)} is not null",
            [f"{schema}.{table}.{column}", minimum],
        )
    return len(texts)


def _collect_identifiers(db: duckdb.DuckDBPyConnection) -> None:
    """Collect the delivery's identifiers, except those that are words of our code lists."""
    db.execute("create temp table identifiers (identifier varchar)")
    raw_columns = db.execute(
        "select table_name, column_name from duckdb_columns() "
        "where database_name = 'vault' and schema_name = 'raw'"
    ).fetchall()
    for table, column in IDENTIFIERS:
        if (table, column) in raw_columns:
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
        "correct the mart; only pseudonyms, codes, study days and ages may be in it",
        "person_in_published_file",
    )
