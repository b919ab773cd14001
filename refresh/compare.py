"""Compare with the previous version: rows of marts, patients, results, and records of exports.

Everything is SQL between attached files; no table is read into Python, so memory stays within
DuckDB's limit. Two tables are compared in three steps, each on fewer rows: the sums of their row
hashes, the hashes key by key, and the columns of the rows whose hashes differ.

The published file gets counts. Old and new values of exports go to history.duckdb in the vault.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from core import duck
from core.duck import quote
from core.settings import Settings
from refresh.pack import PROVENANCE_COLUMNS, columns_of

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
    "patients": ("patient_id",),
    "visits": ("visit_id",),
    "prescriptions": ("prescription_id",),
    "comorbidities": ("patient_id", "comorbidity_term"),
    "adverse_events": ("adverse_event_id",),
}
NOT_COMPARED = frozenset({"line_number", "record_number", "source_file", "pseudonym"})
RESULT_NUMBERS = ("value", "ci_lower", "ci_upper", "p_value", "n")
PREVIOUS = "previous_version"
PREVIOUS_VAULT = "previous_vault"
PLACEHOLDERS = ("none", "unknown", "not_applicable", "false")
"""A change away from one of these is new information, not a replacement."""

CODED = re.compile(r"(is|has|involves)_.+|.+(?<!_reason)_code")
"""Columns of flags and codes. Reasons why something is missing change when it is filled in."""

RELATIVE_NOISE = 1e-9
"""Results that differ by less than this share are the same number computed in another order."""

IN_BOTH = "is_before and is_after"


@dataclass(frozen=True)
class Side:
    """One table on one side of a comparison."""

    catalog: str
    schema: str
    table: str

    @property
    def relation(self) -> str:
        """The table's full name, quoted."""
        return quote(self.catalog, self.schema, self.table)


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
        for table in _tables(db, work, "marts"):
            before, after = Side(PREVIOUS, "marts", table), Side(work, "marts", table)
            if _exists(db, before):
                compare_table(db, before, after, MART_KEYS.get(table, ()), comparison="mart")
        _sum_up_patients(db)
        if all(_exists(db, Side(catalog, "results", "estimates")) for catalog in (work, PREVIOUS)):
            _compare_results(db, work)
    finally:
        db.execute(f"detach {PREVIOUS}")


def _tables(db: duckdb.DuckDBPyConnection, catalog: str, schema: str) -> list[str]:
    found = db.execute(
        "select table_name from duckdb_tables() where database_name = ? and schema_name = ? "
        "order by 1",
        [catalog, schema],
    ).fetchall()
    return [name for (name,) in found]


def _exists(db: duckdb.DuckDBPyConnection, side: Side) -> bool:
    return side.table in _tables(db, side.catalog, side.schema)


def compare_table(
    db: duckdb.DuckDBPyConnection,
    before: Side,
    after: Side,
    key: tuple[str, ...],
    *,
    comparison: str,
    ignored: frozenset[str] = PROVENANCE_COLUMNS,
) -> bool:
    """Compare one table by its key and add what changed to quality.changes.

    Parameters
    ----------
    db : duckdb.DuckDBPyConnection
        Both sides are attached; ``row_changes`` exists.
    key : tuple of str
        Columns that identify a row; empty = the whole row.
    comparison : str
        ``mart`` or ``export``.
    ignored : frozenset of str
        Columns about the origin of a row, not about its content.

    Returns
    -------
    bool
        Whether anything differs; the temporary table ``joined`` then has both sides of it.
    """
    columns_before = dict(columns_of(db, before.catalog, before.schema, before.table))
    columns_after = dict(columns_of(db, after.catalog, after.schema, after.table))
    common = [name for name in columns_after if name in columns_before]
    shared = [name for name in common if name not in ignored and name not in key]
    key = tuple(name for name in key if name in common)
    if not key:
        key, shared = tuple(shared), []
    if not key or _is_equal(db, before, after, [*key, *shared]):
        return False
    has_patients = "patient_id" in common
    _find_keys(db, before, after, key, shared, may_repeat=comparison == "export")
    _join(db, before, after, key, shared, has_patients=has_patients)
    _count_changes(db, before, after, shared, comparison, has_patients=has_patients)
    if has_patients and comparison == "mart":
        coded = [name for name in shared if CODED.fullmatch(name)]
        _count_replaced(db, before, after, coded)
        _count_emptied(db, before, after, shared)
        db.execute(
            """
            insert into row_changes
            select patient_id, count(*) filter (not is_before), count(*) filter (not is_after),
                count(*) filter (is_before and is_after)
            from joined
            group by patient_id
            """
        )
    return True


def _is_equal(
    db: duckdb.DuckDBPyConnection, before: Side, after: Side, columns: Sequence[str]
) -> bool:
    """Whether both sides have the same rows in these columns, in any order."""
    sums = [
        db.execute(
            f"select count(*), sum(({_row_hash(columns)})::hugeint) from {side.relation}"
        ).fetchone()
        for side in (before, after)
    ]
    return sums[0] == sums[1]


def _row_hash(columns: Sequence[str], side: str = "") -> str:
    """Return SQL for the hash of a row; a row without columns hashes to 0."""
    names = ", ".join(f"{quote(name)} := {side}{quote(name)}" for name in columns)
    return f"hash(struct_pack({names}))" if names else "0::ubigint"


def _same_key(left: str, right: str, key: tuple[str, ...]) -> str:
    return " and ".join(f"{left}.{quote(n)} is not distinct from {right}.{quote(n)}" for n in key)


def _find_keys(
    db: duckdb.DuckDBPyConnection,
    before: Side,
    after: Side,
    key: tuple[str, ...],
    shared: list[str],
    *,
    may_repeat: bool,
) -> None:
    """Make the temporary table ``differing``: keys whose rows are not equal on both sides.

    Where a raw table repeats a key, the row with the smallest hash is compared.
    """
    keys = ", ".join(quote(name) for name in key)
    row_hash = _row_hash(shared)
    hashed = (
        f"select {keys}, min({row_hash}) as row_hash from {{}} group by {keys}"
        if may_repeat
        else f"select {keys}, {row_hash} as row_hash from {{}}"
    )
    picked = ", ".join(f"coalesce(a.{quote(n)}, b.{quote(n)}) as {quote(n)}" for n in key)
    db.execute(
        f"""
        create or replace temp table differing as
        select {picked}, b.row_hash as hash_before, a.row_hash as hash_after
        from ({hashed.format(before.relation)}) as b
        full outer join ({hashed.format(after.relation)}) as a on {_same_key("b", "a", key)}
        where b.row_hash is distinct from a.row_hash
        """
    )


def _join(
    db: duckdb.DuckDBPyConnection,
    before: Side,
    after: Side,
    key: tuple[str, ...],
    shared: list[str],
    *,
    has_patients: bool,
) -> None:
    """Make the temporary table ``joined``: the rows of the differing keys, side by side."""
    columns = dict.fromkeys([*key, *shared, *(["patient_id"] if has_patients else [])])
    partition = ", ".join(f"side.{quote(name)}" for name in key)
    for side, word in ((before, "before"), (after, "after")):
        db.execute(
            f"""
            create or replace temp table rows_{word} as
            select {", ".join(f"side.{quote(name)}" for name in columns)}
            from {side.relation} as side
            inner join differing on {_same_key("differing", "side", key)}
            where differing.hash_{word} = {_row_hash(shared, "side.")}
            qualify row_number() over (partition by {partition}) = 1
            """
        )
    keys = "".join(f", differing.{quote(n)} as {quote('key ' + n)}" for n in key)
    values = "".join(
        f", {side}.{quote(name)} as {quote(word + name)}"
        for name in shared
        for side, word in (("b", "before "), ("a", "after "))
    )
    patient = "coalesce(a.patient_id, b.patient_id)" if has_patients else "null::varchar"
    differs = "".join(f" or b.{quote(n)} is distinct from a.{quote(n)}" for n in shared)
    db.execute(
        f"""
        create or replace temp table joined as
        select {patient} as patient_id, differing.hash_before is not null as is_before,
            differing.hash_after is not null as is_after{keys}{values}
        from differing
        left join rows_before as b on {_same_key("differing", "b", key)}
        left join rows_after as a on {_same_key("differing", "a", key)}
        where differing.hash_before is null or differing.hash_after is null{differs}
        """
    )


def _count_changes(
    db: duckdb.DuckDBPyConnection,
    before: Side,
    after: Side,
    shared: list[str],
    comparison: str,
    *,
    has_patients: bool,
) -> None:
    """Count records and patients per kind of change, for whole records and per column."""
    kinds: list[tuple[str | None, str, str]] = [
        (None, "added", "not is_before"),
        (None, "vanished", "not is_after"),
        (None, "changed", IN_BOTH),
    ]
    for column in shared:
        old, new = quote("before " + column), quote("after " + column)
        kinds.append((column, "changed", f"{IN_BOTH} and {old} is distinct from {new}"))
        kinds.append((column, "recoded", f"{IN_BOTH} and {old} <> {new}"))
    patients = "count(distinct patient_id)" if has_patients else "count(null)"
    counted = [f"count(*) filter ({where}), {patients} filter ({where})" for _, _, where in kinds]
    counts = db.execute(f"select {', '.join(counted)} from joined").fetchall()[0]
    n_compared = 0
    if has_patients:
        n_compared = duck.scalar(
            db,
            f"select count(distinct patient_id) from {after.relation} "
            f"where patient_id in (select patient_id from {before.relation})",
        )
    for (column_or_record, change, _), n_records, n_patients in zip(
        kinds, counts[::2], counts[1::2], strict=True
    ):
        if n_records:
            db.execute(
                "insert into quality.changes values (?, ?, ?, ?, ?, ?, ?)",
                [
                    comparison, after.table, column_or_record, change, n_records, n_patients,
                    n_compared,
                ],
            )  # fmt: skip


def _count_replaced(
    db: duckdb.DuckDBPyConnection, before: Side, after: Side, columns: list[str]
) -> None:
    """Count patients whose code or set flag became another value.

    Denominator: patients in both versions who had a value other than a placeholder before. A rare
    code is thus judged by the patients who have it.
    """
    placeholders = list(PLACEHOLDERS)
    for column in columns:
        old, new = quote("before " + column), quote("after " + column)
        n_records, n_patients = db.execute(
            f"select count(*), count(distinct patient_id) from joined where {IN_BOTH} "
            f"and {old} <> {new} and not list_contains(?, {old}::varchar)",
            [placeholders],
        ).fetchall()[0]
        if not n_records:
            continue
        n_with_value = duck.scalar(
            db,
            f"select count(distinct patient_id) from {before.relation} "
            f"where {quote(column)} is not null and not list_contains(?, "
            f"{quote(column)}::varchar) "
            f"and patient_id in (select patient_id from {after.relation})",
            [placeholders],
        )
        db.execute(
            "insert into quality.changes values ('mart', ?, ?, 'replaced', ?, ?, ?)",
            [after.table, column, n_records, n_patients, n_with_value],
        )


def _count_emptied(
    db: duckdb.DuckDBPyConnection, before: Side, after: Side, columns: list[str]
) -> None:
    """Count patients with a value that became missing.

    Denominator: patients in both versions who had a value before.
    """
    for column in columns:
        old, new = quote("before " + column), quote("after " + column)
        n_records, n_patients = db.execute(
            "select count(*), count(distinct patient_id) from joined "
            f"where {IN_BOTH} and {old} is not null and {new} is null"
        ).fetchall()[0]
        if not n_records:
            continue
        n_with_value = duck.scalar(
            db,
            f"select count(distinct patient_id) from {before.relation} "
            f"where {quote(column)} is not null "
            f"and patient_id in (select patient_id from {after.relation})",
        )
        db.execute(
            "insert into quality.changes values ('mart', ?, ?, 'emptied', ?, ?, ?)",
            [after.table, column, n_records, n_patients, n_with_value],
        )


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
    condition = _same_key("b", "a", ("result_id",))

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
    previous_vault : Path
        The vault file of the previous version.
    build_number : int
        Rows of the history carry it; rows of an unfinished earlier run are replaced.
    """
    work = duck.scalar(db, "select current_database()")
    db.execute(f"attach {duck.literal(previous_vault)} as {PREVIOUS_VAULT} (read_only)")
    _open_history(db, settings)
    try:
        db.execute("delete from history.corrections where build_number = ?", [build_number])
        for export, key in EXPORT_KEYS.items():
            before, after = Side(PREVIOUS_VAULT, "raw", export), Side(work, "raw", export)
            if _exists(db, before) and _exists(db, after):
                _compare_export(db, before, after, key, build_number)
        if _exists(db, Side(PREVIOUS_VAULT, "raw", "patients")):
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
    record_key = " || '|' || ".join(f"coalesce({quote('key ' + n)}::varchar, '')" for n in key)
    changes: list[tuple[str | None, str, str, str]] = [
        (
            None,
            "case when is_before then 'record' end",
            "case when is_after then 'record' end",
            "not is_before or not is_after",
        )
    ]
    for name, _ in columns_of(db, "temp", "main", "joined"):
        if name.startswith("after "):
            column = name.removeprefix("after ")
            old, new = quote("before " + column), quote(name)
            is_changed = f"{IN_BOTH} and {old} is distinct from {new}"
            changes.append((column, f"{old}::varchar", f"{new}::varchar", is_changed))
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
            inner join {PREVIOUS_VAULT}.raw.patients as before using (patient_id)
            where now.sex is distinct from before.sex
                and now.birth_date is distinct from before.birth_date
                and now.pseudonym is not null
        )
        """
    )
