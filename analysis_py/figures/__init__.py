"""Figures of the study, each drawn from rows of results and written as SVG, PNG and source data."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analysis_py.figures import (
    cohort_flow,
    easi_bands,
    forest,
    regimen_flow,
    regimens,
    tacrolimus_start,
    trajectories,
)
from analysis_py.figures.figure import Figure
from analysis_py.report_rows import NothingToShowError, ResultRows, Timepoint

__all__ = ["FIGURES", "Figure", "draw_all"]

Draw = Callable[[ResultRows, Sequence[Timepoint]], Figure]

FIGURES: dict[str, Draw] = {
    "cohort_flow": cohort_flow.draw,
    "score_trajectories": trajectories.draw,
    "topical_regimens": regimens.draw,
    "regimen_flow": regimen_flow.draw,
    "tacrolimus_start": tacrolimus_start.draw,
    "hazard_ratios": lambda rows, timepoints: forest.draw_hazard_ratios(rows),
    "odds_ratios": lambda rows, timepoints: forest.draw_odds_ratios(rows),
    "easi_bands": lambda rows, timepoints: easi_bands.draw(rows),
}


def draw_all(
    rows: ResultRows, timepoints: Sequence[Timepoint]
) -> dict[str, Figure | NothingToShowError]:
    """Draw every figure; one that has nothing to show is given as the reason why.

    Returns
    -------
    dict
        Name of :data:`FIGURES` -> figure, or the error that says what is missing.
    """
    drawn: dict[str, Figure | NothingToShowError] = {}
    for name, draw in FIGURES.items():
        try:
            drawn[name] = draw(rows, timepoints)
        except NothingToShowError as reason:
            drawn[name] = reason
    return drawn
