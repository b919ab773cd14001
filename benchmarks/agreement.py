"""Compare the marts of two contenders, column by column: REFERENCE OTHER [OTHER ...].

Each is a DuckDB file with schema marts or a folder of Parquet files. Marts that only one of the two
has are not compared. The others must have the same rows and the same values, numbers to the last
bit; types may differ where a value is equal after a cast to the reference's type. Keyed references
of records differ by design: their key is that of a load. Rows with no other key are compared whole.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

from core.duck import literal, quote, rows

KEYS: dict[str, tuple[str, ...]] = {
    "dim_patients": ("patient_id",),
    "fct_patient_timepoints": ("patient_id", "timepoint_code"),
    "fct_scores": ("patient_id", "timepoint_code", "score_code"),
    "fct_topical_regimens": ("patient_id", "timepoint_code"),
    "fct_tacrolimus_initiation": ("patient_id",),
    "fct_adverse_events": ("patient_id", "adverse_event_number"),
    "fct_treatment_courses": (),
    "fct_follow_up": ("patient_id",),
    "fct_cohort_attrition": ("step_number",),
    "fct_treatment_algorithm": ("patient_id", "timepoint_code"),
}


def compare(reference: Path, other: Path, memory_limit: str = "3GB") -> tuple[list[str], list[str]]:
    """Return the marts that were compared, and one line per difference."""
    with duckdb.connect(config={"memory_limit": memory_limit}) as db:
        ours, theirs = _tables(db, reference, "a"), _tables(db, other, "b")
        shared = [mart for mart in KEYS if mart in ours and mart in theirs]
        differences = [
            f"{mart}: {difference}"
            for mart in shared
            for difference in _differences(db, KEYS[mart], ours[mart], theirs[mart])
        ]
    return shared, differences


def _tables(db: duckdb.DuckDBPyConnection, path: Path, name: str) -> dict[str, str]:
    """Return the SQL that reads each mart."""
    if path.is_dir():
        files = {mart: path / f"{mart}.parquet" for mart in KEYS}
        return {
            mart: f"read_parquet({literal(file)})" for mart, file in files.items() if file.exists()
        }
    db.execute(f"attach {literal(path)} as {name} (read_only)")
    found = rows(
        db,
        "select table_name from duckdb_tables() where database_name = ? and schema_name = 'marts'",
        [name],
    )
    return {row["table_name"]: f"{name}.marts.{row['table_name']}" for row in found}


def _differences(
    db: duckdb.DuckDBPyConnection, keys: tuple[str, ...], ours: str, theirs: str
) -> list[str]:
    types, other_types = (
        {
            row["column_name"]: row["column_type"]
            for row in rows(db, f"describe from {table}")
            if row["column_name"] != "record_reference"
        }
        for table in (ours, theirs)
    )
    if types.keys() != other_types.keys():
        return [f"columns of one side only: {', '.join(sorted(types.keys() ^ other_types.keys()))}"]
    if not keys:
        return _unmatched_rows(db, types, ours, theirs)
    counts = ", ".join(
        f"count(*) filter (a.{quote(column)} is distinct from "
        f"cast(b.{quote(column)} as {kind})) as {quote(column)}"
        for column, kind in types.items()
    )
    n_ours, n_theirs = (rows(db, f"select count(*) as n from {t}")[0]["n"] for t in (ours, theirs))
    [found] = rows(
        db,
        f"select count(*) as n_both, {counts} from {ours} as a inner join {theirs} as b "
        f"using ({', '.join(keys)})",
    )
    n_both = found.pop("n_both")
    differences = [f"column {column}: {n} of {n_both} values" for column, n in found.items() if n]
    if not n_ours == n_theirs == n_both:
        differences.insert(0, f"{n_ours} and {n_theirs} rows, {n_both} with the same key")
    return differences


def _unmatched_rows(
    db: duckdb.DuckDBPyConnection, types: dict[str, str], ours: str, theirs: str
) -> list[str]:
    """Compare how often each whole row occurs on the two sides."""
    columns = ", ".join(map(quote, types))
    casts = ", ".join(f"cast({quote(name)} as {kind})" for name, kind in types.items())
    [found] = rows(
        db,
        "select coalesce(sum(surplus) filter (surplus > 0), 0) as ours, "
        "coalesce(-sum(surplus) filter (surplus < 0), 0) as theirs from ("
        f"select sum(side) as surplus from (select {columns}, 1 as side from {ours} "
        f"union all select {casts}, -1 as side from {theirs}) group by {columns})",
    )
    if not any(found.values()):
        return []
    return [f"{found['ours']} and {found['theirs']} rows without an equal row of the other side"]


def main() -> int:
    """Compare the first with each of the others; 1 when something differs."""
    reference, *others = map(Path, sys.argv[1:])
    exit_code = 0
    for other in others:
        shared, differences = compare(reference, other)
        for line in [*differences, f"{len(shared)} marts compared, {len(differences)} differences"]:
            print(f"{other.parent.name}: {line}")
        exit_code = 1 if differences or not shared else exit_code
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
