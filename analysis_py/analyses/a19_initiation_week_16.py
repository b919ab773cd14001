"""A19, Results: first tacrolimus at week 16 by disease course, logistic regression."""

from __future__ import annotations

from analysis_py.analyses._initiation import initiation_columns, initiation_rows
from analysis_py.frames import Frames
from analysis_py.results import Estimate
from analysis_py.vocabulary import WEEK_16

ANALYSIS = "A19"
COVARIATES = ["is_relapsing"]
COLUMNS = initiation_columns(WEEK_16, COVARIATES)


def run(frames: Frames) -> list[Estimate]:
    """Patients without tacrolimus before week 16 whose regimen is known at week 16; one term."""
    return initiation_rows(frames, ANALYSIS, WEEK_16, COVARIATES)
