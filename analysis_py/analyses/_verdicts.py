"""Words for what a method assumes, beside each number and as rows of their own."""

from __future__ import annotations

import math

from analysis_py.conventions import (
    ASSUMPTION_LEVEL,
    MAX_STANDARDISED_DFBETA,
    MIN_EXPECTED_COUNT,
)
from analysis_py.results import DOUBTFUL, HOLDS, NOT_ASSESSED
from analysis_py.rounding import format_number, format_p

SMALL_SAMPLE = 30


def by_p_value(p_value: float) -> str:
    """Verdict of a test of an assumption: doubtful below the assumption level."""
    if not math.isfinite(p_value):
        return NOT_ASSESSED
    return DOUBTFUL if p_value < ASSUMPTION_LEVEL else HOLDS


def with_p(assumption: str, p_value: float) -> str:
    """For example "proportional hazards: holds (p = 0.544)"."""
    verdict = by_p_value(p_value)
    if verdict == NOT_ASSESSED:
        return f"{assumption}: {verdict}"
    printed = format_p(p_value)
    sign = "" if printed.startswith("<") else "= "
    return f"{assumption}: {verdict} (p {sign}{printed})"


def by_expected_count(smallest_expected: float) -> str:
    """Verdict of Pearson's chi-square on its smallest expected count."""
    if not math.isfinite(smallest_expected):
        return NOT_ASSESSED
    return HOLDS if smallest_expected >= MIN_EXPECTED_COUNT else DOUBTFUL


def expected_counts(smallest_expected: float) -> str:
    """For example "expected counts: holds (smallest 22.2)"."""
    verdict = by_expected_count(smallest_expected)
    if verdict == NOT_ASSESSED:
        return f"expected counts: {verdict}"
    return f"expected counts: {verdict} (smallest {format_number(smallest_expected, 1)})"


def by_influence(largest_standardised: float) -> str:
    """Verdict on the largest standardised dfbeta."""
    return DOUBTFUL if largest_standardised > MAX_STANDARDISED_DFBETA else HOLDS


def normal_mean(n: int) -> str:
    """Verdict on a t-test's mean by the size of the sample."""
    verdict = HOLDS if n >= SMALL_SAMPLE else DOUBTFUL
    return f"normal mean: {verdict} ({n} differences)"
