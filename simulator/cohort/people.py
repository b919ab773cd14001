"""Draws patients, scores and topical regimens of one block of a simulated cohort."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.cohort.effects import FOLLOW_UP, SCORES, TIMEPOINTS, Grid, Tree

COURSES = ("relapsing", "late_onset", "persistent")
PHENOTYPES = ("generalized", "nodular_prurigo", "nummular", "classic")
TARGET_DAYS = np.array([0, 28, 112, 364])
_YOUNGEST_LATE_ONSET = 18


@dataclass
class People:
    """One block of n patients; days count from 1970-01-01.

    Attributes
    ----------
    scores, is_recorded : dict of numpy.ndarray, shape (n, 4)
        Position in the grid of each score, and whether it is recorded at the timepoint.
    is_seen, is_reviewed, on_tacrolimus, on_corticosteroids : numpy.ndarray of bool, shape (n, 4)
        Whether the visit was made, topical therapy reviewed, and what the patient was on.
    """

    index_day: np.ndarray
    birth_day: np.ndarray
    diagnosis_day: np.ndarray
    is_female: np.ndarray
    course: np.ndarray
    phenotype: np.ndarray
    areas: np.ndarray
    visit_day: np.ndarray
    is_seen: np.ndarray
    is_reviewed: np.ndarray
    is_non_adherent: np.ndarray
    on_tacrolimus: np.ndarray
    on_corticosteroids: np.ndarray
    scores: dict[str, np.ndarray]
    is_recorded: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.index_day)


def to_workday(days: np.ndarray) -> np.ndarray:
    """Move Saturdays a day back and Sundays a day on (1970-01-01 was a Thursday)."""
    weekday = (days + 3) % 7
    return days - (weekday == 5) + (weekday == 6)


def _day(value: object) -> int:
    return int(np.datetime64(str(value), "D").astype(int))


def _anniversary(days: np.ndarray, years: np.ndarray) -> np.ndarray:
    """Return the same calendar day ``years`` earlier."""
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    day_of_month = (dates - months).astype(int)
    earlier = (months.astype(int) - 12 * years).astype("datetime64[M]")
    return earlier.astype("datetime64[D]").astype(int) + day_of_month


def draw_people(
    n: int, effects: Tree, grids: dict[str, tuple[Grid, ...]], rng: np.random.Generator
) -> People:
    """Return ``n`` patients under the declared truth."""
    patients = effects["patients"]
    first = _day(effects["calendar"]["first_index_date"])
    last = _day(effects["calendar"]["last_index_date"])
    index_day = rng.integers(first, last + 1, n)
    index_day = np.clip(to_workday(index_day), first, last)
    extra = rng.gamma(patients["age"]["shape"], patients["age"]["scale"], n)
    age = np.minimum(18 + extra.astype(int), int(patients["age"]["highest"]))
    birth_day = _anniversary(index_day, age) - rng.integers(1, 364, n)

    course = _choose(
        rng, n, (patients["relapsing_probability"], patients["late_onset_probability"])
    )
    names = ("generalized_probability", "nodular_prurigo_probability", "nummular_probability")
    phenotype = _choose(rng, n, tuple(patients[name] for name in names))
    areas = np.column_stack(
        [rng.random(n) < patients[f"{area}_probability"] for area in ("face", "hands", "genitalia")]
    )
    is_female = rng.random(n) < patients["female_probability"]
    visit_day, is_seen = _draw_visits(index_day, effects, rng)
    chances = effects["missing"]["topical_review_probability"]
    is_reviewed = is_seen & (rng.random((n, 4)) >= chances)
    is_non_adherent = rng.random(n) < effects["adherence"]["non_adherent_probability"]

    normal = _draw_normal_scores(n, effects, rng)
    positions = {"dlqi": _positions("dlqi", normal, grids)}
    covariates = {
        "dlqi_per_point": positions["dlqi"][:, 0] - effects["tacrolimus"]["reference_dlqi"],
        "age_per_year": age - effects["tacrolimus"]["reference_age"],
        "female": is_female,
        "generalized": phenotype == PHENOTYPES.index("generalized"),
        "relapsing": course == COURSES.index("relapsing"),
    }
    on_tacrolimus = _draw_tacrolimus(covariates, effects, rng)
    on_corticosteroids = _draw_corticosteroids(on_tacrolimus[:, 0], effects, rng)
    shift = effects["scores"]["easi"]["tacrolimus_at_baseline_shift"]
    normal["easi"][:, 1:] += shift * on_tacrolimus[:, :1]
    is_recorded = {}
    for score in SCORES:
        positions[score] = _positions(score, normal, grids)
        is_missing = rng.random((n, 4)) < effects["missing"][f"{score}_probability"]
        is_recorded[score] = is_seen & ~is_missing
    return People(
        index_day=index_day,
        birth_day=birth_day,
        diagnosis_day=_draw_diagnosis(index_day, birth_day, age, course, rng),
        is_female=is_female,
        course=course,
        phenotype=phenotype,
        areas=areas,
        visit_day=visit_day,
        is_seen=is_seen,
        is_reviewed=is_reviewed,
        is_non_adherent=is_non_adherent,
        on_tacrolimus=on_tacrolimus,
        on_corticosteroids=on_corticosteroids,
        scores=positions,
        is_recorded=is_recorded,
    )


def _choose(rng: np.random.Generator, n: int, probabilities: tuple[float, ...]) -> np.ndarray:
    """Return 0, 1, ... with the given probabilities; the rest gets the last number."""
    return np.searchsorted(np.cumsum(probabilities), rng.random(n), side="right").astype(np.int8)


def _draw_visits(
    index_day: np.ndarray, effects: Tree, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return visit days on workdays inside the windows, and which visits were made."""
    n = len(index_day)
    early = np.where(rng.random(n) < 0.6, 0, -rng.integers(1, 15, n))
    shifts = np.column_stack([early, *(rng.integers(-r, r + 1, n) for r in (7, 14, 21))])
    visit_day = to_workday(index_day[:, None] + TARGET_DAYS + shifts)
    visit_day[:, 0] = np.minimum(visit_day[:, 0], index_day)
    seen_again = np.ones((n, 4), dtype=bool)
    for week, timepoint in enumerate(FOLLOW_UP, start=1):
        probability = effects["visits"]["seen_probability"][timepoint]
        seen_again[:, week] = rng.random(n) < probability
    is_seen = np.logical_and.accumulate(seen_again, axis=1)
    return visit_day, is_seen & (visit_day <= _day(effects["calendar"]["extraction_date"]))


def _draw_diagnosis(
    index_day: np.ndarray,
    birth_day: np.ndarray,
    age: np.ndarray,
    course: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return days of diagnosis: adult in late onset, mostly the first years of life otherwise."""
    n = len(age)
    young = np.minimum(rng.gamma(0.6, 4.0, n), 17)
    late = _YOUNGEST_LATE_ONSET + rng.random(n) * np.maximum(age - _YOUNGEST_LATE_ONSET, 0)
    years = np.where(course == COURSES.index("late_onset"), late, young)
    day = birth_day + 40 + (365.25 * years).astype(int)
    return np.minimum(day, index_day - 120)


def _draw_normal_scores(n: int, effects: Tree, rng: np.random.Generator) -> dict[str, np.ndarray]:
    patient, visit = (effects["scores"][f"{name}_share"] for name in ("patient", "visit"))
    common = np.sqrt(patient) * rng.standard_normal((n, 1))
    common = common + np.sqrt(visit) * rng.standard_normal((n, 4))
    own = np.sqrt(1 - patient - visit)
    return {score: common + own * rng.standard_normal((n, 4)) for score in SCORES}


def _positions(
    score: str, normal: dict[str, np.ndarray], grids: dict[str, tuple[Grid, ...]]
) -> np.ndarray:
    columns = [grid.draw(normal[score][:, week]) for week, grid in enumerate(grids[score])]
    return np.column_stack(columns)


def _draw_tacrolimus(
    covariates: dict[str, np.ndarray], effects: Tree, rng: np.random.Generator
) -> np.ndarray:
    """Return tacrolimus use at each timepoint: first use by proportional hazards, then a chain."""
    truth = effects["tacrolimus"]
    predictor = sum(
        np.log(truth["hazard_ratio"][name]) * values for name, values in covariates.items()
    )
    hazard = np.cumsum([truth["hazard"][timepoint] for timepoint in TIMEPOINTS])
    threshold = rng.standard_exponential(len(predictor)) / np.exp(predictor)
    started = threshold[:, None] <= hazard
    on = started.copy()
    for week, timepoint in enumerate(FOLLOW_UP, start=1):
        draw = rng.random(len(predictor))
        continues = draw < truth["continues_probability"][timepoint]
        restarts = draw < truth["restarts_probability"][timepoint]
        again = np.where(on[:, week - 1], continues, restarts)
        on[:, week] = np.where(started[:, week - 1], again, started[:, week])
    return on


def _draw_corticosteroids(
    has_tacrolimus: np.ndarray, effects: Tree, rng: np.random.Generator
) -> np.ndarray:
    truth = effects["corticosteroids"]
    start = truth["baseline_probability"]
    n = len(has_tacrolimus)
    on = np.zeros((n, 4), dtype=bool)
    chance = np.where(has_tacrolimus, start["with_tacrolimus"], start["without_tacrolimus"])
    on[:, 0] = rng.random(n) < chance
    for week, timepoint in enumerate(FOLLOW_UP, start=1):
        chance = np.where(
            on[:, week - 1],
            truth["continues_probability"][timepoint],
            truth["starts_probability"][timepoint],
        )
        on[:, week] = rng.random(n) < chance
    return on
