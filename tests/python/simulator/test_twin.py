"""The committed demonstration is the twin, byte for byte, and shows every published number."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.check.compare import Comparison, compare, round_half_up
from simulator.cli import main
from simulator.delivery import COLUMNS
from simulator.errors import SimulatorError

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "exports" / "demo"
PUBLISHED = ROOT / "seeds" / "publication" / "published_results.csv"
FILES = [*(f"{name}.csv" for name in COLUMNS), "delivery.yml"]


@pytest.fixture(scope="module")
def clean_twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clean")
    assert main(["twin", "--clean", "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def demo_comparisons() -> list[Comparison]:
    return compare(DEMO, PUBLISHED)


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_the_twin_is_written_byte_for_byte_as_it_is_committed(tmp_path, hash_seed):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    command = [sys.executable, "-m", "simulator", "twin", "--out", str(tmp_path / "twin")]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    written = sorted(path.name for path in (tmp_path / "twin").iterdir())
    assert written == sorted(FILES)
    for name in FILES:
        assert (tmp_path / "twin" / name).read_bytes() == (DEMO / name).read_bytes(), name


def test_the_demonstration_is_small_and_has_plain_line_ends():
    assert sum((DEMO / name).stat().st_size for name in FILES) < 1_500_000
    for name in FILES:
        content = (DEMO / name).read_bytes()
        assert b"\r" not in content
        assert content.endswith(b"\n")


def test_the_demonstration_says_that_it_is_synthetic():
    text = (DEMO / "delivery.yml").read_text(encoding="utf-8")
    assert "is_synthetic: true\n" in text
    assert "ynthetic" in text.split("label:")[1]


def test_every_published_result_comes_out_of_the_files(demo_comparisons):
    assert len(demo_comparisons) == 294
    assert [each for each in demo_comparisons if not each.is_equal] == []


def test_bad_records_and_ineligible_patients_move_no_number(clean_twin, demo_comparisons):
    clean = compare(clean_twin, PUBLISHED)
    assert [each.computed for each in clean] == [each.computed for each in demo_comparisons]


def test_the_checker_sees_one_changed_score(clean_twin, tmp_path):
    spoilt = tmp_path / "spoilt"
    shutil.copytree(clean_twin, spoilt)
    lines = (spoilt / "visits.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    # One patient above 21 at week 52: take the score away
    place = next(
        number
        for number, line in enumerate(lines)
        if ",week_52," in line and float(line.split(",")[4] or 0) > 21
    )
    cells = lines[place].split(",")
    cells[4] = "20.9"
    lines[place] = ",".join(cells)
    (spoilt / "visits.csv").write_text("".join(lines), encoding="utf-8", newline="\n")
    different = {each.result_id for each in compare(spoilt, PUBLISHED) if not each.is_equal}
    assert "res_easi21_w52_n" in different
    assert "res_easi_w4_mean" not in different


def test_a_table_of_published_results_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SimulatorError, match=r"nothing\.csv"):
        compare(DEMO, tmp_path / "nothing.csv")


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [
        (2.5, 0, "3"),
        (0.125, 2, "0.13"),
        (72.2222, 1, "72.2"),
        (0.0995, 3, "0.100"),
        (44.45, 1, "44.5"),
    ],
)
def test_halves_are_rounded_up(value, decimals, shown):
    assert round_half_up(value, decimals) == shown


def test_a_p_value_is_compared_with_its_printed_bound():
    assert Comparison("a", "A11", "0.001", "<", 0.0009, "0.001").is_equal
    assert not Comparison("a", "A11", "0.001", "<", 0.001, "0.001").is_equal
    assert not Comparison("a", "A11", "0.001", "<", None, "").is_equal


def test_a_folder_that_is_not_empty_is_refused_unless_told(tmp_path, capsys):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    assert main(["twin", "--out", str(folder)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    assert main(["twin", "--out", str(folder), "--overwrite"]) == 0
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "visits.csv").read_bytes() == (DEMO / "visits.csv").read_bytes()
