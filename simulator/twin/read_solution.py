"""Reads the solved twin that ``simulator/data`` holds."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from simulator import printed

DATA = Path(__file__).resolve().parent.parent / "data"


@dataclass(frozen=True)
class Scores:
    """The four scores of one visit; EASI in tenths, None where it was not assessed."""

    easi_tenths: int | None
    itch: int | None
    sleep: int | None
    dlqi: int | None


@dataclass(frozen=True)
class TwinPatient:
    """One of the 342 as solved; ``attendance`` is explained in simulator/solve/attendance.py."""

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


def _number(text: str) -> int | None:
    return int(text) if text else None


def read_solution() -> list[TwinPatient]:
    """Return the 342 patients in the order of their twin numbers."""
    scores: dict[int, dict[int, Scores]] = {}
    with open(DATA / "twin_scores.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            week = printed.TIMEPOINTS.index(row["timepoint_code"])
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
                comorbidities=tuple(n for n in printed.COMORBIDITIES if row[n] == "1"),
                prior_treatments=tuple(
                    name for name in printed.PRIOR_TREATMENTS if row[f"prior_{name}"] == "1"
                ),
                scores=scores.get(int(row["twin_number"]), {}),
            )
            for row in csv.DictReader(file)
        ]
