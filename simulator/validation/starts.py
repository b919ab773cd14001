"""Expected estimates of the first tacrolimus: curve, restricted mean, hazard and odds ratios."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.cohort.effects import TIMEPOINTS, Tree
from simulator.cohort.expected import MONTHS, age_probabilities
from simulator.cohort.score_grids import make_grid
from simulator.validation.limits import cox_limit, logistic_limit
from simulator.validation.visit_record import visit_record

COVARIATES = ("dlqi", "age", "female", "generalized", "relapsing")


@dataclass(frozen=True)
class Cells:
    """All combinations of the covariates of a start.

    `design` has shape (m, 5), its columns in the order of COVARIATES; `weight` (m,) is the
    probability of a cell; `starts` (m, 5) the probability that a patient of the cell first has
    tacrolimus in force at visit k, the last column being never.
    """

    design: np.ndarray
    weight: np.ndarray
    starts: np.ndarray

    def column(self, name: str) -> np.ndarray:
        """Values of one covariate, shape (m,)."""
        return self.design[:, COVARIATES.index(name)]


def start_cells(effects: Tree) -> Cells:
    """Return every combination of covariates under the declared truth."""
    truth, patients = effects["tacrolimus"], effects["patients"]
    grid = make_grid("dlqi", "baseline", effects)
    years, ages = age_probabilities(effects)
    axes = [grid.values, years.astype(float)]
    weights = [grid.probabilities(), ages]
    for name in COVARIATES[2:]:
        chance = patients[f"{name}_probability"]
        axes.append(np.array([0.0, 1.0]))
        weights.append(np.array([1 - chance, chance]))
    design = np.column_stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")])
    weight = np.ones(())
    for part in weights:
        weight = np.multiply.outer(weight, part)
    reference = np.array([truth["reference_dlqi"], truth["reference_age"], 0, 0, 0])
    ratios = truth["hazard_ratio"]
    slopes = np.log(
        [
            ratios["dlqi_per_point"],
            ratios["age_per_year"],
            *(ratios[name] for name in COVARIATES[2:]),
        ]
    )
    risk = np.exp((design - reference) @ slopes)
    hazard = np.cumsum([0.0, *(truth["hazard"][name] for name in TIMEPOINTS)])
    free = np.exp(-np.outer(risk, hazard))
    starts = np.column_stack([-np.diff(free, axis=1), free[:, -1]])
    return Cells(design, weight.ravel(), starts)


def expected_starts(effects: Tree) -> dict[str, float]:
    """Return what the analyses of the first tacrolimus estimate with endlessly many patients.

    Dropout, visits without a review and courses that end are all taken into account. Visits that
    the extraction date cuts off are not: with the default calendar there are none.

    Returns
    -------
    dict
        Result key of an analysis -> value (months, proportions, percent, ratios).
    """
    cells = start_cells(effects)
    record = visit_record(effects)
    shares = cells.weight[:, None] * cells.starts
    event, risky = shares @ record.event, shares @ record.still_free()
    answer = _curve(event.sum(axis=0) / risky.sum(axis=0))
    pick = {name: cells.column(name)[:, None] for name in COVARIATES}
    joint = np.column_stack([pick["dlqi"], pick["age"], pick["female"]])
    names = ("dlqi_baseline_score", "age_at_index_years", "is_female")
    for name, slope in zip(names, cox_limit(joint, risky, event), strict=True):
        answer[f"a13.evaluable.all.any.{name}.hazard_ratio"] = float(np.exp(slope))
    slope = cox_limit(pick["generalized"], risky, event)[0]
    answer["a14.evaluable.all.any.is_generalized.hazard_ratio"] = float(np.exp(slope))
    answer |= _baseline(cells, event[:, 0], pick)
    at_risk = shares @ record.at_risk
    answer |= _initiation("a18", "week_04", at_risk[:, 1], event[:, 1], pick, ("relapsing", "age"))
    return answer | _initiation("a19", "week_16", at_risk[:, 2], event[:, 2], pick, ("relapsing",))


def _curve(hazard: np.ndarray) -> dict[str, float]:
    survival = np.cumprod(1 - hazard)
    stem = "a12.evaluable.all.any.tacrolimus_start"
    answer = {
        f"{stem}.survival.month_{month:g}": float(value)
        for month, value in zip(MONTHS, survival, strict=True)
    }
    answer[f"{stem}.restricted_mean"] = float(np.diff(MONTHS) @ survival[:-1])
    return answer


def _baseline(cells: Cells, outcome: np.ndarray, pick: dict[str, np.ndarray]) -> dict[str, float]:
    """A15: use seen at baseline by DLQI and sex, one term alone and both together."""
    answer = {}
    terms = {"dlqi_baseline_score": pick["dlqi"], "is_female": pick["female"]}
    stem = "a15.evaluable.all.baseline"
    for name, design in terms.items():
        slope = logistic_limit(design, cells.weight, outcome)[0]
        answer[f"{stem}.{name}.odds_ratio"] = float(np.exp(slope))
    both = logistic_limit(np.column_stack(list(terms.values())), cells.weight, outcome)
    for name, slope in zip(terms, both, strict=True):
        answer[f"{stem}.{name}.odds_ratio_joint"] = float(np.exp(slope))
    return answer


def _initiation(
    analysis: str,
    timepoint: str,
    at_risk: np.ndarray,
    outcome: np.ndarray,
    pick: dict[str, np.ndarray],
    terms: tuple[str, ...],
) -> dict[str, float]:
    names = {"relapsing": "is_relapsing", "age": "age_at_index_years"}
    stem = f"{analysis}.at_risk_{timepoint}.all.{timepoint}"
    slopes = logistic_limit(np.column_stack([pick[name] for name in terms]), at_risk, outcome)
    answer = {
        f"{stem}.{names[name]}.odds_ratio": float(np.exp(slope))
        for name, slope in zip(terms, slopes, strict=True)
    }
    answer[f"{stem}.tacrolimus_start.percent"] = float(100 * outcome.sum() / at_risk.sum())
    return answer
