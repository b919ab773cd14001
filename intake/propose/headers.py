"""What a header may mean: words in several languages, compared as people abbreviate them.

The words are data (header_words.csv): another language is rows. A role is a column of the contract
(a score by its code), or one of the kinds that shapes.py combines, such as ``start_word``.
"""

from __future__ import annotations

import csv
import difflib
import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from intake.contract import codes_of

_FILE = Path(__file__).parent / "header_words.csv"
_LEAST_LIKENESS = 0.86
_SHORTEST_FUZZY = 5
"""A word of fewer letters is compared as it is: ``iga`` is not ``ida``."""


def folded(text: str) -> str:
    """Return words in lower case without accents and signs, one blank between them.

    Examples
    --------
    >>> folded("Data_di nascita"), folded("N°"), folded("Età")
    ('data di nascita', 'n°', 'eta')
    """
    plain = unicodedata.normalize("NFKD", text.replace("°", "\ue000"))
    letters = "".join(c for c in plain if not unicodedata.combining(c)).replace("\ue000", "°")
    split = re.sub(r"(?<=[a-zà-ÿ])(?=[A-Z])", " ", letters)
    return " ".join(re.findall(r"[\w°]+", split.replace("_", " ").lower()))


@cache
def phrases() -> dict[str, tuple[str, ...]]:
    """Return role -> its phrases, folded; scores of the seed are roles by their code."""
    found: dict[str, dict[str, None]] = {}
    with _FILE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["role"], {})[folded(row["phrase"])] = None
    for code in codes_of("score"):
        found.setdefault(code, {})[folded(code)] = None
    return {role: tuple(words) for role, words in found.items()}


MISSING_WORDS = frozenset(phrases()["missing"])
TOTAL_WORDS = frozenset(phrases()["total"])


@cache
def _vocabulary() -> frozenset[str]:
    return frozenset(
        word for words in phrases().values() for each in words for word in each.split()
    )


def is_of_headers(text: str) -> bool:
    """Return whether a text has only words of headers and numbers, and so no person's name."""
    words = re.findall(r"[^\W\d_]+", folded(text))
    return all(word in _vocabulary() for word in words)


class Candidate(NamedTuple):
    """A role that a header may have: how likely (0 to 1), and why."""

    role: str
    score: float
    reason: str


@lru_cache(maxsize=20_000)
def words_of(header: str, role: str) -> float:
    """Return how well a header fits the words of a role, 0 to 1.

    1 for the phrase itself, with or without blanks; less where it is a part of a longer header, by
    the share of letters that it covers; less for a misspelling.
    """
    wanted = folded(header)
    return max((_fit(wanted, phrase) for phrase in phrases().get(role, ())), default=0.0)


def _fit(header: str, phrase: str) -> float:
    if not header:
        return 0.0
    glued, glued_phrase = header.replace(" ", ""), phrase.replace(" ", "")
    if glued == glued_phrase:
        return 1.0
    if f" {phrase} " in f" {header} ":
        return 0.5 + 0.4 * len(glued_phrase) / len(glued)
    if min(len(glued), len(glued_phrase)) < _SHORTEST_FUZZY:
        return 0.0
    if glued_phrase in glued:
        return 0.4 + 0.4 * len(glued_phrase) / len(glued)
    return 0.8 * _likeness(glued, glued_phrase)


def _likeness(one: str, other: str) -> float:
    """Return how alike two words are, 0 where that is less than a misspelling."""
    matcher = difflib.SequenceMatcher(None, one, other)
    for ratio in (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio):
        likeness = ratio()
        if likeness < _LEAST_LIKENESS:
            return 0.0
    return likeness


def candidates(header: str, roles: Iterable[str]) -> list[Candidate]:
    """Return the roles whose words a header fits, best first."""
    found = [(role, words_of(header, role)) for role in roles]
    ranked = sorted(((role, score) for role, score in found if score > 0), key=lambda f: -f[1])
    return [Candidate(role, round(score, 2), "header words") for role, score in ranked]
