"""The 342 solved patients of ``simulator/data``, and the facts of the study that they rest on.

Source of the facts: S.M. Ferrucci, L. Angileri, A.V. Marzano, E. Berti, S. Tavecchio (2022), text
and Tables I and II; docs/study.md explains how the patients were found.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from simulator.twin.products import PRIOR_TREATMENTS

DATA = Path(__file__).resolve().parent.parent / "data"

FIRST_INDEX_DATE = date(2018, 6, 4)
DATA_COLLECTION_DATE = date(2020, 12, 31)
TIMEPOINTS = ("baseline", "week_04", "week_16", "week_52")
COMORBIDITIES = ("rhinitis", "conjunctivitis", "asthma", "food_allergy")


@dataclass(frozen=True)
class Scores:
    """The four scores of one visit; EASI in tenths, None where it was not assessed."""

    easi_tenths: int | None
    itch: int | None
    sleep: int | None
    dlqi: int | None


@dataclass(frozen=True)
class TwinPatient:
    """One solved patient.

    Attributes
    ----------
    path : str
        Topical regimen at each timepoint: N none, C corticosteroids, T tacrolimus, B both, X not
        reviewed.
    attendance : str
        One letter per timepoint: V visit with scores and a review of topical therapy; S scores
        without a review; P telephone visit, reviewed, no scores; D the same with a DLQI
        questionnaire; A absent.
    scores : dict of Scores
        By the number of the timepoint, 0 to 3.
    """

    number: int
    path: str
    attendance: str
    is_adherent: bool
    sex: str
    age_at_index: int
    age_at_diagnosis: int
    course: str
    phenotype: str
    involves_face: bool
    involves_hands: bool
    involves_genitalia: bool
    comorbidities: tuple[str, ...]
    prior_treatments: tuple[str, ...]
    scores: dict[int, Scores]

    def regimen(self, week: int) -> str | None:
        """Return N, C, T or B at a timepoint, None where topical therapy was not reviewed."""
        return self.path[week] if self.attendance[week] in "VPD" else None

    def last_week_seen(self) -> int:
        """Return the number (0 to 3) of the last timepoint at which the patient was seen."""
        return max(week for week in range(4) if self.attendance[week] != "A")


def _number(text: str) -> int | None:
    return int(text) if text else None


def read_patients() -> list[TwinPatient]:
    """Return the 342 patients in the order of their twin numbers."""
    scores: dict[int, dict[int, Scores]] = {}
    with open(DATA / "twin_scores.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            week = TIMEPOINTS.index(row["timepoint_code"])
            scores.setdefault(int(row["twin_number"]), {})[week] = Scores(
                *(_number(row[name]) for name in ("easi_tenths", "itch", "sleep", "dlqi"))
            )
    with open(DATA / "twin_people.csv", newline="", encoding="utf-8") as file:
        return [
            TwinPatient(
                number=int(row["twin_number"]),
                path=row["path"],
                attendance=row["attendance"],
                is_adherent=row["is_adherent"] == "1",
                sex=row["sex_code"],
                age_at_index=int(row["age_at_index_years"]),
                age_at_diagnosis=int(row["age_at_diagnosis_years"]),
                course=row["disease_course_code"],
                phenotype=row["clinical_phenotype_code"],
                involves_face=row["involves_face"] == "1",
                involves_hands=row["involves_hands"] == "1",
                involves_genitalia=row["involves_genitalia"] == "1",
                comorbidities=tuple(name for name in COMORBIDITIES if row[name] == "1"),
                prior_treatments=tuple(
                    name for name in PRIOR_TREATMENTS if row[f"prior_{name}"] == "1"
                ),
                scores=scores.get(int(row["twin_number"]), {}),
            )
            for row in csv.DictReader(file)
        ]
