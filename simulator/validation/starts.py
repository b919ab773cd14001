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
Terms = dict[str, np.ndarray]  # name of a term in the results -> its value in each cell


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
    at_risk = shares @ record.at_risk
    dlqi, age, female, generalized, relapsing = (cells.column(name) for name in COVARIATES)
    joint = {"dlqi_baseline_score": dlqi, "age_at_index_years": age, "is_female": female}
    stem = "a13.evaluable.all.any"
    answer |= _ratios(stem, "hazard_ratio", joint, cox_limit(_design(joint), risky, event))
    alone = {"is_generalized": generalized}
    stem = "a14.evaluable.all.any"
    answer |= _ratios(stem, "hazard_ratio", alone, cox_limit(_design(alone), risky, event))
    answer |= _baseline({"dlqi_baseline_score": dlqi, "is_female": female}, cells, event[:, 0])
    for stem, visit, terms in (
        (
            "a18.at_risk_week_04.all.week_04",
            1,
            {"is_relapsing": relapsing, "age_at_index_years": age},
        ),
        ("a19.at_risk_week_16.all.week_16", 2, {"is_relapsing": relapsing}),
    ):
        slopes = logistic_limit(_design(terms), at_risk[:, visit], event[:, visit])
        answer |= _ratios(stem, "odds_ratio", terms, slopes)
        share = event[:, visit].sum() / at_risk[:, visit].sum()
        answer[f"{stem}.tacrolimus_start.percent"] = float(100 * share)
    return answer


def _design(terms: Terms) -> np.ndarray:
    return np.column_stack(list(terms.values()))


def _ratios(stem: str, statistic: str, terms: Terms, slopes: np.ndarray) -> dict[str, float]:
    return {
        f"{stem}.{name}.{statistic}": float(np.exp(slope))
        for name, slope in zip(terms, slopes, strict=True)
    }


def _curve(hazard: np.ndarray) -> dict[str, float]:
    survival = np.cumprod(1 - hazard)
    stem = "a12.evaluable.all.any.tacrolimus_start"
    answer = {
        f"{stem}.survival.month_{month:g}": float(value)
        for month, value in zip(MONTHS, survival, strict=True)
    }
    answer[f"{stem}.restricted_mean"] = float(np.diff(MONTHS) @ survival[:-1])
    return answer


def _baseline(terms: Terms, cells: Cells, outcome: np.ndarray) -> dict[str, float]:
    """A15: use seen at baseline by DLQI and sex, one term alone and both together."""
    stem = "a15.evaluable.all.baseline"
    slopes = logistic_limit(_design(terms), cells.weight, outcome)
    answer = _ratios(stem, "odds_ratio_joint", terms, slopes)
    for name, values in terms.items():
        alone = {name: values}
        slopes = logistic_limit(_design(alone), cells.weight, outcome)
        answer |= _ratios(stem, "odds_ratio", alone, slopes)
    return answer
