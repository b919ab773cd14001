"""Faults of bytes and structure: each listed case through intake, models, tests and checks."""

from __future__ import annotations

import pytest
from fault_checks import EXPORT_CASES, check

CASES = [
    case
    for case in EXPORT_CASES
    if (case < "F060" or case in ("F063", "F065")) and case not in ("F055", "F056")
]


@pytest.mark.parametrize("case_id", CASES)
def test_a_fault_of_files_ends_as_it_may(case_id, track, tmp_path):
    check(track.send(case_id, tmp_path), track)
