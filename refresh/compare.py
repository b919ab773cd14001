"""Compare with the previous version: rows of marts, patients, results, and records of exports.

The published file gets counts. Old and new values of exports go to history.duckdb in the vault.
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from core import duck
from core.duck import quote
from core.settings import Settings
from refresh.compare_tables import IN_BOTH, Side, compare_table, same_key
from refresh.store.pack import columns_of

MART_KEYS: dict[str, tuple[str, ...]] = {
    "dim_patients": ("patient_id",),
    "fct_patient_timepoints": ("patient_id", "timepoint_code"),
    "fct_scores": ("patient_id", "timepoint_code", "score_code"),
    "fct_topical_regimens": ("patient_id", "timepoint_code"),
    "fct_tacrolimus_initiation": ("patient_id",),
    "fct_follow_up": ("patient_id",),
    "fct_adverse_events": ("patient_id", "adverse_event_number"),
    "fct_treatment_algorithm": ("patient_id", "timepoint_code"),
    "fct_cohort_attrition": ("step_number",),
    "fct_published_results": ("result_id",),
    "dim_timepoints": ("timepoint_code",),
    "dim_scores": ("score_code",),
}
"""Grain of the marts. A mart that is not listed is compared as whole rows."""

EXPORT_KEYS: dict[str, tuple[str, ...]] = {
    "patients": ("centre_code", "patient_id"),
    "visits": ("centre_code", "visit_id"),
    "scores": ("centre_code", "patient_id", "visit_date", "nominal_timepoint", "score"),
    "prescriptions": ("centre_code", "prescription_id"),
    "comorbidities": ("centre_code", "patient_id", "comorbidity_term"),
    "adverse_events": ("centre_code", "adverse_event_id"),
}
NOT_COMPARED = frozenset({"line_number", "record_number", "source_file", "pseudonym"})
RESULT_NUMBERS = ("value", "ci_lower", "ci_upper", "p_value", "n")
PREVIOUS = "previous_version"
PREVIOUS_VAULT = "previous_vault"
RELATIVE_NOISE = 1e-9
"""Results that differ by less than this share are the same number computed in another order."""


def compare_versions(db: duckdb.DuckDBPyConnection, previous: Path) -> None:
    """Fill quality.changes, patient_changes and result_changes of the open work file.

    Parameters
    ----------
    db : duckdb.DuckDBPyConnection
        The work file, writable; the quality tables exist and are empty.
    previous : Path
        The published version to compare with; opened read-only.
    """
    work = duck.scalar(db, "select current_database()")
    db.execute(f"attach {duck.literal(previous)} as {PREVIOUS} (read_only)")
    try:
        db.execute(
            "create or replace temp table row_changes "
            "(patient_id varchar, n_added bigint, n_vanished bigint, n_changed bigint)"
        )
        for table in _tables_of_both(db, "marts", work, PREVIOUS):
            before, after = Side(PREVIOUS, "marts", table), Side(work, "marts", table)
            compare_table(db, before, after, MART_KEYS.get(table, ()), comparison="mart")
        _sum_up_patients(db)
        if "estimates" in _tables_of_both(db, "results", work, PREVIOUS):
            _compare_results(db, work)
    finally:
        db.execute(f"detach {PREVIOUS}")


def _tables_of_both(db: duckdb.DuckDBPyConnection, schema: str, one: str, other: str) -> list[str]:
    """Return the tables of a schema that both catalogs have, in order."""
    found = db.execute(
        "select table_name from duckdb_tables() where database_name in (?, ?) and schema_name = ? "
        "group by table_name having count(*) = 2 order by table_name",
        [one, other, schema],
    ).fetchall()
    return [name for (name,) in found]


def _sum_up_patients(db: duckdb.DuckDBPyConnection) -> None:
    """Write one row per changed patient; dim_patients decides who was added or vanished."""
    db.execute(
        f"""
        insert into quality.patient_changes
        with patients as (
            select now.patient_id as after_id, before.patient_id as before_id
            from marts.dim_patients as now
            full outer join {PREVIOUS}.marts.dim_patients as before using (patient_id)
        )
        select row_changes.patient_id,
            case when any_value(patients.before_id) is null then 'added'
                when any_value(patients.after_id) is null then 'vanished'
                else 'changed' end,
            sum(n_added), sum(n_vanished), sum(n_changed), false
        from row_changes
        left join patients
            on row_changes.patient_id = coalesce(patients.after_id, patients.before_id)
        group by row_changes.patient_id
        order by row_changes.patient_id
        """
    )


def _compare_results(db: duckdb.DuckDBPyConnection, work: str) -> None:
    columns = set(dict(columns_of(db, work, "results", "estimates")))
    columns &= set(dict(columns_of(db, PREVIOUS, "results", "estimates")))
    condition = same_key("b", "a", ("result_id",))

    def pick(side: str, name: str, kind: str) -> str:
        return f"{side}.{quote(name)}::{kind}" if name in columns else f"null::{kind}"

    differences = " or ".join(
        f"b.{quote(n)} is distinct from a.{quote(n)} and coalesce(abs(b.{quote(n)} - a.{quote(n)}) "
        f"> {RELATIVE_NOISE} * greatest(abs(b.{quote(n)}), abs(a.{quote(n)})), true)"
        for n in RESULT_NUMBERS
        if n in columns
    )
    db.execute(
        f"""
        insert into quality.result_changes
        select coalesce(a.result_id, b.result_id),
            coalesce({pick("a", "analysis_id", "varchar")}, {pick("b", "analysis_id", "varchar")}),
            coalesce({pick("a", "label", "varchar")}, {pick("b", "label", "varchar")}),
            coalesce({pick("a", "unit", "varchar")}, {pick("b", "unit", "varchar")}),
            case when b.is_there is null then 'added' when a.is_there is null then 'vanished'
                else 'changed' end,
            {pick("b", "value", "double")}, {pick("a", "value", "double")},
            {pick("a", "value", "double")} - {pick("b", "value", "double")},
            {pick("b", "p_value", "double")}, {pick("a", "p_value", "double")},
            {pick("b", "n", "bigint")}, {pick("a", "n", "bigint")}
        from (select *, true as is_there from {PREVIOUS}.results.estimates) as b
        full outer join (select *, true as is_there from {quote(work)}.results.estimates) as a
            on {condition}
        where a.is_there is null or b.is_there is null or {differences}
        order by all
        """
    )


def compare_exports(
    db: duckdb.DuckDBPyConnection, settings: Settings, previous_vault: Path, build_number: int
) -> None:
    """Compare the raw tables, fill quality.changes, and write corrections to the history.

    Parameters
    ----------
    db : duckdb.DuckDBPyConnection
        The work file, writable; the quality tables exist.
    build_number : int
        Rows of the history carry it; rows of an unfinished earlier run are replaced.
    """
    work = duck.scalar(db, "select current_database()")
    db.execute(f"attach {duck.literal(previous_vault)} as {PREVIOUS_VAULT} (read_only)")
    _open_history(db, settings)
    try:
        db.execute("delete from history.corrections where build_number = ?", [build_number])
        exports = _tables_of_both(db, "raw", work, PREVIOUS_VAULT)
        for export, key in EXPORT_KEYS.items():
            before, after = Side(PREVIOUS_VAULT, "raw", export), Side(work, "raw", export)
            if export in exports:
                _compare_export(db, before, after, key, build_number)
        if "patients" in exports:
            _mark_changed_identities(db)
        db.execute("checkpoint history")
    finally:
        db.execute("detach history")
        db.execute(f"detach {PREVIOUS_VAULT}")


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


def _compare_export(
    db: duckdb.DuckDBPyConnection,
    before: Side,
    after: Side,
    key: tuple[str, ...],
    build_number: int,
) -> None:
    """Write each changed value, and each added or vanished record, to the history."""
    if not compare_table(db, before, after, key, comparison="export", ignored=NOT_COMPARED):
        return
    joined = dict(columns_of(db, "temp", "main", "joined"))
    parts = {
        name: f"coalesce({quote('key ' + name)}::varchar, '')"
        for name in key
        if f"key {name}" in joined
    }
    centre = parts.pop("centre_code", "''")
    record_key = f"if({centre} <> '', {centre} || '|', '') || " + " || '|' || ".join(parts.values())
    changes: list[tuple[str | None, str, str, str]] = [
        (
            None,
            "case when is_before then 'record' end",
            "case when is_after then 'record' end",
            "not is_before or not is_after",
        )
    ]
    for name in joined:
        if name.startswith("after "):
            column = name.removeprefix("after ")
            old, new = quote("before " + column), quote(name)
            is_changed = f"{IN_BOTH} and {old} is distinct from {new}"
            shown = [f"{value}::varchar" for value in (old, new)]
            if column == "patient_id":  # an identifier is one of a centre, here too
                shown = [
                    f"if({centre} <> '', {centre} || ':' || trim({value}), {value})"
                    for value in shown
                ]
            changes.append((column, shown[0], shown[1], is_changed))
    for corrected, old, new, condition in changes:
        db.execute(
            f"""
            insert into history.corrections
            select ?, ?, {record_key}, patient_id, ?, {old}, {new},
                (select load_id from {PREVIOUS_VAULT}.raw.delivery),
                (select load_id from raw.delivery)
            from joined
            where {condition}
            """,
            [build_number, after.table, corrected],
        )


def _mark_changed_identities(db: duckdb.DuckDBPyConnection) -> None:
    """Mark patients whose sex and birth date both differ: perhaps a number given to another."""
    db.execute(
        f"""
        update quality.patient_changes set is_identity_changed = true
        where patient_id in (
            select now.pseudonym
            from raw.patients as now
            inner join {PREVIOUS_VAULT}.raw.patients as before using (pseudonym)
            where now.sex is distinct from before.sex
                and now.birth_date is distinct from before.birth_date
                and now.pseudonym is not null
        )
        """
    )
