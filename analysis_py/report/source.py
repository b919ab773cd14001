"""What a report is made of, read from one warehouse file, read-only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis_py.marts import Marts
from analysis_py.report.ledger import Quality, read_quality
from analysis_py.report.results_store import stored_study
from analysis_py.report_rows import ResultRows, Timepoint
from analysis_py.study import Study, read_delivery, run_study
from analysis_py.vocabulary import label

STORED = "read from schema results of the file"
COMPUTED = "computed from the marts while the report was written"


@dataclass(frozen=True)
class ReportSource:
    """Everything the report shows, and where the results came from.

    Attributes
    ----------
    study : Study
        Results, comparison with the paper, delivery, software.
    rows : ResultRows
        The results, to be found by what they say.
    timepoints : tuple of Timepoint
    delivery : dict
        The one row of dim_delivery.
    quality : Quality
    origin : str
        Whether the results were stored or computed.
    """

    study: Study
    rows: ResultRows
    timepoints: tuple[Timepoint, ...]
    delivery: dict[str, Any]
    quality: Quality
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
        facts = _one_row(marts, "dim_delivery")
        timepoints = _timepoints(marts)
    study = stored_study(warehouse, delivery)
    origin = STORED
    if study is None:
        study, origin = run_study(warehouse, progress), COMPUTED
    return ReportSource(
        study=study,
        rows=ResultRows(study.results),
        timepoints=timepoints,
        delivery=facts,
        quality=read_quality(warehouse),
        origin=origin,
    )


def _one_row(marts: Marts, mart: str) -> dict[str, Any]:
    table = marts.read(mart)
    return table.astype(object).where(table.notna(), None).iloc[0].to_dict()


def _timepoints(marts: Marts) -> tuple[Timepoint, ...]:
    columns = ["timepoint_code", "timepoint_number", "nominal_week", "nominal_month"]
    table = marts.read("dim_timepoints", columns).sort_values("timepoint_number")
    return tuple(
        Timepoint(code, label(code), int(week), int(month))
        for code, week, month in zip(
            table["timepoint_code"].astype(str),
            table["nominal_week"],
            table["nominal_month"],
            strict=True,
        )
    )
