"""Phrases made of results: "72.2% (39 of 54)", "p = 0.027", "8.3 (95% CI 7.7 to 8.9)"."""

from __future__ import annotations

import re
from collections.abc import Iterable

from analysis_py.results import DOUBTFUL, Estimate
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
_TORN = (
    re.compile(r"\b[pn] [=<] (?=\d)"),
    re.compile(r"(?<=\d) of (?=\d)"),
    re.compile(r"95% CI (?=[\d\u2212-])"),
)
_HYPHEN_MINUS = re.compile(r"(?<![\w)\]])-(?=\d)")

NOT_ESTIMABLE = "not estimable"
LEFT_OUT = "patients left out for a missing value"
"""End of a warning that only counts; a test holds it equal to the analyses' own words."""


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
    """Give a percent row as "72.2% (39 of 54)"; with nobody in the denominator "– (0 of 0)"."""
    if row is None:
        return MISSING
    share = MISSING if is_missing(row.value) else f"{round_half_up(row.value, 1)}%"
    return f"{share} ({row.n} of {row.denominator})"


def estimate_phrase(row: Estimate | None, decimals: int) -> str:
    """Give an estimate as "1.51 (95% CI 1.03–2.21)"."""
    if row is None or is_missing(row.value):
        return NOT_ESTIMABLE
    number = format_number(row.value, decimals)
    if is_missing(row.ci_lower) and is_missing(row.ci_upper):
        return typographic(number)
    interval = format_interval(row.ci_lower, row.ci_upper, decimals)
    return typographic(f"{number} (95% CI {interval})")


def serious_warning(row: Estimate) -> str:
    """Warning of a row without the counts of patients left out, which speak against no number."""
    parts = [part for part in row.warning.split("; ") if not part.endswith(LEFT_OUT)]
    return "; ".join(parts)


def is_trustworthy(row: Estimate | None) -> bool:
    """Whether a row has a value and nothing that warns against it."""
    return row is not None and not serious_warning(row) and not is_missing(row.value)


def is_doubtful(row: Estimate) -> bool:
    """Whether something that the method assumes is called doubtful."""
    return DOUBTFUL in row.assumptions_verdict


def readable(text: str) -> str:
    """Words in place of codes, and a blank in "p <0.001".

    Examples
    --------
    >>> readable("logistic regression, is_relapsing; doubtful (p <0.001)")
    'logistic regression, relapsing disease; doubtful (p < 0.001)'
    """
    return _CODE.sub(_words, text).replace("p <0", "p < 0")


def typographic(text: str) -> str:
    """Text with a true minus before numbers, for print; no spreadsheet takes it for a formula.

    Examples
    --------
    >>> typographic("-21.8 (-22.6 to -21.0), week-4")
    '−21.8 (−22.6 to −21.0), week-4'
    """
    return _HYPHEN_MINUS.sub("\u2212", text)


def unbroken(text: str) -> str:
    """Text whose short phrases ("p = 0.02", "39 of 54", "95% CI") are not torn at a line's end.

    Examples
    --------
    >>> unbroken("p = 0.018, 39 of 54") == "p\u00a0=\u00a00.018, 39\u00a0of\u00a054"
    True
    """
    for torn in _TORN:
        text = torn.sub(lambda found: found.group().replace(" ", "\u00a0"), text)
    return text


def sentence(text: str) -> str:
    """First letter large, one full stop at the end.

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
    """Texts without repeats and blanks, in the order first met."""
    return [text for text in dict.fromkeys(texts) if text]
