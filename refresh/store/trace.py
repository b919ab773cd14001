"""Trace a published row back to its record: export, file, record and line, but no value.

A published row carries a keyed reference. The vault of its version leads from there to the record;
an older vault is gone, and a reference of another load is unknown there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import duckdb

from core import duck
from core.duck import quote
from core.settings import KEPT_VAULTS, Settings
from core.stop import ExitCode, Stop
from refresh.store import vault, versions

REFERENCE = re.compile("[0-9a-f]{16}")
COLUMN = "record_reference"


@dataclass(frozen=True)
class Origin:
    """The record that a published row comes from.

    Attributes
    ----------
    record_number : int
        Number of the record in its file, from 1.
    line_number : int
        Line of the file on which it starts; the header is line 1.
    """

    version: str
    export_name: str
    source_file: str
    record_number: int
    line_number: int

    def __str__(self) -> str:
        return (
            f"{self.source_file}: record {self.record_number}, line {self.line_number} "
            f"(export {self.export_name}, version {self.version})"
        )


def trace(settings: Settings, reference: str) -> Origin:
    """Return the record behind a reference, from the newest vault that has it.

    Raises
    ------
    Stop
        When the text is no reference, when no kept version has it, or when the vault of its version
        is gone.
    """
    wanted = reference.strip().lower()
    if not REFERENCE.fullmatch(wanted):
        raise Stop(
            ExitCode.USAGE,
            "a reference has 16 hexadecimal digits",
            f"copy it from column {COLUMN} of a mart",
            "no_reference",
        )
    without_vault = []
    for file in reversed(versions.version_files(settings)):
        version = versions.name_of(file)
        kept = vault.file_of(settings, version)
        if kept is None:
            without_vault.append(file)
        elif origin := _origin(kept, version, wanted):
            return origin
    for file in without_vault:
        if _has(file, wanted):
            raise Stop(
                ExitCode.ENVIRONMENT,
                f"the vault of version {versions.name_of(file)}, which has this reference, is gone "
                f"(the newest {KEPT_VAULTS} are kept, one after an erasure)",
                "load the delivery of that version into a vault and a published folder of their "
                "own: the same delivery and key give the same references",
                "vault_gone",
            )
    raise Stop(
        ExitCode.USAGE,
        "no version on disk has this reference; a removed or erased version may have had it",
        "compare it with the row; `registry versions` lists what is kept",
        "unknown_reference",
    )


def _origin(file: Path, version: str, reference: str) -> Origin | None:
    with duck.connect(file, read_only=True) as db:
        if "record_references" not in _tables_with_references(db, "quarantine"):
            return None  # built before there were references
        found = db.execute(
            "select export_name, source_file, record_number, line_number "
            f"from quarantine.record_references where {COLUMN} = ?",
            [reference],
        ).fetchone()
    return Origin(version, *found) if found else None


def _has(file: Path, reference: str) -> bool:
    """Whether a mart of a published file has the reference."""
    with duckdb.connect(str(file), read_only=True) as db:
        return any(
            duck.scalar(db, f"select 1 from marts.{quote(mart)} where {COLUMN} = ?", [reference])
            for mart in _tables_with_references(db, "marts")
        )


def _tables_with_references(db: duckdb.DuckDBPyConnection, schema: str) -> list[str]:
    found = db.execute(
        "select table_name from duckdb_columns() "
        "where database_name = current_database() and schema_name = ? and column_name = ?",
        [schema, COLUMN],
    ).fetchall()
    return [name for (name,) in found]
