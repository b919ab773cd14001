"""What changed since the version before: rows of marts, patients, and results.

All of it is SQL between two attached files; no table is pulled into Python, so a million
patients cost memory that DuckDB bounds. Two tables are compared in three steps, each on less: the
sums of their row hashes, the hashes key by key, and the columns of the rows whose hashes differ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import duckdb

from core.duck import quote
from refresh.hashing import PROVENANCE_COLUMNS, columns_of

MART_KEYS: dict[str, tuple[str, ...]] = {
    "dim_patients": ("patient_id",),
    "fct_patient_timepoints": ("patient_id", "timepoint_code"),
    "fct_scores": ("patient_id", "timepoint_code", "score_code"),
    "fct_topical_regimens": ("patient_id", "timepoint_code"),
    "fct_tacrolimus_initiation": ("patient_id",),
    "fct_adverse_events": ("patient_id", "adverse_event_number"),
    "fct_treatment_algorithm": ("patient_id", "timepoint_code"),
    "fct_cohort_attrition": ("step_number",),
    "fct_published_results": ("result_id",),
    "dim_timepoints": ("timepoint_code",),
    "dim_scores": ("score_code",),
}
"""Grain of the marts. A mart that is not listed is compared as whole rows."""

RESULT_LABELS = ("population", "group", "timepoint", "term", "statistic")
BEFORE = "before_version"
SAYS_NOTHING = ("none", "unknown", "not_applicable", "false")
"""Values from which a patient moves on as more is recorded; only others can be replaced."""

CODED = re.compile(r"(is|has|involves)_.+|.+(?<!_reason)_code")
"""Columns of flags and codes. Reasons why something is missing change when it is filled in."""

RELATIVE_NOISE = 1e-9
"""Results that differ by less than this share are the same number computed in another order."""


@dataclass(frozen=True)
class Side:
    """One table on one side of a comparison."""

    catalog: str
    schema: str
    table: str

    @property
    def relation(self) -> str:
        """The table's full name, quoted."""
        return ".".join(quote(part) for part in (self.catalog, self.schema, self.table))


def compare_with(db: duckdb.DuckDBPyConnection, before: Path) -> None:
    """Fill quality.changes, patient_changes and result_changes of the open work file.

    Parameters
    ----------
    db : duckdb.DuckDBPyConnection
        The work file, writable; the quality tables exist and are empty.
    before : Path
        The published version to compare with; opened read-only.
    """
    work = db.execute("select current_database()").fetchone()[0]
    db.execute(f"attach '{str(before).replace(chr(39), chr(39) * 2)}' as {BEFORE} (read_only)")
    try:
        db.execute(
            "create or replace temp table row_changes "
            "(patient_id varchar, n_added bigint, n_vanished bigint, n_changed bigint)"
        )
        for table in _tables(db, work, "marts"):
            if table in _tables(db, BEFORE, "marts"):
                compare_table(
                    db, Side(BEFORE, "marts", table), Side(work, "marts", table),
                    MART_KEYS.get(table, ()), comparison="mart",
                )  # fmt: skip
        _sum_up_patients(db)
        if "estimates" in _tables(db, work, "results") and "estimates" in _tables(
            db, BEFORE, "results"
        ):
            _compare_results(db, work)
    finally:
        db.execute(f"detach {BEFORE}")


def _tables(db: duckdb.DuckDBPyConnection, catalog: str, schema: str) -> list[str]:
    return [
        row[0]
        for row in db.execute(
            "select table_name from duckdb_tables() where database_name = ? and schema_name = ? "
            "order by 1",
            [catalog, schema],
        ).fetchall()
    ]


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
        Columns that say where a row stood, not what it says.

    Returns
    -------
    bool
        Whether anything differs; the temporary table ``joined`` then holds both sides of it.
    """
    columns_before = dict(columns_of(db, before.catalog, before.schema, before.table))
    columns_after = dict(columns_of(db, after.catalog, after.schema, after.table))
    shared = [
        name
        for name in columns_after
        if name in columns_before and name not in ignored and name not in key
    ]
    key = tuple(name for name in key if name in columns_after and name in columns_before)
    if not key:
        key, shared = tuple(shared), []
    if not key or _is_equal(db, before, after, (*key, *shared)):
        return False
    patient = "patient_id" if "patient_id" in {*columns_after} & {*columns_before} else None
    _find_keys(db, before, after, key, shared, may_repeat=comparison == "export")
    _join(db, before, after, key, shared, patient=patient)
    n_compared = _count_compared(db, before, after) if patient else 0
    names = ", ".join(
        part for column in shared for part in (_changed(column, patient), _recoded(column, patient))
    )
    people = _distinct(patient, "{where}")
    totals = db.execute(
        f"""
        select
            count(*) filter (not is_before), {people.format(where="not is_before")},
            count(*) filter (not is_after), {people.format(where="not is_after")},
            count(*) filter (is_before and is_after),
            {people.format(where="is_before and is_after")}{", " + names if names else ""}
        from joined
        """
    ).fetchone()
    rows: list[tuple[str | None, str, int, int]] = [
        (None, "added", totals[0], totals[1]),
        (None, "vanished", totals[2], totals[3]),
        (None, "changed", totals[4], totals[5]),
    ]
    for index, column in enumerate(shared):
        at = 6 + 4 * index
        rows.append((column, "changed", totals[at], totals[at + 1]))
        rows.append((column, "recoded", totals[at + 2], totals[at + 3]))
    for name, change, n_records, n_patients in rows:
        if n_records:
            db.execute(
                "insert into quality.changes values (?, ?, ?, ?, ?, ?, ?)",
                [comparison, after.table, name, change, n_records, n_patients, n_compared],
            )
    if patient and comparison == "mart":
        _note_replaced(db, before, after, [name for name in shared if CODED.fullmatch(name)])
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
    db: duckdb.DuckDBPyConnection, before: Side, after: Side, columns: tuple[str, ...]
) -> bool:
    """Whether both sides hold the same rows in these columns, in whatever order."""
    sums = [
        db.execute(
            f"select count(*), sum(({_row_hash(columns)})::hugeint) from {side.relation}"
        ).fetchone()
        for side in (before, after)
    ]
    return sums[0] == sums[1]


def _row_hash(columns: tuple[str, ...] | list[str], side: str = "") -> str:
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

    Of a key that a raw table repeats, the row with the least hash stands for it.
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
    patient: str | None,
) -> None:
    """Make the temporary table ``joined``: the rows of the differing keys, side by side."""
    columns = dict.fromkeys([*key, *shared, *([patient] if patient else [])])
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
    person = "coalesce(a.patient_id, b.patient_id)" if patient else "null::varchar"
    differs = "".join(f" or b.{quote(n)} is distinct from a.{quote(n)}" for n in shared)
    db.execute(
        f"""
        create or replace temp table joined as
        select {person} as patient_id, differing.hash_before is not null as is_before,
            differing.hash_after is not null as is_after{keys}{values}
        from differing
        left join rows_before as b on {_same_key("differing", "b", key)}
        left join rows_after as a on {_same_key("differing", "a", key)}
        where differing.hash_before is null or differing.hash_after is null{differs}
        """
    )


def _count_compared(db: duckdb.DuckDBPyConnection, before: Side, after: Side) -> int:
    """Count the patients that both sides hold."""
    return db.execute(
        f"select count(distinct patient_id) from {after.relation} "
        f"where patient_id in (select patient_id from {before.relation})"
    ).fetchone()[0]


def _note_replaced(
    db: duckdb.DuckDBPyConnection, before: Side, after: Side, columns: list[str]
) -> None:
    """Count patients for whom a value that says something became another one.

    The denominator is the patients, known on both sides, who held such a value before: swapped
    codes of a treatment that few are given are a large share of those few.
    """
    for column in columns:
        was, now = quote("before " + column), quote("after " + column)
        n_records, n_patients = db.execute(
            f"select count(*), count(distinct patient_id) from joined where is_before "
            f"and is_after and {was} <> {now} and not list_contains(?, {was}::varchar)",
            [list(SAYS_NOTHING)],
        ).fetchone()
        if n_records:
            n_held = db.execute(
                f"select count(distinct patient_id) from {before.relation} "
                f"where {quote(column)} is not null and not list_contains(?, "
                f"{quote(column)}::varchar) and patient_id in "
                f"(select patient_id from {after.relation})",
                [list(SAYS_NOTHING)],
            ).fetchone()[0]
            db.execute(
                "insert into quality.changes values ('mart', ?, ?, 'replaced', ?, ?, ?)",
                [after.table, column, n_records, n_patients, n_held],
            )


def _changed(column: str, patient: str | None) -> str:
    before, after = quote("before " + column), quote("after " + column)
    where = f"is_before and is_after and {before} is distinct from {after}"
    return f"count(*) filter ({where}), {_distinct(patient, where)}"


def _recoded(column: str, patient: str | None) -> str:
    before, after = quote("before " + column), quote("after " + column)
    where = f"is_before and is_after and {before} <> {after}"
    return f"count(*) filter ({where}), {_distinct(patient, where)}"


def _distinct(patient: str | None, where: str) -> str:
    return f"count(distinct patient_id) filter ({where})" if patient else "0"


def _sum_up_patients(db: duckdb.DuckDBPyConnection) -> None:
    """One row per changed patient; a patient is added or vanished when dim_patients says so."""
    db.execute(
        f"""
        insert into quality.patient_changes
        with people as (
            select now.patient_id as after_id, before.patient_id as before_id
            from marts.dim_patients as now
            full outer join {BEFORE}.marts.dim_patients as before using (patient_id)
        )
        select row_changes.patient_id,
            case when any_value(people.before_id) is null then 'added'
                when any_value(people.after_id) is null then 'vanished'
                else 'changed' end,
            sum(n_added), sum(n_vanished), sum(n_changed), false
        from row_changes
        left join people
            on row_changes.patient_id = coalesce(people.after_id, people.before_id)
        group by row_changes.patient_id
        order by row_changes.patient_id
        """
    )


def _compare_results(db: duckdb.DuckDBPyConnection, work: str) -> None:
    columns = set(dict(columns_of(db, work, "results", "estimates")))
    columns &= set(dict(columns_of(db, BEFORE, "results", "estimates")))
    labels = [name for name in RESULT_LABELS if name in columns]
    identity = ["result_id", *labels]
    condition = " and ".join(f"b.{quote(n)} is not distinct from a.{quote(n)}" for n in identity)
    label = ", ".join(f"coalesce(a.{quote(n)}, b.{quote(n)})::varchar" for n in labels) or "null"

    def pick(side: str, name: str, kind: str) -> str:
        return f"{side}.{quote(name)}::{kind}" if name in columns else f"null::{kind}"

    differences = " or ".join(
        f"b.{quote(n)} is distinct from a.{quote(n)} and coalesce(abs(b.{quote(n)} - a.{quote(n)}) "
        f"> {RELATIVE_NOISE} * greatest(abs(b.{quote(n)}), abs(a.{quote(n)})), true)"
        for n in ("value", "ci_lower", "ci_upper", "p_value", "n")
        if n in columns
    )
    db.execute(
        f"""
        insert into quality.result_changes
        select coalesce(a.result_id, b.result_id),
            coalesce({pick("a", "analysis_id", "varchar")}, {pick("b", "analysis_id", "varchar")}),
            concat_ws(', ', {label}),
            case when b.is_there is null then 'added' when a.is_there is null then 'vanished'
                else 'changed' end,
            {pick("b", "value", "double")}, {pick("a", "value", "double")},
            {pick("a", "value", "double")} - {pick("b", "value", "double")},
            {pick("b", "p_value", "double")}, {pick("a", "p_value", "double")},
            {pick("b", "n", "bigint")}, {pick("a", "n", "bigint")}
        from (select *, true as is_there from {BEFORE}.results.estimates) as b
        full outer join (select *, true as is_there from {quote(work)}.results.estimates) as a
            on {condition}
        where a.is_there is null or b.is_there is null or {differences}
        order by all
        """
    )
