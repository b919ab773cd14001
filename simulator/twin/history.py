"""Dupilumab, earlier treatments, other drugs, adverse events and comorbidities of a patient."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from simulator.draws import Draws
from simulator.twin.courses import Course
from simulator.twin.dates import (
    CLOSING_DAY,
    TARGET_DAYS,
    anniversary,
    completed_years,
    is_too_late,
)
from simulator.twin.patients import TwinPatient
from simulator.twin.products import (
    ANTIHISTAMINES,
    COMPOUNDED,
    COMPOUNDED_DAYS,
    DUPIXENT,
    DUPIXENT_LOADING,
    EMOLLIENTS,
    EYE_DROPS,
    INHALER,
    NASAL_STEROID,
    PRIOR_COURSE_DAYS,
    PRIOR_TREATMENTS,
)

WASHOUT_DAYS = 14


def draw_dupilumab(patient: TwinPatient, index_date: date, draws: Draws) -> list[Course]:
    """Return the loading dose, then 300 mg every other week, dispensed for some months at a time.

    The last course is open at the closing of the register, except in some patients who were lost to
    follow-up.
    """
    last_day: date | None = None
    if not is_too_late(patient, index_date) and patient.last_week_seen() < 3 and draws.chance(50):
        seen = TARGET_DAYS[patient.last_week_seen()]
        last_day = index_date + timedelta(days=seen + 14 * draws.between(2, 7))
        last_day = min(last_day, CLOSING_DAY - timedelta(days=3))
    courses = [Course(DUPIXENT_LOADING, "", index_date, index_date + timedelta(days=13))]
    start = index_date + timedelta(days=14)
    while start <= CLOSING_DAY and (last_day is None or start < last_day):
        end = start + timedelta(days=14 * draws.weighted(((6, 3), (8, 5), (13, 4))) - 1)
        if last_day is not None and end >= last_day:
            courses.append(Course(DUPIXENT, "", start, last_day))
            break
        if end > CLOSING_DAY:
            courses.append(Course(DUPIXENT, "", start, None))
            break
        courses.append(Course(DUPIXENT, "", start, end))
        # The refill is dispensed a few days late or early
        start = end + timedelta(days=draws.weighted(((1, 6), (3, 2), (-2, 2), (8, 1))))
    return courses


def draw_prior_treatments(
    patient: TwinPatient, birth: date, diagnosis: date, index_date: date, draws: Draws
) -> list[Course]:
    """Return courses of each earlier treatment, after the diagnosis and before the index date."""
    courses = []
    last = index_date - timedelta(days=WASHOUT_DAYS)
    youth = anniversary(birth, 14 if patient.age_at_index > 19 else 12)
    first = max(diagnosis + timedelta(days=20), youth, index_date - timedelta(days=9 * 365))
    for name in patient.prior_treatments:
        shortest, longest = PRIOR_COURSE_DAYS[name]
        repeats = draws.weighted(((1, 7), (2, 3))) if name == "systemic_corticosteroids" else 1
        product = draws.weighted(PRIOR_TREATMENTS[name])
        for _ in range(repeats):
            span = (last - first).days
            days = min(draws.between(shortest, longest), span - 1)
            start = first + timedelta(days=draws.between(0, span - days))
            courses.append(Course(product, "", start, start + timedelta(days=days)))
    return courses


def draw_other_drugs(patient: TwinPatient, index_date: date, draws: Draws) -> list[Course]:
    """Return drugs that change no regimen: emollients, antihistamines, for rhinitis and asthma."""
    courses = []
    if draws.chance(90):
        start = index_date - timedelta(days=draws.between(0, 200))
        site = draws.pick(("whole body", ""))
        product = draws.weighted(EMOLLIENTS)
        # A drug on no list makes the regimen of a visit unknown: it is used up before the first.
        sample = start + timedelta(days=COMPOUNDED_DAYS)
        courses.append(Course(product, site, start, sample if product == COMPOUNDED else None))
    if draws.chance(30):
        start = index_date - timedelta(days=draws.between(20, 300))
        end = start + timedelta(days=draws.between(20, 180))
        courses.append(Course(draws.pick(ANTIHISTAMINES), "", start, min(end, CLOSING_DAY)))
    for name, product, percent in (
        ("rhinitis", NASAL_STEROID, 12),
        ("asthma", INHALER, 18),
    ):
        if name in patient.comorbidities and draws.chance(percent):
            start = index_date + timedelta(days=draws.between(-200, 20))
            end = start + timedelta(days=draws.between(30, 90))
            if end < CLOSING_DAY:
                courses.append(Course(product, "", start, end))
    return courses


@dataclass(frozen=True)
class Event:
    """One adverse event."""

    term: str
    day: date
    is_serious: bool
    outcome: str


# Terms, percent of patients per year of treatment, percent that resolve. The rates are ranked as in
# the literature: the European product information of Dupixent (injection site reactions
# 10% or more; conjunctivitis, allergic conjunctivitis, oral herpes, eosinophilia, headache and
# blepharitis 1 to 10%); in daily practice conjunctivitis is more frequent, 34% in BioDay (Ariens
# et al. 2021, PMID 32946967); most of it resolves, 89% in the open-label extension (Beck et al.
# 2022, doi 10.1007/s40257-022-00685-0). The others are usual complaints.
_EVENTS = (
    (("conjunctivitis", "conjunctivitis", "allergic conjunctivitis"), 21, 86),
    (("blepharitis",), 4, 80),
    (("injection site reaction", "injection site erythema"), 11, 100),
    (("headache",), 6, 100),
    (("facial erythema",), 5, 45),
    (("herpes labialis", "herpes simplex"), 5, 100),
    (("nasopharyngitis", "upper respiratory tract infection"), 9, 100),
    (("eosinophilia",), 4, 70),
    (("arthralgia",), 3, 65),
    (("fatigue", "myalgia"), 2, 80),
    (("alopecia areata",), 1, 20),
    (("COVID-19",), 2, 100),
)
_SERIOUS = ("pneumonia", "fracture")


def draw_events(index_date: date, last_day: date, draws: Draws) -> list[Event]:
    """Return the adverse events between the first dose and ``last_day``."""
    days = (last_day - index_date).days
    events = []
    for terms, percent, resolved in _EVENTS:
        # 500 days of exposure at most, so that the chance stays under the percent of 1.4 years
        if draws.below(36500) >= percent * min(days, 500):
            continue
        day = index_date + timedelta(days=draws.between(3, max(4, days)))
        if terms == ("COVID-19",) and day < date(2020, 3, 1):
            continue
        age = (last_day - day).days
        outcome = "recovered" if draws.chance(resolved) else "not_recovered"
        if outcome == "recovered" and age < 14:
            outcome = "recovering"
        events.append(Event(draws.pick(terms), day, False, "" if draws.chance(4) else outcome))
    if days > 60 and draws.chance(1):
        day = index_date + timedelta(days=draws.between(20, days - 30))
        events.append(Event(draws.pick(_SERIOUS), day, True, "recovered"))
    if draws.chance(2):  # began before the first dose
        day = index_date - timedelta(days=draws.between(2, 20))
        events.append(Event("herpes labialis", day, False, "recovered"))
    return events


def draw_eye_drops(events: list[Event], draws: Draws) -> list[Course]:
    """Return eye drops for some of the conjunctivitis events."""
    courses = []
    for event in events:
        if event.term == "conjunctivitis" and draws.chance(60):
            end = min(event.day + timedelta(days=draws.between(10, 60)), CLOSING_DAY)
            courses.append(Course(draws.weighted(EYE_DROPS), "", event.day, end))
    return courses


_COMORBIDITY_WORDS = {
    "rhinitis": (("rhinitis", 6), ("allergic rhinitis", 5), ("rinite allergica", 2)),
    "conjunctivitis": (("conjunctivitis", 6), ("allergic conjunctivitis", 5)),
    "asthma": (("asthma", 8), ("bronchial asthma", 2), ("asma", 1)),
    "food_allergy": (("food allergy", 8), ("allergia alimentare", 1)),
}
# Youngest age in years at which each illness is diagnosed, and other illnesses with their percent
_EARLIEST = {"rhinitis": 3, "conjunctivitis": 3, "asthma": 2, "food_allergy": 1}
_OTHERS = (
    (("urticaria",), 3, 10),
    (("contact dermatitis", "nickel allergy"), 6, 15),
    (("nasal polyps",), 2, 20),
    (("hypertension", "arterial hypertension"), 9, 45),
    (("hypothyroidism",), 4, 30),
    (("anxiety",), 4, 18),
    (("alopecia areata",), 2, 15),
    (("drug allergy",), 4, 12),
)


def draw_comorbidities(
    patient: TwinPatient, birth: date, index_date: date, draws: Draws
) -> list[tuple[str, str]]:
    """Return (term, onset date or year or empty) of one patient.

    Other illnesses are recorded only in patients with one of the study's four comorbidities: the 31
    patients without a comorbidity have none.
    """
    age = completed_years(birth, index_date)
    rows = []
    for name in patient.comorbidities:
        term = draws.weighted(_COMORBIDITY_WORDS[name])
        rows.append((term, _onset(birth, index_date, _EARLIEST[name], draws)))
    if patient.comorbidities:
        for terms, percent, earliest in _OTHERS:
            if age > earliest + 1 and draws.chance(percent):
                rows.append((draws.pick(terms), _onset(birth, index_date, earliest, draws)))
    return rows


def _onset(birth: date, index_date: date, earliest: int, draws: Draws) -> str:
    form = draws.weighted((("none", 45), ("year", 40), ("month", 15)))
    if form == "none":
        return ""
    first, last = birth.year + earliest, index_date.year - 1
    year = min(draws.between(first, last), draws.between(first, last))  # mostly early in life
    return f"{year:04d}" if form == "year" else f"{year:04d}-{draws.between(1, 12):02d}"
