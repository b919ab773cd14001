"""Neighbours of the listed faults end where the rule behind the list says."""

from __future__ import annotations

import pytest
from fault_checks import FaultFacts, Sent, check
from faults_together import check_share, send_together
from own_fault_list import OWN_FAULTS
from own_faults import make_own

OF_RECORDS = (
    "no_numbers", "no_dates", "open_end_code", "lookalike_letter", "invisible_inside",
    "two_people_one_number", "visit_told_twice", "visit_contradicts_itself", "line_break_in_text",
)  # fmt: skip
"""Faults of single records; they share a delivery."""
OTHERS = [name for name in OWN_FAULTS if name not in OF_RECORDS]
ONE_IN = 3
"""The short form takes every third of the others, the long form all."""


def facts_of(name: str) -> FaultFacts:
    fault = OWN_FAULTS[name]
    rules = frozenset(filter(None, fault.rules.split("|")))
    return FaultFacts(name, name, "export", (fault.ends_in,), fault.ends_in, rules)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose the neighbours that this run tries."""
    if "other" in metafunc.fixturenames:
        is_long = metafunc.config.getoption("--all-faults-through-dbt")
        metafunc.parametrize("other", OTHERS[:: 1 if is_long else ONE_IN])


def test_a_neighbour_of_a_listed_fault_ends_as_it_should(other, track, tmp_path):
    folder = tmp_path / "delivery"
    touched = make_own(OWN_FAULTS[other], track.clean, folder)
    facts = facts_of(other)
    check(Sent(facts, folder, touched, track.go(folder, tmp_path, facts.ends_in)), track)


def test_neighbours_of_single_records_end_as_they_should(track, tmp_path):
    faults = {name: (facts_of(name), OWN_FAULTS[name].make) for name in OF_RECORDS}
    together = send_together(faults, track, tmp_path)
    for share in together.shares.values():
        check_share(share, together, track)
