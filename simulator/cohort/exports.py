"""Turns one block of drawn patients into Arrow tables of the five exports."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.cohort.effects import SCORES, SEVERE_EASI, TIMEPOINTS, Tree
from simulator.cohort.people import COURSES, PHENOTYPES, People, to_workday
from simulator.delivery import COLUMNS

_SCHEMAS = {
    name: pa.schema(
        [(column, pa.date32() if column.endswith("_date") else pa.string()) for column in columns]
    )
    for name, columns in COLUMNS.items()
}
for _score, _type in (
    ("easi_score", pa.decimal128(4, 1)), ("itch_nrs_score", pa.int8()),
    ("sleep_nrs_score", pa.int8()), ("dlqi_score", pa.int8()), ("iga_score", pa.int8()),
    ("poem_score", pa.int8()),
):  # fmt: skip
    _place = _SCHEMAS["visits"].get_field_index(_score)
    _SCHEMAS["visits"] = _SCHEMAS["visits"].set(_place, pa.field(_score, _type))
SCHEMAS: dict[str, pa.Schema] = _SCHEMAS

_EASI_TENTHS = pa.array([Decimal(tenths) / 10 for tenths in range(721)], pa.decimal128(4, 1))
_YES_NO = pa.array(["no", "yes"])
# name, ATC code, route, strength
_PRODUCTS = (
    ("Dupixent", "D11AH05", "subcutaneous", "600 mg"),
    ("Dupixent", "D11AH05", "subcutaneous", "300 mg every 2 weeks"),
    ("Protopic", "D11AH01", "topical", "0.1%"),
    ("Elocon", "D07AC13", "topical", "0.1%"),
    ("Sandimmun Neoral", "L04AD01", "oral", "100 mg"),
    ("Deltacortene", "H02AB07", "oral", "25 mg"),
    ("NB-UVB phototherapy", "", "", ""),
)
_TACROLIMUS, _CORTICOSTEROID, _FIRST_PRIOR = 2, 3, 4
_PRIOR = ("ciclosporin", "systemic_corticosteroids", "phototherapy")
_PRIOR_DAYS = ((60, 360), (7, 28), (42, 98))
_COMORBIDITIES = {
    "rhinitis": "rhinitis",
    "conjunctivitis": "conjunctivitis",
    "asthma": "asthma",
    "food_allergy": "food allergy",
}
_EVENTS = {
    "conjunctivitis": "conjunctivitis",
    "injection_site_reaction": "injection site reaction",
    "headache": "headache",
    "herpes_simplex": "herpes simplex",
}
_OUTCOMES = pa.array(["recovered", "recovering", "not_recovered", ""])


@dataclass
class Counters:
    """Records written so far; the next block continues the identifiers from here."""

    patients: int = 0
    visits: int = 0
    prescriptions: int = 0
    adverse_events: int = 0


def make_identifiers(prefix: str, first: int, n: int, width: int) -> pa.Array:
    """Return ``n`` identifiers after ``first``: the prefix and a number with leading zeros."""
    numbers = pc.cast(pa.array(np.arange(first + 1, first + n + 1)), pa.string())
    padded = pc.utf8_lpad(numbers, width, "0")
    return pc.binary_join_element_wise(prefix, padded, "")


def _dates(days: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    return pa.array(days.astype(np.int32), pa.int32(), mask=missing).cast(pa.date32())


def _words(words: tuple[str, ...] | pa.Array, positions: np.ndarray) -> pa.Array:
    return pa.array(words, pa.string()).take(pa.array(positions.astype(np.int32)))


def _table(export: str, columns: dict[str, pa.Array], n: int) -> pa.Table:
    schema = SCHEMAS[export]
    arrays = [columns.get(field.name, pa.nulls(n, field.type)).cast(field.type) for field in schema]
    return pa.table(arrays, schema=schema)


def _scores(values: np.ndarray, is_recorded: np.ndarray) -> pa.Array:
    return pa.array(values.astype(np.int8), mask=~is_recorded)


def patients_table(people: People, identifiers: pa.Array) -> pa.Table:
    """Return the patients export of a block."""
    columns = {
        "patient_id": identifiers,
        "sex": _words(("male", "female"), people.is_female),
        "birth_date": _dates(people.birth_day),
        "ad_diagnosis_date": _dates(people.diagnosis_day),
        "disease_course": _words(COURSES, people.course),
        "clinical_phenotype": _words(PHENOTYPES, people.phenotype),
    }
    for column, area in enumerate(("face", "hands", "genitalia")):
        columns[f"involves_{area}"] = _words(_YES_NO, people.areas[:, column])
    return _table("patients", columns, len(people))


def visits_table(
    people: People,
    identifiers: pa.Array,
    effects: Tree,
    counters: Counters,
    rng: np.random.Generator,
) -> pa.Table:
    """Return the visits export of a block, by patient and day."""
    n = len(people)
    truth = effects["visits"]
    last = np.datetime64(str(effects["calendar"]["extraction_date"]), "D").astype(int)
    has_screening = rng.random(n) < truth["screening_probability"]
    screening_day = to_workday(people.index_day - rng.integers(31, 55, n))
    unscheduled_day = to_workday(people.index_day + rng.integers(48, 80, n))
    has_unscheduled = rng.random(n) < truth["unscheduled_probability"]
    has_unscheduled &= people.is_seen[:, 2] & (unscheduled_day <= last)

    rows, weeks = np.nonzero(people.is_seen)
    extra = np.concatenate([np.nonzero(has_screening)[0], np.nonzero(has_unscheduled)[0]])
    patient = np.concatenate([rows, extra])
    # A screening visit has the scores of baseline, an unscheduled one those of week 4
    source = np.concatenate(
        [weeks, np.zeros(has_screening.sum(), int), np.ones(has_unscheduled.sum(), int)]
    )
    label = np.concatenate([weeks, np.full(len(extra), 4)])
    day = np.concatenate(
        [
            people.visit_day[rows, weeks],
            screening_day[has_screening],
            unscheduled_day[has_unscheduled],
        ]
    )
    order = np.lexsort((day, patient))
    patient, source, label, day = (each[order] for each in (patient, source, label, day))
    m = len(patient)

    columns = {
        "visit_id": make_identifiers("V", counters.visits, m, 9),
        "patient_id": identifiers.take(pa.array(patient)),
        "visit_date": _dates(day),
        "nominal_timepoint": _words((*TIMEPOINTS, "unscheduled"), label),
        "topical_adherence": _adherence(people, patient, label, rng),
    }
    counters.visits += m
    # No score is missing at visits around the timepoints
    recorded = {
        score: people.is_recorded[score][patient, source] | (label == 4) for score in SCORES
    }
    drawn = {score: people.scores[score][patient, source].astype(int) for score in SCORES}
    tenths = np.where(source == 0, drawn["easi"] + round(10 * SEVERE_EASI), drawn["easi"])
    columns["easi_score"] = _EASI_TENTHS.take(pa.array(tenths, mask=~recorded["easi"]))
    for score in ("itch_nrs", "sleep_nrs", "dlqi"):
        columns[f"{score}_score"] = _scores(drawn[score], recorded[score])
    missing = effects["missing"]
    iga = np.searchsorted([3, 16, 70, 211], tenths, side="right")
    has_iga = recorded["easi"] & (rng.random(m) >= missing["iga_probability"])
    columns["iga_score"] = _scores(iga, has_iga)
    poem = (13 * drawn["itch_nrs"] + 4 * drawn["dlqi"]) // 10 + rng.integers(-2, 3, m)
    has_poem = recorded["itch_nrs"] & recorded["dlqi"]
    has_poem &= rng.random(m) >= missing["poem_probability"]
    columns["poem_score"] = _scores(np.clip(poem, 0, 28), has_poem)
    return _table("visits", columns, m)


def _adherence(
    people: People, patient: np.ndarray, label: np.ndarray, rng: np.random.Generator
) -> pa.Array:
    """Return the review of each visit; a non-adherent patient reports it at one attended visit."""
    n_seen = people.is_seen.sum(axis=1)
    reported_at = (rng.random(len(people)) * n_seen).astype(int)  # dropout is monotone
    is_study = label < 4
    week = np.where(is_study, label, 0)
    word = np.where(is_study & ~people.is_reviewed[patient, week], 1, 0)
    word[is_study & people.is_non_adherent[patient] & (week == reported_at[patient])] = 2
    return _words(("adherent", "unknown", "non_adherent"), word)


def prescriptions_table(
    people: People,
    identifiers: pa.Array,
    effects: Tree,
    counters: Counters,
    rng: np.random.Generator,
) -> pa.Table:
    """Return the prescriptions export of a block, by patient and first day."""
    n = len(people)
    everyone = np.arange(n)
    parts = [  # patient, product, first day, last day (-1: open)
        (everyone, np.zeros(n, int), people.index_day, people.index_day + 13),
        (everyone, np.ones(n, int), people.index_day + 14, np.full(n, -1)),
        _topical(people, people.on_tacrolimus, _TACROLIMUS, rng),
        _topical(people, people.on_corticosteroids, _CORTICOSTEROID, rng),
    ]
    for position, (name, (shortest, longest)) in enumerate(zip(_PRIOR, _PRIOR_DAYS, strict=True)):
        chance = effects["patients"][f"prior_{name}_probability"]
        treated = np.nonzero(rng.random(n) < chance)[0]
        end = people.index_day[treated] - rng.integers(20, 1500, len(treated))
        start = end - rng.integers(shortest, longest, len(treated))
        # A course before the age of 14 is moved to the months before the index date
        early = start < people.birth_day[treated] + 14 * 365
        end = np.where(early, people.index_day[treated] - 20, end)
        start = np.where(early, end - shortest, start)
        parts.append((treated, np.full(len(treated), _FIRST_PRIOR + position), start, end))
    patient, product, start, end = (
        np.concatenate([part[column] for part in parts]) for column in range(4)
    )
    order = np.lexsort((product, start, patient))
    patient, product, start, end = (each[order] for each in (patient, product, start, end))
    m = len(patient)
    names = [tuple(each[column] for each in _PRODUCTS) for column in range(4)]
    columns = {
        "prescription_id": make_identifiers("R", counters.prescriptions, m, 9),
        "patient_id": identifiers.take(pa.array(patient)),
        "drug_name": _words(names[0], product),
        "atc_code": _words(names[1], product),
        "route": _words(names[2], product),
        "strength": _words(names[3], product),
        "start_date": _dates(start),
        "end_date": _dates(end, end < 0),
    }
    counters.prescriptions += m
    return _table("prescriptions", columns, m)


def _topical(
    people: People, is_on: np.ndarray, product: int, rng: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """Return one course per visit with the drug, ending before the next visit without it."""
    rows, weeks = np.nonzero(is_on & people.is_seen)
    start = people.visit_day[rows, weeks]
    end = start + rng.integers(14, 70, len(rows))
    following = np.minimum(weeks + 1, 3)
    ends_before = (weeks < 3) & ~is_on[rows, following]
    end = np.where(ends_before, np.minimum(end, people.visit_day[rows, following] - 1), end)
    return rows, np.full(len(rows), product), start, end


def comorbidities_table(
    people: People, identifiers: pa.Array, effects: Tree, rng: np.random.Generator
) -> pa.Table:
    """Return the comorbidities export of a block."""
    n = len(people)
    flags = np.column_stack(
        [rng.random(n) < effects["patients"][f"{name}_probability"] for name in _COMORBIDITIES]
    )
    rows, terms = np.nonzero(flags)
    columns = {
        "patient_id": identifiers.take(pa.array(rows)),
        "comorbidity_term": _words(tuple(_COMORBIDITIES.values()), terms),
    }
    return _table("comorbidities", columns, len(rows))


def adverse_events_table(
    people: People,
    identifiers: pa.Array,
    effects: Tree,
    counters: Counters,
    rng: np.random.Generator,
) -> pa.Table:
    """Return the adverse events export of a block: the first event of each kind."""
    last_week = people.is_seen.sum(axis=1) - 1
    last_day = np.maximum(people.visit_day[np.arange(len(people)), last_week], people.index_day + 1)
    followed = last_day - people.index_day
    none = np.zeros(0, int)
    rows, terms, days = [none], [none], [none]
    for position, name in enumerate(_EVENTS):
        rate = effects["adverse_events"][f"{name}_rate"] / 365.25
        if not rate:
            continue
        wait = rng.standard_exponential(len(people)) / rate
        happens = np.nonzero(wait < followed)[0]
        rows.append(happens)
        terms.append(np.full(len(happens), position))
        days.append(people.index_day[happens] + wait[happens].astype(int))
    patient, term, day = (np.concatenate(each) for each in (rows, terms, days))
    order = np.lexsort((term, day, patient))
    patient, term, day = patient[order], term[order], day[order]
    m = len(patient)
    columns = {
        "adverse_event_id": make_identifiers("A", counters.adverse_events, m, 9),
        "patient_id": identifiers.take(pa.array(patient)),
        "event_term": _words(tuple(_EVENTS.values()), term),
        "onset_date": _dates(day),
        "is_serious": _words(_YES_NO, np.zeros(m)),
        "outcome": _words(_OUTCOMES, np.searchsorted([0.82, 0.9, 0.97], rng.random(m))),
    }
    counters.adverse_events += m
    return _table("adverse_events", columns, m)
