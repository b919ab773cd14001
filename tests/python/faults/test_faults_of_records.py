"""Faults of single records: each listed case, several in one delivery (`faults_together`)."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator

import pytest
from fault_checks import ALL_FACTS, check_published_without
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
HOSTILE = tuple(SECRETS)
DELIVERIES = (
    HOSTILE,
    ("F071", "F086", "F092", "F105", "F113", "F137", "F154"),
    ("F074", "F079", "F091", "F108", "F112", "F145", "F148"),
    ("F075", "F080", "F109", "F115", "F118", "F130", "F147"),
    ("F081", "F085", "F110", "F121", "F135", "F138", "F149"),
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


def test_nothing_of_hostile_text_is_published(together_with, tmp_path):
    secrets = [secret for of_case in SECRETS.values() for secret in of_case]
    check_published_without(secrets, together_with(HOSTILE).sent.ending, tmp_path)


def test_what_is_unknown_is_on_the_worklist(together_with):
    """Text that no list of drugs knows is shown to the data manager as it was typed."""
    together = together_with(HOSTILE)
    typed = together.flagged & together.shares["F162"].words
    assert typed == {"'); drop table visits; --", "1; delete from patients"}
