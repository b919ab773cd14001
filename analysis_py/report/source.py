"""What the report shows, read from one warehouse file, read-only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pandas as pd

from analysis_py.marts import Marts, MartsError, explain, schema_of
from analysis_py.published import Compared
from analysis_py.report.account import Quality, has_table, manifest_entry, read_quality
from analysis_py.results import Estimate, ResultError, Results
from analysis_py.rows import ResultRows, Timepoint, records
from analysis_py.store import SCHEMA, TABLES
from analysis_py.study import Delivery, Study, read_delivery, run_study
from analysis_py.vocabulary import INDEX_TREATMENT, label
from core.duck import scalar

STORED = "read from schema results of the file"
NO_INDEX_TREATMENT = "the index treatment"
COMPUTED = "computed from the marts while the report was written"

Row = TypeVar("Row", Estimate, Compared)


@dataclass(frozen=True)
class Edition:
    """Which version of the registry this is, when its data were extracted and when it was built."""

    version: str
    extracted: str
    built: str


@dataclass(frozen=True)
class ReportSource:
    """Everything the report shows.

    Attributes
    ----------
    study : Study
        Results, comparison with the paper, delivery, software.
    delivery : dict
        The one row of dim_delivery.
    origin : str
        Whether the results were stored or computed.
    """

    study: Study
    rows: ResultRows
    delivery: dict[str, Any]
    quality: Quality
    edition: Edition
    origin: str


def read_source(warehouse: Path, progress: Callable[[str], None]) -> ReportSource:
    """Read a warehouse file: a build, or a published version.

    Results that are missing, or that belong to another delivery than the marts, are computed anew
    in memory.

    Raises
    ------
    MartsError
        If the file is missing, locked, damaged, of another version, or without the marts.
    """
    progress("Reading the warehouse")
    with Marts(warehouse) as marts:
        delivery = read_delivery(marts)
        facts = records(marts.read("dim_delivery"))[0]
        timepoints, index_treatment = read_names(marts)
        delivery = replace(delivery, index_treatment=index_treatment)
    try:
        with duckdb.connect(str(warehouse), read_only=True) as db:
            study = _stored_study(db, delivery)
            quality = read_quality(db)
            edition = _edition(db, warehouse, facts)
    except duckdb.Error as error:
        raise MartsError(explain(error, warehouse)) from None
    origin = STORED
    if study is None:
        study, origin = run_study(warehouse, progress), COMPUTED
    return ReportSource(
        replace(study, delivery=delivery),
        ResultRows(study.results, timepoints, delivery.index_treatment),
        facts,
        quality,
        edition,
        origin,
    )


def read_names(marts: Marts) -> tuple[list[Timepoint], str]:
    """Read the timepoints and the name of the index treatment, as `ResultRows` takes them."""
    facts = records(marts.read("dim_delivery"))[0]
    treatment = facts.get("index_treatment_label", INDEX_TREATMENT) or NO_INDEX_TREATMENT
    return _timepoints(marts), treatment


def _edition(db: duckdb.DuckDBPyConnection, warehouse: Path, facts: dict[str, Any]) -> Edition:
    """Read the edition from the manifest line of a published file, or from a build.

    A build has no number; it was written when its file was.
    """
    entry = manifest_entry(db)
    extracted: object = facts["extraction_year"]
    if entry:
        extracted = entry.get("extraction_date") or extracted
        version = f"Version {entry.get('seq')} ({entry.get('build_id')})"
        built = str(entry.get("packed_at", ""))[:10]
    else:
        version = "A build that is not published"
        modified = datetime.fromtimestamp(warehouse.stat().st_mtime, tz=UTC)
        built = modified.date().isoformat()
        if has_table(db, "raw", "delivery"):
            found = scalar(db, f"select extraction_date from {schema_of(db, 'raw')}.delivery")
            extracted = found or extracted
    return Edition(version, str(extracted or "on a day that is not declared"), built)


def _timepoints(marts: Marts) -> list[Timepoint]:
    columns = ["timepoint_code", "timepoint_number", "nominal_week", "nominal_month"]
    table = marts.read("dim_timepoints", columns).sort_values("timepoint_number")
    return [
        Timepoint(
            row["timepoint_code"],
            label(row["timepoint_code"]),
            int(row["nominal_week"]),
            int(row["nominal_month"]),
        )
        for row in records(table)
    ]


def _stored_study(db: duckdb.DuckDBPyConnection, delivery: Delivery) -> Study | None:
    """Read schema results.

    Returns
    -------
    Study or None
        None where the file has no results, where they belong to another delivery than its marts,
        or where another version of the project wrote them.
    """
    frames = _stored_tables(db)
    if frames is None or list(frames["run"]["load_id"]) != [delivery.load_id]:
        return None
    results = Results()
    try:
        results.extend(_rebuilt(Estimate, frames["estimates"].sort_values("sort_order")))
        compared = _rebuilt(Compared, frames["published_comparison"])
    except (TypeError, ResultError):
        return None
    # Stored as "python 3.11.2, duckdb 1.5.5".
    items = str(frames["run"]["software"].iloc[0]).split(", ")
    software = dict(item.rsplit(" ", 1) for item in items if " " in item)
    return Study(delivery, results, compared, software)


def _stored_tables(db: duckdb.DuckDBPyConnection) -> dict[str, pd.DataFrame] | None:
    """Return the tables of schema results, or None where one is missing or has other columns."""
    found = db.execute(
        "select table_name, column_name from information_schema.columns where table_schema = ? "
        "order by ordinal_position",
        [SCHEMA],
    ).fetchall()
    for table, spec in TABLES.items():
        names = [column for name, column in found if name == table]
        if names != list(spec.columns):
            return None
    schema = schema_of(db, SCHEMA)
    return {table: db.sql(f"select * from {schema}.{table}").df() for table in TABLES}


def _rebuilt(kind: type[Row], frame: pd.DataFrame) -> list[Row]:
    """Rebuild what a table was written from; an empty text may be stored as NULL."""
    is_text = {field.name: field.type in ("str", "Role") for field in fields(kind)}
    rebuilt = []
    for record in records(frame):
        values: dict[str, Any] = {name: record[name] for name in is_text}
        texts = {name: "" for name, value in values.items() if value is None and is_text[name]}
        rebuilt.append(kind(**values | texts))
    return rebuilt
