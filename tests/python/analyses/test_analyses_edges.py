"""Every analysis on cohorts at the edge: it says what it cannot estimate and never breaks."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from edge_cohorts import EDGES, Frames, with_columns

from analysis_py.estimators import regression
from analysis_py.results import Results
from analysis_py.rows import ResultRows
from analysis_py.study import run_analyses
from analysis_py.tables.patients import patients


def run(frames: Frames) -> Results:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        return run_analyses(frames)


@pytest.fixture(scope="module")
def edge_results(frames: Frames) -> dict[str, Results]:
    return {edge.__name__: run(edge(frames)) for edge in EDGES}


@pytest.mark.parametrize("edge", [edge.__name__ for edge in EDGES])
def test_every_analysis_runs_and_explains_what_is_missing(
    edge_results: dict[str, Results], edge: str
) -> None:
    rows = edge_results[edge]
    assert {row.analysis_id for row in rows} == {f"A{n:02d}" for n in range(1, 23)}
    for row in rows:
        assert row.value is not None or row.warning, row.result_id
        if row.statistic == "percent" and row.value is not None:
            assert 0 <= row.ci_lower <= row.value <= row.ci_upper <= 100


def test_a_cox_model_without_events_is_not_printed_as_if_it_were_fine(
    edge_results: dict[str, Results],
) -> None:
    rows = edge_results["no_tacrolimus"]
    row = rows["a13.evaluable.all.any.is_female.hazard_ratio"]
    assert (row.value, row.p_value, row.warning) == (None, None, regression.NO_EVENTS)
    mean = rows["a12.evaluable.all.any.tacrolimus_start.restricted_mean"]
    assert (mean.value, mean.ci_lower, mean.ci_upper) == (12.0, None, None)
    assert mean.warning == "no interval: nobody had the event"
    assert "not tested" in rows["a14.evaluable.all.any.is_generalized.log_rank_chi_square"].warning


def test_separation_is_named(edge_results: dict[str, Results]) -> None:
    rows = edge_results["only_women_start"]
    for key in (
        "a13.evaluable.all.any.is_female.hazard_ratio",
        "a15.evaluable.all.baseline.is_female.odds_ratio",
    ):
        assert (rows[key].value, rows[key].warning) == (None, regression.SEPARATED)


def test_a_constant_covariate_is_named(edge_results: dict[str, Results]) -> None:
    rows = edge_results["women_only"]
    assert rows["a13.evaluable.all.any.is_female.hazard_ratio"].warning == regression.DEPENDENT
    single = rows["a13.evaluable.all.any.is_female.hazard_ratio_univariable"]
    assert single.warning == regression.COLLINEAR
    kept = rows["a13.evaluable.all.any.dlqi_baseline_score.hazard_ratio"]
    assert (kept.value is None, kept.warning) == (False, "")
    assert kept.method.endswith("without is_female")
    assert rows["a15.evaluable.all.baseline.dlqi_baseline_score.odds_ratio_joint"].value is not None


def test_all_patients_start_at_baseline(edge_results: dict[str, Results]) -> None:
    rows = edge_results["all_start_at_baseline"]
    mean = rows["a12.evaluable.all.any.tacrolimus_start.restricted_mean"]
    assert (mean.value, mean.n) == (0.0, 307)
    assert rows["a12.evaluable.all.any.tacrolimus_start.median"].value == 0.0
    assert mean.warning.startswith("no interval: everybody")
    ratio = rows["a13.evaluable.all.any.is_female.hazard_ratio"]
    assert (ratio.value, ratio.ci_lower, ratio.warning) == (None, None, regression.ALL_AT_ONCE)
    test = rows["a14.evaluable.all.any.is_generalized.log_rank_chi_square"]
    assert (test.value, test.p_value) == (None, None)
    point = rows["a12.evaluable.all.any.tacrolimus_start.survival.month_0"]
    assert (point.value, point.ci_lower) == (0.0, 0.0)
    assert point.ci_upper == pytest.approx(1 - 0.025 ** (1 / 307))
    odds = rows["a15.evaluable.all.baseline.is_female.odds_ratio"]
    assert odds.warning == regression.NO_CONTRAST


def test_a_mean_to_month_12_needs_somebody_seen_then(edge_results: dict[str, Results]) -> None:
    rows = edge_results["nobody_after_day_200"]
    for statistic in (
        "restricted_mean",
        "restricted_mean_se",
        "restricted_mean_by_study_days",
    ):
        row = rows[f"a12.evaluable.all.any.tacrolimus_start.{statistic}"]
        assert (row.value, row.ci_lower, row.assumptions_verdict) == (None, None, "")
        assert row.warning.startswith("not estimable: nobody was observed after ")


def test_no_interval_calls_an_estimate_certain(edge_results: dict[str, Results]) -> None:
    for edge, rows in edge_results.items():
        for row in rows:
            if row.ci_lower is not None and row.ci_upper is not None:
                assert row.ci_lower < row.ci_upper, (edge, row.result_id)


def test_what_was_not_assessed_does_not_hold(results: Results) -> None:
    censoring = "independent censoring: not assessed"
    survival = ("hazard_ratio", "log_rank", "restricted_mean", "median", "survival")
    for row in results:
        of_time = row.analysis_id in ("A12", "A13", "A14") and row.statistic.startswith(survival)
        if of_time and row.role != "assumption":
            assert censoring in row.assumptions_verdict, row.result_id


def test_complete_cases_are_not_compared_with_themselves(frames: Frames, results: Results) -> None:
    key = "a05.complete_cases.all.week_52.easi.standardised_difference_from_all"
    row = results[key]
    assert row.n == row.denominator
    assert (row.value, row.assumptions_verdict) == (None, "not assessed")
    verdict = results["a05.complete_cases.all.any.easi.f_statistic"].assumptions_verdict
    assert verdict.endswith("holds (baseline, week_04, week_16); not assessed (week_52)")


def test_equal_scores_are_not_tested(edge_results: dict[str, Results]) -> None:
    row = edge_results["equal_scores"]["a05.complete_cases.all.any.easi.f_statistic"]
    assert (row.value, row.p_value) == (None, None)
    assert row.warning.startswith("not tested")


def test_few_events_per_term_carry_a_warning(frames: Frames) -> None:
    starts = frames["fct_tacrolimus_initiation"]
    first_five = starts["has_initiated_week_04"] & (starts["has_initiated_week_04"].cumsum() <= 7)
    rows = run(with_columns(frames, "fct_tacrolimus_initiation", has_initiated_week_04=first_five))
    row = rows["a18.at_risk_week_04.all.week_04.is_relapsing.odds_ratio"]
    assert row.warning == "7 events for 2 terms (3.5 per term): fewer than 5 per term"


def test_missing_covariates_are_left_out_in_one_place_and_counted(frames: Frames) -> None:
    starts = frames["fct_tacrolimus_initiation"]
    dlqi = starts["dlqi_baseline_score"].astype(float).mask(starts.index < 10)
    rows = run(with_columns(frames, "fct_tacrolimus_initiation", dlqi_baseline_score=dlqi))
    joint = rows["a13.evaluable.all.any.is_female.hazard_ratio"]
    assert (joint.n, joint.denominator) == (297, 307)
    assert joint.warning == "10 patients left out for a missing value"
    alone = rows["a13.evaluable.all.any.is_female.hazard_ratio_univariable"]
    assert (alone.n, alone.denominator) == (307, 307)


def test_a_patient_without_any_known_regimen_has_no_duration(frames: Frames) -> None:
    starts = frames["fct_tacrolimus_initiation"]
    months = starts["duration_months"].astype(float).mask(starts.index < 3)
    rows = run(with_columns(frames, "fct_tacrolimus_initiation", duration_months=months))
    mean = rows["a12.evaluable.all.any.tacrolimus_start.restricted_mean"]
    assert (mean.n, mean.denominator) == (304, 307)
    assert rows["a14.evaluable.all.any.is_generalized.log_rank_chi_square"].n == 304
    assert rows["a13.evaluable.all.any.is_female.hazard_ratio"].n == 304


def test_order_of_the_rows_does_not_matter(frames: Frames, results: Results) -> None:
    shuffled = {
        name: frame.sample(frac=1, random_state=3).reset_index(drop=True)
        for name, frame in frames.items()
    }
    again = run(shuffled)
    assert [row.result_id for row in again] == [row.result_id for row in results]
    for row in again:
        for name in ("value", "ci_lower", "ci_upper", "p_value"):
            ours, theirs = getattr(row, name), getattr(results[row.result_id], name)
            if theirs is None:
                assert ours is None, row.result_id
            else:
                assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12), row.result_id


def test_a_start_after_an_unknown_state_is_left_out_and_counted(frames: Frames) -> None:
    starts = frames["fct_tacrolimus_initiation"]
    risk, start = starts["is_at_risk_week_04"], starts["has_initiated_week_04"]
    unknown = risk & (risk.cumsum() <= 5)
    columns = {
        "is_at_risk_week_04": risk.astype("boolean").mask(unknown),
        "has_initiated_week_04": start.astype("boolean").mask(unknown),
    }
    rows = run(with_columns(frames, "fct_tacrolimus_initiation", **columns))
    left_out = rows["a18.evaluable.all.week_04.at_risk_week_04.n_not_known"]
    assert (left_out.value, left_out.denominator) == (5, 307)
    fit = rows["a18.at_risk_week_04.all.week_04.is_relapsing.odds_ratio"]
    assert (fit.n, fit.denominator) == (int(risk.sum()) - 5, int(risk.sum()))
    assert "use of tacrolimus not known: 5 patients" in fit.warning
    share = rows["a18.at_risk_week_04.all.week_04.tacrolimus_start.percent"]
    assert (share.n, share.denominator) == (int((start & ~unknown).sum()), fit.n)


def test_table_2_and_the_models_have_the_same_patients(frames: Frames) -> None:
    """Baseline not reviewed in 20 patients: n of A15 and A16 is that of Table II."""
    starts = frames["fct_tacrolimus_initiation"]
    some = set(starts["patient_id"][:20])
    column = "is_on_tacrolimus_at_baseline"
    flags = starts[column].astype("boolean").mask(starts["patient_id"].isin(some))
    cohort = with_columns(frames, "fct_tacrolimus_initiation", **{column: flags})
    visits = frames["fct_patient_timepoints"]
    unreviewed = visits["patient_id"].isin(some) & (visits["timepoint_code"] == "baseline")
    regimens = visits["topical_regimen_code"].mask(unreviewed, None)
    rows = run(with_columns(cohort, "fct_patient_timepoints", topical_regimen_code=regimens))
    printed = rows["a10.evaluable_at_visit.all.baseline.column_total.n"].value
    assert printed == 287
    assert rows["a15.evaluable.all.baseline.is_female.odds_ratio"].n == printed
    groups = ("tacrolimus_at_baseline", "no_tacrolimus_at_baseline")
    keys = [f"a16.assessed_early.{group}.week_04.easi.n_assessed" for group in groups]
    assert sum(rows[key].denominator for key in keys) == printed


def test_use_at_baseline_that_is_not_known_is_in_neither_group(frames: Frames) -> None:
    starts = frames["fct_tacrolimus_initiation"]
    column = "is_on_tacrolimus_at_baseline"
    unknown = starts.index < 10
    flags = starts[column].astype("boolean").mask(unknown)
    rows = run(with_columns(frames, "fct_tacrolimus_initiation", **{column: flags}))
    fit = rows["a15.evaluable.all.baseline.is_female.odds_ratio"]
    assert (fit.n, fit.denominator) == (297, 307)
    left_out = "use of tacrolimus not known: 10 patients left out for a missing value"
    assert fit.warning == left_out
    assert rows["a16.assessed_early.all.week_04.easi_below_7.chi_square"].warning == left_out
    difference = "a17.assessed_early.all.week_04.easi_at_least_7.percentage_point_difference"
    assert rows[difference].warning == left_out
    for key in (
        "a15.evaluable.all.baseline.any_tacrolimus.n_not_known",
        "a16.evaluable.all.baseline.tacrolimus_at_baseline.n_not_known",
    ):
        assert (rows[key].value, rows[key].denominator) == (10, 307)
    visits = frames["fct_patient_timepoints"].query("timepoint_code == 'week_04'")
    known = visits[~visits["patient_id"].isin(starts.loc[unknown, "patient_id"])]
    groups = [
        rows[f"a16.assessed_early.{group}.week_04.easi.n_assessed"]
        for group in ("tacrolimus_at_baseline", "no_tacrolimus_at_baseline")
    ]
    assert sum(row.denominator for row in groups) == 297
    assessed = known[known["is_evaluable"] & known["easi_score"].notna()]
    assert sum(row.n for row in groups) == len(assessed)
    bands = [row for row in rows if row.analysis_id == "A17" and row.term == "study_mild"]
    bands = [row for row in bands if row.statistic == "n"]
    assert sum(row.denominator for row in bands) == len(assessed)


def test_another_choice_of_the_visit_is_estimated_beside_the_rule(frames: Frames) -> None:
    """Two of the 312 patients seen at week 4 have a second scored visit, 10 points higher."""
    visits = frames["fct_patient_timepoints"]
    at_week_04 = np.flatnonzero((visits["timepoint_code"] == "week_04") & visits["is_attended"])
    later, several = visits["easi_score"].copy(), visits["n_visits_in_window"].copy()
    chosen = visits.loc[at_week_04, "easi_score"].dropna().index[:2]
    later[chosen] += 10
    several[chosen] = 2
    rows = run(
        with_columns(
            frames,
            "fct_patient_timepoints",
            easi_last_visit_score=later,
            n_visits_in_window=several,
        )
    )
    key = "a04.{}.all.week_04.easi.{}"
    counted = rows[key.format("attended", "n_several_visits")]
    assert (counted.n, counted.denominator) == (2, len(at_week_04))
    rule, first, last = (
        rows[key.format("assessed", f"mean_{choice}_visit")]
        for choice in ("nearest", "first", "last")
    )
    level = rows[key.format("assessed", "mean")]
    assert (rule.value, rule.ci_lower, rule.n) == (level.value, level.ci_lower, 312)
    assert first.value == rule.value
    assert last.value == pytest.approx(rule.value + 20 / 312)
    assert {row.role for row in (counted, rule, first, last)} == {"sensitivity"}


def test_an_unknown_comorbidity_is_left_out_and_counted(frames: Frames) -> None:
    """Of 342 patients 10 are not known to have asthma or not: a term may hide it."""
    asthma = frames["dim_patients"]["has_asthma"].astype("boolean")
    unknown = asthma.index < 10
    results = run(with_columns(frames, "dim_patients", has_asthma=asthma.mask(unknown)))
    share = results["a03.enrolled.all.any.asthma.percent"]
    assert (share.n, share.denominator) == (int(asthma[~unknown].sum()), 332)
    left_out = results["a03.enrolled.all.any.asthma.n_not_known"]
    assert (left_out.value, left_out.denominator) == (10, 342)
    table = patients(ResultRows(results, []))
    cells = {line.name: line.cells for line in table.lines}
    assert (cells["Asthma"][1], cells["Rhinitis"][1]) == ("10", "")
