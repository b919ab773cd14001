"""The search for the twin: small problems with known answers, and the committed answer."""

from __future__ import annotations

import csv
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest

# The solver is a dependency group of its own: the twin is committed as data and needs none.
pytest.importorskip("ortools")

from simulator import printed
from simulator.solve.fit import InfeasibleError, NearestCohort, Printed, printed_interval
from simulator.solve.people import DATA, read_skeleton
from simulator.twin.read_solution import read_solution


def test_the_interval_of_a_printed_number_is_half_open_and_exact():
    assert printed_interval("29.5") == (Fraction(589, 20), Fraction(591, 20))
    assert printed_interval("5") == (Fraction(9, 2), Fraction(11, 2))


def test_values_move_as_little_as_possible():
    model = NearestCohort()
    for name, drawn in enumerate((1, 2, 3, 4)):
        model.add(name, drawn, range(11))
    model.limit_count(range(4), lambda value: value >= 4, 2, 2)
    assert sorted(model.solve().values()) == [1, 2, 4, 4]


def test_mean_and_deviation_come_out_as_printed():
    model = NearestCohort(10)
    for name in range(20):
        model.add(name, 30 + 2 * name, range(0, 120))
    model.print_as(range(20), Printed("5.0", "2.0"))
    values = [value / 10 for value in model.solve().values()]
    mean = sum(values) / 20
    sd = (sum((value - mean) ** 2 for value in values) / 19) ** 0.5
    assert 4.95 <= mean < 5.05
    assert 1.95 <= sd < 2.05


def test_drops_are_counted_within_a_patient():
    model = NearestCohort()
    for name in range(6):
        model.add((name, 0), 8, [8])
        model.add((name, 1), 7, range(11))
    model.limit_drops([((name, 0), (name, 1)) for name in range(6)], 4, 2, 2)
    after = [value for (_, week), value in model.solve().items() if week == 1]
    assert sorted(after) == [4, 4, 7, 7, 7, 7]


def test_printed_numbers_that_cannot_hold_together_are_reported():
    model = NearestCohort()
    for name in range(4):
        model.add(name, 0, [0, 1])
    model.limit_count(range(4), bool, 3, 4)
    model.print_as(range(4), Printed("0.3", ""))
    with pytest.raises(InfeasibleError, match="INFEASIBLE"):
        model.solve()


def test_the_reconstruction_has_the_published_topical_paths():
    with open(DATA / "topical_paths.csv", newline="", encoding="utf-8") as file:
        published = {row["path_id"]: int(row["n"]) for row in csv.DictReader(file)}
    assert Counter(person.path for person in read_skeleton()) == published


def test_the_committed_answer_extends_the_reconstruction():
    skeleton, solved = read_skeleton(), read_solution()
    assert len(solved) == printed.N_ENROLLED
    for person, patient in zip(skeleton, solved, strict=False):
        assert (patient.path, patient.age_at_index) == (person.path, person.age_at_index)
        assert patient.scores[0].dlqi == person.dlqi_baseline
        assert (patient.course == "relapsing") == person.is_relapsing
    for week, n in enumerate(printed.N_SCORED):
        easi = [p.scores[week].easi_tenths for p in solved if week in p.scores]
        assert sum(value is not None for value in easi) == n
    assert Path(DATA / "twin_scores.csv").stat().st_size < 40_000
