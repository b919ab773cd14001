"""Assembles the twin: 342 enrolled patients, a few who are not, and the bad records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from simulator.delivery import Delivery
from simulator.draws import Draws
from simulator.twin import history, ineligible
from simulator.twin.bad_records import add_bad_records
from simulator.twin.courses import Course, draw_topical_courses
from simulator.twin.dates import (
    CLOSING_DAY,
    draw_birth_date,
    draw_diagnosis_date,
    draw_index_date,
    write_diagnosis_date,
)
from simulator.twin.patients import TwinPatient, read_patients
from simulator.twin.visits import Visit, draw_visits

SEED = 342
LABEL = "Synthetic twin of the study cohort: no real patient is in these files"
_YES_NO = {True: "yes", False: "no"}


class _Collected:
    """Records of all patients, to be numbered by date as a clinic's system does."""

    def __init__(self) -> None:
        self.visits: list[tuple[date, str, Visit]] = []
        self.courses: list[tuple[date, str, Course, bool]] = []
        self.events: list[tuple[date, str, history.Event]] = []


def build_twin(seed: int = SEED, with_bad_records: bool = True) -> Delivery:
    """Return the twin's delivery.

    Parameters
    ----------
    seed : int
        Seed of dates, courses and events. The printed numbers do not depend on it.
    """
    delivery = Delivery(LABEL, CLOSING_DAY.isoformat())
    patients = read_patients()
    number = len(patients) + len(ineligible.INELIGIBLE)
    identifiers = Draws(seed, "identifiers").shuffled([f"P{n:04d}" for n in range(1, number + 1)])
    collected = _Collected()
    for patient, identifier in zip(patients, identifiers, strict=False):
        _add_patient(delivery, collected, patient, identifier, seed)
    for other, identifier in zip(ineligible.INELIGIBLE, identifiers[len(patients) :], strict=True):
        _add_ineligible(delivery, collected, other, identifier, seed)
    for export in ("patients", "comorbidities"):
        delivery.records[export].sort(key=lambda record: record[0])
    enrolled = set(identifiers[: len(patients)])
    spare_visits = _write_numbered(delivery, collected, enrolled, seed)
    if with_bad_records:
        spare_patients = [f"P{number + offset:04d}" for offset in (1, 2, 100)]
        add_bad_records(delivery, spare_visits, spare_patients)
    return delivery


def _add_patient(
    delivery: Delivery, collected: _Collected, patient: TwinPatient, identifier: str, seed: int
) -> None:
    draws = Draws(seed, f"patient/{patient.number}")
    index_date = draw_index_date(patient, draws)
    birth = draw_birth_date(index_date, patient.age_at_index, draws)
    diagnosis = draw_diagnosis_date(birth, index_date, patient.age_at_diagnosis, draws)
    delivery.add(
        "patients",
        patient_id=identifier,
        sex=patient.sex,
        birth_date=birth.isoformat(),
        ad_diagnosis_date=write_diagnosis_date(birth, diagnosis, draws),
        disease_course=patient.course,
        clinical_phenotype=patient.phenotype,
        involves_face=_YES_NO[patient.involves_face],
        involves_hands=_YES_NO[patient.involves_hands],
        involves_genitalia=_YES_NO[patient.involves_genitalia],
    )
    visits = draw_visits(patient, index_date, draws)
    collected.visits += [(visit.day, identifier, visit) for visit in visits]

    last_seen = max(visit.day for visit in visits)
    dupilumab = history.draw_dupilumab(patient, index_date, draws)
    followed_until = CLOSING_DAY if patient.last_week_seen() == 3 else last_seen
    last_day = max(followed_until, index_date + timedelta(days=4))
    events = history.draw_events(index_date, last_day, draws)
    collected.events += [(event.day, identifier, event) for event in events]
    courses = [
        *draw_topical_courses(patient, visits, draws),
        *history.draw_prior_treatments(patient, birth, diagnosis, index_date, draws),
        *history.draw_other_drugs(patient, index_date, draws),
        *history.draw_eye_drops(events, draws),
        *dupilumab,
    ]
    _collect_courses(collected, courses, identifier, draws)
    for term, onset in history.draw_comorbidities(patient, birth, index_date, draws):
        delivery.add(
            "comorbidities", patient_id=identifier, comorbidity_term=term, onset_date=onset
        )


def _add_ineligible(
    delivery: Delivery,
    collected: _Collected,
    patient: ineligible.Ineligible,
    identifier: str,
    seed: int,
) -> None:
    draws = Draws(seed, f"ineligible/{identifier}")
    delivery.add(
        "patients",
        patient_id=identifier,
        sex=patient.sex,
        birth_date=patient.birth.isoformat(),
        ad_diagnosis_date=patient.diagnosis.isoformat(),
        disease_course=patient.course,
        clinical_phenotype=patient.phenotype,
        involves_face="yes",
        involves_hands=_YES_NO[draws.chance(50)],
        involves_genitalia="no",
    )
    visits = ineligible.draw_visits(patient, draws)
    collected.visits += [(visit.day, identifier, visit) for visit in visits]
    courses = ineligible.draw_courses(patient, visits, draws)
    _collect_courses(collected, courses, identifier, draws)
    delivery.add("comorbidities", patient_id=identifier, comorbidity_term="rhinitis")


def _collect_courses(
    collected: _Collected, courses: Sequence[Course], identifier: str, draws: Draws
) -> None:
    """Collect the courses; about one topical or eye drop in eight is recorded without ATC code."""
    for course in courses:
        has_code = not (course.product.route in ("topical", "ocular") and draws.chance(12))
        collected.courses.append((course.start, identifier, course, has_code))


def _write_numbered(
    delivery: Delivery, collected: _Collected, enrolled: set[str], seed: int
) -> list[str]:
    """Write the collected records; return the enrolled patients' visits outside the timepoints."""
    draws = Draws(seed, "handwriting")
    spare_visits = []
    by_day = sorted(collected.visits, key=lambda row: row[:2])
    for number, (day, identifier, visit) in enumerate(by_day, start=1):
        easi = visit.scores.easi_tenths
        if visit.week is None and identifier in enrolled:
            spare_visits.append(f"V{number:05d}")
        delivery.add(
            "visits",
            visit_id=f"V{number:05d}",
            patient_id=identifier,
            visit_date=day.isoformat(),
            nominal_timepoint=visit.label,
            easi_score="" if easi is None else f"{easi // 10}.{easi % 10}",
            itch_nrs_score=_text(visit.scores.itch),
            sleep_nrs_score=_text(visit.scores.sleep),
            dlqi_score=_text(visit.scores.dlqi),
            iga_score=_text(visit.iga),
            poem_score=_text(visit.poem),
            topical_adherence=visit.adherence,
        )
    courses = sorted(collected.courses, key=lambda row: row[:2])
    for number, (day, identifier, course, has_code) in enumerate(courses, start=1):
        product = course.product
        name, strength = _typed(product.name, product.strength, draws)
        delivery.add(
            "prescriptions",
            prescription_id=f"R{number:05d}",
            patient_id=identifier,
            drug_name=name,
            atc_code=product.atc if has_code else "",
            route=product.route,
            strength=strength,
            body_site=course.site,
            start_date=day.isoformat(),
            end_date="" if course.end is None else course.end.isoformat(),
        )
    events = sorted(collected.events, key=lambda row: (row[0], row[1], row[2].term))
    for number, (day, identifier, event) in enumerate(events, start=1):
        delivery.add(
            "adverse_events",
            adverse_event_id=f"A{number:04d}",
            patient_id=identifier,
            event_term=event.term,
            onset_date=day.isoformat(),
            is_serious=_YES_NO[event.is_serious],
            outcome=event.outcome,
        )
    return spare_visits


def _text(value: int | None) -> str:
    return "" if value is None else str(value)


def _typed(name: str, strength: str, draws: Draws) -> tuple[str, str]:
    """Return name and strength as typed: sometimes in capitals, sometimes with the strength."""
    style = draws.below(100)
    if style < 6:
        return name.upper(), strength
    if style < 9:
        return name.lower(), strength
    if style < 15 and strength.endswith("%"):
        return f"{name} {strength}", ""
    return name, strength
