"""Words for what a method assumes, beside each number and as rows of their own."""

from __future__ import annotations

import math
from collections.abc import Mapping

from analysis_py.conventions import (
    ASSUMPTION_LEVEL,
    MAX_STANDARDISED_DFBETA,
    MIN_EXPECTED_COUNT,
    SMALL_SAMPLE,
)
from analysis_py.results import DOUBTFUL, HOLDS, NOT_ASSESSED
from analysis_py.rounding import format_number, format_p

CENSORING = f"independent censoring: {NOT_ASSESSED}"


def verdict(holds: bool, *numbers: float) -> str:
    """Verdict by a condition; not assessed where a number behind it is missing."""
    if not all(math.isfinite(number) for number in numbers):
        return NOT_ASSESSED
    return HOLDS if holds else DOUBTFUL


def by_p_value(p_value: float) -> str:
    """Verdict of a test of an assumption: doubtful below the assumption level."""
    return verdict(p_value >= ASSUMPTION_LEVEL, p_value)


def with_p(assumption: str, p_value: float) -> str:
    """For example "proportional hazards: holds (p = 0.544)"."""
    found, printed = by_p_value(p_value), format_p(p_value)
    sign = "" if printed.startswith("<") else "= "
    return f"{assumption}: {found}" + (f" (p {sign}{printed})" if found != NOT_ASSESSED else "")


def by_expected_count(smallest: float) -> str:
    """Verdict of Pearson's chi-square on its smallest expected count."""
    return verdict(smallest >= MIN_EXPECTED_COUNT, smallest)


def expected_counts(smallest: float) -> str:
    """For example "expected counts: holds (smallest 22.2)"."""
    found = by_expected_count(smallest)
    shown = f" (smallest {format_number(smallest, 1)})" if found != NOT_ASSESSED else ""
    return f"expected counts: {found}{shown}"


def by_influence(largest_standardised: float) -> str:
    """Verdict on the largest standardised dfbeta."""
    return DOUBTFUL if largest_standardised > MAX_STANDARDISED_DFBETA else HOLDS


def normal_mean(n: int) -> str:
    """Verdict on a t-test's mean by the size of the sample."""
    return f"normal mean: {verdict(n >= SMALL_SAMPLE)} ({n} differences)"


def by_timepoint(found: Mapping[str, str]) -> str:
    """Verdicts on several timepoints, for example "holds (week_04); not assessed (week_52)"."""
    places = {
        verdict: ", ".join(time for time, one in found.items() if one == verdict)
        for verdict in (DOUBTFUL, HOLDS, NOT_ASSESSED)
    }
    return "; ".join(f"{verdict} ({times})" for verdict, times in places.items() if times)
