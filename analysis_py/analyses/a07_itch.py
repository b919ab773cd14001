"""A07, Results: itch NRS at each timepoint, its change over the year, a fall by 4 points."""

from __future__ import annotations

from analysis_py.analyses._scores import (
    anova_rows,
    change_rows,
    level_rows,
    response_rows,
    score_columns,
)
from analysis_py.frames import Frames, timepoint_codes
from analysis_py.results import Estimate

ANALYSIS = "A07"
RESPONSES = {"has_itch_response": "itch_nrs_response"}
COLUMNS = {
    "dim_timepoints": score_columns("itch_nrs")["dim_timepoints"],
    "fct_patient_timepoints": [*score_columns("itch_nrs")["fct_patient_timepoints"], *RESPONSES],
}


def run(frames: Frames) -> list[Estimate]:
    """Available cases for the level; ANOVA on complete cases for the change; paired t beside it.

    Denominator of the response: everybody assessed at baseline and at the timepoint, also those
    with less than 4 points at baseline, who cannot fall by 4.
    """
    return [
        *level_rows(frames, ANALYSIS, "itch_nrs"),
        *response_rows(frames, ANALYSIS, RESPONSES, after_baseline=True),
        *anova_rows(frames, ANALYSIS, "itch_nrs"),
        *change_rows(frames, ANALYSIS, "itch_nrs", timepoint_codes(frames)[1:]),
    ]
