"""Who the 342 are: course, phenotype, areas, ages, comorbidities, earlier treatments.

Drawing: propensities that a dermatologist would expect (late onset is older, generalised disease
has more areas, alitretinoin goes to hands). Repair: the drawn people are moved as little as
possible to the counts of Table I and the printed ages, by assignment (course, phenotype, areas)
and by CP-SAT (ages, baseline DLQI).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from simulator import printed
from simulator.solve.fit import NearestCohort, Printed

DATA = Path(__file__).resolve().parent.parent / "data"


@dataclass
class Person:
    """One enrolled patient of the twin, before dates and courses."""

    number: int
    path: str
    is_adherent: bool
    is_female: bool
    is_relapsing: bool
    is_generalized: bool
    age_at_index: int
    dlqi_baseline: int
    age_at_diagnosis: int = 0
    course: str = ""
    phenotype: str = ""
    areas: tuple[int, int, int] = (0, 0, 0)
    comorbidities: list[str] = field(default_factory=list)
    prior_treatments: list[str] = field(default_factory=list)
    attendance: str = ""

    @property
    def has_tacrolimus_at_baseline(self) -> bool:
        """Whether the topical regimen at baseline holds tacrolimus, alone or combined."""
        return self.path[0] in "TB"


def read_skeleton() -> list[Person]:
    """Return the 307 evaluable patients of the reconstruction (covariates on topical paths)."""
    with open(DATA / "cohort_skeleton_307.csv", newline="", encoding="utf-8") as file:
        return [
            Person(
                number=int(row["id"]),
                path=row["path"],
                is_adherent=True,
                is_female=row["female"] == "1",
                is_relapsing=row["relapsing"] == "1",
                is_generalized=row["generalized"] == "1",
                age_at_index=int(row["age_init"]),
                dlqi_baseline=int(row["dlqi_bl"]),
            )
            for row in csv.DictReader(file)
        ]


def add_non_adherent(people: list[Person], rng: np.random.Generator) -> None:
    """Append the 35 who complete the margins of Table I, the ages and the baseline DLQI."""
    women = [person.is_female for person in people]
    n_women = printed.N_BY_SEX[1] - sum(women)
    for number in range(len(people) + 1, printed.N_ENROLLED + 1):
        people.append(
            Person(
                number=number,
                path="".join(rng.choice(list("NCTB"), p=[0.4, 0.42, 0.08, 0.1], size=4)),
                is_adherent=False,
                is_female=number - len(women) <= n_women,
                is_relapsing=False,
                is_generalized=False,
                age_at_index=int(np.clip(18 + rng.gamma(1.2, 10.0), 18, 74)),
                dlqi_baseline=int(np.clip(round(rng.normal(11, 2.5)), 4, 22)),
            )
        )
    for is_female in (False, True):
        same_sex = [person for person in people if person.is_female == is_female]
        added = [person for person in same_sex if not person.is_adherent]
        for name, margin in (
            ("is_relapsing", printed.COURSE_BY_SEX["relapsing"]),
            ("is_generalized", printed.PHENOTYPE_BY_SEX["generalized"]),
        ):
            missing = margin[is_female] - sum(getattr(person, name) for person in same_sex)
            for index in rng.permutation(len(added))[:missing]:
                setattr(added[index], name, True)


def settle_baseline_numbers(people: list[Person]) -> None:
    """Move the ages and DLQI of the 35 until the printed numbers of all 342 hold."""
    ages = NearestCohort()
    quality = NearestCohort()
    for person in people:
        span = 0 if person.is_adherent else 6
        age, dlqi = person.age_at_index, person.dlqi_baseline
        ages.add(person.number, age, range(max(18, age - span), age + span + 1))
        quality.add(person.number, dlqi, range(max(0, dlqi - span), dlqi + span + 1))
    numbers = [person.number for person in people]
    ages.print_as(numbers, Printed(*printed.AGE_AT_INDEX))
    quality.print_as(numbers, Printed(*printed.SCORES["dlqi"][0]))
    below_10 = printed.DLQI_BELOW_10_BASELINE
    quality.limit_count(numbers, lambda value: value < 10, below_10, below_10)
    new_ages, new_quality = ages.solve(), quality.solve()
    for person in people:
        person.age_at_index = new_ages[person.number]
        person.dlqi_baseline = new_quality[person.number]


def assign_to_counts(
    people: Sequence[Person], counts: Mapping[object, int], cost: np.ndarray
) -> list[object]:
    """Give every person one label so that the label counts hold at the least total cost.

    Parameters
    ----------
    people : sequence of Person
        n people.
    counts : mapping
        Label -> how many people; the counts sum to n.
    cost : numpy.ndarray, shape (n, number of labels)
        Cost of each label (columns in the order of ``counts``) for each person.

    Returns
    -------
    list
        One label per person.
    """
    labels = [label for label, count in counts.items() for _ in range(count)]
    if len(labels) != len(people):
        raise ValueError(f"{len(labels)} places for {len(people)} people")
    columns = np.repeat(np.arange(len(counts)), list(counts.values()))
    _, places = linear_sum_assignment(cost[:, columns])
    return [labels[place] for place in places]


def assign_clinical_features(people: list[Person], rng: np.random.Generator) -> None:
    """Assign disease course, phenotype and critical areas to the counts of Table I by sex."""
    for is_female in (False, True):
        same_sex = [person for person in people if person.is_female == is_female]
        steady = [person for person in same_sex if not person.is_relapsing]
        names = ("persistent", "late_onset")
        counts = {name: printed.COURSE_BY_SEX[name][is_female] for name in names}
        age = np.array([person.age_at_index for person in steady])
        late = -0.12 * (age - 38) + rng.normal(0, 0.6, len(steady)) + 50.0 * (age < 24)
        cost = np.column_stack([np.zeros(len(steady)), late])
        for person, label in zip(steady, assign_to_counts(steady, counts, cost), strict=True):
            person.course = str(label)

        local = [person for person in same_sex if not person.is_generalized]
        names = ("classic", "nodular_prurigo", "nummular")
        counts = {name: printed.PHENOTYPE_BY_SEX[name][is_female] for name in names}
        cost = np.array(
            [
                [0.0, 2.5 - 0.05 * person.age_at_index, 2.0 - 0.03 * person.age_at_index]
                for person in local
            ]
        ) + rng.normal(0, 0.8, (len(local), 3))
        for person, label in zip(local, assign_to_counts(local, counts, cost), strict=True):
            person.phenotype = str(label)

        areas = {area: by_sex[is_female] for area, by_sex in printed.AREAS_BY_SEX.items()}
        cost = np.array([[_area_cost(person, area) for area in areas] for person in same_sex])
        cost = cost + rng.normal(0, 0.7, cost.shape)
        for person, area in zip(same_sex, assign_to_counts(same_sex, areas, cost), strict=True):
            person.areas = area
    for person in people:
        person.course = person.course or "relapsing"
        person.phenotype = person.phenotype or "generalized"


def _area_cost(person: Person, area: tuple[int, int, int]) -> float:
    cost = 0.0
    if person.is_generalized:
        cost -= 0.5 * sum(area)
        cost += 3.0 * (sum(area) == 0)
    if any(letter in "TB" for letter in person.path):
        cost -= 1.2 * area[0] + 0.3 * area[2]
        cost += 3.0 * (sum(area) == 0)
    return cost


def settle_ages_at_diagnosis(people: list[Person], rng: np.random.Generator) -> None:
    """Draw ages at diagnosis from the course and move them to the printed mean and deviation."""
    model = NearestCohort()
    for person in people:
        age = person.age_at_index
        if person.course == "late_onset":
            low, high = 18, age - 1
            drawn = round(age - 1 - (age - 20) * rng.beta(1.0, 4.2))
        else:
            low, high = 0, min(17, age - 1)
            drawn = int(rng.choice([0, 1, 2, 3], p=[0.58, 0.2, 0.13, 0.09]))
            if rng.random() < 0.10:
                drawn = int(rng.integers(4, 15))
            if person.course == "relapsing" and age >= 40 and rng.random() < 0.2:
                high = age - 3
                drawn = round(rng.uniform(10, age - 8))
        drawn = int(np.clip(drawn, low, high))
        model.add(person.number, drawn, range(max(low, drawn - 9), min(high, drawn + 9) + 1))
    model.print_as([person.number for person in people], Printed(*printed.AGE_AT_DIAGNOSIS))
    for number, value in model.solve().items():
        people[number - 1].age_at_diagnosis = value


def _best(people: Sequence[Person], count: int, score: np.ndarray) -> set[int]:
    order = np.argsort(-score, kind="stable")
    return {people[index].number for index in order[:count]}


def assign_history(people: list[Person], rng: np.random.Generator) -> None:
    """Give comorbidities and earlier treatments to the printed counts, by ranked propensity."""
    n = len(people)
    age = np.array([person.age_at_index for person in people])
    is_late = np.array([person.course == "late_onset" for person in people])
    atopy = rng.normal(0, 1, n) - 0.8 * is_late
    with_any = _best(people, printed.N_ANY_COMORBIDITY, atopy + rng.normal(0, 0.6, n))
    allergic = [person for person in people if person.number in with_any]
    rows = np.array([person.number - 1 for person in allergic])
    shift = {
        "rhinitis": 0.7 * atopy,
        "conjunctivitis": 0.8 * atopy,
        "asthma": 0.9 * atopy,
        "food_allergy": 0.7 * atopy - 0.03 * (age - 38),
    }
    chosen = {
        name: _best(allergic, count, shift[name][rows] + rng.normal(0, 1, len(allergic)))
        for name, count in printed.COMORBIDITIES.items()
    }
    _leave_nobody_without(with_any, chosen)
    for person in people:
        person.comorbidities = [name for name in chosen if person.number in chosen[name]]

    is_hand = np.array([person.areas[1] for person in people])
    is_young_woman = np.array([person.is_female and person.age_at_index < 50 for person in people])
    propensity = {
        "ciclosporin": -0.03 * np.maximum(age - 45, 0),
        "systemic_corticosteroids": 0.01 * age,
        "phototherapy": 0.5 * ~np.array([person.is_generalized for person in people]),
        "methotrexate": 0.02 * age - 0.5 * is_young_woman,
        "alitretinoin": 6.0 * is_hand - 3.0 * is_young_woman,
        "azathioprine": 0.01 * age,
    }
    for name, count in printed.PRIOR_TREATMENTS.items():
        for number in _best(people, count, propensity[name] + rng.normal(0, 1, n)):
            people[number - 1].prior_treatments.append(name)


def _leave_nobody_without(members: set[int], chosen: dict[str, set[int]]) -> None:
    """Swap flags so that every member has one, counts unchanged: 311 with any comorbidity."""
    names = list(chosen)
    for number in sorted(members - set.union(*chosen.values())):
        donor, name = next(
            (other, name)
            for other in sorted(members)
            for name in names
            if other in chosen[name] and sum(other in chosen[each] for each in names) >= 3
        )
        chosen[name].remove(donor)
        chosen[name].add(number)


def solve_people(rng: np.random.Generator) -> list[Person]:
    """Return the 342 people of the twin, in the order of the reconstruction."""
    people = read_skeleton()
    add_non_adherent(people, rng)
    settle_baseline_numbers(people)
    assign_clinical_features(people, rng)
    settle_ages_at_diagnosis(people, rng)
    assign_history(people, rng)
    return people
