"""Expected estimates of the first tacrolimus: curve, restricted mean, hazard and odds ratios.

A patient starts before one of the four visits or never. Visits are missed or not reviewed, and a
patient may have stopped again. A start is therefore observed at the first reviewed visit at which
the patient is on tacrolimus: at the right visit, later, or never.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from simulator.cohort.effects import FOLLOW_UP, TIMEPOINTS, Tree, make_grid
from simulator.cohort.expected import MONTHS, age_probabilities, cox_limit, score_root

COVARIATES = ("dlqi", "age", "female", "generalized", "relapsing")
Terms = dict[str, np.ndarray]  # name of a term in the results -> its value in each cell
N_VISITS = 4


@dataclass(frozen=True)
class Cells:
    """All combinations of the covariates of a start.

    `design` has shape (m, 5), its columns in the order of COVARIATES; `weight` (m,) is the
    probability of a cell; `starts` (m, 5) the probability that a patient of the cell starts
    tacrolimus before visit k, the last column being never.
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


@dataclass(frozen=True)
class VisitRecord:
    """Probabilities of what the visits show, given the visit of the true start.

    All arrays have shape (5, 4): one row per visit of the true start; row 4 means never.

    Attributes
    ----------
    event : numpy.ndarray
        The first use is observed at this visit; this visit and all before it are reviewed.
    censored : numpy.ndarray
        No use is observed before the first visit without review, and this is the visit before it.
        The first visit includes patients without review there, who are censored at time 0.
    at_risk : numpy.ndarray
        This visit and all before it are reviewed, and no use was observed before it.
    started : numpy.ndarray
        At risk at this visit, and on tacrolimus there.
    """

    event: np.ndarray
    censored: np.ndarray
    at_risk: np.ndarray
    started: np.ndarray

    def still_free(self) -> np.ndarray:
        """Return P(neither event nor censoring before visit k), the risk set of that time."""
        ends = self.event + self.censored
        return ends[:, ::-1].cumsum(axis=1)[:, ::-1]


def visit_record(effects: Tree) -> VisitRecord:
    """Add up every pattern of visits made, visits reviewed and courses in force."""
    reviewed = 1 - effects["missing"]["topical_review_probability"]
    chances = [effects["visits"]["seen_probability"][name] for name in FOLLOW_UP]
    event, censored, at_risk, started = (np.zeros((N_VISITS + 1, N_VISITS)) for _ in range(4))
    for start in range(N_VISITS + 1):
        for on, chance_on in _courses(start, effects):
            for n_seen in range(1, N_VISITS + 1):
                chance_seen = float(np.prod(chances[: n_seen - 1]))
                if n_seen < N_VISITS:
                    chance_seen *= 1 - chances[n_seen - 1]
                for known in product((True, False), repeat=n_seen):
                    chance = chance_on * chance_seen
                    chance *= reviewed ** sum(known) * (1 - reviewed) ** (n_seen - sum(known))
                    followed = [visit for visit in range(n_seen) if all(known[: visit + 1])]
                    first = next((visit for visit in followed if on[visit]), None)
                    if first is None:
                        censored[start, followed[-1] if followed else 0] += chance
                    else:
                        event[start, first] += chance
                    for visit in followed:
                        if not any(on[:visit]):
                            at_risk[start, visit] += chance
                            started[start, visit] += chance * on[visit]
    return VisitRecord(event, censored, at_risk, started)


def _courses(start: int, effects: Tree) -> list[tuple[tuple[bool, ...], float]]:
    """Return the patterns of use over the visits and their probabilities, given the start."""
    truth = effects["tacrolimus"]
    patterns: list[tuple[tuple[bool, ...], float]] = [((), 1.0)]
    for visit in range(N_VISITS):
        if visit <= start:
            patterns = [((*on, visit == start), chance) for on, chance in patterns]
            continue
        name = FOLLOW_UP[visit - 1]
        longer = []
        for on, chance in patterns:
            stays = truth["continues_probability" if on[-1] else "restarts_probability"][name]
            longer += [((*on, True), chance * stays), ((*on, False), chance * (1 - stays))]
        patterns = longer
    return patterns


def expected_starts(effects: Tree) -> dict[str, float]:
    """Return the limits of the estimates of the first tacrolimus for infinitely many patients.

    Dropout, visits without a review and courses that end are taken into account. Visits after the
    extraction date are not: with the default calendar there are none.

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
    at_risk, started = shares @ record.at_risk, shares @ record.started
    dlqi, age, female, generalized, relapsing = (cells.column(name) for name in COVARIATES)
    joint = {"dlqi_baseline_score": dlqi, "age_at_index_years": age, "is_female": female}
    stem = "a13.evaluable.all.any"
    answer |= _ratios(stem, "hazard_ratio", joint, _cox(joint, risky, event))
    alone = {"is_generalized": generalized}
    stem = "a14.evaluable.all.any"
    answer |= _ratios(stem, "hazard_ratio", alone, _cox(alone, risky, event))
    terms = {"dlqi_baseline_score": dlqi, "is_female": female}
    answer |= _baseline(terms, at_risk[:, 0], started[:, 0])
    for stem, visit, terms in (
        (
            "a18.at_risk_week_04.all.week_04",
            1,
            {"is_relapsing": relapsing, "age_at_index_years": age},
        ),
        ("a19.at_risk_week_16.all.week_16", 2, {"is_relapsing": relapsing}),
    ):
        slopes = _logistic(terms, at_risk[:, visit], started[:, visit])
        answer |= _ratios(stem, "odds_ratio", terms, slopes)
        share = started[:, visit].sum() / at_risk[:, visit].sum()
        answer[f"{stem}.tacrolimus_start.percent"] = float(100 * share)
    return answer


def _cox(terms: Terms, at_risk: np.ndarray, events: np.ndarray) -> np.ndarray:
    """Return the limits of the log hazard ratios of Cox's model with Breslow ties."""
    design = np.column_stack(list(terms.values()))
    return cox_limit(design - design.mean(axis=0), list(zip(at_risk.T, events.T, strict=True)))


def _logistic(terms: Terms, at_risk: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Return the limits of the log odds ratios of a logistic model, without the intercept.

    The limit is the root of the expected score, whether or not the model is true (White,
    Econometrica 1982;50:1-25, doi 10.2307/1912526). ``at_risk`` and ``outcome``, shape (m,), are
    the expected shares of all patients who are in the cell and in the model, or have the outcome.
    """
    design = np.column_stack(list(terms.values()))
    full = np.column_stack([np.ones(len(design)), design - design.mean(axis=0)])

    def score(beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        chance = 1 / (1 + np.exp(-full @ beta))
        spread = at_risk * chance * (1 - chance)
        return full.T @ (outcome - at_risk * chance), (full.T * spread) @ full

    return score_root(score, full.shape[1])[1:]


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


def _baseline(terms: Terms, reviewed: np.ndarray, outcome: np.ndarray) -> dict[str, float]:
    """A15: use at baseline by DLQI and sex of those reviewed there, terms alone and together."""
    stem = "a15.evaluable.all.baseline"
    slopes = _logistic(terms, reviewed, outcome)
    answer = _ratios(stem, "odds_ratio_joint", terms, slopes)
    for name, values in terms.items():
        alone = {name: values}
        slopes = _logistic(alone, reviewed, outcome)
        answer |= _ratios(stem, "odds_ratio", alone, slopes)
    return answer
