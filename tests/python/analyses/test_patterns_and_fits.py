"""Patients counted together give the estimates of patients one by one: libraries and formulas."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test
from statsmodels.discrete.discrete_model import Logit
from statsmodels.duration.hazard_regression import PHReg

from analysis_py.analyses.a13_cox import COVARIATES
from analysis_py.estimators import cox, logistic, model_fit
from analysis_py.estimators.cox import CoxData, CoxResult, cox_data, fit_cox
from analysis_py.estimators.cox_diagnostics import dfbeta, influence, proportional_hazards_test
from analysis_py.estimators.cox_likelihood import log_likelihood, risk_sets
from analysis_py.estimators.logistic import fit_logistic
from analysis_py.estimators.patterns import TRIAL, distinct
from analysis_py.estimators.separation import is_cox_monotone, is_logistic_separated
from analysis_py.estimators.survival import kaplan_meier, log_rank

TOLERANCE = {"rel": 1e-8, "abs": 1e-10}
Sample = tuple[np.ndarray, np.ndarray, np.ndarray]


def sample(seed: int, n: int = 300) -> Sample:
    """Visits at four times, three covariates with few values: many patients are alike."""
    rng = np.random.default_rng(seed)
    x = np.column_stack(
        [rng.integers(0, 8, n) * 2.5, rng.integers(30, 45, n), rng.integers(0, 2, n)]
    ).astype(float)
    hazard = np.exp(0.05 * x[:, 0] - 0.02 * x[:, 1] + 0.4 * x[:, 2])
    durations = rng.choice([0.0, 1.0, 4.0, 12.0], n)
    return durations, rng.random(n) < np.clip(0.4 * hazard, 0, 0.9), x


def everybody(durations: np.ndarray, events: np.ndarray, x: np.ndarray) -> CoxData:
    """The same patients, each for themselves."""
    names = tuple(f"x{i}" for i in range(x.shape[1]))
    return CoxData(names, durations, events, x, np.ones(len(events), dtype=np.int64), 0)


def fitted(durations: np.ndarray, events: np.ndarray, x: np.ndarray, ties: str) -> CoxResult:
    names = [f"x{i}" for i in range(x.shape[1])]
    return fit_cox(cox_data(names, durations, events, x), ties)


values = st.lists(
    st.tuples(st.sampled_from([0.0, 1.5, math.nan]), st.booleans(), st.integers(0, 3)), min_size=1
)


@given(values)
def test_distinct_rows_stand_for_all(rows: list[tuple[float, bool, int]]) -> None:
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    kept, counts = distinct(columns)
    found = {str(tuple(c[i].item() for c in columns)): n for i, n in zip(kept, counts, strict=True)}
    assert found == pd.Series([str(row) for row in rows]).value_counts().to_dict()
    assert len(found) == len(kept)


def test_counts_of_counts_add_up() -> None:
    kept, counts = distinct([np.array([2.0, 1.0, 2.0])], np.array([10, 5, 7]))
    assert kept.size == 2
    assert counts.tolist() == [5, 17]


def test_patients_who_all_differ_stand_for_themselves() -> None:
    column = np.random.default_rng(1).random(TRIAL + 5)
    kept, counts = distinct([np.zeros(column.size), column])
    assert kept.tolist() == list(range(column.size))
    assert set(counts.tolist()) == {1}


@pytest.mark.parametrize("ties", ["breslow", "efron"])
@pytest.mark.parametrize("seed", range(6))
def test_cox_agrees_with_statsmodels(seed: int, ties: str) -> None:
    durations, events, x = sample(seed)
    fit = fitted(durations, events, x, ties)
    assert fit.data.durations.size < fit.data.n == 300
    scale = x.std(axis=0)
    theirs = PHReg(durations, (x - x.mean(axis=0)) / scale, status=events.astype(int), ties=ties)
    theirs = theirs.fit(method="newton", tol=1e-12, maxiter=50)
    ours = np.array([(t.coefficient, t.standard_error) for t in fit.terms])
    assert ours[:, 0] == pytest.approx(theirs.params / scale, **TOLERANCE)
    assert ours[:, 1] == pytest.approx(theirs.bse / scale, **TOLERANCE)


def test_cox_of_the_twin_agrees_with_statsmodels(frames: dict[str, pd.DataFrame]) -> None:
    starts = frames["fct_tacrolimus_initiation"]
    durations = starts["duration_months"].to_numpy(float)
    events, x = starts["is_event"].to_numpy(bool), starts[COVARIATES].to_numpy(float)
    fit = fitted(durations, events, x, "breslow")
    scale = x.std(axis=0)
    theirs = PHReg(durations, (x - x.mean(axis=0)) / scale, status=events.astype(int))
    theirs = theirs.fit(method="newton", tol=1e-12, maxiter=50)
    ours = [(t.coefficient, t.standard_error) for t in fit.terms]
    wanted = np.column_stack([theirs.params, theirs.bse]) / scale[:, None]
    assert np.array(ours) == pytest.approx(wanted, **TOLERANCE)


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_the_likelihood_is_the_textbook_sum(ties: str) -> None:
    durations, events, x = sample(11, n=60)
    beta = np.array([0.03, -0.01, 0.2])
    hazard, value = np.exp(x @ beta), 0.0
    gradient = np.zeros(3)
    for time in np.unique(durations[events]):
        dying, at_risk = (durations == time) & events, durations >= time
        value += (x[dying] @ beta).sum()
        gradient += x[dying].sum(axis=0)
        d = int(dying.sum())
        for number in range(d):
            share = number / d if ties == "efron" else 0.0
            weight = hazard * (at_risk - share * dying)
            value -= math.log(weight.sum())
            gradient -= weight @ x / weight.sum()
    data = cox_data(["a", "b", "c"], durations, events, x)
    point = log_likelihood(
        risk_sets(data.durations, data.events, data.covariates, data.counts), ties, beta
    )
    assert point.value == pytest.approx(value, rel=1e-12)
    assert point.gradient == pytest.approx(gradient, rel=1e-9, abs=1e-9)
    step = 1e-5
    for i in range(3):
        sides = [
            log_likelihood(
                risk_sets(data.durations, data.events, data.covariates, data.counts),
                ties,
                beta + sign * step * np.eye(3)[i],
            ).gradient
            for sign in (1, -1)
        ]
        slope = -(sides[0] - sides[1]) / (2 * step)
        assert point.information[i] == pytest.approx(slope, rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_diagnostics_are_those_of_the_patients_one_by_one(seed: int) -> None:
    durations, events, x = sample(seed)
    together = fitted(durations, events, x, "breslow")
    alone = fit_cox(everybody(durations, events, x), "breslow")
    for ours, theirs in zip(
        proportional_hazards_test(together), proportional_hazards_test(alone), strict=True
    ):
        assert (ours.name, ours.degrees_of_freedom) == (theirs.name, theirs.degrees_of_freedom)
        assert ours.chi_square == pytest.approx(theirs.chi_square, **TOLERANCE)
    for ours, theirs in zip(influence(together), influence(alone), strict=True):
        assert ours.largest == pytest.approx(theirs.largest, **TOLERANCE)
        assert ours.ratio_lowest == pytest.approx(theirs.ratio_lowest, **TOLERANCE)
        assert ours.ratio_highest == pytest.approx(theirs.ratio_highest, **TOLERANCE)


def test_influence_agrees_with_the_score_residuals_of_statsmodels() -> None:
    durations, events, x = sample(2)
    fit = fit_cox(everybody(durations, events, x), "breslow")
    theirs = PHReg(durations, x, status=events.astype(int)).fit(tol=1e-12, maxiter=50)
    assert dfbeta(fit) == pytest.approx(theirs.score_residuals @ fit.covariance, abs=1e-8)


def test_counts_are_patients_written_out() -> None:
    durations, events, x = sample(4, n=80)
    counts = np.random.default_rng(4).integers(1, 9, 80)
    names = ["a", "b", "c"]
    counted = fit_cox(cox_data(names, durations, events, x, counts), "efron")
    written = [np.repeat(part, counts, axis=0) for part in (durations, events, x)]
    apart = fit_cox(cox_data(names, *written), "efron")
    assert (counted.data.n, counted.data.n_events) == (apart.data.n, apart.data.n_events)
    assert counted.coefficients == pytest.approx(apart.coefficients, **TOLERANCE)
    assert counted.covariance == pytest.approx(apart.covariance, **TOLERANCE)


@pytest.mark.parametrize("seed", range(4))
def test_logistic_agrees_with_statsmodels(seed: int) -> None:
    _, outcome, x = sample(seed)
    fit = fit_logistic(["a", "b", "c"], x, outcome)
    design = np.column_stack([np.ones(len(x)), x])
    theirs = Logit(outcome.astype(float), design).fit(disp=0, tol=1e-13, maxiter=100)
    ours = np.array([(t.coefficient, t.standard_error, t.p_value) for t in fit.terms])
    assert ours[:, 0] == pytest.approx(theirs.params[1:], **TOLERANCE)
    assert ours[:, 1] == pytest.approx(theirs.bse[1:], **TOLERANCE)
    assert ours[:, 2] == pytest.approx(theirs.pvalues[1:], rel=1e-7)
    assert fit.intercept == pytest.approx(theirs.params[0], **TOLERANCE)


@pytest.mark.parametrize("seed", range(3))
def test_survival_agrees_with_lifelines_patient_by_patient(seed: int) -> None:
    durations, events, x = sample(seed)
    curve = kaplan_meier(durations, events)
    theirs = KaplanMeierFitter().fit(durations, events)
    at = theirs.survival_function_at_times(curve.times).to_numpy()
    assert curve.survival == pytest.approx(at, **TOLERANCE)
    assert curve.n == len(durations)
    groups = np.where(x[:, 2] == 1, "female", "male")
    ours, test = (
        log_rank(durations, events, groups),
        multivariate_logrank_test(durations, groups, events),
    )
    assert ours.chi_square == pytest.approx(test.test_statistic, **TOLERANCE)
    assert ours.n == tuple(np.unique(groups, return_counts=True)[1].tolist())
    assert sum(ours.observed) == events.sum() == pytest.approx(sum(ours.expected))


small = st.lists(
    st.tuples(st.integers(0, 3), st.booleans(), st.integers(-2, 2), st.integers(0, 1)),
    min_size=3,
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(small)
def test_calculus_and_linear_programme_give_one_verdict(rows: list[tuple[int, ...]]) -> None:
    data = np.array(rows, dtype=float)
    durations, events, x = data[:, 0], data[:, 1] == 1, data[:, 2:]
    known = (model_fit.NO_EVENTS, model_fit.NO_CONTRAST, model_fit.COLLINEAR)
    for ties in ("breslow", "efron"):
        fit = fitted(durations, events, x, ties)
        if fit.failure not in known:
            separated = is_cox_monotone(x, durations, events)
            assert (fit.failure == model_fit.SEPARATED) == separated
        # What is fitted is finite; what is not has no number.
        assert all((t.standard_error < 1e3) == fit.is_fitted for t in fit.terms)
    model = fit_logistic(["a", "b"], x, events)
    if model.failure not in known:
        design = np.column_stack([np.ones(len(x)), x])
        separated = is_logistic_separated(design, events)
        assert (model.failure == model_fit.SEPARATED) == separated


def test_too_many_patterns_to_decide_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (cox, logistic):
        monkeypatch.setattr(module.model_fit, "MOST_PATTERNS_DECIDED", 3)
    x = np.array([[4.0], [3.0], [2.0], [1.0]])
    times, events = np.arange(1.0, 5.0), np.full(4, True)
    fit = fitted(times, events, x, "breslow")
    assert (fit.is_fitted, fit.warning) == (False, model_fit.UNDECIDED)
    model = fit_logistic(["x"], x, np.array([True, True, False, False]))
    assert (model.is_fitted, model.warning) == (False, model_fit.UNDECIDED)
    # A fit that plainly exists needs no decision.
    assert fitted(times, events, x[[0, 2, 1, 3]] % 3, "breslow").is_fitted


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_a_covariate_that_varies_only_before_the_first_event_is_not_fitted(ties: str) -> None:
    durations, events = np.array([1.0, 3.0, 2.0, 2.0, 4.0]), np.array([0, 1, 1, 1, 0]) == 1
    x = np.array([[-2.0, 0.0], [2.0, 1.0], [1.0, 1.0], [-1.0, 1.0], [0.0, 1.0]])
    assert fitted(durations, events, x, ties).failure == model_fit.NOT_CONVERGED
    assert fitted(durations, events, x[:, :1], ties).is_fitted


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_covariates_that_all_vary_only_before_the_first_event_are_not_fitted(ties: str) -> None:
    durations, events = np.array([0.0, 0, 0, 0, 2, 2]), np.array([0, 0, 0, 0, 1, 1]) == 1
    x = np.array([[0.0, 0], [0, 1], [1, 0], [2, 1], [0, 1], [0, 1]])
    assert fitted(durations, events, x, ties).failure == model_fit.NOT_CONVERGED


def test_one_pattern_and_one_event_time_keep_their_verdicts() -> None:
    alike = fitted(np.ones(50), np.arange(50) < 20, np.full((50, 1), 3.0), "breslow")
    assert alike.failure == model_fit.COLLINEAR
    at_once = fitted(np.zeros(40), np.full(40, True), np.arange(40.0)[:, None] % 4, "breslow")
    assert at_once.is_fitted
    assert at_once.data.durations.size == 4
    assert at_once.terms[0].coefficient == pytest.approx(0, abs=1e-10)
