"""Cohorts at the edge, made of the twin's frames."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

Frames = dict[str, pd.DataFrame]
PATIENTS = (
    "dim_patients",
    "fct_patient_timepoints",
    "fct_tacrolimus_initiation",
    "fct_adverse_events",
    "fct_follow_up",
    "fct_treatment_algorithm",
)


def only(frames: Frames, keep: Callable[[pd.Series], pd.Series]) -> Frames:
    """The cohort of the patients whose number (1, 2, ...) is kept."""
    chosen = dict(frames)
    for name in PATIENTS:
        number = frames[name]["patient_id"].str[1:].astype(int)
        chosen[name] = frames[name][keep(number)].reset_index(drop=True)
    return chosen


def with_columns(frames: Frames, mart: str, **columns: object) -> Frames:
    """The cohort with columns of one mart replaced."""
    return {**frames, mart: frames[mart].assign(**columns)}


def no_patient(frames: Frames) -> Frames:
    cohort = only(frames, lambda number: number < 0)
    return {**cohort, "fct_cohort_attrition": frames["fct_cohort_attrition"].iloc[:0]}


def one_patient(frames: Frames) -> Frames:
    return only(frames, lambda number: number == 1)


def only_the_not_evaluable(frames: Frames) -> Frames:
    return only(frames, lambda number: number > 307)


def no_tacrolimus(frames: Frames) -> Frames:
    starts = frames["fct_tacrolimus_initiation"]
    flags = {name: False for name in starts if name.startswith("has_initiated")}
    return with_columns(
        frames,
        "fct_tacrolimus_initiation",
        is_event=False,
        is_on_tacrolimus_at_baseline=False,
        **flags,
    )


def all_start_at_baseline(frames: Frames) -> Frames:
    return with_columns(
        frames,
        "fct_tacrolimus_initiation",
        is_event=True,
        duration_months=0,
        duration_days=0,
        is_on_tacrolimus_at_baseline=True,
    )


def nobody_after_day_200(frames: Frames) -> Frames:
    starts = frames["fct_tacrolimus_initiation"]
    return with_columns(
        frames,
        "fct_tacrolimus_initiation",
        duration_months=np.minimum(starts["duration_months"], 4),
        duration_days=np.minimum(starts["duration_days"], 112),
        is_event=starts["is_event"] & (starts["duration_months"] <= 4),
    )


def women_only(frames: Frames) -> Frames:
    cohort = with_columns(frames, "fct_tacrolimus_initiation", is_female=True)
    return with_columns(cohort, "dim_patients", sex_code="female")


def only_women_start(frames: Frames) -> Frames:
    female = frames["fct_tacrolimus_initiation"]["is_female"]
    return with_columns(
        frames,
        "fct_tacrolimus_initiation",
        is_event=female,
        is_on_tacrolimus_at_baseline=female,
        duration_months=np.where(female, 1, 12),
    )


def equal_scores(frames: Frames) -> Frames:
    visits = frames["fct_patient_timepoints"]
    scores = [name for name in visits if name.endswith("_score")]
    return with_columns(
        frames,
        "fct_patient_timepoints",
        **{name: visits[name].where(visits[name].isna(), 5.0) for name in scores},
    )


def no_scores(frames: Frames) -> Frames:
    visits = frames["fct_patient_timepoints"]
    flags = [n for n in visits if n.startswith(("is_easi", "is_dlqi", "has_")) or "band" in n]
    scores = [name for name in visits if name.endswith("_score")]
    cohort = with_columns(
        frames,
        "fct_patient_timepoints",
        **dict.fromkeys(scores, np.nan),
        **{name: pd.Series([None] * len(visits), dtype=object) for name in flags},
    )
    return with_columns(cohort, "fct_tacrolimus_initiation", dlqi_baseline_score=np.nan)


def phenotype_unknown(frames: Frames) -> Frames:
    nothing = pd.Series([None] * 307, dtype=object)
    cohort = with_columns(
        frames, "fct_tacrolimus_initiation", is_generalized=nothing, is_relapsing=nothing
    )
    unknown = pd.Series([None] * 342, dtype=object)
    return with_columns(cohort, "dim_patients", clinical_phenotype_code=unknown)


EDGES = (
    no_patient,
    one_patient,
    only_the_not_evaluable,
    no_tacrolimus,
    all_start_at_baseline,
    nobody_after_day_200,
    women_only,
    only_women_start,
    equal_scores,
    no_scores,
    phenotype_unknown,
)
