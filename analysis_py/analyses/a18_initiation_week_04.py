"""A18, Results: first tacrolimus at week 4 by disease course and age, logistic regression."""

from __future__ import annotations

from analysis_py.analyses._initiation import initiation_columns, initiation_rows
from analysis_py.frames import Frames
from analysis_py.results import Estimate
from analysis_py.vocabulary import WEEK_04

ANALYSIS = "A18"
COVARIATES = ["is_relapsing", "age_at_index_years"]
COLUMNS = initiation_columns(WEEK_04, COVARIATES)


def run(frames: Frames) -> list[Estimate]:
    """Patients without tacrolimus at baseline whose regimen is known at week 4; both terms."""
    return initiation_rows(frames, ANALYSIS, WEEK_04, COVARIATES)
