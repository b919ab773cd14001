"""Figures of the study, drawn from results and written as SVG, PNG and source data.

A function of this package returns one figure; it raises NothingToShowError where the results lack
what the figure shows.
"""

from __future__ import annotations

from collections.abc import Callable

from analysis_py.figures import cohort_flow, forest, regimens, scores, tacrolimus_start
from analysis_py.figures.style import Figure, styled
from analysis_py.rows import NothingToShowError, ResultRows

__all__ = ["FIGURES", "Figure", "draw_all"]

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


def draw_all(rows: ResultRows) -> dict[str, Figure | NothingToShowError]:
    """Draw every figure.

    Returns
    -------
    dict
        Name of :data:`FIGURES` -> figure, or the error that says what is missing.
    """
    drawn: dict[str, Figure | NothingToShowError] = {}
    for name, draw in FIGURES.items():
        try:
            with styled():
                drawn[name] = draw(rows)
        except NothingToShowError as reason:
            drawn[name] = reason
    return drawn
