"""A15, Results: tacrolimus at baseline by DLQI and by sex, logistic regression."""

from __future__ import annotations

import numpy as np

from analysis_py.analyses._counts import share_of
from analysis_py.analyses._models import logistic_rows
from analysis_py.analyses._starts import STARTS
from analysis_py.estimators.logistic import fit_logistic
from analysis_py.frames import Frames, is_known, is_true, numbers, take
from analysis_py.results import Estimate
from analysis_py.vocabulary import BASELINE

ANALYSIS = "A15"
OUTCOME = "is_on_tacrolimus_at_baseline"
COVARIATES = ["dlqi_baseline_score", "is_female"]
COLUMNS = {STARTS: [OUTCOME, *COVARIATES]}


def run(frames: Frames) -> list[Estimate]:
    """One model per covariate, outcome any tacrolimus at baseline; the joint model beside them."""
    table = take(frames, STARTS, COLUMNS[STARTS])
    outcome = is_true(table[OUTCOME])
    known = is_known(table[OUTCOME])
    female, sex_known = is_true(table["is_female"]), is_known(table["is_female"])
    covariates = np.column_stack([numbers(table[name]) for name in COVARIATES])
    # Nothing is put in for an outcome that is not known: the fits leave the patient out and say so.
    covariates[~known] = np.nan
    rows = []
    for group, members in (("female", female), ("male", ~female & sex_known)):
        rows += share_of(
            ANALYSIS,
            "evaluable",
            "any_tacrolimus",
            outcome,
            known & members,
            group=group,
            timepoint=BASELINE,
        )
    for i, name in enumerate(COVARIATES):
        rows += logistic_rows(
            ANALYSIS,
            "evaluable",
            fit_logistic([name], covariates[:, [i]], outcome),
            "logistic regression, this term alone",
            timepoint=BASELINE,
        )
    return rows + logistic_rows(
        ANALYSIS,
        "evaluable",
        fit_logistic(COVARIATES, covariates, outcome),
        "logistic regression, both terms together",
        timepoint=BASELINE,
        statistic="odds_ratio_joint",
        role="sensitivity",
    )
