"""Short form of the torture: a kill at every step, a full disk, readers during publishes."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import duckdb
import pytest

from core.progress import Progress
from refresh import fake_build, killpoints, pipeline, publish
from refresh.fake_build import Shape
from refresh.torture_real import LEAST_MARK, RealRoad


def torture(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "refresh.torture", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.fault("P201", "P203", "P208")
def test_a_kill_at_any_step_leaves_one_whole_version_and_loses_none():
    figures = torture("--short")
    assert figures["faults"] == []
    assert figures["n_kills"] == figures["n_checked"] == len(killpoints.STEPS)
    assert figures["n_disk_full"] == 2


def test_opens_during_publishes_never_fail():
    figures = torture("--readers", "300", "--publishes", "9")
    assert figures["faults"] == []
    assert (figures["n_opens"], figures["n_publishes"]) == (300, 9)


def test_the_real_road_tells_a_version_that_holds_parts_of_two_deliveries(tmp_path):
    road = RealRoad(tmp_path)
    road.number = 3
    delivery = road._delivery()
    assert f"{LEAST_MARK + 0.3}" in (delivery / "visits.csv").read_text(encoding="utf-8")
    pipeline.prepare_folders(road.settings)
    shape = Shape(corrected_easi=((7, LEAST_MARK + 0.3),))
    with Progress(is_quiet=True) as progress:
        settings = dataclasses.replace(road.settings, root=tmp_path, delivery=delivery)
        pipeline.run(settings, fake_build.steps(shape), progress)
    road._look(can_be_older=False)
    assert road.figures.faults == []
    served = publish.served(road.settings)
    served.chmod(0o644)
    with duckdb.connect(str(served)) as db:
        db.execute(
            "update marts.fct_patient_timepoints set easi_score = 60.2 "
            "where timepoint_code = 'week_04' and patient_id = ?",
            [fake_build.pseudonym(8)],
        )
    road._look(can_be_older=True)
    assert road.figures.faults == [
        "marts.fct_patient_timepoints is not what the version says",
        "run 3: the version mixes two deliveries",
    ]
