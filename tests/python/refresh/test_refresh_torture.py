"""Short form of the torture: a kill at every step, a full disk, readers during publishes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import invented
import pytest
import torture
from kill_real_runs import LEAST_MARK, RealRuns

from refresh.store import versions


def run_torture(*arguments):
    done = subprocess.run(
        [sys.executable, Path(torture.__file__), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.fault("P201", "P203", "P208")
def test_a_kill_at_any_step_leaves_one_whole_version_and_loses_none():
    figures = run_torture("--short")
    assert figures["faults"] == []
    assert figures["n_kills"] == figures["n_checked"] == len(torture.STEPS)
    assert figures["n_disk_full"] == 2


def test_opens_during_publishes_never_fail():
    figures = run_torture("--readers", "100", "--publishes", "4")
    assert figures["faults"] == []
    assert (figures["n_opens"], figures["n_publishes"]) == (100, 4)


def test_the_torture_detects_a_version_lost_or_altered(tmp_path, capsys):
    runs = torture.Torture(tmp_path, is_thorough=False)
    for _ in range(3):
        runs.finish_one()
    assert runs.figures.faults == []
    first, second, served = versions.version_files(runs.settings)
    first.unlink()
    served.chmod(0o644)
    with duckdb.connect(str(served)) as db:
        db.execute("delete from marts.dim_patients where sex_code = 'female'")
    assert torture.check_nothing_lost(runs.settings) == 1
    assert torture.check_served(runs.settings) == 1
    said = capsys.readouterr().err
    assert f"{versions.name_of(first)}: the file is missing" in said
    assert versions.name_of(second) not in said
    assert "mixes two loads" in said


def test_the_real_runs_detect_a_version_with_parts_of_two_deliveries(tmp_path):
    runs = RealRuns(tmp_path)
    runs.number = 3
    delivery = runs._delivery()
    assert f"{LEAST_MARK + 0.3}" in (delivery / "visits.csv").read_text(encoding="utf-8")
    shape = invented.Shape(corrected_easi=((7, LEAST_MARK + 0.3),))
    invented.refresh(runs.settings, shape, root=tmp_path, delivery=delivery)
    runs._check(can_be_older=False)
    assert runs.figures.faults == []
    served = versions.served(runs.settings)
    served.chmod(0o644)
    with duckdb.connect(str(served)) as db:
        db.execute(
            "update marts.fct_patient_timepoints set easi_score = 60.2 "
            "where timepoint_code = 'week_04' and patient_id = ?",
            [invented.pseudonym(8)],
        )
    runs._check(can_be_older=True)
    assert runs.figures.faults == [
        "marts.fct_patient_timepoints is not as recorded in the version",
        "run 3: the version mixes two deliveries",
    ]
