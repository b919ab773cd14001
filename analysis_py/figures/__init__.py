"""Figures of the study, drawn from results and written as SVG, PNG and source data.

A function of this package returns one figure; it raises NothingToShowError where the results lack
what the figure shows.
"""

from __future__ import annotations

from collections.abc import Callable

import matplotlib as mpl

from analysis_py.figures import cohort_flow, forest, regimens, scores, tacrolimus_start
from analysis_py.figures.style import RC, Figure
from analysis_py.rows import NothingToShowError, ResultRows, shown_or_reason

__all__ = ["FIGURES", "Drawings", "Figure", "draw_all"]

Drawings = dict[str, Figure | NothingToShowError]
"""Figures by name; one that has nothing to show is the error that says why."""

FIGURES: dict[str, Callable[[ResultRows], Figure]] = {
    "cohort_flow": cohort_flow.draw,
    "score_trajectories": scores.trajectories,
    "topical_regimens": regimens.bars,
    "regimen_flow": regimens.flow,
    "tacrolimus_start": tacrolimus_start.draw,
    "hazard_ratios": forest.hazard_ratios,
    "odds_ratios": forest.odds_ratios,
    "easi_bands": scores.easi_bands,
}


def draw_all(rows: ResultRows) -> Drawings:
    """Draw every figure; by its name in :data:`FIGURES`."""
    with mpl.rc_context(RC):
        return shown_or_reason(FIGURES, rows)
