"""The worklist of words that no list and no mapping knows, as a CSV to fill in.

It holds words of patients' records: it belongs into the vault.
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from intake.contract import EXPORTS, codes_of
from intake.propose.roles import known_words, seed

_MOST_NEAREST = 3
_LEAST_LIKENESS = 0.6
COLUMNS = ("kind", "word", "n_records", "n_patients", "nearest", "code")
_TERMS = {
    "drug": ("codelists/drug_products.csv", "product_name"),
    "comorbidity": ("codelists/comorbidity_terms.csv", "term"),
    "adverse_event": ("codelists/adverse_event_terms.csv", "term"),
}
_CODES = {"drug": "treatment_class_code", "comorbidity": "comorbidity_code",
          "adverse_event": "adverse_event_code"}  # fmt: skip


class UnknownWord(NamedTuple):
    """A word with how often it occurs.

    Attributes
    ----------
    kind : str
        Kind of word, as a mapping names it.
    word : str
        In lower case, without outer blanks.
    n_records, n_patients : int
        Records, and patients who have it.
    """

    kind: str
    word: str
    n_records: int
    n_patients: int


@cache
def known_terms(kind: str) -> Mapping[str, str]:
    """Return the words that the lists know for a kind -> what each means ("" where it varies)."""
    if kind not in _TERMS:
        return {**{code: code for code in codes_of(kind)}, **known_words(kind)}
    file, column = _TERMS[kind]
    return {row[column]: row.get(_CODES[kind], "") for row in seed(file)}


@cache
def nearest(kind: str, word: str) -> tuple[str, ...]:
    """Return the known words of a kind that look most like a word, best first, with their meaning.

    Examples
    --------
    >>> nearest("sex", "femmnia")
    ('femmina = female', 'femminile = female')
    """
    known = known_terms(kind)
    found = difflib.get_close_matches(word, known, _MOST_NEAREST, _LEAST_LIKENESS)
    return tuple(f"{each} = {known[each]}" if known[each] else each for each in found)


def word_columns() -> list[tuple[str, str, str]]:
    """Return export, column and kind of every column whose cells are words of a list."""
    return [
        (export, column.name, column.word_kind)
        for export, columns in EXPORTS.items()
        for column in columns
        if column.word_kind
    ]


def worklist_csv(words: Iterable[UnknownWord]) -> str:
    """Return the worklist: most frequent first within a kind, the column ``code`` to be filled in.

    A mapping reads it with ``words_file``; a row without a code is skipped there.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for word in sorted(words, key=lambda each: (each.kind, -each.n_records, each.word)):
        writer.writerow([*word, "; ".join(nearest(word.kind, word.word)), ""])
    return text.getvalue()
