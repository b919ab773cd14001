"""Patients who were erased: remembered by a keyed hash, left out of every later delivery.

A tombstone is an HMAC under the registry's key in a domain of its own, so it equals no pseudonym
and tells nobody who was erased; with the key it recognises the person when an export brings
them again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable

import duckdb

from core import files
from core.duck import quote
from core.settings import Settings

NOTICE = "erased_patient"
UNFINISHED = ".erasure_unfinished"
"""Marker in the vault while an erasure is under way; no version is published meanwhile."""

Pseudonym = Callable[[str], str | None]


def tombstone(name: str, pseudonym: Pseudonym) -> str:
    """Return the mark that stands for an erased patient.

    Parameters
    ----------
    name : str
        The patient's pseudonym.
    pseudonym : callable
        The registry's keyed hash. Hashing the pseudonym once more, under the same secret key,
        keeps the list of marks from being joined to a published file.
    """
    return pseudonym(f"erased:{name}") or ""


def marks(settings: Settings) -> set[str]:
    """Return every tombstone of this vault."""
    if not settings.tombstones.exists():
        return set()
    lines = settings.tombstones.read_text(encoding="ascii").splitlines()
    return {json.loads(line)["tombstone"] for line in lines if line.strip()}


def remember(settings: Settings, mark: str, at: str) -> None:
    """Add a tombstone; the file stays private."""
    if mark in marks(settings):
        return
    descriptor = os.open(settings.tombstones, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(json.dumps({"tombstone": mark, "at": at}) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    files.sync_folder(settings.tombstones.parent)


def fingerprint(settings: Settings) -> str:
    """Return a hash of all tombstones: an erasure makes the same delivery a new load."""
    return hashlib.sha256("\n".join(sorted(marks(settings))).encode()).hexdigest()[:16]


def leave_out(db: duckdb.DuckDBPyConnection, settings: Settings, pseudonym: Pseudonym) -> int:
    """Take the records of erased patients out of the raw tables and correct the counts.

    Parameters
    ----------
    db : duckdb.DuckDBPyConnection
        The freshly loaded work file, writable.
    settings : Settings
        Where the tombstones are.
    pseudonym : callable
        Gives the pseudonym of an identifier, by the registry's key.

    Returns
    -------
    int
        Number of records left out; per file it is a notice with the code ``erased_patient``.
    """
    erased = marks(settings)
    if not erased:
        return 0
    n_left_out = 0
    for table in _tables_with_patients(db):
        names = db.execute(f"select distinct patient_id from raw.{quote(table)}").fetchall()
        found = [
            (name,)
            for (name,) in names
            if name and {tombstone(p, pseudonym) for p in pseudonyms_of(name, pseudonym)} & erased
        ]
        if found:
            n_left_out += _delete(db, table, found)
    return n_left_out


def _tables_with_patients(db: duckdb.DuckDBPyConnection) -> list[str]:
    return [
        row[0]
        for row in db.execute(
            "select distinct table_name from duckdb_columns() where schema_name = 'raw' "
            "and column_name = 'patient_id' and database_name = current_database() order by 1"
        ).fetchall()
    ]


def pseudonyms_of(name: str, pseudonym: Pseudonym) -> set[str]:
    """Return the pseudonyms of an identifier as written and in other case."""
    return {p for p in map(pseudonym, (name, name.upper(), name.lower())) if p}


def _delete(db: duckdb.DuckDBPyConnection, table: str, found: list[tuple[str]]) -> int:
    db.execute("create or replace temp table erased_ids (patient_id varchar)")
    db.executemany("insert into erased_ids values (?)", found)
    deleted = db.execute(
        f"delete from raw.{quote(table)} where patient_id in (select patient_id from erased_ids) "
        "returning source_file"
    ).fetchall()
    db.execute("drop table erased_ids")
    for source_file, n_records in Counter(row[0] for row in deleted).items():
        db.execute(
            "update raw.delivery_files set n_records_read = n_records_read - ? "
            "where source_file = ?",
            [n_records, source_file],
        )
        db.execute(
            "insert into raw.delivery_notices (source_file, notice_code, detail) values (?, ?, ?)",
            [source_file, NOTICE, str(n_records)],
        )
    return len(deleted)
