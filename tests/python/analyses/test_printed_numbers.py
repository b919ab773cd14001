"""On the twin every association of the paper comes out as printed."""

from __future__ import annotations

import pytest

from analysis_py.phrases import ratio_cell, ratio_decimals
from analysis_py.results import Results
from analysis_py.rounding import format_p, round_half_up

COX = "a13.evaluable.all.any.{}.hazard_ratio"
LOGISTIC_KEY = "a15.evaluable.all.baseline.{}.odds_ratio"
HAZARD_RATIOS = {
    "dlqi_baseline_score": ("0.964", "0.938", "0.992", "0.0109"),
    "age_at_index_years": ("0.987", "0.976", "0.999", "0.0310"),
    "is_female": ("1.511", "1.032", "2.212", "0.0340"),
}
MCNEMAR = {
    "none": ("0.005", "<0.001", "<0.001"),
    "corticosteroids": ("<0.001", "<0.001", "<0.001"),
    "tacrolimus": ("0.003", "0.006", "0.061"),
    "corticosteroids_and_tacrolimus": ("<0.001", "0.108", "0.099"),
}
LOGISTIC = {
    "a15.evaluable.all.baseline.dlqi_baseline_score.odds_ratio": "0.0492",
    "a15.evaluable.all.baseline.is_female.odds_ratio": "0.0032",
    "a15.evaluable.all.baseline.dlqi_baseline_score.odds_ratio_joint": "0.1145",
    "a15.evaluable.all.baseline.is_female.odds_ratio_joint": "0.0066",
    "a18.at_risk_week_04.all.week_04.is_relapsing.odds_ratio": "0.0240",
    "a18.at_risk_week_04.all.week_04.age_at_index_years.odds_ratio": "0.0199",
    "a19.at_risk_week_16.all.week_16.is_relapsing.odds_ratio": "0.0123",
}
TABLE_2 = {
    "baseline": (307, 106, 136, 20, 45),
    "week_04": (283, 127, 92, 31, 33),
    "week_16": (252, 121, 75, 34, 22),
    "week_52": (194, 124, 33, 22, 15),
}
# Left, entered, lost, of each regimen at weeks 4, 16 and 52 (SPECIFICATION, section 3).
DISCORDANT = {
    "tacrolimus": ((4, 19, 4), (11, 29, 4), (9, 20, 9)),
    "corticosteroids_and_tacrolimus": ((12, 0, 0), (25, 14, 12), (24, 13, 19)),
}
LATER = ("week_04", "week_16", "week_52")


@pytest.mark.parametrize("term", HAZARD_RATIOS)
def test_cox_model(results: Results, term: str) -> None:
    row = results[COX.format(term)]
    found = (
        str(round_half_up(row.value, 3)),
        str(round_half_up(row.ci_lower, 3)),
        str(round_half_up(row.ci_upper, 3)),
        str(round_half_up(row.p_value, 4)),
    )
    assert found == HAZARD_RATIOS[term]
    assert (row.n, row.denominator) == (307, 307)
    assert row.assumptions_verdict.startswith("proportional hazards: holds (p = ")


def test_efron_ties_would_not_print_the_same(results: Results) -> None:
    row = results["a13.evaluable.all.any.is_female.hazard_ratio_efron"]
    assert (str(round_half_up(row.value, 2)), format_p(row.p_value)) == ("1.58", "0.019")


def test_restricted_mean_and_its_standard_error(results: Results) -> None:
    mean = results["a12.evaluable.all.any.tacrolimus_start.restricted_mean"]
    error = results["a12.evaluable.all.any.tacrolimus_start.restricted_mean_se"]
    assert str(round_half_up(mean.value, 2)) == "8.32"
    assert str(round_half_up(error.value, 3)) == "0.307"
    assert results["a12.evaluable.all.any.tacrolimus_start.n_events"].value == 110


def test_log_rank_by_generalized_disease(results: Results) -> None:
    row = results["a14.evaluable.all.any.is_generalized.log_rank_chi_square"]
    assert str(round_half_up(row.value, 2)) == "5.62"
    assert str(round_half_up(row.p_value, 4)) == "0.0178"


@pytest.mark.parametrize("regimen", MCNEMAR)
def test_twelve_mcnemar_tests(results: Results, regimen: str) -> None:
    found = tuple(
        format_p(results[f"a11.evaluable_pairs.all.{week}.{regimen}.odds_ratio"].p_value)
        for week in LATER
    )
    assert found == MCNEMAR[regimen]


@pytest.mark.parametrize("regimen", DISCORDANT)
def test_patients_who_left_entered_and_were_lost(results: Results, regimen: str) -> None:
    found = tuple(
        tuple(
            results[f"a11.evaluable_pairs.all.{week}.{regimen}.{name}"].value
            for name in ("n_left", "n_entered", "n_lost")
        )
        for week in LATER
    )
    assert found == DISCORDANT[regimen]


@pytest.mark.parametrize("key", LOGISTIC)
def test_logistic_models(results: Results, key: str) -> None:
    assert str(round_half_up(results[key].p_value, 4)) == LOGISTIC[key]
    assert not results[key].warning


def test_early_response(results: Results) -> None:
    key = "a16.assessed_early.{}.week_04.easi_below_7.{}"
    users = results[key.format("tacrolimus_at_baseline", "percent")]
    others = results[key.format("no_tacrolimus_at_baseline", "percent")]
    test = results[key.format("all", "chi_square")]
    assert (users.n, users.denominator) == (39, 54)
    assert (others.n, others.denominator) == (126, 226)
    assert str(round_half_up(test.p_value, 5)) == "0.02709"
    assert test.assumptions_verdict == "expected counts: holds (smallest 22.2)"


def test_ratios_are_shown_so_that_their_intervals_agree_with_p(results: Results) -> None:
    def shown(key: str) -> tuple[str, str]:
        row = results[key]
        return row.term_label, f"{ratio_cell(row)}, p = {format_p(row.p_value)}"

    cox, odds = COX.format("age_at_index_years"), LOGISTIC_KEY.format("dlqi_baseline_score")
    assert shown(f"{cox}_per_10_years") == (
        "Age at dupilumab initiation (per 10 years)",
        "0.88 (0.78–0.99), p = 0.031",
    )
    # Per point the interval ends at 0.99986, per 5 points at 0.9993: never printed as 1.00.
    assert shown(odds)[1] == "0.9597 (0.9212–0.9999), p = 0.049"
    assert shown(f"{odds}_per_5_points") == (
        "DLQI at baseline (per 5 points)",
        "0.814 (0.663–0.999), p = 0.049",
    )
    ratios = [row for row in results if "_ratio" in row.statistic and row.ci_lower is not None]
    assert len(ratios) > 20
    for row in ratios:
        decimals = ratio_decimals(row)
        low, high = (round_half_up(end, decimals) for end in (row.ci_lower, row.ci_upper or 9.9))
        assert (low <= 1 <= high) == (row.p_value >= 0.05), row.result_id


@pytest.mark.parametrize("timepoint", TABLE_2)
def test_table_2(results: Results, timepoint: str) -> None:
    key = f"a10.evaluable_at_visit.all.{timepoint}.{{}}.n"
    terms = ("column_total", *MCNEMAR)
    assert tuple(results[key.format(term)].value for term in terms) == TABLE_2[timepoint]


def test_patients_at_risk_of_a_first_tacrolimus(results: Results) -> None:
    week_04 = results["a18.at_risk_week_04.all.week_04.tacrolimus_start.n"]
    week_16 = results["a19.at_risk_week_16.all.week_16.tacrolimus_start.n"]
    assert (week_04.value, week_04.denominator) == (14, 222)
    assert (week_16.value, week_16.denominator) == (19, 190)
    curve = "a12.evaluable.all.any.tacrolimus_start.n_at_risk.month_{}"
    assert [results[curve.format(month)].value for month in (0, 1, 4, 12)] == [307, 222, 190, 131]
