"""The short road leads where `dbt build` leads, for a clean delivery and for bad ones."""

from __future__ import annotations

from pathlib import Path

import fault_endings
import pytest
from builds import ROOT, run_dbt
from fault_checks import outcome_of
from short_road import ROOMS, contents


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


@pytest.mark.parametrize("case_id", ["F071", "F112", "F130"])
def test_dbt_itself_ends_where_the_short_road_ends(case_id, track, tmp_path):
    """One case per ending that a build can have: a value, records, copies refused."""
    sent = track.send(case_id, tmp_path, is_first=True)
    assert outcome_of(sent.ending, track.clean_ending) == sent.facts.ends_in
    build = run_dbt(tmp_path / "dbt", "build", delivery=sent.folder)
    assert build.returncode == 0, build.output[-2000:]
    schemas = ("raw", *ROOMS)
    assert contents(build.warehouse, *schemas) == contents(sent.ending.warehouse, *schemas)
    assert not cells_of(sent, build.output, build.target)


def cells_of(sent, output: str, target: Path) -> set[str]:
    """Return refused cells that stand in what dbt said or wrote beside the warehouse."""
    shown = sent.ending.query(
        "select distinct value_shown from quarantine.rejected_records where length(value_shown) > 5"
    )
    written = output + "".join(path.read_text(errors="replace") for path in target.glob("*.json"))
    return {value for (value,) in shown if value in written}
