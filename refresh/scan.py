"""Search every table of every file for a person, with SQL.

Grep finds nothing in a DuckDB file, because its data are compressed.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import duckdb

from core.duck import quote
from core.settings import Settings

SHORTEST_IN_TEXT = 5
"""An identifier of at least this length is looked for as a word in any text; a shorter one could
be a count or a code, so it is looked for only in the columns that hold identifiers."""

IDENTIFYING_COLUMNS = frozenset(
    {"patient_id", "pseudonym", "record_key", "value_shown", "value_text", "old_value", "new_value"}
)


WORDS_OF_THE_PROJECT = frozenset({"reference", "metadata"})
"""Schemas of code lists and descriptions. No record is written there, and an identifier may be one
of their words; pseudonyms are looked for all the same."""


@dataclass(frozen=True)
class Person:
    """The texts by which a person can be found.

    Attributes
    ----------
    names : frozenset of str
        Identifier and pseudonym in every spelling that counts, lower case.
    pseudonyms : frozenset of str
        Those of them that no ordinary word can be.
    """

    names: frozenset[str]
    pseudonyms: frozenset[str] = frozenset()

    @classmethod
    def of(cls, patient_id: str, pseudonyms: set[str]) -> Person:
        """Return the person behind an identifier."""
        normal = unicodedata.normalize("NFC", patient_id).strip().lower()
        hidden = frozenset(name.lower() for name in pseudonyms)
        return cls(hidden | {normal}, hidden)

    def within(self, schema: str) -> Person:
        """Return the names to look for in a schema."""
        return Person(self.pseudonyms) if schema in WORDS_OF_THE_PROJECT else self

    @property
    def long_names(self) -> list[str]:
        """The names that are long enough to be telling inside a longer text."""
        return sorted(name for name in self.names if len(name) >= SHORTEST_IN_TEXT)


@dataclass(frozen=True)
class Hit:
    """Where a person was found, and in how many rows."""

    file: str
    table: str
    column: str
    n_rows: int


def files_with_people(settings: Settings) -> list[Path]:
    """Return every DuckDB file of vault and published folder."""
    found = [
        path
        for folder in (settings.vault, settings.published)
        for path in folder.rglob("*.duckdb")
        if path.is_file() and not path.is_symlink()
    ]
    return sorted({path.resolve() for path in found})


def is_known(settings: Settings, person: Person) -> bool:
    """Whether any file has the person in a place of identifiers, not merely the same word."""
    return any(_is_known_in(file, person) for file in files_with_people(settings))


def _is_known_in(file: Path, person: Person) -> bool:
    names = sorted(person.names)
    with duckdb.connect(str(file), read_only=True) as db:
        tables: dict[str, set[str]] = {}
        for schema, table, column in db.execute(
            "select schema_name, table_name, column_name from duckdb_columns() "
            "where not internal and database_name = current_database()"
        ).fetchall():
            tables.setdefault(f"{quote(schema)}.{quote(table)}", set()).add(column)
        for table, columns in tables.items():
            places = [name for name in ("patient_id", "pseudonym") if name in columns]
            conditions = [f"list_contains(?, {_text(name)})" for name in places]
            if {"column_name", "value_shown"} <= columns:
                conditions.append(
                    "(contains(column_name, 'patient_id') and "
                    f"list_contains(?, {_text('value_shown')}))"
                )
            if conditions and db.execute(
                f"select count(*) from {table} where {' or '.join(conditions)}",
                [names] * len(conditions),
            ).fetchone() != (0,):
                return True
    return False


def _text(column: str) -> str:
    return f"trim(lower(nfc_normalize({quote(column)}::varchar)))"


def scan(settings: Settings, person: Person) -> list[Hit]:
    """Search every text column of every table of every file.

    Returns
    -------
    list of Hit
        Empty when the person is nowhere.
    """
    return [hit for file in files_with_people(settings) for hit in scan_file(file, person)]


def scan_file(file: Path, person: Person) -> list[Hit]:
    """Search one DuckDB file; lists and structures are searched as text."""
    hits: list[Hit] = []
    with duckdb.connect(str(file), read_only=True) as db:
        columns = db.execute(
            "select schema_name, table_name, column_name from duckdb_columns() "
            "where not internal and database_name = current_database() "
            "and contains(data_type, 'VARCHAR')"
        ).fetchall()
        for schema, table, column in columns:
            condition, values = names_person(column, person.within(schema))
            n_rows = db.execute(
                f"select count(*) from {quote(schema)}.{quote(table)} where {condition}", values
            ).fetchone()[0]
            if n_rows:
                hits.append(
                    Hit(f"{file.parent.name}/{file.name}", f"{schema}.{table}", column, n_rows)
                )
    return hits


def names_person(column: str, person: Person) -> tuple[str, list[object]]:
    """Return SQL that is true where a column names the person, and its parameters.

    In a column of identifiers the whole cell counts; elsewhere a long name counts as a word, so
    that patient 10001 is not found in 100012.
    """
    text = f"lower(nfc_normalize({quote(column)}::varchar))"
    conditions: list[str] = []
    values: list[object] = []
    if column in IDENTIFYING_COLUMNS:
        conditions.append(f"list_contains(?, trim({text}))")
        values.append(sorted(person.names))
    for name in person.long_names:
        word = f"(^|[^a-z0-9_-]){re.escape(name)}($|[^a-z0-9_-])"
        conditions.append(f"(contains({text}, ?) and regexp_matches({text}, ?))")
        values += [name, word]
    return " or ".join(conditions) or "false", values
