"""Every estimator agrees with R on the twin and on public data."""

from __future__ import annotations

import math

import pytest
from oracle_agreement import agrees, read_output
from oracle_estimates import Key, estimates

ORACLE = read_output("estimators.csv")
PARTS = sorted(set(zip(ORACLE["data_set"], ORACLE["estimator"], strict=True)))


@pytest.fixture(scope="module")
def ours() -> dict[Key, float]:
    return estimates()


@pytest.mark.parametrize(("data_set", "estimator"), PARTS)
def test_agrees_with_r(ours: dict[Key, float], data_set: str, estimator: str) -> None:
    part = ORACLE[(ORACLE["data_set"] == data_set) & (ORACLE["estimator"] == estimator)]
    apart = {
        (row.term, row.quantity): (ours[data_set, estimator, row.term, row.quantity], row.value)
        for row in part.itertuples()
        if not agrees(ours[data_set, estimator, row.term, row.quantity], row.value, row.quantity)
    }
    assert not apart


def test_every_estimator_meets_two_public_data_sets() -> None:
    public = ORACLE[~ORACLE["data_set"].isin(["skeleton", "pairs", "tables", "proportions"])]
    sets = public.groupby("estimator")["data_set"].nunique()
    wanted = {
        *("cox_breslow", "cox_efron", "proportional_hazards", "influence", "kaplan_meier"),
        *("restricted_mean", "log_rank", "logistic", "repeated_measures", "paired_t", "summary"),
    }
    assert wanted == set(sets.index)
    assert (sets >= 2).all()


def test_oracle_holds_real_numbers() -> None:
    missing = ORACLE["value"].map(math.isnan)
    # Only unbounded ends: odds ratios without leavers, survival once nobody is left.
    assert set(ORACLE.loc[missing, "estimator"]) <= {"exact_mcnemar", "kaplan_meier"}
    assert missing.mean() < 0.02
