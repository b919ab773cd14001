"""Simulated cohorts: declared truth, expected numbers, formats and the effects file."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from simulator.cohort.effects import TIMEPOINTS, load_effects
from simulator.cohort.expected import expected_numbers
from simulator.cohort.write import write_cohort
from simulator.delivery import COLUMNS, SimulatorError

N = 6000


def write(folder: Path, n: int, seed: int = 11, form: str = "csv", overwrite: bool = False) -> Path:
    write_cohort(n, seed, None, folder, file_format=form, overwrite=overwrite)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("cohort") / "out", N)


@pytest.fixture(scope="module")
def truth(folder: Path) -> dict:
    return yaml.safe_load((folder / "truth.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def visits(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "visits.csv")


def test_the_delivery_is_labelled_synthetic_and_declares_its_truth(folder, truth):
    assert yaml.safe_load((folder / "delivery.yml").read_text())["is_synthetic"] is True
    assert truth["is_synthetic"] is True
    assert truth["n_patients"] == N
    assert truth["declared"]["tacrolimus"]["hazard_ratio"]["female"] == 1.5
    assert len((folder / "patients.csv").read_bytes().splitlines()) == 1 + N


@pytest.mark.parametrize("score", ["easi", "itch_nrs", "sleep_nrs", "dlqi"])
def test_means_and_deviations_agree_with_the_expected_ones(score, truth, visits):
    for timepoint in TIMEPOINTS:
        values = visits.loc[visits.nominal_timepoint == timepoint, f"{score}_score"].dropna()
        expected = truth["expected"]["scores"][score][timepoint]
        error = expected["sd"] / len(values) ** 0.5
        assert abs(values.mean() - expected["mean"]) < 4 * error
        assert values.std() == pytest.approx(expected["sd"], rel=0.12)


def test_the_cox_limit_equals_the_declared_ratios_when_starts_are_rare():
    effects = load_effects(None)
    effects["tacrolimus"]["hazard"] = dict.fromkeys(TIMEPOINTS, 1e-5)
    effects["tacrolimus"]["hazard_ratio"]["generalized"] = 1.0
    limit = expected_numbers(effects)["tacrolimus"]["cox_breslow_hazard_ratio"]
    assert limit["female"] == pytest.approx(1.5, rel=1e-3)
    assert limit["dlqi_per_point"] == pytest.approx(0.96, rel=1e-4)
    assert limit["age_per_year"] == pytest.approx(0.99, rel=1e-4)


def test_without_any_effect_both_groups_have_the_same_easi():
    effects = load_effects(None)
    effects["scores"]["easi"]["tacrolimus_at_baseline_shift"] = 0.0
    effects["scores"]["patient_share"] = 0.0
    groups = expected_numbers(effects)["proportions"]["easi_below_7_week_04"]
    assert groups["with_tacrolimus_at_baseline"] == pytest.approx(
        groups["without_tacrolimus_at_baseline"], abs=1e-4
    )


def test_expected_regimens_add_up_to_100_percent(truth):
    for timepoint in TIMEPOINTS:
        assert sum(truth["expected"]["regimens"][timepoint].values()) == pytest.approx(100)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path):
    first, second = write(tmp_path / "a", 400), write(tmp_path / "b", 400)
    other = write(tmp_path / "c", 400, 12)
    for name in COLUMNS:
        content = (first / f"{name}.csv").read_bytes()
        assert content == (second / f"{name}.csv").read_bytes()
        assert content != (other / f"{name}.csv").read_bytes()


def test_parquet_and_csv_have_the_same_records(tmp_path):
    texts = write(tmp_path / "csv", 300)
    typed = write(tmp_path / "parquet", 300, form="parquet")
    for name, columns in COLUMNS.items():
        table = pq.read_table(typed / f"{name}.parquet")
        assert table.column_names == list(columns)
        rows = [
            ["" if value is None else str(value) for value in row.values()]
            for row in table.to_pylist()
        ]
        with open(texts / f"{name}.csv", newline="", encoding="utf-8") as file:
            assert list(csv.reader(file))[1:] == rows


def refusal(tmp_path: Path, text: str) -> str:
    path = tmp_path / "effects.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SimulatorError) as caught:
        load_effects(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "visits:\n  seen_probabilty: 0.5\n",
            ["line 2", "visits.seen_probabilty", "seen_probability"],
        ),
        (
            "tacrolimus:\n  hazard_ratio:\n    female: -1.5\n",
            ["line 3", "female is -1.5", "above 0"],
        ),
        ("tacrolimus:\n  hazard:\n    week_04: -0.1\n", ["line 3", "hazard.week_04", "0 or more"]),
        ("patients:\n\n  female_probability: 1.2\n", ["line 3", "1.2", "from 0 to 1"]),
        ("patients:\n  female_probability: yes\n", ["line 2", "from 0 to 1"]),
        ("patients:\n  female_probability: .nan\n", ["line 2", "from 0 to 1"]),
        ("patients:\n  female_probability: [0.1]\n", ["line 2", "takes one value"]),
        ("scores:\n  dlqi: 4\n", ["line 2", "scores.dlqi takes keys", "week_52"]),
        (
            "scores:\n  dlqi:\n    baseline: {mean: 40, sd: 3}\n",
            ["scores.dlqi.baseline", "cannot have"],
        ),
        ("calendar:\n  last_index_date: soon\n", ["line 2", "soon", "2018-06-04"]),
        ("calendar:\n  last_index_date: 2017-01-01\n", ["calendar"]),
        ("patients:\n  face_probability: 0.1\n  face_probability: 0.2\n", ["line 3", "twice"]),
        ("scores:\n  patient_share: 0.7\n  visit_share: 0.4\n", ["below 1 together"]),
        ("patients: {relapsing_probability: 0.7, late_onset_probability: 0.5}\n", ["exceed 1"]),
        ("- 1\n", ["takes keys"]),
        ("patients: [\n", ["line"]),
        ("", ["empty"]),
    ],
)
def test_a_wrong_effects_file_is_refused_with_its_line(text, words, tmp_path):
    message = refusal(tmp_path, text)
    for word in words:
        assert word in message


def test_an_effects_file_overrides_only_its_own_keys(tmp_path):
    path = tmp_path / "effects.yml"
    path.write_text("tacrolimus: {hazard_ratio: {female: 2.5}}\n", encoding="utf-8")
    effects, defaults = load_effects(path), load_effects(None)
    assert effects["tacrolimus"]["hazard_ratio"].pop("female") == 2.5
    assert defaults["tacrolimus"]["hazard_ratio"].pop("female") == 1.5
    assert effects == defaults


def test_a_missing_effects_file_is_named(tmp_path):
    with pytest.raises(SimulatorError, match="cannot be read"):
        load_effects(tmp_path / "nothing.yml")


@pytest.mark.parametrize(("patients", "seed"), [(0, 1), (5, -1)])
def test_an_impossible_size_or_seed_is_refused(patients, seed, tmp_path):
    with pytest.raises(SimulatorError, match="takes a number"):
        write(tmp_path / "out", patients, seed)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_empty_is_replaced_only_with_overwrite(tmp_path):
    folder = write(tmp_path / "out", 20)
    with pytest.raises(SimulatorError, match="not empty"):
        write(folder, 20, 5)
    write(folder, 20, 5, "parquet", overwrite=True)
    assert not (folder / "visits.csv").exists()
    assert (folder / "visits.parquet").is_file()
