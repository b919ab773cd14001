"""Where Cox's model with Breslow ties ends up when the starts are seen only at visits.

Starts happen in continuous time under declared hazard ratios, but visits date them to months 0, 1,
4 and 12. So many share a time that Breslow's likelihood does not estimate the declared ratios: it
pulls them towards 1, and leaving a covariate out (generalised disease) pulls further. Its limit is
the root of the expected score (Struthers and Kalbfleisch, Biometrika 1986, doi
10.1093/biomet/73.2.363), which is found here on the grid of all covariate values.
"""

from __future__ import annotations

import numpy as np

from simulator.cohort.effects import FOLLOW_UP, TIMEPOINTS, Tree

MODEL = ("dlqi_per_point", "age_per_year", "female")


def breslow_limit(
    effects: Tree, dlqi: np.ndarray, years: np.ndarray, age_weights: np.ndarray
) -> dict[str, float]:
    """Return the limit of the three hazard ratios of the study's Cox model.

    Parameters
    ----------
    effects : dict
        The declared truth.
    dlqi : numpy.ndarray, shape (31,)
        Probabilities of DLQI 0 to 30 at baseline.
    years, age_weights : numpy.ndarray, shape (m,)
        Ages in completed years and their probabilities.

    Notes
    -----
    Dropout counts as declared; administrative censoring and visits without a topical review, which
    are rare by default, do not.
    """
    truth = effects["tacrolimus"]
    chances = [
        effects["patients"][f"{n}_probability"] for n in ("female", "generalized", "relapsing")
    ]
    axes = np.meshgrid(
        np.arange(len(dlqi)), years, [0, 1], [0, 1], [0, 1], indexing="ij", sparse=False
    )
    score, age, female, generalized, relapsing = (axis.ravel().astype(float) for axis in axes)
    weight = dlqi[score.astype(int)] * np.repeat(np.tile(age_weights, len(dlqi)), 8)
    for axis, chance in zip((female, generalized, relapsing), chances, strict=True):
        weight = weight * np.where(axis == 1, chance, 1 - chance)
    ratio = {name: np.log(value) for name, value in truth["hazard_ratio"].items()}
    risk = np.exp(
        ratio["dlqi_per_point"] * (score - truth["reference_dlqi"])
        + ratio["age_per_year"] * (age - truth["reference_age"])
        + ratio["female"] * female
        + ratio["generalized"] * generalized
        + ratio["relapsing"] * relapsing
    )
    hazard = np.cumsum([0.0, *(truth["hazard"][timepoint] for timepoint in TIMEPOINTS)])
    free = np.exp(-np.outer(hazard, risk))
    seen = np.cumprod([1.0, *(effects["visits"]["seen_probability"][name] for name in FOLLOW_UP)])
    design = np.column_stack([score, age, female])
    centre = weight @ design
    beta = _root(design - centre, weight, free, seen)
    return dict(zip(MODEL, np.exp(beta).tolist(), strict=True))


def _root(design: np.ndarray, weight: np.ndarray, free: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Solve the expected score equations by Newton's method."""
    beta = np.zeros(design.shape[1])
    for _ in range(50):
        value = np.zeros_like(beta)
        slope = np.zeros((len(beta), len(beta)))
        relative = np.exp(design @ beta)
        for time, share in enumerate(seen):
            at_risk = weight * share * free[time]
            starts = weight * share * (free[time] - free[time + 1])
            total = at_risk @ relative
            mean = (at_risk * relative) @ design / total
            second = (design * (at_risk * relative)[:, None]).T @ design / total
            value += starts @ design - starts.sum() * mean
            slope += starts.sum() * (second - np.outer(mean, mean))
        step = np.linalg.solve(slope, value)
        beta = beta + step
        if np.abs(step).max() < 1e-12:
            break
    return beta
