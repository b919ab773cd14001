"""Erase a patient: from the vault, from every kept version, and from every later delivery.

A DuckDB file keeps the bytes of deleted rows, so every file is written anew. A tombstone comes
first, so that nothing can bring the person back meanwhile; a marker says that an erasure is under
way until the search at the end has found nothing. Counts that were computed while the person was
in the registry (results, flow chart) stay in older versions; the version published at the end
no longer counts the person.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import shutil
from pathlib import Path

import duckdb

from core import duck, files
from core.duck import quote
from core.progress import Progress
from core.settings import STORAGE_VERSION, Settings
from core.stop import ExitCode, Stop
from privacy.pseudonyms import key_path, load_key
from refresh import erased, folders, load, manifest, pack, publish, vault, versions
from refresh import run as refresh
from refresh.manifest import Entry
from refresh.messages import shown
from refresh.pack import content_of
from refresh.scan import Person, files_with_people, is_known, names_person, scan


def run(settings: Settings, patient_id: str, options: argparse.Namespace) -> int:
    """Erase a patient and publish again without the person.

    Raises
    ------
    Stop
        When the identifier is empty or unknown, or when the person is still found at the end.
    """
    person, mark = identify(settings, patient_id)
    reason = shown(options.reason, 300)
    with folders.locked(settings, "registry erase"):
        publish.tidy(settings)
        n_rows = erase(settings, person, mark)
        prove(settings, person)
        record(settings, n_rows, reason)
    print(f"Erased: {n_rows} rows in the vault and {len(versions.listed(settings))} versions.")
    if not options.no_run:
        publish_again(settings)
    with folders.locked(settings, "registry erase"):
        prove(settings, person)
    print(
        "Proved: every table of every file was searched, and the person is nowhere. Delete the "
        "exports that still name the person, and backups by their own schedule (docs/privacy.md)."
    )
    return ExitCode.OK


def identify(settings: Settings, patient_id: str) -> tuple[Person, str]:
    """Return the person behind an identifier, and the tombstone.

    Raises
    ------
    Stop
        When the identifier is blank or no file names it; it is never repeated.
    """
    if not patient_id.strip():
        raise Stop(ExitCode.USAGE, "the identifier is empty", "give the clinic's own identifier")
    entries = manifest.read(settings.manifest)
    last = manifest.last_published(entries)
    if last is None:
        raise Stop(ExitCode.USAGE, "nothing is published here; there is nobody to erase")
    load.require_key_present(settings, key_path(bool(last.get("is_synthetic"))))
    key = load_key(bool(last.get("is_synthetic")))
    if key.fingerprint != last.get("key_fingerprint"):
        raise Stop(
            ExitCode.ENVIRONMENT,
            "the pseudonym key is not the one of the last publish; the person cannot be found",
            "use the key file of this registry (REGISTRY_KEY_FILE)",
            "key_changed",
        )
    person = Person.of(patient_id, erased.pseudonyms_of(patient_id, key.pseudonym))
    mark = erased.tombstone(key.pseudonym(patient_id) or "", key.pseudonym)
    if mark not in erased.marks(settings) and not is_known(settings, person):
        raise Stop(
            ExitCode.USAGE,
            "no file of vault or published folder names this patient; nothing was changed",
            "compare the identifier with the clinic's export, blanks and case included",
            "unknown_patient",
        )
    return person, mark


def erase(settings: Settings, person: Person, mark: str) -> int:
    """Write every file anew without the person; return the number of rows left out."""
    marker = settings.vault / erased.UNFINISHED
    files.write_whole(marker, "an erasure is under way\n", 0o600)
    erased.remember(settings, mark, manifest.now())
    files.clear_folder(settings.work)
    n_rows = 0
    published = set(versions.version_files(settings))
    for file in files_with_people(settings):
        if file not in {path.resolve() for path in published}:
            n_rows += rewrite_private(file, person)
    for version in sorted(published):
        n_rows += rewrite_version(settings, version, person)
    return n_rows


def rewrite_private(file: Path, person: Person) -> int:
    """Replace a file of the vault by one without the person."""
    with files.working_copy(file) as copy:
        n_rows = delete_person(copy, person)
        if n_rows:
            duck.rewrite_database(copy)
            os.chmod(copy, 0o600)
            files.sync_file(copy)
            os.replace(copy, file)
            files.sync_folder(file.parent)
    return n_rows


def rewrite_version(settings: Settings, version: Path, person: Person) -> int:
    """Replace a published version by one without the person, under a name of its own."""
    with files.working_copy(version) as copy:
        os.chmod(copy, 0o600)
        n_rows = delete_person(copy, person)
        if not n_rows:
            return 0
        entry = describe_anew(copy)
        duck.rewrite_database(copy, STORAGE_VERSION)
        replace_version(settings, version, copy, entry)
    return n_rows


def delete_person(file: Path, person: Person) -> int:
    """Delete the person's rows in a copy: named in a text, or one of the person's records."""
    n_rows = 0
    with duck.connect(file) as db:
        tables = _tables(db)
        db.execute("create temp table records (source_file varchar, record_number bigint)")
        for (_, name), columns in tables.items():
            if {"patient_id", "source_file", "record_number"} <= set(columns):
                condition, values = names_person("patient_id", person)
                db.execute(
                    f"insert into records select source_file, record_number from {name} "
                    f"where {condition}",
                    values,
                )
        for (schema, name), columns in tables.items():
            conditions, values = [], []
            for column in (c for c, kind in columns.items() if "VARCHAR" in kind):
                condition, more = names_person(column, person.within(schema))
                conditions.append(condition)
                values += more
            numbers = [n for n in ("record_number", "source_record_number") if n in columns]
            if numbers and "source_file" in columns:
                conditions.append(
                    f"(source_file, {numbers[0]}) in "
                    "(select source_file, record_number from records)"
                )
            if conditions and name != '"metadata"."build"':
                n_rows += db.execute(
                    f"delete from {name} where {' or '.join(conditions)}", values
                ).fetchone()[0]
        db.execute("force checkpoint")
    return n_rows


def _tables(db: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], dict[str, str]]:
    """Return schema and quoted name of every table, with its columns and their types."""
    tables: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, kind in db.execute(
        "select c.schema_name, c.table_name, c.column_name, c.data_type "
        "from duckdb_columns() as c inner join duckdb_tables() as t using (table_oid) "
        "where c.database_name = current_database() and t.database_name = current_database()"
    ).fetchall():
        tables.setdefault((schema, f"{quote(schema)}.{quote(table)}"), {})[column] = kind
    return tables


def describe_anew(file: Path) -> Entry:
    """Recompute what a version says of itself; return its new manifest entry."""
    entry = pack.entry_of(file)
    with duck.connect(file) as db:
        catalog = db.execute("select current_database()").fetchone()[0]
        names = db.execute("select table_schema, table_name from metadata.tables").fetchall()
        contents = [content_of(db, catalog, schema, table) for schema, table in names]
        for content in contents:
            db.execute(
                "update metadata.tables set content_hash = ?, row_hash = ?, n_rows = ? "
                "where table_schema = ? and table_name = ?",
                [content.content_hash, content.row_hash, content.n_rows, content.schema,
                 content.name],
            )  # fmt: skip
        entry["tables"] = [content.as_entry() for content in contents]
        entry["n_erasures"] = entry.get("n_erasures", 0) + 1
        db.execute(
            "update metadata.build set manifest_entry = ?", [json.dumps(entry, sort_keys=True)]
        )
        db.execute("force checkpoint")
    return entry


def replace_version(settings: Settings, old: Path, new: Path, entry: Entry) -> None:
    """Put a rewritten version in the place of the old one; readers never see half of it."""
    replaced = versions.name_of(old)
    version = f"{replaced.split('-')[0]}-{entry['n_erasures']}"
    os.chmod(new, publish.READ_ONLY_MODE)
    files.sync_file(new)
    target = publish.place(settings, new, version)
    is_served = versions.served(settings) == old
    _rename_vault(settings, replaced, version)
    if is_served:
        publish.switch(settings, version)
    manifest.append(
        settings.manifest,
        {
            **entry,
            "event": "published",
            "version": version,
            "replaces": replaced,
            "file_sha256": files.sha256_of(target),
            "n_bytes": target.stat().st_size,
        },
    )
    if is_served:
        manifest.append(settings.manifest, {"event": "found_current", "version": version})
    publish.remove(settings, [replaced], "erasure")
    vault.follow(settings, versions.served(settings))


def _rename_vault(settings: Settings, old: str, new: str) -> None:
    """Let the vault folder keep the name of its version."""
    if (settings.vault / old).is_dir():
        shutil.rmtree(settings.vault / new, ignore_errors=True)
        os.rename(settings.vault / old, settings.vault / new)


def record(settings: Settings, n_rows: int, reason: str) -> None:
    """Write the erasure to the manifest: that it happened, not who."""
    manifest.append(
        settings.manifest,
        {
            "event": "erased",
            "n_rows": n_rows,
            "reason": reason or None,
        },
    )


def publish_again(settings: Settings) -> None:
    """Publish a version whose results do not count the person; a refusal is told, not fatal."""
    steps = importlib.import_module("refresh.steps").real_steps()
    summary_of = importlib.import_module("refresh.summary")
    try:
        with Progress() as progress:
            summary = refresh.run(dataclasses.replace(settings, is_forced=True), steps, progress)
        summary_of.show(summary)
    except Stop as stop:
        print(
            f"The patient is erased from every file, but nothing new was published: {stop.what}. "
            "Results of the kept versions were computed before; run `python -m refresh run`."
        )


def prove(settings: Settings, person: Person) -> None:
    """Search every file; only then is the erasure finished.

    Raises
    ------
    Stop
        Naming file and table, never the person.
    """
    hits = scan(settings, person)
    if hits:
        raise Stop(
            ExitCode.CHECKS_FAILED,
            "the erasure is not complete: the person is still found",
            "run the same command again; if that does not help, tell the maintainers",
            "erasure_incomplete",
            tuple(f"{hit.file}: {hit.table}.{hit.column}, {hit.n_rows} rows" for hit in hits),
        )
    (settings.vault / erased.UNFINISHED).unlink(missing_ok=True)
    files.sync_folder(settings.vault)
