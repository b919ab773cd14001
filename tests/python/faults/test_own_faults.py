"""Neighbours of the listed faults end where the rule behind the list says."""

from __future__ import annotations

import pytest
from fault_checks import FaultFacts, Sent, check
from own_fault_list import OWN_FAULTS
from own_faults import make_own

ONE_IN = 3
"""The short form takes every third one, the long form all."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose the neighbours that this run tries."""
    is_long = metafunc.config.getoption("--all-faults-through-dbt")
    metafunc.parametrize("name", list(OWN_FAULTS)[:: 1 if is_long else ONE_IN])


def test_a_neighbour_of_a_listed_fault_ends_as_it_should(name, track, tmp_path):
    fault = OWN_FAULTS[name]
    folder = tmp_path / "delivery"
    touched = make_own(fault, track.clean, folder)
    rules = frozenset(filter(None, fault.rules.split("|")))
    facts = FaultFacts(name, name, "export", (fault.ends_in,), fault.ends_in, rules)
    check(Sent(facts, folder, touched, track.go(folder, tmp_path, fault.ends_in)), track)
