"""A08, Results: DLQI at each timepoint, its change over the year, DLQI below 10."""

from __future__ import annotations

from analysis_py.analyses._scores import course_columns, course_rows
from analysis_py.frames import Frames
from analysis_py.results import Estimate

ANALYSIS = "A08"
SCORE = "dlqi"
RESPONSES = {"is_dlqi_below_10": "dlqi_below_10"}
COLUMNS = course_columns(SCORE, RESPONSES)


def run(frames: Frames) -> list[Estimate]:
    """Available cases for the level; ANOVA on complete cases for the change; paired t beside it.

    Below 10 is strict, of everybody with DLQI recorded at the timepoint.
    """
    return course_rows(frames, ANALYSIS, SCORE, RESPONSES, after_baseline=False)
