"""A10, Table II: topical regimen at each timepoint, and the flow between timepoints."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd

from analysis_py.analyses._counts import count, share
from analysis_py.frames import (
    Frames,
    counted,
    is_code,
    is_known,
    is_true,
    take,
    timepoint_codes,
    wide,
)
from analysis_py.results import Estimate
from analysis_py.vocabulary import (
    CORTICOSTEROIDS,
    CORTICOSTEROIDS_AND_TACROLIMUS,
    NOT_EVALUABLE,
    REGIMENS,
    TACROLIMUS,
)

ANALYSIS = "A10"
COLUMNS = {
    "dim_timepoints": ["timepoint_code", "timepoint_number"],
    "fct_patient_timepoints": [
        "patient_id",
        "timepoint_code",
        "is_evaluable",
        "topical_regimen_code",
    ],
}
COMBINED = {
    "any_tacrolimus": (TACROLIMUS, CORTICOSTEROIDS_AND_TACROLIMUS),
    "any_corticosteroids": (CORTICOSTEROIDS, CORTICOSTEROIDS_AND_TACROLIMUS),
}


def regimens(frames: Frames) -> pd.DataFrame:
    """Topical regimen of each evaluable patient at each timepoint; missing where not known."""
    visits = take(frames, "fct_patient_timepoints", COLUMNS["fct_patient_timepoints"])
    evaluable = visits[is_true(visits["is_evaluable"])]
    return wide(evaluable, "topical_regimen_code", timepoint_codes(frames))


def run(frames: Frames) -> list[Estimate]:
    """Exclusive regimens, of the evaluable patients whose regimen is known at the timepoint."""
    table = regimens(frames)
    rows = []
    for timepoint in table.columns:
        counts = counted(table[timepoint])
        known = sum(counts.values())
        rows.append(
            count(
                ANALYSIS,
                "evaluable_at_visit",
                "column_total",
                known,
                len(table),
                timepoint=timepoint,
            )
        )
        for term, members in [*((code, (code,)) for code in REGIMENS), *COMBINED.items()]:
            n = sum(counts.get(member, 0) for member in members)
            rows += share(ANALYSIS, "evaluable_at_visit", term, n, known, timepoint=timepoint)
    return rows + _flow(table)


def _flow(table: pd.DataFrame) -> list[Estimate]:
    """Patients going from each regimen to each other between one timepoint and the next."""
    states = (*REGIMENS, NOT_EVALUABLE)
    moves = {code: {when: is_code(table[when], code) for when in table} for code in REGIMENS}
    moves[NOT_EVALUABLE] = {when: ~is_known(table[when]) for when in table}
    rows = []
    for earlier, later in pairwise(table.columns):
        rows += [
            count(
                ANALYSIS,
                "evaluable",
                after,
                int((moves[before][earlier] & moves[after][later]).sum()),
                len(table),
                statistic="n_flow",
                group=before,
                timepoint=later,
                comparator=earlier,
                role="flow",
            )
            for before in states
            for after in states
        ]
    return rows
