"""Topical courses that give exactly the solved regimen on every reviewed visit day.

Between visits courses are refilled, interrupted and overlap. On the day of a reviewed visit a
corticosteroid or tacrolimus course is active if and only if the solved regimen includes the drug.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from simulator.draws import Draws
from simulator.twin.dates import CLOSING_DAY
from simulator.twin.patients import TwinPatient
from simulator.twin.products import (
    ELIDEL,
    MODERATE_STEROIDS,
    POTENT_STEROIDS,
    PROTOPIC,
    PROTOPIC_WEAK,
    VERY_POTENT_STEROIDS,
    Product,
)
from simulator.twin.visits import Visit

ON_TACROLIMUS, ON_CORTICOSTEROIDS = "TB", "CB"
VERY_POTENT_DAYS = 40
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Course:
    """One prescribed course; ``end`` is its last day, None while the course is open."""

    product: Product
    site: str
    start: date
    end: date | None

    def is_active(self, day: date) -> bool:
        """Return whether ``day`` lies in the course, its last day included."""
        return self.start <= day and (self.end is None or day <= self.end)


def draw_topical_courses(
    patient: TwinPatient, visits: Sequence[Visit], draws: Draws
) -> list[Course]:
    """Return corticosteroid, tacrolimus and pimecrolimus courses of one patient.

    Raises
    ------
    ValueError
        The courses do not give the solved regimen on a reviewed day.
    """
    reviewed = [
        (visit.day, patient.path[visit.week])
        for visit in visits
        if visit.week is not None and patient.regimen(visit.week) is not None
    ]
    tacrolimus, steroids = (
        [
            course
            for run in _runs(reviewed, letters)
            for course in _courses_of_run(run, letters == ON_TACROLIMUS, patient, reviewed, draws)
        ]
        for letters in (ON_TACROLIMUS, ON_CORTICOSTEROIDS)
    )
    steroids += _earlier_courses(patient, reviewed[0][0], draws)
    for day, regimen in reviewed:
        for courses, letters in ((tacrolimus, ON_TACROLIMUS), (steroids, ON_CORTICOSTEROIDS)):
            if any(course.is_active(day) for course in courses) != (regimen in letters):
                raise ValueError(f"twin patient {patient.number}: wrong regimen on {day}")
    older = _earlier_calcineurin_inhibitor(patient, reviewed[0][0], draws)
    return sorted([*tacrolimus, *steroids, *older], key=lambda course: course.start)


@dataclass(frozen=True)
class _Run:
    """Consecutive reviewed days with the drug, between two reviewed days without it."""

    days: tuple[date, ...]
    off_before: date | None
    off_after: date | None


def _runs(reviewed: Sequence[tuple[date, str]], letters: str) -> list[_Run]:
    runs: list[_Run] = []
    days: list[date] = []
    off_before: date | None = None
    for day, regimen in reviewed:
        if regimen in letters:
            days.append(day)
            continue
        if days:
            runs.append(_Run(tuple(days), off_before, day))
            days = []
        off_before = day
    if days:
        runs.append(_Run(tuple(days), off_before, None))
    return runs


def _courses_of_run(
    run: _Run,
    is_tacrolimus: bool,
    patient: TwinPatient,
    reviewed: Sequence[tuple[date, str]],
    draws: Draws,
) -> list[Course]:
    """Return one course per visit day of the run, with some refills and overlaps."""
    latest = run.off_after - _DAY if run.off_after else None
    site, product = _choose(is_tacrolimus, patient, draws)
    courses = []
    for position, day in enumerate(run.days):
        start = day
        if position == 0:
            start = _first_start(run, is_tacrolimus, reviewed, draws)
        elif draws.chance(20):
            start = day - timedelta(days=draws.between(1, 9))
        if position and not is_tacrolimus and draws.chance(35):
            site, product = _choose(is_tacrolimus, patient, draws)
        is_last = position == len(run.days) - 1
        end = day + timedelta(days=_course_days(product, draws))
        if product in VERY_POTENT_STEROIDS:
            end = max(day, min(end, start + timedelta(days=VERY_POTENT_DAYS)))
        if latest is not None:
            end = min(end, latest)
        written_end: date | None = end
        is_open = product not in VERY_POTENT_STEROIDS and draws.chance(22)
        if is_last and latest is None and (end > CLOSING_DAY or is_open):
            written_end = None
        courses.append(Course(product, site, start, written_end))
        following = None if is_last else run.days[position + 1]
        if written_end is not None and draws.chance(40):
            courses += _refill(product, site, written_end, following or latest, draws)
    return courses


def _course_days(product: Product, draws: Draws) -> int:
    """Return the length of a course: at most four weeks for a very potent corticosteroid."""
    if product in VERY_POTENT_STEROIDS:
        return draws.between(7, 28)
    return draws.weighted(((draws.between(7, 28), 4), (draws.between(29, 75), 5)))


def _first_start(
    run: _Run, is_tacrolimus: bool, reviewed: Sequence[tuple[date, str]], draws: Draws
) -> date:
    """Return when the first course of a run starts.

    At baseline a combined regimen starts with two weeks of corticosteroids before tacrolimus is
    added (the study's Results); other courses at baseline may have started weeks before.
    """
    day = run.days[0]
    if day == reviewed[0][0]:
        if reviewed[0][1] == "B":
            return day if is_tacrolimus else day - timedelta(days=draws.between(14, 20))
        return day if draws.chance(55) else day - timedelta(days=draws.between(3, 40))
    if draws.chance(75):
        return day
    earliest = run.off_before + _DAY if run.off_before else day
    return max(earliest, day - timedelta(days=draws.between(1, 12)))


def _refill(
    product: Product, site: str, end: date, limit: date | None, draws: Draws
) -> list[Course]:
    """Return a refill after a gap or overlapping by a few days, inside the limit."""
    start = end + timedelta(days=draws.between(-5, 24))
    longest = 21 if product in VERY_POTENT_STEROIDS else 45
    last = start + timedelta(days=draws.between(12, longest))
    if limit is not None:
        last = min(last, limit)
    if last > CLOSING_DAY or (last - start).days < 6:
        return []
    return [Course(product, site, start, last)]


def _choose(is_tacrolimus: bool, patient: TwinPatient, draws: Draws) -> tuple[str, Product]:
    """Return body site and product: no very potent corticosteroid on face, folds or genitalia."""
    delicate = ["folds", "neck"]
    if patient.involves_face:
        delicate += ["face", "face", "eyelids", "face and neck"]
    if patient.involves_genitalia:
        delicate.append("genitalia")
    robust = ["limbs", "trunk", "trunk and limbs"]
    if patient.involves_hands:
        robust += ["hands", "hands"]
    if is_tacrolimus:
        site = draws.pick([*delicate, "hands"] if patient.involves_hands else delicate)
        return site, PROTOPIC_WEAK if draws.chance(8) else PROTOPIC
    if draws.chance(30):
        return draws.pick(delicate), draws.weighted(MODERATE_STEROIDS)
    return draws.pick(robust), draws.weighted(POTENT_STEROIDS)


def _earlier_courses(patient: TwinPatient, baseline: date, draws: Draws) -> list[Course]:
    """Return corticosteroid courses that ended weeks before the baseline visit."""
    courses = []
    for _ in range(draws.weighted(((0, 5), (1, 3), (2, 2)))):
        site, product = _choose(False, patient, draws)
        end = baseline - timedelta(days=draws.between(25, 330))
        start = end - timedelta(days=min(45, _course_days(product, draws)))
        courses.append(Course(product, site, start, end))
    return courses


def _earlier_calcineurin_inhibitor(
    patient: TwinPatient, baseline: date, draws: Draws
) -> list[Course]:
    """Return a calcineurin inhibitor course long before baseline, in one patient of eight."""
    if not draws.chance(12):
        return []
    product = draws.weighted(((PROTOPIC, 6), (PROTOPIC_WEAK, 1), (ELIDEL, 4)))
    site = "face" if patient.involves_face else "folds"
    end = baseline - timedelta(days=draws.between(120, 700))
    return [Course(product, site, end - timedelta(days=draws.between(20, 90)), end)]
