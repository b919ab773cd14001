"""Erased patients: remembered by a keyed hash, left out of every delivery, searched for in SQL.

An erasure has three steps, and each can be repeated: `begin` writes the tombstone, a refresh builds
and publishes a version without the person (`leave_out`), and `finish` deletes every older version
and vault, removes their counts from the manifest, and proves by search that nothing of the person
is left. A marker in the vault says that an erasure is under way; `registry run` continues it.

A person is recognised by identifiers in the columns of patients' identifiers, never by a text found
elsewhere: a number that is one patient's identifier may be another patient's visit. Beside a column
centre_code an identifier is one of that centre.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import duckdb

from core import duck, files
from core.duck import quote
from core.settings import Settings
from core.stop import ExitCode, Stop
from privacy.pseudonyms import PseudonymKey, load_key
from refresh.store import manifest, publish, vault, versions
from refresh.store.manifest import Entry

NOTICE = "erased_patient"
MARKER = ".erasure_unfinished"
IDENTIFIER_COLUMNS = ("patient_id", "pseudonym")
VALUE_COLUMNS = ("value_shown", "old_value", "new_value")
"""Columns of one cell of an export; column ``column_name`` beside them says which."""
WHOLE_CELL_LENGTH = 5
"""A shorter identifier that is a whole cell may be a score or a code, so it is no mention."""
SHOWN_RECORDS = 5
FIELDS_WITHOUT_COUNTS = frozenset(
    {
        "event", "seq", "version", "versions", "build_id", "at", "started_at", "packed_at",
        "operator", "host", "reason", "rule", "exit_code", "accepted", "delivery_fingerprint",
        "load_id", "source_system", "mapping", "extraction_date", "is_synthetic",
        "delivery_label", "key_fingerprint", "tombstones", "code", "same_as", "from_version",
        "released",
    }
)  # fmt: skip
"""What an erasure leaves in a manifest line: who, when, from which delivery, but no count."""


@dataclass(frozen=True)
class Place:
    """A column in which an identifier was found, in how many rows, and the first records."""

    file: str
    column: str
    n_rows: int
    records: tuple[str, ...] = ()

    def __str__(self) -> str:
        records = f" ({', '.join(self.records)})" if self.records else ""
        return f"{self.file}: {self.column}, rows: {self.n_rows}{records}"


# -- tombstones ------------------------------------------------------------------------------------


def marks(settings: Settings) -> dict[str, bool]:
    """Return every tombstone of this vault, and whether case distinguishes its identifier."""
    if not settings.tombstones.exists():
        return {}
    lines = settings.tombstones.read_text(encoding="ascii").splitlines()
    entries = [json.loads(line) for line in lines if line.strip()]
    return {entry["tombstone"]: entry.get("is_case_sensitive", False) for entry in entries}


def fingerprint(settings: Settings) -> str:
    """Return a hash of all tombstones: an erasure makes the same delivery a new load."""
    return hashlib.sha256("\n".join(sorted(marks(settings))).encode()).hexdigest()[:16]


def is_unfinished(settings: Settings) -> bool:
    """Whether an erasure has begun and its proof has not succeeded yet."""
    return (settings.vault / MARKER).exists()


def begin(settings: Settings, mark: str, is_case_sensitive: bool, reason: str) -> None:
    """Write tombstone and marker; the vault is locked."""
    if mark not in marks(settings):
        line = {"tombstone": mark, "at": manifest.now(), "is_case_sensitive": is_case_sensitive}
        descriptor = os.open(settings.tombstones, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(json.dumps(line) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
    files.write_whole(settings.vault / MARKER, "an erasure is under way\n", 0o600)
    manifest.append(settings.manifest, {"event": "erasure_began", "reason": reason or None})


class Recognition:
    """Decides whether an identifier or a pseudonym belongs to an erased patient.

    An identifier in other case is the same person, unless its tombstone is case-sensitive.
    """

    def __init__(self, key: PseudonymKey, tombstones: dict[str, bool]) -> None:
        self._key = key
        self._all = set(tombstones)
        self._any_case = {mark for mark, is_case_sensitive in tombstones.items()
                          if not is_case_sensitive}  # fmt: skip
        self._verdicts: dict[str, bool] = {}  # the same people are in each column of each file

    def of(self, names: Iterable[str | None]) -> list[str]:
        """Return those names that belong to an erased patient."""
        return [name for name in names if name and self._verdict(name)]

    def _verdict(self, name: str) -> bool:
        if name not in self._verdicts:
            self._verdicts[name] = self._is_erased(name)
        return self._verdicts[name]

    def _is_erased(self, name: str) -> bool:
        key = self._key
        centre, _, bare = name.partition(":")
        other_case = {name.upper(), name.lower(), f"{centre}:{bare.upper()}"} - {name}
        return bool(
            {key.tombstone(name), key.tombstone_of_pseudonym(name)} & self._all
            or {key.tombstone(other) for other in other_case} & self._any_case
        )


# -- a delivery without erased patients ------------------------------------------------------------


def leave_out(db: duckdb.DuckDBPyConnection, settings: Settings, key: PseudonymKey) -> bool:
    """Delete the records of erased patients from the raw tables and correct the record counts.

    Parameters
    ----------
    db : duckdb.DuckDBPyConnection
        The freshly loaded work file, writable.

    Returns
    -------
    bool
        Whether any record was left out. A notice names the files, without a number: how many
        records an erased patient had is a fact about that patient.
    """
    tombstones = marks(settings)
    if not tombstones:
        return False
    recognition = Recognition(key, tombstones)
    n_deleted: Counter[str] = Counter()
    for column in _columns(db):
        if column.schema == "raw" and column.name == "patient_id":
            deleted = db.execute(
                f"delete from {column.relation} where list_contains(?, {column.value}) "
                "returning source_file",
                [column.erased_names(recognition)],
            ).fetchall()
            n_deleted.update(source_file for (source_file,) in deleted)
    for source_file, n_records in n_deleted.items():
        db.execute(
            "update raw.delivery_files set n_records_read = n_records_read - ? "
            "where source_file = ?",
            [n_records, source_file],
        )
        db.execute(
            "insert into raw.delivery_notices (source_file, notice_code, detail) values (?, ?, ?)",
            [source_file, NOTICE, "records of erased patients were left out"],
        )
    return bool(n_deleted)


# -- what an erasure deletes -----------------------------------------------------------------------


def without_counts(entry: Entry) -> Entry:
    """Return a manifest line without counts, from which a person could be subtracted."""
    return {name: value for name, value in entry.items() if name in FIELDS_WITHOUT_COUNTS}


def finish(settings: Settings) -> bool:
    """Delete what is older than a version without the person; prove that nothing is left.

    Both folders are locked. Nothing happens, and False is returned, unless an erasure is under way
    and the served version was built with all tombstones.

    Raises
    ------
    Stop
        When the person is still found; it names file and column, never the person.
    """
    current = versions.served(settings)
    if not is_unfinished(settings) or current is None:
        return False
    served = manifest.of_version(manifest.read(settings.manifest), versions.name_of(current)) or {}
    if served.get("tombstones") != fingerprint(settings):
        return False
    key = load_key(bool(served.get("is_synthetic")))
    recognition = Recognition(key, marks(settings))
    names = [versions.name_of(file) for file in versions.version_files(settings)]
    publish.remove(settings, [name for name in names if name != served["version"]], "erasure")
    for folder in settings.vault.glob("[0-9]*_*"):
        if folder.name != served["version"]:
            shutil.rmtree(folder)
    vault.follow(settings, current)
    files.clear_folder(settings.work)
    _clear_history(settings, recognition)
    manifest.rewrite(
        settings.manifest,
        [
            entry if entry.get("version") == served["version"] else without_counts(entry)
            for entry in manifest.read(settings.manifest)
        ],
    )
    if places := find(settings, recognition):
        raise Stop(
            ExitCode.CHECKS_FAILED,
            "the erasure is not complete: the person is still found",
            "run the same command again; if that does not help, report these places",
            "erasure_incomplete",
            tuple(map(str, places)),
        )
    (settings.vault / MARKER).unlink()
    files.sync_folder(settings.vault)
    manifest.append(settings.manifest, {"event": "erased"})
    return True


def _clear_history(settings: Settings, recognition: Recognition) -> None:
    """Delete the person's corrections; the bytes of deleted rows leave with a new file."""
    if not settings.history.exists():
        return
    with duck.connect(settings.history, settings.work / "tmp") as db:
        for column in _columns(db):
            if names := column.erased_names(recognition):
                db.execute(f"delete from {column.relation} where {column.names_one_of}", [names])
        db.execute("force checkpoint")
    duck.rewrite_database(settings.history)


# -- search ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Column:
    """A text column (or a list or structure of texts) of a base table in an open file."""

    db: duckdb.DuckDBPyConnection
    schema: str
    table: str
    name: str
    siblings: frozenset[str]

    @property
    def relation(self) -> str:
        return quote(self.schema, self.table)

    @property
    def value(self) -> str:
        """SQL for this column; an identifier of a patient is qualified by the centre beside it."""
        name = quote(self.name)
        if self.name != "patient_id" or "centre_code" not in self.siblings:
            return name
        bare = f"regexp_replace({name}, '^[\\s\\pZ]+|[\\s\\pZ]+$', '', 'g')"
        return f"if(centre_code <> '', centre_code || ':' || {bare}, {name})"

    @property
    def identifiers(self) -> str:
        """SQL for the rows in which this column has a patient's identifier; empty = in none."""
        if self.name in IDENTIFIER_COLUMNS:
            return "true"
        is_value = self.name in VALUE_COLUMNS and "column_name" in self.siblings
        return "contains(column_name, 'patient_id')" if is_value else ""

    @property
    def names_one_of(self) -> str:
        """SQL for the rows in which this column has one of the identifiers in a parameter."""
        return f"{self.identifiers} and list_contains(?, {self.value})"

    @property
    def is_text_of_a_record(self) -> bool:
        """Whether this is a cell of an export or its correction, and no identifier or key."""
        is_key = self.name in (*IDENTIFIER_COLUMNS, "record_key") or self.name.endswith("_id")
        return not is_key and (self.schema == "raw" or self.table == "corrections")

    def erased_names(self, recognition: Recognition) -> list[str]:
        """Return the different identifiers of erased patients in this column."""
        if not self.identifiers:
            return []
        query = f"select distinct {self.value} from {self.relation} where {self.identifiers}"
        return recognition.of(name for (name,) in self.db.execute(query).fetchall())

    def place(self, file: str, condition: str, values: list[Any]) -> Place | None:
        """Return this column as a place, if rows meet the condition."""
        where = f"from {self.relation} where {condition}"
        n_rows = duck.scalar(self.db, f"select count(*) {where}", values)
        records: list[dict[str, Any]] = []
        if n_rows and {"source_file", "record_number"} <= self.siblings:
            number = f"select source_file, record_number {where} order by all limit {SHOWN_RECORDS}"
            records = duck.rows(self.db, number, values)
        shown = tuple(f"{r['source_file']} record {r['record_number']}" for r in records)
        name = f"{self.schema}.{self.table}.{self.name}"
        return Place(file, name, n_rows, shown) if n_rows else None


def spellings(db: duckdb.DuckDBPyConnection, patient_id: str) -> int:
    """Return how many spellings, by letter case, the export of patients has of an identifier."""
    for column in _columns(db):
        if (column.schema, column.table, column.name) == ("raw", "patients", "patient_id"):
            return duck.scalar(
                db,
                f"select count(distinct trim({column.value})) from raw.patients "
                f"where lower(trim({column.value})) = lower(trim(?))",
                [patient_id],
            )
    return 0


def _columns(db: duckdb.DuckDBPyConnection) -> list[_Column]:
    """Return the text columns of every table of an open file, in order."""
    # Two plain lists: DuckDB takes five times as long to join them.
    tables = db.execute(
        "select schema_name, table_name from duckdb_tables() "
        "where database_name = current_database()"
    ).fetchall()
    columns: dict[tuple[str, str], dict[str, str]] = {table: {} for table in tables}
    for schema, table, name, kind in db.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() "
        "where database_name = current_database() order by all"
    ).fetchall():
        if (schema, table) in columns:
            columns[schema, table][name] = kind
    return [
        _Column(db, schema, table, name, frozenset(kinds))
        for (schema, table), kinds in sorted(columns.items())
        for name, kind in kinds.items()
        if "VARCHAR" in kind
    ]


def _search(settings: Settings, look: Callable[[_Column, str], Place | None]) -> list[Place]:
    """Look into every text column of every DuckDB file of vault and published folder."""
    places: list[Place] = []
    spill = settings.vault / ".search"
    for folder in (settings.vault, settings.published):
        for file in sorted(folder.rglob("*.duckdb")):
            if file.is_symlink():
                continue
            with duck.connect(file, spill, read_only=True) as db:
                for column in _columns(db):
                    if place := look(column, f"{file.parent.name}/{file.name}"):
                        places.append(place)
    shutil.rmtree(spill, ignore_errors=True)
    return places


def find(settings: Settings, recognition: Recognition) -> list[Place]:
    """Return every place with an identifier or a pseudonym of an erased patient."""

    def look(column: _Column, file: str) -> Place | None:
        names = column.erased_names(recognition)
        return column.place(file, column.names_one_of, [names]) if names else None

    return _search(settings, look)


def mentions(settings: Settings, patient_id: str) -> list[Place]:
    """Return where other texts contain an identifier as a word; a person decides about them."""
    word = unicodedata.normalize("NFC", patient_id).strip().lower()
    pattern = f"(^|[^a-z0-9_-]){re.escape(word)}($|[^a-z0-9_-])"

    def look(column: _Column, file: str) -> Place | None:
        if not column.is_text_of_a_record:
            return None
        text = f"lower(nfc_normalize({quote(column.name)}::varchar))"
        here = f"contains({text}, ?) and regexp_matches({text}, ?) and (? or trim({text}) <> ?)"
        values = [word, pattern, len(word) >= WHOLE_CELL_LENGTH, word]
        return column.place(file, here, values)

    return _search(settings, look)
