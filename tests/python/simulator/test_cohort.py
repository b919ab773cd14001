"""Simulated cohorts show the truth that was declared, in every format, and say what it is."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from simulator.check.numbers import restricted_mean, tacrolimus_numbers
from simulator.check.register import read_cohort
from simulator.cli import main
from simulator.cohort.effects import load_effects
from simulator.cohort.expected import expected_numbers
from simulator.delivery import COLUMNS
from simulator.errors import SimulatorError

N = 6000
WEEKS = ("baseline", "week_04", "week_16", "week_52")


def write(folder: Path, patients: int, seed: int = 11, *options: str) -> Path:
    command = ["cohort", "--patients", str(patients), "--seed", str(seed), "--out", str(folder)]
    assert main([*command, *options]) == 0
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("cohort") / "out", N)


@pytest.fixture(scope="module")
def truth(folder: Path) -> dict:
    return yaml.safe_load((folder / "truth.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def cohort(folder: Path):
    return read_cohort(folder)


def test_everybody_is_enrolled_and_the_delivery_says_that_it_is_synthetic(folder, truth, cohort):
    assert len(cohort.patients) == cohort.n_register == N
    assert yaml.safe_load((folder / "delivery.yml").read_text())["is_synthetic"] is True
    assert truth["is_synthetic"] is True
    assert truth["n_patients"] == N
    assert truth["declared"]["tacrolimus"]["hazard_ratio"]["female"] == 1.5


@pytest.mark.parametrize("score", ["easi", "itch_nrs", "sleep_nrs", "dlqi"])
def test_means_lie_within_monte_carlo_error_of_the_expected_ones(score, truth, cohort):
    for week, timepoint in enumerate(WEEKS):
        rows = cohort.timepoints[cohort.timepoints.week == week]
        values = rows[f"{score}_score"].dropna()
        expected = truth["expected"]["scores"][score][timepoint]
        error = expected["sd"] / len(values) ** 0.5
        assert abs(values.mean() - expected["mean"]) < 4 * error
        assert values.std() == pytest.approx(expected["sd"], rel=0.12)


def test_regimens_lie_within_monte_carlo_error_of_the_expected_ones(truth, cohort):
    names = {"N": "none", "C": "corticosteroids", "T": "tacrolimus"}
    for week, timepoint in enumerate(WEEKS):
        regimen = cohort.timepoints[cohort.timepoints.week == week].regimen.dropna()
        for letter, name in names.items():
            expected = truth["expected"]["regimens"][timepoint][f"{name}_pct"] / 100
            error = (expected * (1 - expected) / len(regimen)) ** 0.5
            assert abs((regimen == letter).mean() - expected) < 4 * error


def test_responders_lie_within_monte_carlo_error_of_the_expected_ones(truth, cohort):
    for score in ("itch_nrs", "sleep_nrs"):
        wide = cohort.timepoints.pivot(index="patient_id", columns="week", values=f"{score}_score")
        for week, timepoint in enumerate(WEEKS[1:], start=1):
            drop = (wide[0] - wide[week]).dropna()
            expected = truth["expected"]["proportions"][f"{score}_response"][timepoint]
            error = (expected * (1 - expected) / len(drop)) ** 0.5
            assert abs((drop >= 4).mean() - expected) < 4 * error


def test_cox_and_the_restricted_mean_find_what_the_truth_implies(truth, cohort):
    patients = cohort.patients[cohort.patients.is_evaluable]
    wide = cohort.timepoints.pivot(index="patient_id", columns="week", values="regimen")
    wide = wide.reindex(patients.index).reindex(columns=range(4))
    numbers: dict = {}
    tacrolimus_numbers(numbers, cohort, patients, wide)
    expected = truth["expected"]["tacrolimus"]
    mean = numbers["months_to_first_tacrolimus", "mean", "any", ""]
    error = numbers["months_to_first_tacrolimus", "se", "any", ""]
    assert abs(mean - expected["restricted_mean_months"]) < 4 * error
    for measure, name in (
        ("DLQI_per_point", "dlqi_per_point"),
        ("age_per_year", "age_per_year"),
        ("female_vs_male", "female"),
    ):
        low = numbers[measure, "ci_lower", "any", ""]
        high = numbers[measure, "ci_upper", "any", ""]
        middle = numbers[measure, "hazard_ratio", "any", ""]
        limit = expected["cox_breslow_hazard_ratio"][name]
        # within four standard errors: twice the half width of the 95% interval
        assert middle - 2.04 * (middle - low) < limit < middle + 2.04 * (high - middle)


def test_the_restricted_mean_of_a_hand_made_curve():
    # Months 0, 1, 4, 12; of four patients one starts at 0 and one at 4, two never: S is 3/4 to
    # month 4 and 1/2 after it, so the area to 12 is 0.75 * 4 + 0.5 * 8 = 7.
    import numpy as np

    times, events = np.array([0.0, 4.0, 12.0, 12.0]), np.array([True, True, False, False])
    assert restricted_mean(times, events, 12.0)[0] == pytest.approx(7.0)


def test_breslow_finds_the_declared_ratios_when_starts_are_rare():
    effects = load_effects(None)
    effects["tacrolimus"]["hazard"] = dict.fromkeys(WEEKS, 1e-5)
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


def test_expected_regimens_are_a_partition(truth):
    for timepoint in WEEKS:
        assert sum(truth["expected"]["regimens"][timepoint].values()) == pytest.approx(100)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path):
    first, second = write(tmp_path / "a", 400), write(tmp_path / "b", 400)
    other = write(tmp_path / "c", 400, 12)
    for name in COLUMNS:
        content = (first / f"{name}.csv").read_bytes()
        assert content == (second / f"{name}.csv").read_bytes()
        assert content != (other / f"{name}.csv").read_bytes()


def test_parquet_holds_what_csv_holds(tmp_path):
    texts = write(tmp_path / "csv", 300)
    typed = write(tmp_path / "parquet", 300, 11, "--format", "parquet")
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


def test_an_effects_file_overrides_only_what_it_says(tmp_path):
    path = tmp_path / "effects.yml"
    path.write_text("tacrolimus: {hazard_ratio: {female: 2.5}}\n", encoding="utf-8")
    effects, defaults = load_effects(path), load_effects(None)
    assert effects["tacrolimus"]["hazard_ratio"].pop("female") == 2.5
    assert defaults["tacrolimus"]["hazard_ratio"].pop("female") == 1.5
    assert effects == defaults


def test_an_effects_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SimulatorError, match="cannot be read"):
        load_effects(tmp_path / "nothing.yml")


@pytest.mark.parametrize("options", [["--patients", "0"], ["--patients", "5", "--seed", "-1"]])
def test_an_impossible_size_or_seed_is_refused(options, tmp_path, capsys):
    command = ["cohort", "--out", str(tmp_path / "out"), "--seed", "1", *options]
    assert main(command) == 2
    assert "takes a number" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_empty_is_refused_unless_told(tmp_path):
    folder = write(tmp_path / "out", 20)
    command = ["cohort", "--patients", "20", "--seed", "5", "--out", str(folder)]
    assert main(command) == 2
    assert main([*command, "--overwrite", "--format", "parquet"]) == 0
    assert not (folder / "visits.csv").exists()
    assert (folder / "visits.parquet").is_file()
