"""Estimators at the edges, by hand: nothing to estimate, everything the same, one patient."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis_py.estimators import regression
from analysis_py.estimators.cox import (
    ONE_EVENT_TIME,
    SINGULAR,
    CoxFit,
    cox_data,
    dfbeta,
    fit_cox,
    influence,
    proportional_hazards_test,
)
from analysis_py.estimators.describe import proportion, proportion_difference, summarise
from analysis_py.estimators.hypothesis_tests import (
    PairTable,
    exact_mcnemar,
    pair_table,
    paired_t,
    pearson_chi_square,
)
from analysis_py.estimators.logistic import fit_logistic
from analysis_py.estimators.repeated_measures import repeated_measures_anova
from analysis_py.estimators.survival import kaplan_meier, log_rank, restricted_mean


def test_mcnemar_when_no_patient_changes() -> None:
    result = exact_mcnemar(PairTable(20, 0, 0, 30))
    assert result.p_value == 1.0
    assert math.isnan(result.odds_ratio)
    assert (result.table.n_before, result.table.n_after, result.table.n_pairs) == (20, 20, 50)


def test_mcnemar_by_hand() -> None:
    # 2 * (1 + 5) / 2**5 for 1 of 5.
    assert exact_mcnemar(PairTable(0, 4, 1, 0)).p_value == pytest.approx(0.375)
    assert exact_mcnemar(PairTable(0, 3, 3, 0)).p_value == 1.0


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_doubled_binomial_tail(left: int, entered: int) -> None:
    expected = min(1.0, 2 * stats.binom.cdf(min(left, entered), left + entered, 0.5))
    expected = 1.0 if left + entered == 0 else expected
    assert exact_mcnemar(PairTable(5, left, entered, 5)).p_value == pytest.approx(expected)


def test_pairs_are_counted_by_direction() -> None:
    table = pair_table(np.array([1, 1, 0, 0, 0], bool), np.array([1, 0, 1, 1, 0], bool))
    assert (table.n_stayed, table.n_left, table.n_entered, table.n_never) == (1, 1, 2, 1)


def test_survival_without_events() -> None:
    curve = kaplan_meier(np.array([1.0, 4.0, 12.0]), np.array([False] * 3))
    assert curve.survival.tolist() == [1, 1, 1]
    # R: binom.test(3, 3)$conf.int and so on, of those observed to each time.
    assert curve.ci_lower == pytest.approx([0.025 ** (1 / 3), 0.025 ** (1 / 2), 0.025])
    assert curve.ci_upper.tolist() == [1, 1, 1]
    mean = restricted_mean(curve, 12)
    assert mean.mean == 12.0
    assert math.isnan(mean.standard_error)
    assert math.isnan(mean.interval.lower)
    assert mean.interval.reason == "no interval: nobody had the event"
    assert math.isnan(curve.median())


def test_survival_with_all_events_at_time_0() -> None:
    curve = kaplan_meier(np.zeros(5), np.array([True] * 5))
    assert curve.times.tolist() == [0.0]
    assert curve.survival.tolist() == [0.0]
    assert math.isnan(curve.standard_error[0])
    assert curve.ci_lower.tolist() == [0.0]
    assert curve.ci_upper == pytest.approx([1 - 0.025 ** (1 / 5)])
    mean = restricted_mean(curve, 12)
    assert (mean.mean, curve.median()) == (0.0, 0.0)
    assert math.isnan(mean.standard_error)
    assert mean.interval.reason.endswith("had the event at the same time")


def test_survival_of_0_after_somebody_left_has_no_interval() -> None:
    curve = kaplan_meier(np.array([1.0, 4.0, 4.0]), np.array([False, True, True]))
    assert curve.survival.tolist() == [1.0, 0.0]
    assert math.isnan(curve.ci_lower[1])
    assert math.isnan(curve.ci_upper[1])
    assert curve.interval(1).reason.startswith("no interval")


def test_survival_by_hand_with_events_at_time_0() -> None:
    # Four patients: event at 0, event at 1, censored at 1, censored at 12.
    curve = kaplan_meier(np.array([0.0, 1.0, 1.0, 12.0]), np.array([True, True, False, False]))
    assert curve.n_at_risk.tolist() == [4, 3, 1]
    assert curve.survival == pytest.approx([3 / 4, 1 / 2, 1 / 2])
    assert restricted_mean(curve, 12).mean == pytest.approx(0.75 * 1 + 0.5 * 11)
    variance = (0.75 + 5.5) ** 2 * 1 / (4 * 3) + 5.5**2 * 1 / (3 * 2)
    assert restricted_mean(curve, 12).standard_error == pytest.approx(math.sqrt(variance))


def test_survival_of_one_patient() -> None:
    curve = kaplan_meier(np.array([4.0]), np.array([True]))
    assert restricted_mean(curve, 12).mean == 4.0


@pytest.mark.parametrize("durations", [[], [-1.0], [math.nan]])
def test_survival_refuses_what_is_no_duration(durations: list[float]) -> None:
    with pytest.raises(ValueError, match=r"patient|durations"):
        kaplan_meier(np.array(durations), np.full(len(durations), True))


def test_horizon_beyond_and_before_the_curve() -> None:
    curve = kaplan_meier(np.array([2.0, 4.0]), np.array([True, False]))
    assert restricted_mean(curve, 1).mean == 1.0
    assert restricted_mean(curve, 4).mean == pytest.approx(2 + 0.5 * 2)
    beyond = restricted_mean(curve, 10)
    assert math.isnan(beyond.mean)
    assert beyond.failure == "not estimable: nobody was observed after 4 of 10"
    assert restricted_mean(curve, 10, followed_to=4).mean == pytest.approx(2 + 0.5 * 8)
    # Everybody had the event: nothing is left to observe.
    assert restricted_mean(kaplan_meier(np.array([2.0]), np.array([True])), 10).mean == 2.0
    for arguments in ((0,), (1, 2)):
        with pytest.raises(ValueError, match="horizon"):
            restricted_mean(curve, *arguments)


def test_log_rank_needs_two_groups_and_an_event() -> None:
    one_group = log_rank(np.array([1.0, 2.0]), np.array([True, True]), np.array(["a", "a"]))
    assert math.isnan(one_group.p_value)
    assert one_group.observed == (2.0,)
    no_event = log_rank(np.array([1.0, 2.0]), np.array([False, False]), np.array(["a", "b"]))
    assert math.isnan(no_event.p_value)
    at_once = log_rank(np.zeros(2), np.array([True, True]), np.array(["a", "b"]))
    assert (math.isnan(at_once.chi_square), math.isnan(at_once.p_value)) == (True, True)


def _cox(durations: list[float], events: list[int], x: list[list[float]]) -> CoxFit:
    names = [f"x{i}" for i in range(len(x[0]))]
    return fit_cox(cox_data(names, np.array(durations), np.array(events, bool), x), "breslow")


@pytest.mark.parametrize(
    ("durations", "events", "x", "failure"),
    [
        ([1, 2, 3], [0, 0, 0], [[0], [1], [2]], regression.NO_EVENTS),
        ([1, 2, 3], [1, 1, 1], [[5], [5], [5]], regression.COLLINEAR),
        # Everybody at the same time, or everybody who was still there.
        ([0, 0, 0], [1, 1, 1], [[0], [1], [1]], regression.ALL_AT_ONCE),
        ([1, 4, 4, 4], [0, 1, 1, 1], [[0], [0], [1], [1]], regression.ALL_AT_ONCE),
        # The patient with the event always has the largest covariate at risk.
        ([1, 2, 3, 4], [1, 1, 1, 1], [[4], [3], [2], [1]], regression.SEPARATED),
        # A group without any event.
        ([1, 2, 3, 4, 5], [1, 1, 0, 0, 0], [[1], [1], [1], [0], [0]], regression.SEPARATED),
        ([1], [1], [[math.nan]], regression.NO_PATIENTS),
        ([1], [1], [[3]], regression.COLLINEAR),
    ],
)
def test_cox_says_why_it_cannot_be_fitted(
    durations: list[float], events: list[int], x: list[list[float]], failure: str
) -> None:
    fit = _cox(durations, events, x)
    assert (fit.is_fitted, fit.failure, fit.warning) == (False, failure, failure)
    assert all(math.isnan(term.ratio) for term in fit.terms)
    with pytest.raises(ValueError, match="not fitted"):
        dfbeta(fit)


def test_cox_with_all_events_at_time_0() -> None:
    # One risk set in which everybody has the event carries no contrast.
    fit = _cox([0, 0, 0, 0], [1, 1, 1, 1], [[0], [1], [2], [4]])
    assert (fit.is_fitted, fit.failure) == (False, regression.ALL_AT_ONCE)
    assert math.isnan(fit.terms[0].interval.lower)


def test_cox_keeps_events_at_time_0() -> None:
    with_zero = _cox([0, 0, 1, 2, 3], [1, 1, 1, 1, 0], [[0], [2], [1], [3], [1]])
    shifted = _cox([1, 1, 2, 3, 4], [1, 1, 1, 1, 0], [[0], [2], [1], [3], [1]])
    assert with_zero.terms[0].coefficient == pytest.approx(shifted.terms[0].coefficient)
    assert with_zero.data.n_events == 4


def test_cox_by_hand() -> None:
    # Events of x = 1, 0, 1 at times 1, 2, 3, everybody at risk before: maximise
    # b - log(2 + 2e^b) - log(1 + ... ) by its score equation, solved here numerically.
    fit = _cox([1, 2, 3, 4], [1, 1, 1, 0], [[1], [0], [1], [0]])
    beta = fit.terms[0].coefficient
    score = 1 - 2 * np.exp(beta) / (2 * np.exp(beta) + 2)
    score += 0 - np.exp(beta) / (np.exp(beta) + 2)
    score += 1 - np.exp(beta) / (np.exp(beta) + 1)
    assert score == pytest.approx(0, abs=1e-8)
    assert fit.warning.startswith("3 events for 1 term (3.0 per term)")


def test_dfbeta_points_where_leaving_out_a_patient_leads() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(80, 1))
    durations = np.ceil(rng.exponential(np.exp(-0.5 * x[:, 0])) * 4)
    events = rng.random(80) < 0.8
    fit = fit_cox(cox_data(["x"], durations, events, x), "breslow")
    changes = dfbeta(fit)[:, 0]
    patient = int(np.abs(changes).argmax())
    rest = np.arange(80) != patient
    without = fit_cox(cox_data(["x"], durations[rest], events[rest], x[rest]), "breslow")
    exact = fit.terms[0].coefficient - without.terms[0].coefficient
    assert changes[patient] == pytest.approx(exact, rel=0.15)
    assert influence(fit)[0].largest == pytest.approx(abs(changes[patient]))


def test_dfbeta_of_a_patient_who_left_before_the_first_event_is_zero() -> None:
    fit = _cox([0, 1, 2, 3, 4], [0, 1, 1, 1, 0], [[5], [1], [0], [1], [0]])
    changes = dfbeta(fit)[:, 0]
    assert changes[0] == 0
    assert np.abs(changes[1:]).min() > 0


@pytest.mark.parametrize(
    ("outcome", "x", "failure"),
    [
        ([0, 0, 0], [[1], [2], [3]], regression.NO_EVENTS),
        ([1, 1, 1], [[1], [2], [3]], regression.NO_CONTRAST),
        ([0, 0, 1, 1], [[1], [2], [3], [4]], regression.SEPARATED),
        # Quasi-complete: they only touch at 2.
        ([0, 0, 1, 1], [[1], [2], [2], [3]], regression.SEPARATED),
        # Nobody exposed has the outcome.
        ([0, 0, 0, 1, 1], [[1], [1], [0], [0], [0]], regression.SEPARATED),
        ([0, 1, 0, 1], [[1], [1], [1], [1]], regression.COLLINEAR),
        ([], [], regression.NO_PATIENTS),
    ],
)
def test_logistic_says_why_it_cannot_be_fitted(
    outcome: list[int], x: list[list[float]], failure: str
) -> None:
    covariates = np.array(x, float).reshape(len(outcome), 1)
    fit = fit_logistic(["x"], covariates, np.array(outcome, bool))
    assert (fit.is_fitted, fit.failure) == (False, failure)
    assert math.isnan(fit.terms[0].p_value)


def test_terms_that_cannot_be_told_apart_are_left_out_as_in_r() -> None:
    # R: coxph and glm give the first of two dependent terms, and NA for the constant and the other.
    x = np.array([1.0, 3.0, 2.0, 5.0, 4.0, 2.0, 6.0, 1.0])
    covariates = np.column_stack([np.ones(8), x, 2 * x + 1])
    times, events = np.arange(1.0, 9.0), np.array([1, 0, 1, 1, 0, 1, 1, 0], bool)
    names = ["constant", "x", "twice_x"]
    alone = fit_cox(cox_data(["x"], times, events, x[:, None]), "breslow")
    cox = fit_cox(cox_data(names, times, events, covariates), "breslow")
    assert cox.is_fitted
    assert cox.terms[1] == alone.terms[0]
    assert [test.name for test in proportional_hazards_test(cox)] == ["x", "global"]
    assert [one.name for one in influence(cox)] == ["x"]
    logistic = fit_logistic(names, covariates, events)
    assert logistic.terms[1] == fit_logistic(["x"], x[:, None], events).terms[0]
    for fit in (cox, logistic):
        assert [term.failure for term in fit.terms] == [
            regression.DEPENDENT,
            "",
            regression.DEPENDENT,
        ]
        assert math.isnan(fit.terms[0].ratio)


def test_proportional_hazards_says_why_it_is_not_tested() -> None:
    # After the first event time both terms are equal: each is tested, both at once are not.
    x = [[0, 0], [0, 2], [2, 0], [2, 2], [0, 0], [0, 0], [2, 2], [2, 2]]
    fit = _cox([1, 1, 1, 2, 2, 2, 3, 3], [1, 0, 1, 1, 0, 0, 0, 0], x)
    *single, together = proportional_hazards_test(fit)
    assert all(np.isfinite(test.p_value) for test in single)
    assert (math.isnan(together.p_value), together.failure) == (True, SINGULAR)
    once = _cox([1, 1, 2, 2], [1, 0, 0, 0], [[0], [1], [-1], [0.5]])
    assert {test.failure for test in proportional_hazards_test(once)} == {ONE_EVENT_TIME}


def test_logistic_of_a_two_by_two_table_is_the_odds_ratio() -> None:
    x = np.repeat([1.0, 1.0, 0.0, 0.0], [20, 10, 15, 30])[:, None]
    y = np.repeat([1, 0, 1, 0], [20, 10, 15, 30])
    term = fit_logistic(["exposed"], x, y == 1).terms[0]
    assert term.ratio == pytest.approx(20 * 30 / (10 * 15))
    assert term.standard_error == pytest.approx(math.sqrt(1 / 20 + 1 / 10 + 1 / 15 + 1 / 30))


def test_logistic_counts_what_it_leaves_out_and_few_events() -> None:
    x = np.array([[1.0], [2.0], [3.0], [math.nan], [2.0], [1.0]])
    fit = fit_logistic(["x"], x, np.array([0, 1, 0, 1, 0, 1], bool))
    assert (fit.n, fit.n_missing, fit.n_events) == (5, 1, 2)
    assert "fewer than 5 per term" in fit.warning


def test_anova_when_all_scores_are_equal() -> None:
    result = repeated_measures_anova(np.full((10, 4), 7.0))
    assert math.isnan(result.f_statistic)
    assert math.isnan(result.sphericity.w)
    shifted = repeated_measures_anova(np.tile([30.0, 8.0, 5.0, 3.0], (10, 1)))
    assert math.isnan(shifted.f_statistic)


def test_anova_of_two_times_is_the_paired_t_test_squared() -> None:
    scores = np.array([[10.0, 4.0], [12.0, 9.0], [8.0, 8.0], [15.0, 7.0]])
    result = repeated_measures_anova(scores)
    test = paired_t(scores[:, 0], scores[:, 1])
    assert result.f_statistic == pytest.approx(test.t_statistic**2)
    assert result.p_value == pytest.approx(test.p_value)
    assert (result.epsilon, result.sphericity.p_value) == (pytest.approx(1), 1.0)


def test_anova_of_one_patient_and_of_few() -> None:
    assert math.isnan(repeated_measures_anova(np.array([[3.0, 2.0, 1.0]])).p_value)
    few = repeated_measures_anova(np.array([[9.0, 2.0, 1.0, 4.0], [8.0, 3.0, 1.0, 2.0]]))
    assert math.isnan(few.sphericity.p_value)
    assert 1 / 3 - 1e-9 <= few.epsilon <= 1


def test_anova_refuses_missing_scores() -> None:
    with pytest.raises(ValueError, match="complete cases"):
        repeated_measures_anova(np.array([[1.0, math.nan], [1.0, 2.0]]))


def test_paired_t_without_pairs_and_without_variation() -> None:
    nobody = paired_t(np.array([math.nan, 1.0]), np.array([1.0, math.nan]))
    assert (nobody.n, nobody.n_missing) == (0, 2)
    same = paired_t(np.array([5.0, 6.0]), np.array([4.0, 5.0]))
    assert same.mean_difference == -1
    assert math.isnan(same.p_value)
    rounded = paired_t(np.array([30.3, 25.1, 8.2]), np.array([20.3, 15.1, -1.8]))
    assert math.isnan(rounded.p_value)
    one = paired_t(np.array([5.0]), np.array([2.0]))
    assert (one.mean_difference, one.degrees_of_freedom) == (-3.0, 0)


def test_chi_square_with_an_empty_group() -> None:
    assert math.isnan(pearson_chi_square(np.array([[0, 0], [5, 3]])).p_value)
    assert math.isnan(pearson_chi_square(np.array([[4, 0], [5, 0]])).p_value)
    with pytest.raises(ValueError, match="two rows"):
        pearson_chi_square(np.array([[1, 2]]))


def test_proportions_at_their_ends() -> None:
    assert proportion(0, 10).interval.lower == pytest.approx(0, abs=1e-12)
    assert proportion(10, 10).interval.upper == pytest.approx(1)
    assert math.isnan(proportion(0, 0).proportion)
    assert math.isnan(proportion_difference(proportion(0, 0), proportion(1, 2)).difference)
    with pytest.raises(ValueError, match="denominator"):
        proportion(3, 2)


def test_difference_of_proportions_as_printed_by_newcombe() -> None:
    # Newcombe, Stat Med 1998;17:873-890, table II, example (a) 56/70 - 48/80, method 10.
    difference = proportion_difference(proportion(56, 70), proportion(48, 80))
    assert difference.difference == pytest.approx(0.2)
    assert difference.interval.lower == pytest.approx(0.0524, abs=5e-5)
    assert difference.interval.upper == pytest.approx(0.3339, abs=5e-5)


def test_summary_of_no_value_of_one_and_of_equal_values() -> None:
    nobody = summarise(np.array([math.nan, math.nan]))
    assert (nobody.n, nobody.n_missing) == (0, 2)
    assert math.isnan(nobody.mean)
    one = summarise(np.array([4.0]))
    assert (one.mean, one.median) == (4.0, 4.0)
    assert math.isnan(one.standard_deviation)
    assert one.interval.reason == "no interval: one value"
    for value in (2.5, 0.1):
        same = summarise(np.full(6, value))
        assert same.standard_deviation == 0.0
        assert math.isnan(same.interval.lower)
        assert same.interval.reason == "no interval: every value is the same"
