"""The comparison with the paper: one row per printed number, by rule."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis_py import published
from analysis_py.published import (
    CONFIRMED,
    CORRECTED,
    DIFFERS,
    EQUAL,
    NOT_COMPUTABLE,
    Compared,
    compare,
)
from analysis_py.results import Estimate, Results

Frames = dict[str, pd.DataFrame]

BANDS = pd.DataFrame(
    [
        ("study", "easi", "mild", 0.0, 7.0),
        ("study", "easi", "severe", 21.0, 72.0),
        ("study", "dlqi", "low", 0.0, 10.0),
    ],
    columns=["scheme_code", "score_code", "band_code", "lower_value", "upper_value"],
)
CRITERIA = pd.DataFrame(
    {
        "criterion_code": ["is_index_date_in_study_period", "has_severe_disease"],
        "threshold_value": [None, 24.0],
        "first_month": ["2018-06", None],
        "last_month": ["2020-12", None],
    }
)


@pytest.fixture(scope="module")
def study_frames(frames: Frames, ledger_frame: pd.DataFrame) -> Frames:
    return {
        **frames,
        "fct_published_results": ledger_frame,
        "dim_score_bands": BANDS,
        "dim_eligibility_criteria": CRITERIA,
    }


@pytest.fixture(scope="module")
def compared(results: Results, study_frames: Frames) -> dict[str, Compared]:
    return {row.published_result_id: row for row in compare(results, study_frames)}


def ledger_row(**changes: object) -> pd.DataFrame:
    row = dict.fromkeys(published.COLUMNS[published.LEDGER])
    row.update(
        result_id="x",
        section="results",
        analysis_id="A01",
        kind="result",
        timepoint="baseline",
        population="all_342",
        measure="age_years",
        statistic="mean",
        operator="=",
        published_value="39",
        decimals=0,
        target_value="39",
        consistent="yes",
    )
    row.update(changes)
    return pd.DataFrame([row])


def judge(value: float | None, **changes: object) -> Compared:
    """Compare one printed mean age with a value of ours."""
    results = Results()
    results.extend(
        [
            Estimate(
                "A01",
                "enrolled",
                "age_at_data_collection_years",
                "mean",
                value,
                342,
                342,
                warning="" if value is not None else "no patient in the denominator",
            )
        ]
    )
    frames = {"fct_published_results": ledger_row(**changes)}
    return compare(results, frames)[0]


def test_one_row_per_printed_number_in_their_order(
    compared: dict[str, Compared], ledger_frame: pd.DataFrame
) -> None:
    assert list(compared) == ledger_frame["result_id"].tolist()
    assert len(compared) == 351


def test_every_computed_number_is_joined_to_a_result_of_ours(
    compared: dict[str, Compared], results: Results
) -> None:
    for row in compared.values():
        if row.kind in ("result", "qualitative"):
            assert results.get(row.our_result_id) is not None, row.published_result_id
            assert row.status != NOT_COMPUTABLE, row.published_result_id


def test_every_number_computed_on_the_twin_is_equal(compared: dict[str, Compared]) -> None:
    rows = [row for row in compared.values() if row.kind in ("result", "qualitative")]
    apart = [row.published_result_id for row in rows if row.status not in (EQUAL, CORRECTED)]
    assert len(rows) == 294 + 5
    assert not apart
    assert {row.published_result_id for row in rows if row.status == CORRECTED} == {
        "t1_persistent_m_pct",
        "t1_face_hands_genitalia_f_pct",
        "res_none_bl_pct",
        "res_rhinitis_pct",
        "res_prior_phototherapy_pct",
        "res_cox_age_ci_hi",
        "res_cox_female_ci_lo",
    }


def test_constants_are_confirmed_or_say_why_not(compared: dict[str, Compared]) -> None:
    rows = {row.published_result_id: row for row in compared.values() if row.kind == "protocol"}
    unknown = {key for key, row in rows.items() if row.status != CONFIRMED}
    assert unknown == {
        "meth_topical_weeks",
        "meth_dupi_dose",
        "meth_dupi_interval",
        "meth_dupi_loading",
        "res_both_cs_lead_in",
    }
    for key in unknown:
        assert rows[key].status == NOT_COMPUTABLE
        assert rows[key].reason
    assert rows["meth_period_start"].ours == "2018-06"
    assert rows["disc_tac_trend_1y"].our_value == 1.0
    assert rows["res_cox_dlqi_ci_level"].our_value == pytest.approx(95)


def test_a_constant_of_ours_that_is_another_differs(results: Results, study_frames: Frames) -> None:
    other = study_frames["dim_timepoints"].assign(nominal_week=[0, 4, 24, 52])
    rows = compare(results, {**study_frames, "dim_timepoints": other})
    found = {row.published_result_id: row for row in rows}["abs_protocol_week_16"]
    assert (found.status, found.our_value, found.difference) == (DIFFERS, 24.0, 8.0)


def test_a_constant_without_a_mart_is_not_computable(
    results: Results, study_frames: Frames
) -> None:
    fewer = {name: frame for name, frame in study_frames.items() if name != "dim_score_bands"}
    rows = {row.published_result_id: row for row in compare(results, fewer)}
    assert rows["res_easi7_threshold"].status == NOT_COMPUTABLE
    assert "dim_score_bands" in rows["res_easi7_threshold"].reason


def test_background_is_never_computed(compared: dict[str, Compared]) -> None:
    rows = [row for row in compared.values() if row.kind == "background"]
    assert len(rows) == 16
    assert {row.status for row in rows} == {NOT_COMPUTABLE}


def test_repeats_are_resolved_through_their_first_row(compared: dict[str, Compared]) -> None:
    first, repeat = compared["t2_tac_w4_pct"], compared["abs_tac_w4_pct"]
    assert repeat.our_result_id == first.our_result_id
    assert (first.printed, repeat.printed) == ("11.0", "11")
    assert (first.ours, repeat.ours) == ("11.0", "11")
    for row in compared.values():
        if row.duplicate_of in compared:
            assert row.our_result_id == compared[row.duplicate_of].our_result_id


def test_directions_are_compared_with_the_sign_of_the_estimate(
    compared: dict[str, Compared],
) -> None:
    keys = [key for key, row in compared.items() if row.kind == "qualitative"]
    assert len(keys) == 5
    assert {compared[key].status for key in keys} == {EQUAL}
    assert compared["abs_dir_female"].target == "above 1"
    assert compared["abs_dir_low_age"].target == "below 1"


def test_a_printed_dash_is_a_zero(compared: dict[str, Compared]) -> None:
    row = compared["t1_genitalia_f_n"]
    assert (row.printed, row.target_value, row.our_value) == ("–", 0.0, 0.0)
    assert (row.ours, row.status) == ("–", EQUAL)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(38.5, EQUAL), (39.4999, EQUAL), (39.5, DIFFERS), (38.4999, DIFFERS)],
)
def test_equal_means_half_up_at_the_printed_decimals(value: float, expected: str) -> None:
    row = judge(value)
    assert row.status == expected
    assert row.difference == pytest.approx(value - 39)


def test_printed_decimals_with_a_trailing_zero_count() -> None:
    assert judge(17.04, published_value="17.0", decimals=1, target_value="17").status == EQUAL
    assert judge(17.06, published_value="17.0", decimals=1, target_value="17").status == DIFFERS


def test_a_corrected_value_is_named_with_its_note() -> None:
    wrong = {"published_value": "47.9", "decimals": 1, "target_value": "42.1"}
    row = judge(42.105, **wrong, consistent="no", note="80/190")
    assert (row.status, row.reason, row.target) == (CORRECTED, "80/190", "42.1")
    assert row.difference == pytest.approx(0.005)
    assert judge(47.9, **wrong).status == EQUAL
    assert judge(45.0, **wrong).status == DIFFERS


@pytest.mark.parametrize(
    ("p_value", "expected"), [(0.00099999, EQUAL), (0.001, DIFFERS), (1e-30, EQUAL)]
)
def test_p_below_a_limit_is_judged_on_the_raw_value(p_value: float, expected: str) -> None:
    row = judge(p_value, published_value="0.001", decimals=3, operator="<", target_value="0.001")
    assert (row.status, row.printed, row.difference) == (expected, "<0.001", None)


def test_what_was_not_estimable_is_not_computable_with_its_warning() -> None:
    row = judge(None)
    assert row.status == NOT_COMPUTABLE
    assert row.reason == "Not estimable: no patient in the denominator."


def test_a_measure_that_nothing_answers_is_not_computable() -> None:
    row = judge(39.0, measure="something_else")
    assert (row.status, row.our_result_id) == (NOT_COMPUTABLE, "")


def test_a_difference_may_be_given_a_reason(results: Results, study_frames: Frames) -> None:
    ledger = study_frames["fct_published_results"]
    changed = ledger["result_id"].isin(["res_age_mean", "res_age_sd"])
    values = {
        name: ledger[name].mask(changed, "99") for name in ("published_value", "target_value")
    }
    other = {**study_frames, "fct_published_results": ledger.assign(**values)}
    rows = compare(results, other, {"res_age_mean": "other calendar years"})
    found = {row.published_result_id: row for row in rows}
    assert found["res_age_mean"].status == DIFFERS
    assert found["res_age_mean"].reason == "other calendar years"
    assert [row.published_result_id for row in published.unexplained(rows)] == ["res_age_sd"]


def test_counts_name_every_status(compared: dict[str, Compared]) -> None:
    found = published.counts(compared.values())
    assert tuple(found) == published.STATUSES
    assert sum(found.values()) == 351
    assert (found[CONFIRMED], found[NOT_COMPUTABLE]) == (31, 21)
