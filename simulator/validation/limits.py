"""Where a model of the study ends up when it is fitted to endlessly many patients.

The limit of a maximum likelihood estimate is the root of its expected score, whether or not the
model is true (White, Econometrica 1982;50:1-25, doi 10.2307/1912526; for Cox's model Struthers and
Kalbfleisch, Biometrika 1986;73:363-369, doi 10.1093/biomet/73.2.363).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Score = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
MOST_STEPS = 100


def cox_limit(design: np.ndarray, at_risk: np.ndarray, events: np.ndarray) -> np.ndarray:
    """Return the limit of the log hazard ratios of Cox's model with Breslow ties.

    Parameters
    ----------
    design : numpy.ndarray, shape (m, p)
        Covariates of each cell of patients.
    at_risk, events : numpy.ndarray, shape (m, times)
        Expected share of all patients who are in the cell and at risk, or have the event.
    """
    design = design - design.mean(axis=0)

    def score(beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, slope = np.zeros(len(beta)), np.zeros((len(beta), len(beta)))
        relative = np.exp(design @ beta)
        for risky, started in zip(at_risk.T, events.T, strict=True):
            weight = risky * relative / (risky @ relative)
            mean = weight @ design
            value += started @ design - started.sum() * mean
            slope += started.sum() * ((design.T * weight) @ design - np.outer(mean, mean))
        return value, slope

    return _root(score, design.shape[1])


def logistic_limit(design: np.ndarray, at_risk: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Return the limit of the log odds ratios of a logistic model, without the intercept.

    Parameters
    ----------
    design : numpy.ndarray, shape (m, p)
        Covariates of each cell of patients, without a column for the intercept.
    at_risk, outcome : numpy.ndarray, shape (m,)
        Expected share of all patients who are in the cell and in the model, or have the outcome.
    """
    full = np.column_stack([np.ones(len(design)), design - design.mean(axis=0)])

    def score(beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        chance = 1 / (1 + np.exp(-full @ beta))
        spread = at_risk * chance * (1 - chance)
        return full.T @ (outcome - at_risk * chance), (full.T * spread) @ full

    return _root(score, full.shape[1])[1:]


def _root(score: Score, size: int) -> np.ndarray:
    """Solve the expected score equations by Newton's method.

    Raises
    ------
    ArithmeticError
        If they have no finite root, as with an outcome that nobody has.
    """
    beta = np.zeros(size)
    for _ in range(MOST_STEPS):
        value, slope = score(beta)
        step = np.linalg.solve(slope, value)
        beta = beta + step
        if np.abs(step).max() < 1e-11:
            return beta
    raise ArithmeticError("the expected score equations have no finite root")
