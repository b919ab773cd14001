"""Cox and logistic fits: the maximum by the textbook's equations, and when there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import special

from analysis_py.estimators import regression
from analysis_py.estimators.cox import CoxFit, cox_data, fit_cox
from analysis_py.estimators.logistic import fit_logistic
from analysis_py.estimators.regression import (
    ModelFit,
    Term,
    is_cox_monotone,
    is_logistic_separated,
)

Sample = tuple[np.ndarray, np.ndarray, np.ndarray]


def sample(seed: int, n: int = 300) -> Sample:
    """Visits at four times, three covariates with few values: many tied times."""
    rng = np.random.default_rng(seed)
    x = np.column_stack(
        [rng.integers(0, 8, n) * 2.5, rng.integers(30, 45, n), rng.integers(0, 2, n)]
    ).astype(float)
    hazard = np.exp(0.05 * x[:, 0] - 0.02 * x[:, 1] + 0.4 * x[:, 2])
    durations = rng.choice([0.0, 1.0, 4.0, 12.0], n)
    return durations, rng.random(n) < np.clip(0.4 * hazard, 0, 0.9), x


def fitted(durations: np.ndarray, events: np.ndarray, x: np.ndarray, ties: str) -> CoxFit:
    names = [f"x{i}" for i in range(x.shape[1])]
    return fit_cox(cox_data(names, durations, events, x), ties)


def score(data: Sample, ties: str, beta: np.ndarray) -> np.ndarray:
    """Textbook sum over the events of covariates minus their weighted mean at risk."""
    durations, events, x = data
    hazard, gradient = np.exp(x @ beta), np.zeros(beta.size)
    for time in np.unique(durations[events]):
        dying, at_risk = (durations == time) & events, durations >= time
        gradient += x[dying].sum(axis=0)
        for number in range(int(dying.sum())):
            share = number / dying.sum() if ties == "efron" else 0.0
            weight = hazard * (at_risk - share * dying)
            gradient -= weight @ x / weight.sum()
    return gradient


@pytest.mark.parametrize("ties", ["breslow", "efron"])
@pytest.mark.parametrize("seed", range(3))
def test_cox_solves_the_score_equations(seed: int, ties: str) -> None:
    data = sample(seed)
    fit = fitted(*data, ties)
    assert score(data, ties, fit.coefficients) == pytest.approx(np.zeros(3), abs=1e-6)
    step = 1e-5
    slopes = [
        (score(data, ties, fit.coefficients - e) - score(data, ties, fit.coefficients + e))
        / (2 * step)
        for e in step * np.eye(3)
    ]
    assert np.linalg.inv(np.array(slopes)) == pytest.approx(fit.covariance, rel=1e-4, abs=1e-9)
    errors = [term.standard_error for term in fit.terms]
    assert errors == pytest.approx(np.sqrt(np.diag(fit.covariance)))


@pytest.mark.parametrize("seed", range(3))
def test_logistic_solves_the_score_equations(seed: int) -> None:
    _, outcome, x = sample(seed)
    fit = fit_logistic(["a", "b", "c"], x, outcome)
    slopes = np.array([term.coefficient for term in fit.terms])
    probability = special.expit(fit.intercept + x @ slopes)
    design = np.column_stack([np.ones(len(x)), x])
    assert design.T @ (outcome - probability) == pytest.approx(np.zeros(4), abs=1e-6)
    weights = probability * (1 - probability)
    covariance = np.linalg.inv((design * weights[:, None]).T @ design)
    errors = [term.standard_error for term in fit.terms]
    assert errors == pytest.approx(np.sqrt(np.diag(covariance)[1:]), rel=1e-8)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_the_unit_of_a_covariate_does_not_matter(factor: float) -> None:
    durations, events, x = sample(1)
    names = ["a", "b", "c"]
    one = (fitted(durations, events, x, "breslow"), fit_logistic(names, x, events))
    x = factor * x
    other = (fitted(durations, events, x, "breslow"), fit_logistic(names, x, events))
    for before, after in zip(one, other, strict=True):
        for term, scaled in zip(before.terms, after.terms, strict=True):
            assert scaled.coefficient * factor == pytest.approx(term.coefficient, rel=1e-7)
            assert scaled.p_value == pytest.approx(term.p_value, rel=1e-7)


@pytest.mark.parametrize("units", [5, 10])
def test_a_ratio_per_several_units_is_that_of_the_covariate_in_these_units(units: int) -> None:
    durations, events, x = sample(2)
    names = ["a", "b", "c"]
    one = (fitted(durations, events, x, "breslow"), fit_logistic(names, x, events))
    x = x / [units, 1, 1]
    other = (fitted(durations, events, x, "breslow"), fit_logistic(names, x, events))
    for before, after in zip(one, other, strict=True):
        term, scaled = before.terms[0].per(units), after.terms[0]
        assert term.ratio == pytest.approx(scaled.ratio, rel=1e-7)
        assert term.interval[:2] == pytest.approx(scaled.interval[:2], rel=1e-7)
        assert term.p_value == pytest.approx(scaled.p_value, rel=1e-7)


small = st.lists(
    st.tuples(st.integers(0, 3), st.booleans(), st.integers(-2, 2), st.integers(0, 1)),
    min_size=3,
    max_size=12,
)


def is_estimated(fit: ModelFit, term: Term) -> bool:
    return fit.is_fitted and not term.failure


@settings(max_examples=100, deadline=None)
@given(small)
@example(
    [(0, False, 1, 0)] * 6 + [(0, False, 1, 1), (0, True, 0, 0), (0, True, 1, 1), (0, True, -1, 0)]
)
def test_calculus_and_linear_programme_give_one_verdict(rows: list[tuple[int, ...]]) -> None:
    data = np.array(rows, dtype=float)
    durations, events, x = data[:, 0], data[:, 1] == 1, data[:, 2:]
    known = (regression.NO_EVENTS, regression.NO_CONTRAST, regression.COLLINEAR)
    for ties in ("breslow", "efron"):
        fit = fitted(durations, events, x, ties)
        if fit.failure not in (*known, regression.ALL_AT_ONCE):
            separated = is_cox_monotone(x, durations, events)
            assert fit.failure != regression.NOT_CONVERGED
            assert (fit.failure == regression.SEPARATED) == separated
        # What is fitted is finite; what is not has no number.
        assert all((t.standard_error < 1e3) == is_estimated(fit, t) for t in fit.terms)
    model = fit_logistic(["a", "b"], x, events)
    if model.failure not in known:
        design = np.column_stack([np.ones(len(x)), x])
        separated = is_logistic_separated(design, events)
        assert (model.failure == regression.SEPARATED) == separated
    assert all((t.standard_error < 1e3) == is_estimated(model, t) for t in model.terms)


def test_too_many_different_patients_to_decide_give_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(regression, "MOST_PATTERNS_DECIDED", 3)
    x = np.array([[4.0], [3.0], [2.0], [1.0]])
    times, events = np.arange(1.0, 5.0), np.full(4, True)
    fit = fitted(times, events, x, "breslow")
    assert (fit.is_fitted, fit.warning) == (False, regression.UNDECIDED)
    model = fit_logistic(["x"], x, np.array([True, True, False, False]))
    assert (model.is_fitted, model.warning) == (False, regression.UNDECIDED)
    # A fit that plainly exists needs no decision.
    assert fitted(times, events, x[[0, 2, 1, 3]] % 3, "breslow").is_fitted


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_a_covariate_that_varies_only_before_the_first_event_is_left_out(ties: str) -> None:
    # R: coxph gives NA for the second term and fits the first as if it were alone.
    durations, events = np.array([1.0, 3.0, 2.0, 2.0, 4.0, 5.0]), np.array([0, 1, 1, 1, 0, 1]) == 1
    x = np.array([[-2.0, 0.0], [2.0, 1.0], [1.0, 1.0], [-1.0, 1.0], [0.0, 1.0], [3.0, 1.0]])
    fit = fitted(durations, events, x, ties)
    assert fit.terms[0] == fitted(durations, events, x[:, :1], ties).terms[0]
    assert fit.terms[1].failure == regression.DEPENDENT
    assert fitted(durations, events, x[:, 1:], ties).failure == regression.COLLINEAR


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_covariates_that_all_vary_only_before_the_first_event_are_not_fitted(ties: str) -> None:
    # R: coxph gives NA for both.
    durations, events = np.array([0.0, 0, 0, 0, 2, 2, 3]), np.array([0, 0, 0, 0, 1, 1, 0]) == 1
    x = np.array([[0.0, 0], [0, 1], [1, 0], [2, 1], [0, 1], [0, 1], [0, 1]])
    assert fitted(durations, events, x, ties).failure == regression.COLLINEAR


def test_patients_all_alike_and_one_event_time() -> None:
    alike = fitted(np.ones(50), np.arange(50) < 20, np.full((50, 1), 3.0), "breslow")
    assert alike.failure == regression.COLLINEAR
    at_once = fitted(np.zeros(40), np.full(40, True), np.arange(40.0)[:, None] % 4, "breslow")
    assert at_once.failure == regression.ALL_AT_ONCE
