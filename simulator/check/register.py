"""The study cohort from the five exports, rule by rule, with pandas.

Rules: HOUSE of the study (docs/study.md): day 0 is the first dupilumab; the visit nearest to the
target inside its window answers for a timepoint; the topical regimen is what is active on the
visit day, last day included; non-adherence at any visit makes a patient not evaluable.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

TIMEPOINTS = ("baseline", "week_4", "week_16", "week_52")
TARGET_DAYS = (0, 28, 112, 364)
WINDOWS = ((-28, 0), (14, 42), (84, 140), (322, 406))
MONTHS = (0, 1, 4, 12)
SCORE_LIMITS = {
    "easi_score": 72, "itch_nrs_score": 10, "sleep_nrs_score": 10, "dlqi_score": 30,
    "iga_score": 4, "poem_score": 28,
}  # fmt: skip
KEYS = {"patients": "patient_id", "visits": "visit_id", "prescriptions": "prescription_id",
        "adverse_events": "adverse_event_id"}  # fmt: skip
SUBSTANCES = {
    "dupilumab": ("D11AH05", "dupixent"),
    "tacrolimus": ("D11AH01", "protopic"),
    "ciclosporin": ("L04AD01", "sandimmun", "ciqorin", "ciclosporina"),
    "methotrexate": ("L04AX03", "methotrexate", "reumaflex"),
    "azathioprine": ("L04AX01", "azat"),
    "alitretinoin": ("D11AH04", "toctino"),
    "phototherapy": ("-", "nb-uvb", "fototerapia", "puva"),
    "systemic_corticosteroids": ("H02", "deltacortene", "medrol", "bentelan"),
    "corticosteroids": (
        "D07", "elocon", "advantan", "locoidon", "legederm", "altosone", "ecoval", "diprosone",
        "gentalyn", "dermovate", "clobesol",
    ),
}  # fmt: skip
SYSTEMIC = ("ciclosporin", "methotrexate", "azathioprine", "systemic_corticosteroids")
COMORBIDITY_WORDS = {
    "rhinitis": ("rhinitis", "rinite"),
    "conjunctivitis": ("conjunctivitis", "congiuntivite"),
    "asthma": ("asthma", "asma"),
    "food_allergy": ("food allergy", "allergia alimentare"),
}


@dataclass(frozen=True)
class Cohort:
    """The enrolled patients and their timepoints.

    Attributes
    ----------
    patients : pandas.DataFrame
        One row per enrolled patient, indexed by patient_id.
    timepoints : pandas.DataFrame
        One row per enrolled patient and attended timepoint: scores, regimen (N, C, T, B or None).
    n_register : int
        Sound patient records in the delivery.
    """

    patients: pd.DataFrame
    timepoints: pd.DataFrame
    n_register: int


def read_export(folder: Path, name: str) -> pd.DataFrame:
    """Return the sound records of one export as text: shape, key, copies and conflicts judged."""
    with open(folder / f"{name}.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    header = rows[0]
    frame = pd.DataFrame([row for row in rows[1:] if len(row) == len(header)], columns=header)
    frame = frame[frame["patient_id"].str.strip() != ""].drop_duplicates()
    if name in KEYS:
        frame = frame[~frame[KEYS[name]].duplicated(keep=False)]
    return frame


def whole_dates(texts: pd.Series) -> pd.Series:
    """Return dates; a year becomes 1 July, a month its 15th; what is no date becomes NaT."""
    texts = texts.str.replace(r"^(\d{4})$", r"\1-07-01", regex=True)
    texts = texts.str.replace(r"^(\d{4}-\d{2})$", r"\1-15", regex=True)
    texts = texts.where(texts.str.fullmatch(r"\d{4}-\d{2}-\d{2}"))
    return pd.to_datetime(texts, format="%Y-%m-%d", errors="coerce")


def completed_years(birth: pd.Series, day: pd.Series) -> pd.Series:
    """Return ages in completed years."""
    before = (day.dt.month < birth.dt.month) | (
        (day.dt.month == birth.dt.month) & (day.dt.day < birth.dt.day)
    )
    return day.dt.year - birth.dt.year - before.astype(int)


def _substance(atc: str, name: str) -> str | None:
    name = name.lower()
    for substance, (code, *words) in SUBSTANCES.items():
        if atc.startswith(code) or (not atc and name.startswith(tuple(words))):
            return substance
    return None


def read_cohort(folder: Path) -> Cohort:
    """Return the enrolled patients of a delivery.

    Parameters
    ----------
    folder : Path
        A folder with the five exports and ``delivery.yml``.
    """
    settings = yaml.safe_load((folder / "delivery.yml").read_text(encoding="utf-8"))
    extraction = pd.Timestamp(str(settings["extraction_date"]))
    patients, visits, courses = _read_sound(folder, extraction)
    index_dates = courses[courses.substance == "dupilumab"].groupby("patient_id").start.min()
    patients["index_date"] = index_dates
    patients = _enrol(patients, visits, courses)
    patients["age_years"] = completed_years(
        patients.birth, pd.Series(extraction, index=patients.index)
    )
    patients["age_at_diagnosis_years"] = completed_years(patients.birth, patients.diagnosis)
    patients["age_at_dupilumab_initiation_years"] = completed_years(
        patients.birth, patients.index_date
    )
    _add_history(patients, folder, courses)
    own = visits[visits.patient_id.isin(patients.index)].copy()
    non_adherent = own[own.topical_adherence == "non_adherent"].patient_id.unique()
    patients["is_evaluable"] = ~patients.index.isin(non_adherent)
    own["visit_day"] = (own.visit_date - own.patient_id.map(patients.index_date)).dt.days
    timepoints = _answering_visits(own)
    timepoints["regimen"] = _regimens(timepoints, courses)
    evaluable = timepoints.patient_id.map(patients.is_evaluable)
    reviewed = timepoints.topical_adherence == "adherent"
    timepoints["regimen"] = timepoints.regimen.where(evaluable & reviewed)
    return Cohort(patients, timepoints, len(read_export(folder, "patients")))


def _read_sound(
    folder: Path, extraction: pd.Timestamp
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    patients = read_export(folder, "patients")
    patients["birth"] = whole_dates(patients.birth_date)
    patients["diagnosis"] = whole_dates(patients.ad_diagnosis_date)
    sound = patients.sex.isin(["female", "male"]) & (patients.birth <= extraction)
    patients = patients[sound].set_index("patient_id")
    visits = read_export(folder, "visits")
    visits["visit_date"] = whole_dates(
        visits.visit_date.where(visits.visit_date.str.len() == 10, "-")
    )
    visits = visits[visits.patient_id.isin(patients.index) & (visits.visit_date <= extraction)]
    visits = visits.copy()
    for score, limit in SCORE_LIMITS.items():
        pattern = r"\d{1,2}(\.\d)?" if score == "easi_score" else r"\d{1,2}"
        values = pd.to_numeric(visits[score].where(visits[score].str.fullmatch(pattern)))
        visits[score] = values.where(values <= limit)
    courses = read_export(folder, "prescriptions")
    courses["start"] = whole_dates(courses.start_date)
    courses["end"] = whole_dates(courses.end_date).fillna(pd.Timestamp("2200-01-01"))
    courses = courses[courses.start.notna() & (courses.end >= courses.start)].copy()
    courses["substance"] = [
        _substance(atc, name) for atc, name in zip(courses.atc_code, courses.drug_name, strict=True)
    ]
    return patients, visits, courses


def _enrol(patients: pd.DataFrame, visits: pd.DataFrame, courses: pd.DataFrame) -> pd.DataFrame:
    patients = patients[patients.index_date.notna()]
    in_period = (patients.index_date >= "2018-06-01") & (patients.index_date <= "2020-12-31")
    is_adult = completed_years(patients.birth, patients.index_date) >= 18
    days = (visits.visit_date - visits.patient_id.map(patients.index_date)).dt.days
    has_baseline = patients.index.isin(visits[days.between(*WINDOWS[0])].patient_id)
    early = visits[days.between(-56, 0)].groupby("patient_id").easi_score.max()
    is_severe = patients.index.map(early).to_numpy(dtype=float) >= 24
    systemic = courses[courses.substance.isin(SYSTEMIC)]
    index_date = systemic.patient_id.map(patients.index_date)
    overlaps = (systemic.start <= index_date + pd.Timedelta(days=364)) & (
        systemic.end >= index_date
    )
    is_concomitant = patients.index.isin(systemic[overlaps].patient_id)
    return patients[in_period & is_adult & has_baseline & is_severe & ~is_concomitant].copy()


def _add_history(patients: pd.DataFrame, folder: Path, courses: pd.DataFrame) -> None:
    comorbidities = read_export(folder, "comorbidities")
    patients["any_comorbidity"] = patients.index.isin(comorbidities.patient_id)
    terms = comorbidities.comorbidity_term.str.lower()
    for name, words in COMORBIDITY_WORDS.items():
        told = terms.str.contains("|".join(words))
        patients[name] = patients.index.isin(comorbidities[told].patient_id)
    index_date = courses.patient_id.map(patients.index_date)
    earlier = courses[courses.start < index_date]
    for name in (*SYSTEMIC, "phototherapy", "alitretinoin"):
        treated = earlier[earlier.substance == name].patient_id
        patients[f"prior_{name}"] = patients.index.isin(treated)


def _answering_visits(visits: pd.DataFrame) -> pd.DataFrame:
    chosen = []
    for week, (first, last) in enumerate(WINDOWS):
        inside = visits[visits.visit_day.between(first, last)].copy()
        inside["week"] = week
        inside["distance"] = (inside.visit_day - TARGET_DAYS[week]).abs()
        inside = inside.sort_values(["patient_id", "distance", "visit_date", "visit_id"])
        chosen.append(inside.drop_duplicates("patient_id"))
    return pd.concat(chosen, ignore_index=True)


def _regimens(timepoints: pd.DataFrame, courses: pd.DataFrame) -> pd.Series:
    """Return N, C, T or B from the courses that are active on the visit day."""
    keys = timepoints[["patient_id", "week", "visit_date"]]
    flags = {}
    for substance in ("corticosteroids", "tacrolimus"):
        own = courses[courses.substance == substance]
        pairs = keys.merge(own[["patient_id", "start", "end"]], on="patient_id")
        active = pairs[(pairs.start <= pairs.visit_date) & (pairs.visit_date <= pairs.end)]
        found = set(zip(active.patient_id, active.week, strict=True))
        flags[substance] = np.array(
            [key in found for key in zip(keys.patient_id, keys.week, strict=True)]
        )
    letters = np.array(["N", "C", "T", "B"])
    return pd.Series(
        letters[flags["corticosteroids"] + 2 * flags["tacrolimus"]], index=timepoints.index
    )
