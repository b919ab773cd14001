"""A06, Results: sleep NRS at each timepoint, its change over the year, a fall by 4 points."""

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

ANALYSIS = "A06"
RESPONSES = {"has_sleep_response": "sleep_nrs_response"}
COLUMNS = {
    "dim_timepoints": score_columns("sleep_nrs")["dim_timepoints"],
    "fct_patient_timepoints": [*score_columns("sleep_nrs")["fct_patient_timepoints"], *RESPONSES],
}


def run(frames: Frames) -> list[Estimate]:
    """Available cases for the level; ANOVA on complete cases for the change; paired t beside it.

    Denominator of the response: everybody assessed at baseline and at the timepoint, also those
    with less than 4 points at baseline, who cannot fall by 4.
    """
    return [
        *level_rows(frames, ANALYSIS, "sleep_nrs"),
        *response_rows(frames, ANALYSIS, RESPONSES, after_baseline=True),
        *anova_rows(frames, ANALYSIS, "sleep_nrs"),
        *change_rows(frames, ANALYSIS, "sleep_nrs", timepoint_codes(frames)[1:]),
    ]
