"""Aggregated tables that may leave the registry: small counts hidden, audited, no formula.

Patient-level rows are never exported. No minimum, maximum or date is; percentages are left to
the reader, because a percentage of a hidden count would give it away.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np

from core import files
from core.settings import Settings
from core.stop import ExitCode, Stop
from refresh import lock, manifest, pipeline, versions
from refresh.messages import shown
from refresh.reader import open_published
from refresh.spreadsheet import Cell, write_csv, write_xlsx
from refresh.suppression import CountTable, protect_together, too_narrow, too_narrow_together

HIDDEN = "hidden"
RELEASES = "releases.jsonl"
SMALLEST_THRESHOLD = 3

_ENROLLED = "marts.dim_patients"
_SCORED = "marts.fct_patient_timepoints where is_attended and easi_score is not null"
_REGIMENS = "marts.fct_patient_timepoints where is_regimen_evaluable"


class TableSpec(NamedTuple):
    """A table of counts: its population, where its rows come from, and its two dimensions."""

    name: str
    title: str
    population: str
    source: str
    row: str
    column: str


# Severity and response are counted over the same visits. Over all attended visits both would print
# how many have no EASI, and the one table would give away what the other hides.
TABLES = (
    TableSpec("sex_by_course", "Enrolled patients by disease course and sex", "enrolled",
              _ENROLLED, "disease_course_code", "sex_code"),
    TableSpec("sex_by_phenotype", "Enrolled patients by clinical phenotype and sex", "enrolled",
              _ENROLLED, "clinical_phenotype_code", "sex_code"),
    TableSpec("sex_by_critical_area", "Enrolled patients by critical area and sex", "enrolled",
              _ENROLLED, "critical_area_code", "sex_code"),
    TableSpec("sex_by_index_year", "Enrolled patients by year of first dose and sex", "enrolled",
              _ENROLLED, "index_year", "sex_code"),
    TableSpec("severity_by_timepoint", "Visits with an EASI by its band and timepoint", "scored",
              _SCORED, "easi_study_band_code", "timepoint_code"),
    TableSpec("response_by_timepoint", "Visits with an EASI by EASI-75 response and timepoint",
              "scored", _SCORED, "has_easi_75_response", "timepoint_code"),
    TableSpec("regimen_by_timepoint", "Reviewed visits by topical regimen and timepoint",
              "reviewed", _REGIMENS, "topical_regimen_code", "timepoint_code"),
)  # fmt: skip


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Write the tables, audit them, and remember the release.

    Raises
    ------
    Stop
        When the threshold is too small, exact counts are asked for without a reason, or the
        release differs from an earlier one by fewer people than the threshold.
    """
    k = options.threshold
    reason = shown(options.reason, 300)
    if k < SMALLEST_THRESHOLD:
        raise Stop(ExitCode.USAGE, f"--threshold must be {SMALLEST_THRESHOLD} or more")
    if (options.internal_exact or options.accept_difference) and not reason:
        raise Stop(ExitCode.USAGE, "exact counts and small differences want --reason")
    pipeline.prepare_folders(settings)
    with lock.held([settings.vault, settings.published], "python -m refresh export"):
        with open_published(settings.published) as db:
            tables = count_tables(db)
            about = _about(db)
        if not options.internal_exact:
            protect_together(tables, k)
            require_protected(tables, k)
            if not options.accept_difference:
                require_no_difference(settings, tables, k)
        out = _folder(settings, options.out)
        write(out, tables, about, k, options)
        _remember(settings, tables, about["version"], options)
    n_hidden = sum(len(table.hidden) for table in tables)
    print(f"{len(tables)} tables in {out}; {n_hidden} counts hidden, threshold {k}.")
    return ExitCode.OK


def _folder(settings: Settings, given: str) -> Path:
    path = Path(given).expanduser()
    out = path if path.is_absolute() else settings.root / path
    for inside in (settings.vault, settings.published):
        if inside == out or inside in out.parents:
            raise Stop(ExitCode.ENVIRONMENT, f"{out} lies in {inside}; choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    return out


def _about(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    number, label = db.execute("select build_number, delivery_label from metadata.build").fetchone()
    synthetic = db.execute("select is_synthetic from marts.dim_delivery").fetchone()[0]
    return {"version": number, "label": label, "is_synthetic": synthetic}


def count_tables(db: duckdb.DuckDBPyConnection) -> list[CountTable]:
    """Count every table of the catalogue, and the flow chart."""
    tables = [_count(db, spec) for spec in TABLES]
    return [*tables, _attrition(db)]


def _count(db: duckdb.DuckDBPyConnection, spec: TableSpec) -> CountTable:
    rows = db.execute(
        f"select coalesce({spec.row}::varchar, 'not recorded'), "
        f"coalesce({spec.column}::varchar, 'not recorded'), count(*) from {spec.source} "
        "group by all"
    ).fetchall()
    row_labels = sorted({r for r, _, _ in rows})
    column_labels = sorted({c for _, c, _ in rows})
    inner = np.zeros((len(row_labels), len(column_labels)), dtype=int)
    for r, c, n in rows:
        inner[row_labels.index(r), column_labels.index(c)] = n
    return CountTable.from_inner(
        inner, name=spec.name, title=spec.title, population=spec.population,
        row_labels=row_labels, column_labels=column_labels, row_dimension=spec.row,
        column_dimension=spec.column,
    )  # fmt: skip


def _attrition(db: duckdb.DuckDBPyConnection) -> CountTable:
    """Return the flow chart as a partition: excluded first at each step, and who is left."""
    steps = db.execute(
        "select criterion_code, n_excluded, n_patients from marts.fct_cohort_attrition "
        "order by step_number"
    ).fetchall()
    labels = [f"excluded: {code}" for code, excluded, _ in steps if excluded] + ["left"]
    counts = [excluded for _, excluded, _ in steps if excluded] + [steps[-1][2]]
    return CountTable.from_inner(
        np.array(counts).reshape(-1, 1), name="flow_chart", population="register",
        title="Patients of the register by the first criterion that excluded them",
        row_labels=labels, column_labels=["patients"], row_dimension="criterion",
        column_dimension="patients",
    )  # fmt: skip


def require_protected(tables: list[CountTable], k: int) -> None:
    """Audit once more what is about to be written; a table that fails is not written."""
    narrow = [table.name for table in tables if too_narrow(table, k)]
    narrow += [table.name for table, _ in too_narrow_together(tables, k)]
    if narrow:
        raise Stop(
            ExitCode.CHECKS_FAILED,
            f"table {narrow[0]} cannot be protected at threshold {k}",
            "use a coarser table or a smaller threshold; nothing was written",
            "not_protected",
        )


def require_no_difference(settings: Settings, tables: list[CountTable], k: int) -> None:
    """Stop when an earlier release shows a count that differs by fewer than k people."""
    for release in _releases(settings):
        earlier = {table["name"]: table for table in release["tables"]}
        for table in tables:
            before = earlier.get(table.name)
            if before and _small_differences(table, before, k):
                raise Stop(
                    ExitCode.HELD_BACK,
                    f"table {table.name} differs from the release of version {release['version']} "
                    f"by fewer than {k} people in a visible count; the two together point at them",
                    "wait until more patients have changed, raise --threshold, or accept it with "
                    '--accept-difference --reason "..."',
                    "small_difference",
                )


def _small_differences(table: CountTable, before: dict[str, Any], k: int) -> bool:
    now = {cell: n for cell, n in _visible(table).items() if n is not None}
    return any(0 < abs(now[cell] - n) < k for cell, n in before["visible"].items() if cell in now)


def _visible(table: CountTable) -> dict[str, int | None]:
    rows, columns = [*table.row_labels, "total"], [*table.column_labels, "total"]
    return {
        f"{row} | {column}": None if (r, c) in table.hidden else int(table.counts[r, c])
        for r, row in enumerate(rows)
        for c, column in enumerate(columns)
    }


def _releases(settings: Settings) -> list[dict[str, Any]]:
    path = settings.vault / RELEASES
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _remember(
    settings: Settings, tables: list[CountTable], version: int, options: argparse.Namespace
) -> None:
    """Keep the visible counts of a release in the vault, and write a line to the manifest."""
    release = {
        "version": version,
        "threshold": options.threshold,
        "tables": [
            {
                "name": table.name,
                "visible": {c: n for c, n in _visible(table).items() if n is not None},
            }
            for table in tables
        ],
    }
    if not options.internal_exact:
        path = settings.vault / RELEASES
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(json.dumps(release, sort_keys=True) + "\n")
        files.sync_folder(settings.vault)
    manifest.append(
        settings.manifest,
        {
            "event": "exported",
            "from_version": version,
            "threshold": options.threshold,
            "is_exact": options.internal_exact,
            "is_difference_accepted": options.accept_difference,
            "n_hidden": sum(len(table.hidden) for table in tables),
            "reason": shown(options.reason, 300) or None,
            "operator": versions.operator(),
        },
    )


def write(
    out: Path, tables: list[CountTable], about: dict[str, Any], k: int, options: argparse.Namespace
) -> None:
    """Write one CSV per table, a workbook with all of them, and a note on how to read them."""
    sheets: dict[str, list[list[Cell]]] = {"read me": _notes(about, k, options)}
    for table in tables:
        rows = as_rows(table, options.round)
        write_csv(out / f"{table.name}.csv", rows)
        sheets[table.name] = rows
    write_csv(out / "read_me.csv", sheets["read me"])
    write_xlsx(out / "registry_tables.xlsx", sheets)


def as_rows(table: CountTable, base: int) -> list[list[Cell]]:
    """Return a table as rows for a spreadsheet, hidden counts in words, others rounded."""
    head: list[Cell] = [table.title, *table.column_labels, "total"]
    body: list[list[Cell]] = []
    for r, label in enumerate([*table.row_labels, "total"]):
        cells: list[Cell] = [
            HIDDEN if (r, c) in table.hidden else _rounded(int(table.counts[r, c]), base)
            for c in range(table.shape[1])
        ]
        body.append([label, *cells])
    return [head, *body]


def _rounded(count: int, base: int) -> int:
    return count if base < 2 else base * ((count + base // 2) // base)


def _notes(about: dict[str, Any], k: int, options: argparse.Namespace) -> list[list[Cell]]:
    kind = "Synthetic data, no real patients" if about["is_synthetic"] else "Registry data"
    rule = (
        "Exact counts, for use inside the registry only"
        if options.internal_exact
        else f"Counts from 1 to {k - 1} are hidden, and others so that none can be computed"
    )
    rounding = (
        f"Other counts are rounded to {options.round}" if options.round > 1 else "Not rounded"
    )
    return [
        ["Tables of the registry"],
        [kind],
        [about["label"] or ""],
        [f"Version {about['version']}"],
        [rule],
        [rounding],
    ]
