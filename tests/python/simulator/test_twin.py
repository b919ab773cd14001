"""The twin: the committed demo byte for byte, its committed solution, and plausible records."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from simulator.delivery import COLUMNS, SimulatorError, prepare_folder
from simulator.draws import Draws
from simulator.twin.build import build_twin
from simulator.twin.dates import (
    completed_years,
    is_clinic_day,
    nearest_clinic_day,
    write_diagnosis_date,
)
from simulator.twin.patients import DATA, read_patients

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "exports" / "demo"
FILES = [*(f"{name}.csv" for name in COLUMNS), "delivery.yml"]
WRITE = (
    "import sys; from pathlib import Path; from simulator.delivery import write_delivery; "
    "from simulator.twin.build import build_twin; write_delivery(build_twin(), Path(sys.argv[1]))"
)


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_the_twin_equals_the_committed_demo_byte_for_byte(tmp_path, hash_seed):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    command = [sys.executable, "-c", WRITE, str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (DEMO / name).read_bytes(), name


def test_the_demo_is_small_and_has_plain_line_ends():
    assert sum((DEMO / name).stat().st_size for name in FILES) < 1_500_000
    for name in FILES:
        content = (DEMO / name).read_bytes()
        assert b"\r" not in content
        assert content.endswith(b"\n")


def test_the_demo_is_labelled_synthetic():
    text = (DEMO / "delivery.yml").read_text(encoding="utf-8")
    assert "is_synthetic: true\n" in text
    assert "ynthetic" in text.split("label:")[1]


def test_bad_records_are_additions_or_change_single_cells():
    demo, clean = build_twin(), build_twin(with_bad_records=False)
    n_changed = {
        name: len(set(map(tuple, clean.records[name])) - set(map(tuple, demo.records[name])))
        for name in COLUMNS
    }
    assert n_changed == {
        "patients": 0, "visits": 3, "prescriptions": 2, "comorbidities": 0, "adverse_events": 1,
    }  # fmt: skip


def test_the_committed_patients_extend_the_reconstruction():
    with open(DATA / "cohort_skeleton_307.csv", newline="", encoding="utf-8") as file:
        skeleton = list(csv.DictReader(file))
    solved = read_patients()
    assert (len(skeleton), len(solved)) == (307, 342)
    for row, patient in zip(skeleton, solved, strict=False):
        assert (patient.path, patient.age_at_index) == (row["path"], int(row["age_init"]))
        assert patient.scores[0].dlqi == int(row["dlqi_bl"])
        assert (patient.course == "relapsing") == (row["relapsing"] == "1")
        assert (patient.phenotype == "generalized") == (row["generalized"] == "1")
        assert (patient.sex == "female") == (row["female"] == "1")
    for week, n_scored in enumerate((342, 312, 274, 203)):  # as printed in the paper
        easi = [each.scores[week].easi_tenths for each in solved if week in each.scores]
        assert sum(value is not None for value in easi) == n_scored


def test_a_folder_that_is_not_empty_is_cleared_of_exports_only_with_overwrite(tmp_path):
    for name in ("notes.txt", "visits.csv", "VISITS_part2.csv.gz"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(SimulatorError, match="not empty"):
        prepare_folder(tmp_path, overwrite=False)
    prepare_folder(tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.fixture(scope="module")
def twin() -> dict[str, list[dict[str, str]]]:
    delivery = build_twin(with_bad_records=False)
    return {
        name: [dict(zip(COLUMNS[name], record, strict=True)) for record in records]
        for name, records in delivery.records.items()
    }


@pytest.fixture(scope="module")
def index_dates(twin) -> dict[str, date]:
    return {
        row["patient_id"]: date.fromisoformat(row["start_date"])
        for row in twin["prescriptions"]
        if row["drug_name"].lower() == "dupixent" and row["strength"] == "600 mg"
    }


def test_keys_are_unique(twin):
    for name in ("patients", "visits", "prescriptions", "adverse_events"):
        keys = [next(iter(row.values())) for row in twin[name]]
        assert len(set(keys)) == len(keys), name


def test_visits_are_made_on_clinic_days_before_the_extraction(twin):
    days = [date.fromisoformat(row["visit_date"]) for row in twin["visits"]]
    assert all(is_clinic_day(day) for day in days)
    assert max(days) <= date(2020, 12, 31)


def test_some_visits_are_off_target_unscheduled_by_telephone_or_moved(twin, index_dates):
    off_target = unscheduled = by_telephone = moved = 0
    for row in twin["visits"]:
        if row["patient_id"] not in index_dates:
            continue
        day = (date.fromisoformat(row["visit_date"]) - index_dates[row["patient_id"]]).days
        off_target += row["nominal_timepoint"] == "week_04" and day != 28
        unscheduled += row["nominal_timepoint"] == "unscheduled" and day > 0
        by_telephone += not row["easi_score"]
        moved += row["nominal_timepoint"] == "week_16" and day > 140
    assert off_target > 200
    assert unscheduled > 15
    assert by_telephone > 25
    assert moved > 1


def test_dupilumab_starts_with_600_mg_and_continues_with_300_mg(twin, index_dates):
    maintenance = {
        row["patient_id"]: date.fromisoformat(row["start_date"])
        for row in reversed(twin["prescriptions"])
        if row["drug_name"].lower() == "dupixent" and row["strength"] == "300 mg every 2 weeks"
    }
    for patient, first in maintenance.items():
        assert first - index_dates[patient] == timedelta(days=14)
    assert len(index_dates) - len(maintenance) < 15  # those who started days before the extraction


def test_iga_fits_easi(twin):
    lowest = {0: 0.0, 1: 0.3, 2: 1.6, 3: 6.3, 4: 19.0}
    highest = {0: 0.2, 1: 2.2, 2: 8.0, 3: 34.0, 4: 72.0}
    graded = [row for row in twin["visits"] if row["iga_score"]]
    assert len(graded) > 1000
    for row in graded:
        grade, easi = int(row["iga_score"]), float(row["easi_score"])
        assert lowest[grade] <= easi <= highest[grade], row["visit_id"]


def test_no_score_is_much_worse_than_at_baseline(twin):
    scores = ("easi_score", "itch_nrs_score", "dlqi_score")
    baseline: dict[str, dict[str, str]] = {}
    for row in twin["visits"]:  # in order of their days
        if row["nominal_timepoint"] == "baseline":
            baseline.setdefault(row["patient_id"], row)
    for row in twin["visits"]:
        first = baseline.get(row["patient_id"])
        if first is None or row["nominal_timepoint"] not in ("week_04", "week_16", "week_52"):
            continue
        for score, worse in zip(scores, (0, 1, 2), strict=True):
            if row[score] and first[score]:
                assert float(row[score]) <= float(first[score]) + worse, row["visit_id"]


def test_easi_and_itch_responses_correlate(twin):
    pairs = [
        (float(row["easi_score"]), int(row["itch_nrs_score"]))
        for row in twin["visits"]
        if row["nominal_timepoint"] == "week_04" and row["easi_score"]
    ]
    low = [itch for easi, itch in pairs if easi < 4]
    high = [itch for easi, itch in pairs if easi > 14]
    assert sum(high) / len(high) > sum(low) / len(low) + 1.5


def test_no_very_potent_corticosteroid_on_delicate_skin_or_for_months(twin):
    for row in twin["prescriptions"]:
        if row["drug_name"].lower().startswith(("dermovate", "clobesol")):
            assert row["body_site"] not in ("face", "eyelids", "genitalia", "folds", "neck")
            end = date.fromisoformat(row["end_date"] or "2020-12-31")
            assert (end - date.fromisoformat(row["start_date"])).days <= 40


def test_earlier_treatments_lie_between_diagnosis_and_dupilumab(twin, index_dates):
    births = {row["patient_id"]: row["birth_date"] for row in twin["patients"]}
    earlier = ("L04AD01", "H02AB07", "H02AB04", "H02AB01", "L04AX03", "L04AX01", "D11AH04")
    concomitant = 0
    for row in twin["prescriptions"]:
        if row["atc_code"] not in earlier:
            continue
        start, end = (date.fromisoformat(row[name]) for name in ("start_date", "end_date"))
        birth = date.fromisoformat(births[row["patient_id"]])
        assert completed_years(birth, start) >= 12
        if start > index_dates[row["patient_id"]]:
            concomitant += 1  # the one patient who is not eligible for it
        else:
            assert end < index_dates[row["patient_id"]]
    assert concomitant == 1


def test_some_topicals_have_no_atc_code(twin):
    names = ("protopic", "elocon", "advantan")
    topical = [row for row in twin["prescriptions"] if row["drug_name"].lower().startswith(names)]
    without = [row for row in topical if not row["atc_code"]]
    assert 0.05 < len(without) / len(topical) < 0.2


def test_adverse_events_have_the_rates_of_the_literature(twin, index_dates):
    with_event = {
        row["patient_id"] for row in twin["adverse_events"] if "conjunctivitis" in row["event_term"]
    }
    assert 0.10 < len(with_event) / len(index_dates) < 0.34
    serious = [row for row in twin["adverse_events"] if row["is_serious"] == "yes"]
    assert 0 < len(serious) < 12


def test_31_patients_have_no_comorbidity_record(twin):
    assert len({row["patient_id"] for row in twin["comorbidities"]}) >= 311


def test_a_partial_diagnosis_date_does_not_change_the_age():
    birth = date(1990, 3, 20)
    for number in range(200):
        diagnosis = date(1990, 5, 1) + timedelta(days=17 * number)
        text = write_diagnosis_date(birth, diagnosis, Draws(number, "diagnosis"))
        whole = f"{text}-07-01" if len(text) == 4 else f"{text}-15" if len(text) == 7 else text
        completed = date.fromisoformat(whole)
        assert completed > birth
        assert completed_years(birth, completed) == completed_years(birth, diagnosis)


def test_the_clinic_is_closed_on_sundays_and_on_saint_ambrose_day():
    assert not is_clinic_day(date(2020, 12, 7))
    assert not is_clinic_day(date(2020, 4, 13))
    assert is_clinic_day(date(2020, 12, 9))
    assert nearest_clinic_day(date(2020, 12, 6), date(2020, 12, 1), date(2020, 12, 20)) == date(
        2020, 12, 4
    )
    with pytest.raises(ValueError, match="no clinic day"):
        nearest_clinic_day(date(2020, 12, 6), date(2020, 12, 5), date(2020, 12, 8))
