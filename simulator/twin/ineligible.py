"""Patients of the register who are not in the study: at least one per criterion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from simulator.draws import Draws
from simulator.twin.courses import Course
from simulator.twin.dates import nearest_clinic_day
from simulator.twin.patients import Scores
from simulator.twin.products import DUPIXENT, DUPIXENT_LOADING, PRIOR_TREATMENTS, PROTOPIC
from simulator.twin.visits import Visit, iga_of


@dataclass(frozen=True)
class Ineligible:
    """One patient and the reason for exclusion."""

    reason: str
    sex: str
    birth: date
    diagnosis: date
    course: str
    phenotype: str
    index_date: date | None
    baseline_days: tuple[int, ...] = (0,)
    easi_tenths: tuple[int, ...] = (284,)


INELIGIBLE = (
    Ineligible("never on dupilumab", "female", date(1990, 4, 17), date(1991, 9, 3),
               "persistent", "classic", None, (0, 35), (186, 92)),
    Ineligible("never on dupilumab", "male", date(1961, 11, 2), date(2012, 5, 21),
               "late_onset", "nummular", None, (0,), (148,)),
    Ineligible("index date before the study", "male", date(1983, 2, 8), date(1984, 6, 14),
               "persistent", "generalized", date(2018, 3, 12), (0, 28, 112), (331, 87, 42)),
    Ineligible("under 18 at the index date", "female", date(2003, 1, 22), date(2004, 3, 9),
               "persistent", "classic", date(2020, 7, 13), (0, 29), (296, 81)),
    Ineligible("no baseline visit", "male", date(1975, 8, 30), date(1979, 10, 5),
               "relapsing", "classic", date(2019, 5, 15), (30, 110), (64, 31)),
    Ineligible("EASI under 24", "female", date(1996, 12, 5), date(1998, 2, 16),
               "persistent", "nodular_prurigo", date(2019, 10, 9), (-40, 0, 28), (212, 194, 55)),
    Ineligible("concomitant systemic treatment", "male", date(1958, 6, 19), date(2015, 4, 2),
               "late_onset", "generalized", date(2019, 2, 18), (0, 31, 113), (305, 176, 98)),
    Ineligible("under 18 and EASI under 24", "male", date(2002, 9, 11), date(2003, 5, 27),
               "persistent", "classic", date(2020, 2, 3), (-2,), (221,)),
)  # fmt: skip


def draw_visits(patient: Ineligible, draws: Draws) -> list[Visit]:
    """Return the visits, counted from the index date or from a first visit in 2019."""
    start = patient.index_date or date(2019, 6, 11)
    visits = []
    for day, easi in zip(patient.baseline_days, patient.easi_tenths, strict=True):
        wanted = start + timedelta(days=day)
        reach = timedelta(days=4)
        actual = nearest_clinic_day(
            wanted, wanted - reach, wanted + (reach if day > 0 else reach * 0)
        )
        label = {0: "baseline", 1: "week_04", 2: "week_16"}[(day > 20) + (day > 70)]
        if patient.index_date is None or day < -28:
            label = "unscheduled"
        scores = Scores(easi, min(10, 3 + easi // 60), min(10, 1 + easi // 60), min(30, easi // 16))
        visits.append(Visit(actual, label, scores, "adherent", iga=iga_of(easi, draws)))
    return visits


def draw_courses(patient: Ineligible, visits: Sequence[Visit], draws: Draws) -> list[Course]:
    """Return dupilumab where given, sometimes a topical course, and an excluding treatment."""
    topical = Course(PROTOPIC, "face", visits[0].day, visits[0].day + timedelta(days=40))
    courses = [topical] if draws.chance(60) else []
    if patient.index_date is None:
        return courses
    loading_ends = patient.index_date + timedelta(days=13)
    courses.append(Course(DUPIXENT_LOADING, "", patient.index_date, loading_ends))
    courses.append(Course(DUPIXENT, "", loading_ends + timedelta(days=1), None))
    if patient.reason == "concomitant systemic treatment":
        product = PRIOR_TREATMENTS["ciclosporin"][0][0]
        start = patient.index_date + timedelta(days=45)
        courses.append(Course(product, "", start, start + timedelta(days=120)))
    return courses
