"""Compare one table of two attached files by its key, and count what changed.

Everything is SQL between attached files; no table is read into Python, so memory stays within
DuckDB's limit. Two tables are compared in three steps, each on fewer rows: the sums of their row
hashes, the hashes key by key, and the columns of the rows whose hashes differ.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from core import duck
from core.duck import quote
from refresh.store.pack import PROVENANCE_COLUMNS, columns_of

PLACEHOLDERS = ("none", "unknown", "not_applicable", "false")
"""A change away from one of these is new information, not a replacement."""

CODED = re.compile(r"(is|has|involves)_.+|.+(?<!_reason)_code")
"""Columns of flags and codes. Reasons why something is missing change when it is filled in."""

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
    patient = _patient(key) if has_patients else ""
    _count_changes(db, before, after, shared, comparison, patient=patient)
    if has_patients and comparison == "mart":
        coded = [name for name in shared if CODED.fullmatch(name)]
        _count_lost(db, before, after, "replaced", coded, placeholders=PLACEHOLDERS)
        _count_lost(db, before, after, "emptied", shared)
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


def _patient(key: Sequence[str], side: str = "") -> str:
    """Return SQL for a patient's identifier, qualified by the centre where that is in the key."""
    if "centre_code" not in key:
        return f"{side}patient_id"
    return (
        f"if({side}centre_code <> '', {side}centre_code || ':' || trim({side}patient_id), "
        f"{side}patient_id)"
    )


def same_key(left: str, right: str, key: tuple[str, ...]) -> str:
    """Return SQL for the equality of two rows' keys; null is equal to null."""
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
        full outer join ({hashed.format(after.relation)}) as a on {same_key("b", "a", key)}
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
            inner join differing on {same_key("differing", "side", key)}
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
    patient = "null::varchar"
    if has_patients:
        patient = f"coalesce({_patient(key, 'a.')}, {_patient(key, 'b.')})"
    differs = "".join(f" or b.{quote(n)} is distinct from a.{quote(n)}" for n in shared)
    db.execute(
        f"""
        create or replace temp table joined as
        select {patient} as patient_id, differing.hash_before is not null as is_before,
            differing.hash_after is not null as is_after{keys}{values}
        from differing
        left join rows_before as b on {same_key("differing", "b", key)}
        left join rows_after as a on {same_key("differing", "a", key)}
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
    patient: str,
) -> None:
    """Count records and patients per kind of change, for whole records and per column.

    ``patient`` is SQL for a patient's identifier; empty where the table has none.
    """
    kinds: list[tuple[str | None, str, str]] = [
        (None, "added", "not is_before"),
        (None, "vanished", "not is_after"),
        (None, "changed", IN_BOTH),
    ]
    for column in shared:
        old, new = quote("before " + column), quote("after " + column)
        kinds.append((column, "changed", f"{IN_BOTH} and {old} is distinct from {new}"))
        kinds.append((column, "recoded", f"{IN_BOTH} and {old} <> {new}"))
    patients = "count(distinct patient_id)" if patient else "count(null)"
    counted = [f"count(*) filter ({where}), {patients} filter ({where})" for _, _, where in kinds]
    counts = db.execute(f"select {', '.join(counted)} from joined").fetchall()[0]
    n_compared = 0
    if patient:
        n_compared = duck.scalar(
            db,
            f"select count(distinct {patient}) from {after.relation} "
            f"where {patient} in (select {patient} from {before.relation})",
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


def _count_lost(
    db: duckdb.DuckDBPyConnection,
    before: Side,
    after: Side,
    change: str,
    columns: Sequence[str],
    *,
    placeholders: Sequence[str] = (),
) -> None:
    """Count patients with a value that became another one (``replaced``) or none (``emptied``).

    Denominator: patients in both versions who had a value before that is no placeholder.
    """
    for column in columns:
        old, new = quote("before " + column), quote("after " + column)
        is_lost = (
            f"{old} <> {new}" if change == "replaced" else f"{old} is not null and {new} is null"
        )
        n_records, n_patients = db.execute(
            "select count(*), count(distinct patient_id) from joined "
            f"where {IN_BOTH} and {is_lost} and not list_contains(?::varchar[], {old}::varchar)",
            [list(placeholders)],
        ).fetchall()[0]
        if not n_records:
            continue
        n_with_value = duck.scalar(
            db,
            f"select count(distinct patient_id) from {before.relation} "
            f"where {quote(column)} is not null "
            f"and not list_contains(?::varchar[], {quote(column)}::varchar) "
            f"and patient_id in (select patient_id from {after.relation})",
            [list(placeholders)],
        )
        db.execute(
            "insert into quality.changes values ('mart', ?, ?, ?, ?, ?, ?)",
            [after.table, column, change, n_records, n_patients, n_with_value],
        )
