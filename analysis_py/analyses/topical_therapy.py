"""A10 and A11, Table II: topical regimens over time, their flow and their change."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pandas as pd

from analysis_py.analyses.rows import count, share
from analysis_py.estimators.hypothesis_tests import McNemarResult, exact_mcnemar, pair_table
from analysis_py.frames import Frames, counted, is_code, is_known, is_true, timepoint_codes, wide
from analysis_py.results import Estimate
from analysis_py.vocabulary import (
    BASELINE,
    CORTICOSTEROIDS,
    CORTICOSTEROIDS_AND_TACROLIMUS,
    NOT_EVALUABLE,
    REGIMENS,
    TACROLIMUS,
)

_REGIMENS_OF_VISITS = {
    "dim_timepoints": ["timepoint_code", "timepoint_number"],
    "fct_patient_timepoints": [
        *("patient_id", "timepoint_code", "is_evaluable", "topical_regimen_code")
    ],
}
READS = {"topical_therapy": _REGIMENS_OF_VISITS, "topical_change": _REGIMENS_OF_VISITS}
COMBINED = {
    "any_tacrolimus": (TACROLIMUS, CORTICOSTEROIDS_AND_TACROLIMUS),
    "any_corticosteroids": (CORTICOSTEROIDS, CORTICOSTEROIDS_AND_TACROLIMUS),
}
MARGINS = {
    "n_at_baseline": "n_before",
    "n_at_visit": "n_after",
    "n_stayed": "n_stayed",
    "n_left": "n_left",
    "n_entered": "n_entered",
    "n_never": "n_never",
}
EXACT = (
    "exact McNemar test, two-sided, regimen against all others; entered / left, exact conditional "
    "interval"
)
EXACTNESS = "exact, no large-sample assumption; independent loss to follow-up: not assessed"


def _regimens(frames: Frames) -> pd.DataFrame:
    """Topical regimen of each evaluable patient at each timepoint; missing where not known."""
    visits = frames["fct_patient_timepoints"]
    visits = visits[["patient_id", "timepoint_code", "is_evaluable", "topical_regimen_code"]]
    evaluable = visits[is_true(visits["is_evaluable"])]
    return wide(evaluable, "topical_regimen_code", timepoint_codes(frames))


def topical_therapy(frames: Frames) -> list[Estimate]:
    """A10, Table II: regimen at each timepoint, and the flow from one timepoint to the next.

    Exclusive regimens, of the evaluable patients whose regimen is known at the timepoint.
    """
    table = _regimens(frames)
    rows = []
    for timepoint in table.columns:
        counts = counted(table[timepoint])
        known = sum(counts.values())
        fields = ("A10", "evaluable_at_visit")
        rows.append(count(*fields, "column_total", known, len(table), timepoint=timepoint))
        for term, members in [*((code, (code,)) for code in REGIMENS), *COMBINED.items()]:
            n = sum(counts.get(member, 0) for member in members)
            rows += share(*fields, term, n, known, timepoint=timepoint)
    return rows + _flow(table)


def _flow(table: pd.DataFrame) -> list[Estimate]:
    """Patients going from each regimen to each other between one timepoint and the next."""
    states = (*REGIMENS, NOT_EVALUABLE)
    members = {code: {when: is_code(table[when], code) for when in table} for code in REGIMENS}
    members[NOT_EVALUABLE] = {when: ~is_known(table[when]) for when in table}
    return [
        count(
            "A10",
            "evaluable",
            after,
            int((members[before][earlier] & members[after][later]).sum()),
            len(table),
            statistic="n_flow",
            group=before,
            timepoint=later,
            comparator=earlier,
            role="flow",
        )
        for earlier, later in pairwise(table.columns)
        for before in states
        for after in states
    ]


def topical_change(frames: Frames) -> list[Estimate]:
    """A11, Table II: change of each regimen against baseline, exact McNemar test.

    Each regimen against the rest, paired within patients known at baseline and the timepoint.
    """
    table = _regimens(frames)
    rows = []
    for timepoint in table.columns.drop(BASELINE):
        known = is_known(table[BASELINE]) & is_known(table[timepoint])
        for regimen in REGIMENS:
            before, after = (is_code(table[when], regimen) for when in (BASELINE, timepoint))
            test = exact_mcnemar(pair_table(before[known], after[known]))
            lost = int((before & ~known).sum())
            rows += _mcnemar_rows(regimen, timepoint, test, lost, len(table))
    return rows


def _mcnemar_rows(
    regimen: str, timepoint: str, test: McNemarResult, lost: int, n_evaluable: int
) -> list[Estimate]:
    pairs = test.table
    if pairs.n_left + pairs.n_entered == 0:
        warning = "nobody changed: p is 1 by definition, no odds ratio"
    elif pairs.n_left == 0:
        warning = "nobody left the regimen: the odds ratio is unbounded"
    else:
        warning = ""
    who = ("A11", "evaluable_pairs", regimen)
    number = partial(count, *who, timepoint=timepoint, comparator=BASELINE)
    return [
        Estimate(
            *who,
            "odds_ratio",
            test.odds_ratio,
            pairs.n_pairs,
            n_evaluable,
            timepoint=timepoint,
            comparator=BASELINE,
            interval=test.interval,
            p_value=test.p_value,
            method=EXACT,
            assumptions_verdict=EXACTNESS,
            warning=warning,
        ),
        *(
            number(getattr(pairs, attribute), pairs.n_pairs, statistic=statistic)
            for statistic, attribute in MARGINS.items()
        ),
        number(lost, n_evaluable, statistic="n_lost"),
    ]
