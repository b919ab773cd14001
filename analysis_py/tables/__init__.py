"""Tables of the study, laid out from results: the report shows them, `files` writes them.

A function of this package returns one table; it raises NothingToShowError where the results lack
what the table shows.
"""

from __future__ import annotations

from collections.abc import Callable

from analysis_py.rows import NothingToShowError, ResultRows, shown_or_reason
from analysis_py.tables import models, patients, scores, tacrolimus, topical_therapy
from analysis_py.tables.table import Line, Table

__all__ = ["TABLES", "Line", "Table", "build_all"]

TABLES: dict[str, Callable[[ResultRows], Table]] = {
    "clinical_features": patients.clinical_features,
    "topical_therapy": topical_therapy.regimens,
    "patients": patients.patients,
    "scores": scores.levels,
    "responses": scores.responses,
    "variance": scores.variance,
    "regimen_pairs": topical_therapy.pairs,
    "time_to_tacrolimus": tacrolimus.time_to_start,
    "early_response": tacrolimus.early_response,
    "tacrolimus_by_group": tacrolimus.by_group,
    "models": models.ratios,
    "assumptions": models.assumptions,
    "adverse_events": patients.adverse_events,
    "treatment_algorithm": topical_therapy.treatment_algorithm,
    "visit_choice": scores.visit_choice,
}


def build_all(rows: ResultRows) -> dict[str, Table | NothingToShowError]:
    """Lay out every table; by its name in :data:`TABLES`."""
    return shown_or_reason(TABLES, rows)
