"""A05, Results: fall of EASI, repeated-measures ANOVA over the year and paired t to week 4."""

from __future__ import annotations

from analysis_py.analyses._scores import anova_rows, change_rows, score_columns
from analysis_py.frames import Frames, timepoint_codes
from analysis_py.results import Estimate

ANALYSIS = "A05"
COLUMNS = score_columns("easi")


def run(frames: Frames) -> list[Estimate]:
    """ANOVA on the complete cases, paired t-tests of each later timepoint on the pairs."""
    later = timepoint_codes(frames)[1:]
    return [
        *anova_rows(frames, ANALYSIS, "easi"),
        *change_rows(frames, ANALYSIS, "easi", later),
    ]
