"""What the suites compare with: the load before and the version that is published."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from core import duck
from intake.contract import EXPORTS

SCORES = ("easi_score", "itch_nrs_score", "sleep_nrs_score", "dlqi_score")
"""The outcomes of the study, whose means are compared with the published version."""

STAGED = {
    "patients": "staging.stg_clinic__patients",
    "visits": "staging.stg_clinic__visits",
    "scores": "staging.stg_clinic__scores",
    "prescriptions": "staging.stg_pharmacy__prescriptions",
    "comorbidities": "staging.stg_clinic__comorbidities",
    "adverse_events": "staging.stg_clinic__adverse_events",
}
"""Export to the relation with its staged records."""

SEED_OF_MART = {
    "dim_timepoints": "visit_windows",
    "dim_scores": "score_definitions",
    "fct_published_results": "published_results",
}
"""Marts that have one row per row of a seed."""


@dataclass(frozen=True)
class Gate:
    """A row of seed study_gates, and whether the source follows its study."""

    least_rows: int
    lower: float | None
    upper: float | None
    unit: str
    reason: str
    is_followed: bool


@dataclass(frozen=True)
class Facts:
    """Facts about the delivery and about the load before.

    Attributes
    ----------
    last_records : dict
        Export name to records read in the last good load; empty at the first.
    newest_visit_before : str or None
        ISO date of the newest visit of the last good load; from the vault, never published.
    last_means : dict
        (timepoint, score column) to the mean in the published version.
    extraction_date : str or None
        ISO date that the delivery declares.
    has_calendar : bool
        Whether its dates are calendar dates; rules that compare those of different patients apply
        then only.
    exports : tuple of str
        Exports that the mapping names.
    seed_rows : dict
        Mart to the rows of the seed that it repeats.
    gates : dict
        Code to gate of the study that the source follows; of any study where it follows none.
    """

    last_records: dict[str, int] = field(default_factory=dict)
    newest_visit_before: str | None = None
    last_means: dict[tuple[str, str], float] = field(default_factory=dict)
    extraction_date: str | None = None
    has_calendar: bool = True
    exports: tuple[str, ...] = tuple(EXPORTS)
    seed_rows: dict[str, int] = field(default_factory=dict)
    gates: dict[str, Gate] = field(default_factory=dict)


def gather(
    work_file: Path,
    served: Path | None,
    last_records: dict[str, int],
    newest_visit_before: str | None,
) -> Facts:
    """Collect the facts from the work file and the published version.

    Parameters
    ----------
    work_file : Path
        The built DuckDB file; opened read-only and closed again.
    served : Path or None
        The version that readers have now.
    last_records : dict
        Export name to records read in the last good load.
    newest_visit_before : str or None
        ISO date of the newest visit of that load.
    """
    with duck.connect(work_file, read_only=True) as db:
        return Facts(
            last_records=last_records,
            newest_visit_before=newest_visit_before,
            last_means=_means(served) if served else {},
            extraction_date=duck.scalar(
                db,
                "select case when not are_dates_relative then extraction_date end::varchar "
                "from raw.delivery",
            ),
            has_calendar=not duck.scalar(db, "select are_dates_relative from raw.delivery"),
            exports=tuple(row["export_name"] for row in duck.rows(db, "from raw.source_formats")),
            seed_rows={
                mart: duck.scalar(db, f"select count(*) from reference.{duck.quote(seed)}")
                for mart, seed in SEED_OF_MART.items()
            },
            gates=_gates(db),
        )


def _gates(db: duckdb.DuckDBPyConnection) -> dict[str, Gate]:
    rows = db.execute(
        "select gate_code, least_rows, lower_value, upper_value, unit, reason, "
        "study_code is not distinct from (select study_code from raw.delivery) as is_followed "
        "from reference.study_gates order by is_followed, study_code"
    ).fetchall()
    return {code: Gate(*row) for code, *row in rows}


def _means(served: Path) -> dict[tuple[str, str], float]:
    means = ", ".join(f"avg({score})" for score in SCORES)
    with duck.connect(served, read_only=True) as db:
        rows = db.execute(
            f"select timepoint_code, {means} from marts.fct_patient_timepoints "
            "group by timepoint_code"
        ).fetchall()
    return {
        (timepoint, score): float(mean)
        for timepoint, *values in rows
        for score, mean in zip(SCORES, values, strict=True)
        if mean is not None
    }
