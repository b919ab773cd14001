"""What changed in the exports, record by record, and every corrected value with its old one.

The comparison is made between the raw tables of the vault that belongs to the version before and
those of the work file. Old and new values stay in the vault (history.duckdb); the published file
gets counts.
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from core import duck
from core.duck import quote
from core.settings import Settings
from refresh.changes import Side, compare_table
from refresh.hashing import columns_of

EXPORT_KEYS: dict[str, tuple[str, ...]] = {
    "patients": ("patient_id",),
    "visits": ("visit_id",),
    "prescriptions": ("prescription_id",),
    "comorbidities": ("patient_id", "comorbidity_term"),
    "adverse_events": ("adverse_event_id",),
}
NOT_COMPARED = frozenset({"line_number", "record_number", "source_file", "pseudonym"})
VAULT_BEFORE = "vault_before"


def vault_of(settings: Settings, version: Path | None) -> Path | None:
    """Return the vault file that belongs to a published version, when it is still kept."""
    if version is None:
        return None
    file = settings.vault / version.parent.name / settings.work_file.name
    return file if file.exists() else None


def compare_exports(
    db: duckdb.DuckDBPyConnection, settings: Settings, vault_before: Path, build_number: int
) -> None:
    """Compare the raw tables, fill quality.changes, and write the corrections to the history.

    Parameters
    ----------
    db : duckdb.DuckDBPyConnection
        The work file, writable; quality tables exist.
    vault_before : Path
        The vault file of the version before.
    build_number : int
        Rows of the history carry it; rows of an unfinished earlier try are replaced.
    """
    work = db.execute("select current_database()").fetchone()[0]
    db.execute(f"attach {duck.literal(vault_before)} as {VAULT_BEFORE} (read_only)")
    _open_history(db, settings)
    try:
        db.execute("delete from history.corrections where build_number = ?", [build_number])
        for export, key in EXPORT_KEYS.items():
            before, after = Side(VAULT_BEFORE, "raw", export), Side(work, "raw", export)
            if _exists(db, before) and _exists(db, after):
                _compare_export(db, before, after, key, build_number)
        _mark_changed_identities(db)
        db.execute("checkpoint history")
    finally:
        db.execute("detach history")
        db.execute(f"detach {VAULT_BEFORE}")


def _open_history(db: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    db.execute(
        f"attach {duck.literal(settings.history)} as history "
        f"(storage_version '{duck.VAULT_STORAGE_VERSION}')"
    )
    os.chmod(settings.history, 0o600)
    db.execute(
        """
        create table if not exists history.corrections (
            build_number integer, export_name varchar, record_key varchar, patient_id varchar,
            column_name varchar, old_value varchar, new_value varchar, old_load_id varchar,
            new_load_id varchar
        )
        """
    )


def _exists(db: duckdb.DuckDBPyConnection, side: Side) -> bool:
    return (
        db.execute(
            "select count(*) from duckdb_tables() "
            "where database_name = ? and schema_name = ? and table_name = ?",
            [side.catalog, side.schema, side.table],
        ).fetchone()[0]
        == 1
    )


def _compare_export(
    db: duckdb.DuckDBPyConnection,
    before: Side,
    after: Side,
    key: tuple[str, ...],
    build_number: int,
) -> None:
    if not compare_table(db, before, after, key, comparison="export", ignored=NOT_COMPARED):
        return
    columns = [name for name, _ in columns_of(db, "temp", "main", "joined")]
    record_key = " || '|' || ".join(f"coalesce({quote('key ' + n)}::varchar, '')" for n in key)
    for column in (name.removeprefix("after ") for name in columns if name.startswith("after ")):
        old, new = quote("before " + column), quote("after " + column)
        db.execute(
            f"""
            insert into history.corrections
            select ?, ?, {record_key}, patient_id, ?, {old}::varchar, {new}::varchar,
                (select load_id from {VAULT_BEFORE}.raw.delivery),
                (select load_id from raw.delivery)
            from joined
            where is_before and is_after and {old} is distinct from {new}
            """,
            [build_number, after.table, column],
        )
    db.execute(
        f"""
        insert into history.corrections
        select ?, ?, {record_key}, patient_id, null,
            case when is_before then 'record' end, case when is_after then 'record' end,
            (select load_id from {VAULT_BEFORE}.raw.delivery), (select load_id from raw.delivery)
        from joined
        where not is_before or not is_after
        """,
        [build_number, after.table],
    )


def _mark_changed_identities(db: duckdb.DuckDBPyConnection) -> None:
    """Mark patients whose sex and birth date both differ; perhaps another person has the number."""
    if not _exists(db, Side(VAULT_BEFORE, "raw", "patients")):
        return
    db.execute(
        f"""
        create or replace temp table other_people as
        select distinct now.pseudonym
        from raw.patients as now
        inner join {VAULT_BEFORE}.raw.patients as before using (patient_id)
        where now.sex is distinct from before.sex
            and now.birth_date is distinct from before.birth_date
            and now.pseudonym is not null
        """
    )
    db.execute(
        "update quality.patient_changes set is_identity_changed = true "
        "where patient_id in (select pseudonym from other_people)"
    )
