"""The short road leads where `dbt build` leads, for a clean delivery and for bad ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import fault_endings
import plain_gate
import pytest
from builds import ROOT, contents, run_dbt
from fault_endings import Ending
from own_faults import OwnFault, both, make_own
from short_road import ROOMS

from expectations.facts import gather
from expectations.rules import FAILED, NOT_APPLICABLE, PASSED
from simulator.faults.cases import MAKERS


def test_the_short_road_gives_the_tables_of_dbt(demo_build, road, tmp_path):
    ending = fault_endings.go(ROOT / "exports" / "demo", tmp_path, road.build)
    schemas = ("raw", "reference", *ROOMS)
    assert contents(ending.warehouse, *schemas) == contents(demo_build.warehouse, *schemas)
    nodes = demo_build.manifest["nodes"].values()
    for kind, statements in (("model", road.models), ("test", road.tests)):
        assert len(statements) == sum(node["resource_type"] == kind for node in nodes) > 40


def test_a_data_test_that_fails_is_a_fault_of_the_project(road, tmp_path):
    broken = tuple(
        replace(model, sql=model.sql.replace("'duplicate_exact'", "null", 1))
        for model in road.models
    )
    spoilt = replace(road, models=broken)
    with pytest.raises(AssertionError):
        fault_endings.go(ROOT / "exports" / "demo", tmp_path, spoilt.build)


def test_the_plain_gate_judges_as_great_expectations_does(track, tmp_path):
    """A clean delivery after one before it, and a first one with women only, which is flagged."""
    women = track.send("F087", tmp_path, is_first=True).ending.warehouse
    first = gather(women, None, {}, None)
    states = set()
    for warehouse, facts in ((track.clean_ending.warehouse, track.before.known), (women, first)):
        report = plain_gate.run(warehouse, facts)
        assert plain_gate.GREAT_EXPECTATIONS(warehouse, facts) == report
        states |= {outcome.state_code for outcome in report.outcomes}
    assert states == {PASSED, FAILED, NOT_APPLICABLE}


@pytest.mark.fault("P246")
def test_dbt_itself_ends_where_the_short_road_ends(demo_build, track, tmp_path):
    """One delivery with a fault for each ending of a record: value, record and copy refused."""
    fault = OwnFault(both(*(MAKERS[case_id] for case_id in ("F071", "F112", "F130"))), "quarantine")
    make_own(fault, track.clean, tmp_path / "delivery")
    ending = track.go(tmp_path / "delivery", tmp_path, fault.ends_in)
    assert ending.stop is None
    assert set(ending.scopes) == {"value", "record", "duplicate"}
    delivery = tmp_path / "delivery"
    no_tests = ("--exclude", "test_type:data", "test_type:unit")
    build = run_dbt(tmp_path / "dbt", "build", *no_tests, delivery=delivery, parsed=demo_build)
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
    assert len(files) > 100
    written = output + "".join(path.read_text(encoding="utf-8") for path in files)
    return {value for (value,) in shown if value in written}
