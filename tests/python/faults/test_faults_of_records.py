"""Faults of single records: each listed case, several in one delivery (`faults_together`)."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator

import pytest
from fault_checks import ALL_FACTS, check_published_without, marts_of
from faults_together import Together, check_share, send_together

from simulator.faults.cases import MAKERS

SECRETS = {
    "F160": ("/C calc", "HYPERLINK", "SUM(A1)"),
    "F162": ("DROP TABLE", "DELETE FROM"),
    "F163": ("env_var", "run_query"),
    "F165": ("Zanfrilloni", "belmondoro", "333 0102030"),
    "F168": ("ERROR fake", "\x1b", "\b"),
}
"""What must not be found in a published file, a ledger or a message."""
HOSTILE = ("F162", "F163", "F165", "F168")
UNCHANGED = ("F086", "F121", "F130", "F135", "F145", "F147", "F149", "F154", "F160")
DELIVERIES = (
    HOSTILE,
    UNCHANGED,
    ("F071", "F092", "F105", "F110", "F113", "F118", "F137", "F138"),
    ("F074", "F079", "F091", "F108", "F112", "F148"),
    ("F075", "F080", "F081", "F085", "F109", "F115"),
)
CASES = {case_id: case_ids for case_ids in DELIVERIES for case_id in case_ids}


@pytest.fixture(scope="module")
def together_with(track, tmp_path_factory) -> Iterator[Callable[[tuple[str, ...]], Together]]:
    """Send a delivery with these cases, once."""
    with contextlib.ExitStack() as opened:
        opened.enter_context(track.clean_ending.opened())

        @functools.cache
        def send(case_ids: tuple[str, ...]) -> Together:
            faults = {case_id: (ALL_FACTS[case_id], MAKERS[case_id]) for case_id in case_ids}
            together = send_together(faults, track, tmp_path_factory.mktemp("together"))
            opened.enter_context(together.sent.ending.opened())
            return together

        yield send


@pytest.mark.parametrize("case_id", CASES)
def test_a_fault_of_records_ends_as_it_may(case_id, together_with, track):
    together = together_with(CASES[case_id])
    check_share(together.shares[case_id], together, track)


def test_every_mart_is_the_clean_one_where_nothing_is_wrong_or_missing(together_with, track):
    ending = together_with(UNCHANGED).sent.ending
    assert marts_of(ending.warehouse) == marts_of(track.clean_ending.warehouse)


@pytest.mark.parametrize("case_ids", [HOSTILE, UNCHANGED], ids=["hostile", "unchanged"])
def test_nothing_of_hostile_text_is_published(case_ids, together_with, tmp_path):
    secrets = [secret for case_id in case_ids for secret in SECRETS.get(case_id, ())]
    assert secrets
    check_published_without(secrets, together_with(case_ids).sent.ending, tmp_path)


def test_what_is_unknown_is_on_the_worklist(together_with):
    """Text that no list of drugs knows is shown to the data manager as it was typed."""
    together = together_with(HOSTILE)
    typed = together.flagged & together.shares["F162"].words
    assert typed == {"'); drop table visits; --", "1; delete from patients"}
