"""A06, Results: sleep NRS at each timepoint, its change over the year, a fall by 4 points."""

from __future__ import annotations

from analysis_py.analyses._scores import course_columns, course_rows
from analysis_py.frames import Frames
from analysis_py.results import Estimate

ANALYSIS = "A06"
SCORE = "sleep_nrs"
RESPONSES = {"has_sleep_response": "sleep_nrs_response"}
COLUMNS = course_columns(SCORE, RESPONSES)


def run(frames: Frames) -> list[Estimate]:
    """Available cases for the level; ANOVA on complete cases for the change; paired t beside it.

    The response is a fall by 4 points or more, of everybody assessed at baseline and at the
    timepoint, also of those with less than 4 points at baseline, who cannot fall by 4.
    """
    return course_rows(frames, ANALYSIS, SCORE, RESPONSES, after_baseline=True)
