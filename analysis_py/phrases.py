"""Results in words: "72.2% (39 of 54)", "p = 0.027", "8.3 (95% CI 7.7–8.9)"; cells of tables."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeGuard

from analysis_py.results import DOUBTFUL, LEFT_OUT, Estimate
from analysis_py.rounding import (
    MISSING,
    format_interval,
    format_number,
    format_p,
    is_missing,
    round_half_up,
)
from analysis_py.vocabulary import label

_CODE = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b")
_SHORT_PHRASES = (
    re.compile(r"\b[pn] [=<] (?=\d)"),
    re.compile(r"(?<=\d) of (?=\d)"),
    re.compile(r"95% CI (?=[\d\u2212-])"),
)
_HYPHEN_MINUS = re.compile(r"(?<![\w)\]])-(?=\d)")

NOT_ESTIMABLE = "not estimable"
ASSOCIATION = "association, not adjusted"
"""Beside every difference between patients who were not allotted to their groups by chance."""
MOST_DECIMALS = 4
MOST_DECIMALS_OF_MOVE = 8
DECIMALS_OF_UNIT = {"patients": 1, "percent": 1, "points": 1, "years": 1, "months": 1}


def p_phrase(p_value: float | None) -> str:
    """Give a p-value as "p = 0.018" or "p < 0.001"; a missing one as "p: –".

    Examples
    --------
    >>> p_phrase(0.0178), p_phrase(0.00002)
    ('p = 0.018', 'p < 0.001')
    """
    if is_missing(p_value):
        return f"p: {MISSING}"
    printed = format_p(p_value)
    return f"p < {printed[1:]}" if printed.startswith("<") else f"p = {printed}"


def percent_phrase(row: Estimate | None) -> str:
    """Give a percent row as "72.2% (39 of 54)"; with an empty denominator "– (0 of 0)"."""
    if row is None:
        return MISSING
    return f"{percent(row.value)} ({row.n} of {row.denominator})"


def percent(value: float | None) -> str:
    """Give a percentage with one decimal, half-up.

    Examples
    --------
    >>> percent(72.25)
    '72.3%'
    """
    return MISSING if value is None or is_missing(value) else f"{round_half_up(value, 1)}%"


def count_cell(row: Estimate | None) -> str:
    """Give the count of a row."""
    return MISSING if row is None or row.n is None else str(row.n)


def share_cell(row: Estimate | None) -> str:
    """Give "39 of 54"."""
    return MISSING if row is None else f"{row.n} of {row.denominator}"


def value_cell(row: Estimate | None, decimals: int = 1) -> str:
    """Give the value alone."""
    return MISSING if row is None else format_number(row.value, decimals)


def interval_cell(row: Estimate | None, decimals: int = 1) -> str:
    """Give the interval alone, "1.03–2.21"."""
    return MISSING if row is None else format_interval(row.ci_lower, row.ci_upper, decimals)


def estimate_cell(row: Estimate | None, decimals: int = 1) -> str:
    """Give "1.51 (1.03–2.21)", without brackets where there is no interval."""
    if row is None or is_missing(row.value):
        return MISSING
    interval = interval_cell(row, decimals)
    return value_cell(row, decimals) + ("" if interval == MISSING else f" ({interval})")


def ratio_decimals(row: Estimate, least: int = 2) -> int:
    """Decimals of a ratio: more where an interval without 1 would be printed as ending at 1.

    Examples
    --------
    >>> row = Estimate("A15", "all", "x", "odds_ratio", 0.9, 9, 9, ci_lower=0.8, ci_upper=0.998)
    >>> ratio_decimals(row), ratio_cell(row)
    (3, '0.900 (0.800–0.998)')
    """
    near = None
    if not is_missing(row.ci_lower) and row.ci_lower > 1:
        near = row.ci_lower
    elif not is_missing(row.ci_upper) and row.ci_upper < 1:
        near = row.ci_upper
    decimals = least
    while near is not None and round_half_up(near, decimals) == 1 and decimals < MOST_DECIMALS:
        decimals += 1
    return decimals


def ratio_cell(row: Estimate | None) -> str:
    """Give a hazard or odds ratio as "1.51 (1.03–2.21)"; see :func:`ratio_decimals`."""
    return estimate_cell(row, 2 if row is None else ratio_decimals(row))


def ratio_phrase(row: Estimate) -> str:
    """Give a hazard or odds ratio as "1.51 (95% CI 1.03–2.21)"; see :func:`ratio_decimals`."""
    return estimate_phrase(row, ratio_decimals(row))


def estimate_phrase(row: Estimate | None, decimals: int) -> str:
    """Give an estimate as "1.51 (95% CI 1.03–2.21)"."""
    if row is None or is_missing(row.value):
        return NOT_ESTIMABLE
    number = format_number(row.value, decimals)
    if is_missing(row.ci_lower) and is_missing(row.ci_upper):
        return typographic(number)
    interval = format_interval(row.ci_lower, row.ci_upper, decimals)
    return typographic(f"{number} (95% CI {interval})")


def move_phrases(before: float | None, after: float | None, unit: str) -> tuple[str, str]:
    """Give a number of results before and after a change, with as many decimals as show it.

    Examples
    --------
    >>> move_phrases(1110, 1112, "patients"), move_phrases(72.22, 72.24, "percent")
    (('1,110', '1,112'), ('72.22', '72.24'))
    >>> move_phrases(29.5, None, "points")
    ('29.5', '–')
    """
    known = [value for value in (before, after) if not is_missing(value)]
    decimals = DECIMALS_OF_UNIT.get(unit, 3)
    if unit == "patients" and all(value.is_integer() for value in map(float, known)):
        decimals = 0
    while (
        len({round_half_up(value, decimals) for value in known}) < len(set(known))
        and decimals < MOST_DECIMALS_OF_MOVE
    ):
        decimals += 1
    first, second = (
        MISSING if is_missing(value) else f"{round_half_up(value, decimals):,}"
        for value in (before, after)
    )
    return typographic(first), typographic(second)


def serious_warning(row: Estimate) -> str:
    """Return the warning of a row; counts of patients left out are not among the serious ones."""
    parts = [part for part in row.warning.split("; ") if not part.endswith(LEFT_OUT)]
    return "; ".join(parts)


def is_trustworthy(row: Estimate | None) -> TypeGuard[Estimate]:
    """Whether a row has a value and no serious warning."""
    return row is not None and not serious_warning(row) and not is_missing(row.value)


def is_doubtful(row: Estimate) -> bool:
    """Whether an assumption of the method is doubtful."""
    return DOUBTFUL in row.assumptions_verdict


def readable(text: str) -> str:
    """Replace codes by words, and "p <0.001" by "p < 0.001".

    Examples
    --------
    >>> readable("logistic regression, is_relapsing; doubtful (p <0.001)")
    'logistic regression, relapsing disease; doubtful (p < 0.001)'
    """
    return _CODE.sub(_words, text).replace("p <0", "p < 0")


def typographic(text: str) -> str:
    """Replace the hyphen before a number by a minus sign, which no spreadsheet takes for a formula.

    Examples
    --------
    >>> typographic("-21.8 (-22.6 to -21.0), week-4")
    '−21.8 (−22.6 to −21.0), week-4'
    """
    return _HYPHEN_MINUS.sub("\u2212", text)


def unbroken(text: str) -> str:
    """Put no-break spaces into short phrases ("p = 0.02", "39 of 54", "95% CI").

    Examples
    --------
    >>> unbroken("p = 0.018, 39 of 54") == "p\u00a0=\u00a00.018, 39\u00a0of\u00a054"
    True
    """
    for phrase in _SHORT_PHRASES:
        text = phrase.sub(lambda found: found.group().replace(" ", "\u00a0"), text)
    return text


def sentence(text: str) -> str:
    """Make a sentence: capital first letter, one full stop at the end.

    Examples
    --------
    >>> sentence("log-rank test, 1 df")
    'Log-rank test, 1 df.'
    """
    text = text.strip()
    return text if not text else text[0].upper() + text[1:].rstrip(".") + "."


def _words(code: re.Match[str]) -> str:
    text = label(code.group()).partition(" (")[0]
    return text if text.isupper() else text[0].lower() + text[1:]


def distinct(texts: Iterable[str]) -> list[str]:
    """Return each text once, without empty ones, in order of first appearance."""
    return [text for text in dict.fromkeys(texts) if text]
