"""The short road leads where `dbt build` leads, for a clean delivery and for bad ones."""

from __future__ import annotations

from dataclasses import replace

import fault_endings
import plain_gate
import pytest
from builds import ROOT, contents
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


def test_what_an_earlier_delivery_left_changes_no_table(track, road, tmp_path):
    """One delivery with a fault for each ending of a record: value, record and copy refused."""
    fault = OwnFault(both(*(MAKERS[case_id] for case_id in ("F071", "F112", "F130"))), "quarantine")
    delivery = tmp_path / "delivery"
    make_own(fault, track.clean, delivery)
    ending = track.go(delivery, tmp_path, fault.ends_in)
    assert ending.stop is None
    assert set(ending.scopes) == {"value", "record", "duplicate"}
    anew = fault_endings.go(delivery, tmp_path / "anew", road.build)
    schemas = ("raw", *ROOMS)
    assert contents(anew.warehouse, *schemas) == contents(ending.warehouse, *schemas)


@pytest.mark.fault("P246")
def test_dbt_says_and_writes_no_refused_cell(demo_build):
    """The demo has refused values, records and copies; one of them is a word of a unit test too."""
    ending = Ending(demo_build.warehouse)
    shown = ending.query(
        "select distinct value_shown from quarantine.rejected_records "
        "where length(value_shown) > 5 and value_shown <> 'perhaps'"
    )
    assert len(shown) > 3
    folder = demo_build.target.parent
    files = [path for path in folder.rglob("*") if path.suffix in (".json", ".log", ".sql")]
    assert len(files) > 200
    written = demo_build.output + "".join(path.read_text(encoding="utf-8") for path in files)
    assert not {value for (value,) in shown if value in written}
