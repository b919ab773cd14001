"""Runs the whole search and writes its answer as data, so that the twin needs no solver."""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from simulator import printed
from simulator.solve.attendance import draw_attendance
from simulator.solve.people import Person, solve_people
from simulator.solve.scores import Key, solve_scores

SEED = 20220602


def find_solution(seed: int = SEED) -> tuple[list[Person], dict[str, dict[Key, int]], list[str]]:
    """Search for the twin.

    Parameters
    ----------
    seed : int
        Seed of the drawing steps (numpy PCG64).

    Returns
    -------
    people, scores, log
        The 342 people, their four scores by (twin number, timepoint number) with EASI in tenths,
        and one line per step with its seconds.
    """
    rng = np.random.default_rng(seed)
    log = []
    start = time.perf_counter()
    people = solve_people(rng)
    log.append(f"people: assignment and CP-SAT, {time.perf_counter() - start:.1f} s")
    draw_attendance(people, rng)
    start = time.perf_counter()
    scores = solve_scores(people, rng)
    log.append(f"scores: drawing and CP-SAT, {time.perf_counter() - start:.1f} s")
    return people, scores, log


def people_rows(people: Sequence[Person]) -> list[list[str]]:
    """Return the people as text rows with a header."""
    rows = [
        [
            "twin_number", "path", "attendance", "is_adherent", "sex_code", "age_at_index_years",
            "age_at_diagnosis_years", "disease_course_code", "clinical_phenotype_code",
            "involves_face", "involves_hands", "involves_genitalia",
            *printed.COMORBIDITIES,
            *(f"prior_{name}" for name in printed.PRIOR_TREATMENTS),
        ]
    ]  # fmt: skip
    for person in people:
        flags = [name in person.comorbidities for name in printed.COMORBIDITIES]
        flags += [name in person.prior_treatments for name in printed.PRIOR_TREATMENTS]
        rows.append(
            [
                str(person.number),
                person.path,
                person.attendance,
                str(int(person.is_adherent)),
                "female" if person.is_female else "male",
                str(person.age_at_index),
                str(person.age_at_diagnosis),
                person.course,
                person.phenotype,
                *(str(area) for area in person.areas),
                *(str(int(flag)) for flag in flags),
            ]
        )
    return rows


def score_rows(scores: dict[str, dict[Key, int]]) -> list[list[str]]:
    """Return the scores as text rows with a header, one per patient and timepoint."""
    rows = [["twin_number", "timepoint_code", "easi_tenths", "itch", "sleep", "dlqi"]]
    for number, week in sorted(scores["dlqi"]):
        cells = [scores[name].get((number, week), "") for name in ("easi", "itch", "sleep", "dlqi")]
        rows.append([str(number), printed.TIMEPOINTS[week], *map(str, cells)])
    return rows


def write_solution(
    people: Sequence[Person], scores: dict[str, dict[Key, int]], folder: Path
) -> None:
    """Write ``twin_people.csv`` and ``twin_scores.csv`` into ``folder``."""
    for name, rows in (
        ("twin_people.csv", people_rows(people)),
        ("twin_scores.csv", score_rows(scores)),
    ):
        with open(folder / name, "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
