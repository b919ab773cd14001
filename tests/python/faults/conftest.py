"""One clean delivery, its ending, and the road on which bad ones are sent."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fault_endings
import pytest
import short_road
from builds import ROOT
from fault_checks import Track
from plain_gate import plain_gate
from short_road import ShortRoad

from privacy.pseudonyms import load_key
from registry.main import main


@pytest.fixture(scope="session", autouse=True)
def key_of_the_tests(tmp_path_factory: pytest.TempPathFactory):
    """Every build of this room uses the key of the tests; a refresh wants it apart."""
    kept = ROOT / "build" / "test.key"
    apart = tmp_path_factory.mktemp("key") / "test.key"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGISTRY_KEY_FILE", str(kept))
        load_key(is_synthetic=True)
        patch.setenv("REGISTRY_KEY_FILE", str(shutil.copy(kept, apart)))
        yield


@pytest.fixture(scope="module", autouse=True)
def judged_without_great_expectations() -> Iterator[None]:
    """In this room alone; others meet the gate as it is."""
    with plain_gate():
        yield


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The twin without its faults; every case is made of it."""
    folder = tmp_path_factory.mktemp("clean") / "delivery"
    assert main(["simulate", "twin", "--clean", "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def track(
    clean: Path,
    road: ShortRoad,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Track:
    """The road with the clean delivery at its end: nothing is refused, nothing stops it.

    Raw tables become marts by the short road, or by dbt itself when that was asked for.
    """
    is_thorough = request.config.getoption("--all-faults-through-dbt")
    build = short_road.through_dbt if is_thorough else road.build
    with plain_gate():
        ending = fault_endings.go(clean, tmp_path_factory.mktemp("clean_ending"), build)
    assert ending.stop is None
    assert not ending.rules
    assert ending.failed == []
    if not is_thorough:
        build = replace(road, earlier=ending.warehouse).build
    return Track(clean, ending, fault_endings.before_of(ending), build, is_thorough)
