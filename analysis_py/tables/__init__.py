"""Tables of the study, laid out from rows of results; written as HTML, CSV, XLSX and DOCX."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analysis_py.report_rows import NothingToShowError, ResultRows, Timepoint
from analysis_py.tables import (
    clinical_features,
    models,
    patients,
    safety,
    scores,
    tacrolimus,
    topical_therapy,
)
from analysis_py.tables.table import Line, Table

__all__ = ["TABLES", "Line", "Table", "build_all"]

Build = Callable[[ResultRows, Sequence[Timepoint]], Table]

TABLES: dict[str, Build] = {
    "clinical_features": lambda rows, timepoints: clinical_features.build(rows),
    "topical_therapy": topical_therapy.build,
    "patients": lambda rows, timepoints: patients.build(rows),
    "scores": scores.build_levels,
    "responses": scores.build_responses,
    "variance": lambda rows, timepoints: scores.build_variance(rows),
    "regimen_pairs": topical_therapy.build_pairs,
    "time_to_tacrolimus": lambda rows, timepoints: tacrolimus.build_time(rows),
    "early_response": lambda rows, timepoints: tacrolimus.build_early(rows),
    "tacrolimus_by_group": lambda rows, timepoints: tacrolimus.build_groups(rows),
    "models": lambda rows, timepoints: models.build_models(rows),
    "assumptions": lambda rows, timepoints: models.build_assumptions(rows),
    "adverse_events": lambda rows, timepoints: safety.build_events(rows),
    "treatment_algorithm": safety.build_algorithm,
}


def build_all(
    rows: ResultRows, timepoints: Sequence[Timepoint]
) -> dict[str, Table | NothingToShowError]:
    """Lay out every table; one that has nothing to show is given as the reason why.

    Returns
    -------
    dict
        Name of :data:`TABLES` -> table, or the error that says what is missing.
    """
    built: dict[str, Table | NothingToShowError] = {}
    for name, build in TABLES.items():
        try:
            built[name] = build(rows, timepoints)
        except NothingToShowError as reason:
            built[name] = reason
    return built
