"""A08, Results: DLQI at each timepoint, its change over the year, DLQI below 10."""

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

ANALYSIS = "A08"
RESPONSES = {"is_dlqi_below_10": "dlqi_below_10"}
COLUMNS = {
    "dim_timepoints": score_columns("dlqi")["dim_timepoints"],
    "fct_patient_timepoints": [*score_columns("dlqi")["fct_patient_timepoints"], *RESPONSES],
}


def run(frames: Frames) -> list[Estimate]:
    """Available cases for the level; ANOVA on complete cases for the change; paired t beside it.

    Below 10 is strict, of everybody with DLQI recorded at the timepoint.
    """
    return [
        *level_rows(frames, ANALYSIS, "dlqi"),
        *response_rows(frames, ANALYSIS, RESPONSES, after_baseline=False),
        *anova_rows(frames, ANALYSIS, "dlqi"),
        *change_rows(frames, ANALYSIS, "dlqi", timepoint_codes(frames)[1:]),
    ]
