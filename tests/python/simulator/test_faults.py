"""Each fault case changes the files and records that it lists, and nothing else."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from simulator.cohort.write import write_cohort
from simulator.delivery import COLUMNS, SimulatorError, prepare_folder, write_delivery
from simulator.faults.cases import MAKERS, list_cases, make_fault
from simulator.twin.build import build_twin

CASES = {case.case_id: case for case in list_cases()}
OUTCOMES = {"same", "load", "load_flag", "null_value", "quarantine", "dedupe", "reject_file"}
# The tables of these cases cannot be read back: other bytes, other formats, broken records
UNREADABLE = {
    "F002", "F003", "F007", "F008", "F013", "F014", "F016", "F017", "F018", "F022", "F024", "F032",
    "F033", "F037", "F038", "F039", "F063", "F065", "F168",
}  # fmt: skip
# These cases change a whole table
WHOLE_TABLE = {
    "F001", "F026", "F045", "F046", "F047", "F048", "F049", "F053", "F054", "F055", "F056", "F059",
    "F087", "F150", "F153", "F166", "F175",
}  # fmt: skip


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    write_cohort(120, 3, None, folder, file_format="csv", overwrite=False)
    return folder


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("twin")
    prepare_folder(folder, overwrite=False)
    write_delivery(build_twin(with_bad_records=False), folder)
    return folder


def read_rows(path: Path) -> list[list[str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def read_expected(folder: Path) -> dict:
    return json.loads((folder / "expected.json").read_text(encoding="utf-8"))


def test_every_listed_case_has_a_maker_and_known_outcomes():
    assert set(MAKERS) == set(CASES)
    assert len(CASES) > 75
    for case in CASES.values():
        assert case.title
        assert set(case.allowed_outcomes) <= OUTCOMES


@pytest.mark.parametrize("case_id", sorted(MAKERS))
def test_a_fault_changes_only_the_files_and_records_that_it_lists(case_id, clean, tmp_path):
    make_fault(case_id, clean, tmp_path / "out")
    expected = read_expected(tmp_path / "out")
    assert expected["is_synthetic"] is True
    assert expected["allowed_outcomes"] == list(CASES[case_id].allowed_outcomes)
    bad = tmp_path / "out" / expected["deliveries"][-1]
    for export in COLUMNS:
        name = f"{export}.csv"
        if name not in expected["files_touched"] and (bad / name).is_file():
            assert (bad / name).read_bytes() == (clean / name).read_bytes(), name
    if case_id in UNREADABLE | WHOLE_TABLE:
        assert expected["files_touched"]
        return
    changed = set()
    for export in COLUMNS:
        before, after = read_rows(clean / f"{export}.csv"), read_rows(bad / f"{export}.csv")
        assert len(after) >= len(before)
        before += [[]] * (len(after) - len(before))
        changed |= {
            (export, number)
            for number, (old, new) in enumerate(zip(before, after, strict=True), start=1)
            if old != new
        }
    touched = {(each["export"], each["record_number"]) for each in expected["records_touched"]}
    assert changed <= touched
    # A cell may already have the value that the fault writes (an itch of 5, the 1st of a month)
    assert changed == touched or case_id in {"F101", "F114", "F152"}
    assert changed or case_id in {"F021", "F171"}


@pytest.mark.parametrize("case_id", ["F039", "F092", "F145", "F150", "F162", "F170"])
def test_a_fault_can_be_made_from_the_twin(case_id, twin, tmp_path):
    make_fault(case_id, twin, tmp_path / "out")
    expected = read_expected(tmp_path / "out")
    assert len(expected["deliveries"]) == 1 + (case_id in {"F150", "F170"})
    for name in expected["deliveries"]:
        assert (tmp_path / "out" / name / "delivery.yml").is_file()
    assert expected["files_touched"]


def test_a_fault_is_deterministic(clean, tmp_path):
    for case_id in ("F017", "F055", "F079", "F153"):
        for name in ("first", "second"):
            make_fault(case_id, clean, tmp_path / name / case_id)
        files = sorted((tmp_path / "first" / case_id / "d1").iterdir())
        for path in files:
            assert (
                path.read_bytes() == (tmp_path / "second" / case_id / "d1" / path.name).read_bytes()
            )


def test_byte_faults_write_the_expected_bytes(clean, tmp_path):
    visits = (clean / "visits.csv").read_bytes()
    for case_id, content in (
        ("F001", b"\xef\xbb\xbf" + visits),
        ("F007", visits + b"\x00" * 4096),
        ("F008", b""),
        ("F021", visits.replace(b"\n", b"\r\n")),
        ("F026", visits + visits),
    ):
        make_fault(case_id, clean, tmp_path / case_id)
        assert (tmp_path / case_id / "d1" / "visits.csv").read_bytes() == content, case_id
    make_fault("F013", clean, tmp_path / "F013")
    lost = (tmp_path / "F013" / "d1" / "prescriptions.csv").read_text(encoding="utf-8")
    assert not lost.endswith("\n")
    assert len(lost.rsplit(",", 1)[1]) == len("2019-11-1")


def test_an_unquoted_decimal_comma_gives_one_field_too_many(clean, tmp_path):
    make_fault("F037", clean, tmp_path / "out")
    record = read_expected(tmp_path / "out")["records_touched"][0]["record_number"]
    rows = read_rows(tmp_path / "out" / "d1" / "visits.csv")
    assert [n for n, row in enumerate(rows, 1) if len(row) != len(COLUMNS["visits"])] == [record]


def test_the_second_part_of_a_split_file_has_its_own_column_order(clean, tmp_path):
    make_fault("F059", clean, tmp_path / "out")
    parts = [tmp_path / "out" / "d1" / f"visits{part}.csv" for part in ("", "_part2")]
    records = []
    for part in parts:
        with open(part, newline="", encoding="utf-8") as file:
            records += list(csv.DictReader(file))
    with open(clean / "visits.csv", newline="", encoding="utf-8") as file:
        assert records == list(csv.DictReader(file))


def test_an_unknown_case_and_a_missing_delivery_are_refused(clean, tmp_path):
    with pytest.raises(SimulatorError, match="no case F999"):
        make_fault("F999", clean, tmp_path / "out")
    with pytest.raises(SimulatorError, match="nowhere"):
        make_fault("F071", tmp_path / "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_delivery_that_is_not_labelled_synthetic_is_refused(clean, tmp_path):
    shutil.copytree(clean, tmp_path / "real")
    settings = tmp_path / "real" / "delivery.yml"
    settings.write_text(settings.read_text().replace("true", "false"), encoding="utf-8")
    with pytest.raises(SimulatorError, match="not labelled synthetic"):
        make_fault("F071", tmp_path / "real", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_with_another_fault_is_replaced_only_with_overwrite(clean, tmp_path):
    make_fault("F170", clean, tmp_path / "out")
    with pytest.raises(SimulatorError, match="not empty"):
        make_fault("F071", clean, tmp_path / "out")
    make_fault("F071", clean, tmp_path / "out", overwrite=True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["d1", "expected.json"]
