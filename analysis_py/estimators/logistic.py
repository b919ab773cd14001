"""Logistic regression with Wald intervals and p-values, fitted by statsmodels (GLM, Binomial)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from analysis_py.estimators import regression
from analysis_py.estimators.regression import ModelFit


@dataclass(frozen=True, kw_only=True)
class LogisticFit(ModelFit):
    """A logistic model; `intercept` is NaN where it was not fitted."""

    intercept: float


def fit_logistic(names: Sequence[str], covariates: np.ndarray, outcome: np.ndarray) -> LogisticFit:
    """Fit a logistic regression with intercept by maximum likelihood.

    A covariate that does not vary, or depends on those before it, is left out.

    Parameters
    ----------
    names : sequence of str, length p
    covariates : numpy.ndarray, shape (n, p)
        NaN is missing; such a patient is left out and counted.
    outcome : numpy.ndarray of bool, shape (n,)
        None missing.

    Raises
    ------
    ValueError
        If the shapes disagree.

    Notes
    -----
    Patients with the same covariates and outcome are one row with a frequency weight.
    R: ``summary(glm(y ~ x, family = binomial))``; interval ``confint.default``.
    """
    covariates = np.asarray(covariates, dtype=float)
    outcome = np.asarray(outcome, dtype=bool)
    if covariates.shape != (outcome.size, len(names)):
        raise ValueError("covariates must have one row per patient and one column per name")
    is_complete = ~np.isnan(covariates).any(axis=1)
    x, y = covariates[is_complete], outcome[is_complete]
    kept = regression.independent_columns(x)
    x = x[:, kept] if kept else x
    n, n_events = int(y.size), int(y.sum())
    intercept, terms, failure = (
        math.nan,
        regression.undefined_terms(names),
        _reason_not_to_fit(kept, y),
    )
    if not failure:
        patterns, counts = np.unique(np.column_stack([x, y]), axis=0, return_counts=True)
        distinct, outcomes = patterns[:, :-1], patterns[:, -1]
        ones = np.ones(len(patterns))
        centre, scale = x.mean(axis=0), x.std(axis=0)
        design = np.column_stack([ones, (distinct - centre) / scale])
        model = GLM(outcomes, design, family=Binomial(), freq_weights=counts)
        maximum, failure = regression.maximise(
            model,
            # The expected information: the observed one, its equal here, loses digits far out.
            information=lambda coefficients: -model.hessian(coefficients, observed=False),
            longest=float(np.linalg.norm(design, axis=1).max()),
            n_events=n_events,
            is_separated=lambda: regression.is_logistic_separated(
                np.column_stack([ones, distinct]), outcomes == 1
            ),
        )
    if not failure:
        slopes = maximum.coefficients[1:] / scale
        covariance = np.linalg.inv(maximum.information)[1:, 1:] / np.outer(scale, scale)
        intercept = float(maximum.coefficients[0] - centre @ slopes)
        fitted = regression.model_terms([names[i] for i in kept], slopes, covariance)
        terms = regression.with_left_out(names, fitted)
    return LogisticFit(
        n=n,
        n_events=n_events,
        n_missing=int(outcome.size - n),
        terms=terms,
        intercept=intercept,
        failure=failure,
        warning=failure or regression.sparse_data_warning(min(n_events, n - n_events), x.shape[1]),
    )


def _reason_not_to_fit(kept: Sequence[int], y: np.ndarray) -> str:
    if y.size == 0:
        return regression.NO_PATIENTS
    if not y.any():
        return regression.NO_EVENTS
    if y.all():
        return regression.NO_CONTRAST
    return "" if kept else regression.COLLINEAR
