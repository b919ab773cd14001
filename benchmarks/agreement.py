"""Whether the contenders write the same marts, column by column.

    python -m benchmarks.agreement REFERENCE OTHER [OTHER ...]

Each is a DuckDB file with schema marts or a folder of Parquet files. A mart that one of the two
lacks is not compared; every mart that both have must have the same rows and the same values, the
same numbers to the last bit. Types may differ where a value is equal after a cast to the
reference's type (a whole number of 32 or of 64 bits).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb

KEYS = {
    "dim_patients": ("patient_id",),
    "fct_patient_timepoints": ("patient_id", "timepoint_code"),
    "fct_scores": ("patient_id", "timepoint_code", "score_code"),
    "fct_topical_regimens": ("patient_id", "timepoint_code"),
    "fct_tacrolimus_initiation": ("patient_id",),
    "fct_adverse_events": ("patient_id", "adverse_event_number"),
    "fct_cohort_attrition": ("step_number",),
    "fct_treatment_algorithm": ("patient_id", "timepoint_code"),
}


@dataclass(frozen=True)
class Difference:
    """What differs in one mart: rows, a missing column, or values of a column."""

    mart: str
    what: str


def compare(
    reference: Path, other: Path, memory_limit: str = "3GB"
) -> tuple[list[str], list[Difference]]:
    """Compare two sets of marts.

    Returns
    -------
    compared : list of str
        Marts that both have.
    differences : list of Difference
        Empty when they agree.
    """
    with duckdb.connect(config={"memory_limit": memory_limit}) as db:
        ours, theirs = (_tables(db, path, name) for path, name in ((reference, "a"), (other, "b")))
        shared = [mart for mart in KEYS if mart in ours and mart in theirs]
        differences = [
            difference
            for mart in shared
            for difference in _compare_mart(db, mart, ours[mart], theirs[mart])
        ]
    return shared, differences


def _tables(db: duckdb.DuckDBPyConnection, path: Path, name: str) -> dict[str, str]:
    """Return mart name to the SQL that reads it."""
    if path.is_dir():
        return {
            mart: f"read_parquet('{_quoted(path)}/{mart}.parquet')"
            for mart in KEYS
            if (path / f"{mart}.parquet").exists()
        }
    db.execute(f"attach '{_quoted(path)}' as {name} (read_only)")
    present = db.execute(
        "select table_name from duckdb_tables() where database_name = ? and schema_name = 'marts'",
        [name],
    ).fetchall()
    return {mart: f"{name}.marts.{mart}" for (mart,) in present if mart in KEYS}


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _columns(db: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    return {row[0]: row[1] for row in db.execute(f"describe from {table}").fetchall()}


def _compare_mart(
    db: duckdb.DuckDBPyConnection, mart: str, ours: str, theirs: str
) -> list[Difference]:
    columns, other_columns = _columns(db, ours), _columns(db, theirs)
    if set(columns) != set(other_columns):
        odd = ", ".join(sorted(set(columns) ^ set(other_columns)))
        return [Difference(mart, f"columns that one side lacks: {odd}")]
    keys = KEYS[mart]
    values = [column for column in columns if column not in keys]
    same_key = " and ".join(f"a.{key} = b.{key}" for key in keys)
    unequal = ", ".join(
        f'count(*) filter (a."{column}" is distinct from cast(b."{column}" as {columns[column]}))'
        for column in values
    )
    n_ours, n_theirs = (
        db.execute(f"select count(*) from {table}").fetchone()[0] for table in (ours, theirs)
    )
    n_both, *counts = db.execute(
        f"select count(*), {unequal} from {ours} as a inner join {theirs} as b on {same_key}"
    ).fetchone()
    differences = [
        Difference(mart, f"column {column}: {count} of {n_both} values")
        for column, count in zip(values, counts, strict=True)
        if count
    ]
    if not n_ours == n_theirs == n_both:
        rows = f"{n_ours} and {n_theirs} rows, {n_both} with the same key"
        differences.insert(0, Difference(mart, rows))
    return differences


def main() -> int:
    """Compare the first with each of the others; 1 when something differs."""
    reference, *others = map(Path, sys.argv[1:])
    exit_code = 0
    for other in others:
        shared, differences = compare(reference, other)
        for difference in differences:
            print(f"{other.parent.name}: {difference.mart}: {difference.what}")
        if differences or not shared:
            exit_code = 1
        print(f"{other.parent.name}: {len(shared)} marts compared, {len(differences)} differences")
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
