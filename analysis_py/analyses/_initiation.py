"""Logistic regression of a first tacrolimus at a visit, shared by A18 and A19."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis_py.analyses._counts import share_of
from analysis_py.analyses._models import logistic_rows
from analysis_py.analyses._starts import START, STARTS
from analysis_py.estimators.logistic import fit_logistic
from analysis_py.frames import Frames, is_known, is_true, numbers, take
from analysis_py.results import Estimate


def initiation_columns(timepoint: str, covariates: Sequence[str]) -> dict[str, list[str]]:
    """Marts and columns read."""
    flags = [f"is_at_risk_{timepoint}", f"has_initiated_{timepoint}"]
    return {STARTS: [*flags, *dict.fromkeys(["is_relapsing", *covariates])]}


def initiation_rows(
    frames: Frames, analysis_id: str, timepoint: str, covariates: Sequence[str]
) -> list[Estimate]:
    """Count initiators among those at risk, by disease course, and fit the model."""
    wanted = initiation_columns(timepoint, covariates)[STARTS]
    table = take(frames, STARTS, wanted)
    table = table[is_true(table[f"is_at_risk_{timepoint}"])]
    population = f"at_risk_{timepoint}"
    outcome = is_true(table[f"has_initiated_{timepoint}"])
    relapsing, course_known = is_true(table["is_relapsing"]), is_known(table["is_relapsing"])
    groups = {
        "all": np.full(len(table), True),
        "relapsing": relapsing,
        "not_relapsing": ~relapsing & course_known,
    }
    rows = []
    for group, members in groups.items():
        rows += share_of(
            analysis_id, population, START, outcome, members, group=group, timepoint=timepoint
        )
    together = " + ".join(covariates) if len(covariates) > 1 else "this term alone"
    fit = fit_logistic(
        covariates, np.column_stack([numbers(table[name]) for name in covariates]), outcome
    )
    return rows + logistic_rows(
        analysis_id, population, fit, f"logistic regression, {together}", timepoint=timepoint
    )
