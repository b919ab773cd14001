"""Half-up at the printed decimals; a p-value is judged on its raw value."""

from __future__ import annotations

import doctest
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_py import results, rounding, vocabulary
from analysis_py.rounding import (
    format_count,
    format_interval,
    format_number,
    format_p,
    round_half_up,
)


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        (0.5, 0, "1"),
        (1.5, 0, "2"),
        (2.5, 0, "3"),
        (2.675, 2, "2.68"),
        (1.005, 2, "1.01"),
        (-0.5, 0, "-1"),
        (-0.04, 1, "0.0"),
        (20 / 307 * 100, 1, "6.5"),
        (31 / 283 * 100, 0, "11"),
        (0.9988294, 2, "1.00"),
        (0.1 + 0.2, 1, "0.3"),
        (12.25 - 1e-13, 1, "12.3"),
        (12.2499, 1, "12.2"),
        (1e-12, 3, "0.000"),
        (123456, 0, "123456"),
    ],
)
def test_half_up(value: float, decimals: int, expected: str) -> None:
    assert str(round_half_up(value, decimals)) == expected


@given(st.integers(-(10**7), 10**7), st.integers(0, 4))
def test_a_printed_number_is_its_own_rounding(units: int, decimals: int) -> None:
    printed = Decimal(units).scaleb(-decimals)
    assert round_half_up(float(printed), decimals) == printed


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_what_is_missing_is_not_rounded(value: float | None) -> None:
    with pytest.raises(ValueError, match="finite"):
        round_half_up(value, 1)
    assert format_number(value, 1) == "–"
    assert format_p(value) == "–"


@pytest.mark.parametrize(
    ("p_value", "expected"),
    [
        (0.0009999, "<0.001"),
        (0.001, "0.001"),
        (0.0014999, "0.001"),
        (0.0495, "0.050"),
        (1, "1.000"),
    ],
)
def test_p_value_on_the_raw_value(p_value: float, expected: str) -> None:
    assert format_p(p_value) == expected


def test_intervals_and_counts() -> None:
    assert format_interval(0.938, 0.992, 2) == "0.94–0.99"
    assert format_interval(-1.25, 3.0, 1) == "-1.3 to 3.0"
    assert format_interval(None, None, 1) == "–"
    assert format_count(20, 307) == "20 (6.5)"
    assert format_count(0, 152) == "–"
    assert format_count(3, 0) == "3"


@pytest.mark.parametrize("module", [rounding, vocabulary, results])
def test_examples_in_the_docstrings(module: object) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
