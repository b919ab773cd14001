"""What the suites compare with: the last good load and the version that is published."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import duckdb

SCORES = ("easi_score", "itch_nrs_score", "sleep_nrs_score", "dlqi_score")
_STRPTIME = {"ymd": "%Y{0}%m{0}%d", "dmy": "%d{0}%m{0}%Y", "mdy": "%m{0}%d{0}%Y"}


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
    date_formats : dict
        Export name to the declared date format, in strptime's words.
    decimal_marks : dict
        Export name to the declared decimal mark.
    extraction_date : str or None
        ISO date that the delivery declares.
    """

    last_records: dict[str, int] = field(default_factory=dict)
    newest_visit_before: str | None = None
    last_means: dict[tuple[str, str], float] = field(default_factory=dict)
    date_formats: dict[str, str] = field(default_factory=dict)
    decimal_marks: dict[str, str] = field(default_factory=dict)
    extraction_date: str | None = None


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
    """
    with duckdb.connect(str(work_file), read_only=True) as db:
        formats = db.execute(
            "select export_name, date_order, date_separator, decimal_mark from raw.source_formats"
        ).fetchall()
        extraction = db.execute("select extraction_date::varchar from raw.delivery").fetchone()[0]
    return Facts(
        last_records=last_records,
        newest_visit_before=newest_visit_before,
        last_means=_means(served) if served else {},
        date_formats={
            export: _STRPTIME.get(order, _STRPTIME["ymd"]).format(separator or "")
            for export, order, separator, _ in formats
        },
        decimal_marks={export: mark for export, *_, mark in formats},
        extraction_date=extraction,
    )


def _means(served: Path) -> dict[tuple[str, str], float]:
    means = ", ".join(f"avg({score})" for score in SCORES)
    with duckdb.connect(str(served), read_only=True) as db:
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
