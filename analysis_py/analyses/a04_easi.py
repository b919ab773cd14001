"""A04, Results: EASI at each timepoint, EASI above 21, and the responses to treatment."""

from __future__ import annotations

from analysis_py.analyses._scores import level_columns, level_rows, response_rows
from analysis_py.frames import Frames
from analysis_py.results import Estimate

ANALYSIS = "A04"
LEVELS = {
    "is_easi_above_21": "easi_above_21",
    "is_easi_below_7": "easi_below_7",
    "is_easi_at_most_7": "easi_at_most_7",
}
RESPONSES = {
    "has_easi_50_response": "easi_50",
    "has_easi_75_response": "easi_75",
    "has_easi_90_response": "easi_90",
}
COLUMNS = {
    "dim_timepoints": level_columns("easi")["dim_timepoints"],
    "fct_patient_timepoints": [
        *level_columns("easi")["fct_patient_timepoints"],
        *LEVELS,
        *RESPONSES,
    ],
}


def run(frames: Frames) -> list[Estimate]:
    """Available cases at each timepoint: mean, SD, spread; EASI > 21 strict; EASI-50, 75 and 90."""
    return [
        *level_rows(frames, ANALYSIS, "easi"),
        *response_rows(frames, ANALYSIS, LEVELS, after_baseline=False),
        *response_rows(frames, ANALYSIS, RESPONSES, after_baseline=True),
    ]
