"""The short road leads where `dbt build` leads, for a clean delivery and for bad ones."""

from __future__ import annotations

from pathlib import Path

import fault_endings
import judged_once
import pytest
from builds import ROOT, contents, run_dbt
from fault_endings import Ending
from own_faults import OwnFault, both, make_own
from short_road import ROOMS

from expectations import gate
from simulator.faults.cases import MAKERS


def test_the_short_road_gives_the_tables_of_dbt(demo_build, road, tmp_path):
    ending = fault_endings.go(ROOT / "exports" / "demo", tmp_path, road.build)
    schemas = ("raw", "reference", *ROOMS)
    assert contents(ending.warehouse, *schemas) == contents(demo_build.warehouse, *schemas)
    nodes = demo_build.manifest["nodes"].values()
    for kind, statements in (("model", road.models), ("test", road.tests)):
        assert len(statements) == sum(node["resource_type"] == kind for node in nodes) > 40


def test_a_data_test_that_fails_is_a_fault_of_the_project(road, tmp_path):
    broken = [
        (name, statement.replace("'duplicate_exact'", "null", 1)) for name, statement in road.models
    ]
    spoilt = type(road)(road.demo, tuple(broken), road.tests)
    with pytest.raises(AssertionError):
        fault_endings.go(ROOT / "exports" / "demo", tmp_path, spoilt.build)


def test_equal_columns_are_judged_once_and_others_as_the_gate_judges_them(
    track, verdicts, tmp_path
):
    clean = gate.all_suites(track.before.known)
    n_before = verdicts.n_again
    again = gate.run(track.clean_ending.warehouse, track.before.known, clean)
    n_rules = sum(len(suite.rules) for suite in clean)
    assert len(again.outcomes) == n_rules
    gate.run(track.clean_ending.warehouse, track.before.known, clean)
    assert verdicts.n_again - n_before >= n_rules
    make_own(OwnFault(MAKERS["F112"], "quarantine"), track.clean, tmp_path / "delivery")
    ending = track.go(tmp_path / "delivery", tmp_path, "quarantine")
    n_before = verdicts.n_again
    judged = gate.run(ending.warehouse, track.before.known, clean)
    assert 0 < verdicts.n_again - n_before < n_rules
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate, "_judge", judged_once.JUDGE)
        assert gate.run(ending.warehouse, track.before.known, clean) == judged != again


@pytest.mark.fault("P246")
def test_dbt_itself_ends_where_the_short_road_ends(demo_build, track, tmp_path):
    """One delivery with a fault for each ending of a record: value, record and copy refused."""
    fault = OwnFault(both(*(MAKERS[case_id] for case_id in ("F071", "F112", "F130"))), "quarantine")
    make_own(fault, track.clean, tmp_path / "delivery")
    ending = track.go(tmp_path / "delivery", tmp_path, fault.ends_in)
    assert ending.stop is None
    assert set(ending.scopes) == {"value", "record", "duplicate"}
    delivery = tmp_path / "delivery"
    build = run_dbt(tmp_path / "dbt", "build", delivery=delivery, parsed=demo_build)
    assert build.returncode == 0, build.output[-2000:]
    schemas = ("raw", *ROOMS)
    assert contents(build.warehouse, *schemas) == contents(ending.warehouse, *schemas)
    assert not cells_of(ending, build.output, build.target.parent)


def cells_of(ending: Ending, output: str, folder: Path) -> set[str]:
    """Return refused cells that are in what dbt said, logged or wrote beside the warehouse."""
    shown = ending.query(
        "select distinct value_shown from quarantine.rejected_records where length(value_shown) > 5"
    )
    files = [path for path in folder.rglob("*") if path.suffix in (".json", ".log", ".sql")]
    assert len(files) > 200
    written = output + "".join(path.read_text(encoding="utf-8") for path in files)
    return {value for (value,) in shown if value in written}
