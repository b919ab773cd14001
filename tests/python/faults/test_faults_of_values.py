"""Faults of values and dates: each listed case through intake, models, tests and checks."""

from __future__ import annotations

import pytest
from fault_checks import EXPORT_CASES, check, send

CASES = [case for case in EXPORT_CASES if "F070" < case < "F087" or "F100" < case < "F130"]


@pytest.mark.parametrize("case_id", CASES)
def test_a_fault_of_values_ends_as_it_may(
    case_id, clean, clean_ending, known, build_step, tmp_path
):
    check(send(case_id, clean, tmp_path, build_step, known), clean_ending, clean)
