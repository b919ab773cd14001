"""Several facts in one cell, and the remarks behind a drug: since when, which dose, why it stopped.

What a remark is made of is data, ``remark_words.csv``. What is not a known pattern stays in the
name, so that the drug is on the worklist and a stopped course is not read as a running one.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from intake.rewriting import iso_date
from intake.uses import CellForm

MOST_PIECES = 50
"""Pieces of one cell; the last one holds what is left."""

_WORDS = Path(__file__).parent / "remark_words.csv"
_NUMBER = r"\d+(?:[.,]\d+)?"
_DATE = r"\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})|\d{1,2}[-/.]\d{4}|\d{4}(?:[-/.]\d{1,2}){0,2}"
_EDGES = " \t,;:.-–/|+"


def pieces(text: str | None, marks: tuple[str, ...], missing: tuple[str, ...]) -> list[str | None]:
    """Return the facts of a cell, at least one.

    A mark inside brackets, and a comma or a point between two digits, separates nothing; blank
    pieces and missing codes are left out.

    Parameters
    ----------
    text : str or None
        The cell; None for a record that cannot be read.
    """
    if text is None or not text.strip() or text.strip() in missing:
        return [text]
    found: list[str] = []
    start = depth = 0
    is_closed = text.count("(") == text.count(")")
    place = 0
    while place < len(text) and len(found) < MOST_PIECES - 1:
        depth += is_closed * ((text[place] == "(") - (text[place] == ")"))
        mark = next((mark for mark in marks if text.startswith(mark, place)), None)
        if mark is None or depth > 0 or _is_in_number(text, place, mark):
            place += 1
            continue
        found.append(text[start:place])
        start = place = place + len(mark)
    found.append(text[start:])
    kept: list[str | None] = [
        piece.strip() for piece in found if piece.strip() and piece.strip() not in missing
    ]
    return kept or [text]


def _is_in_number(text: str, place: int, mark: str) -> bool:
    after = place + len(mark)
    return (
        mark in (",", ".")
        and text[place - 1 : place].isdigit()
        and text[after : after + 1].isdigit()
    )


class Remark(NamedTuple):
    """A drug's name without its remarks, and what they say; "" where they say nothing.

    Attributes
    ----------
    drug_name : str
        What is no known pattern.
    start_date : str
        ISO date, or the year or month at its beginning.
    dose_text : str
        Doses and frequencies as written.
    stop_reason : str
        As written.
    """

    drug_name: str
    start_date: str = ""
    dose_text: str = ""
    stop_reason: str = ""


def read_remark(text: str, form: CellForm, *, is_past: bool, has_dose: bool) -> Remark:
    """Take the remarks off the name of a drug.

    Parameters
    ----------
    text : str
        The cell, or a piece of it.
    is_past : bool
        Whether the course is an earlier treatment; elsewhere a stop stays in the name.
    has_dose : bool
        Whether there is a column for doses; without it they stay in the name.
    """
    name, start_date, stop_reason = text, "", ""
    found = _pattern("since").search(name)
    if found is not None:
        start_date = _start(found, form)
        name = name[: found.start()] + " " + name[found.end() :] if start_date else name
    if is_past:
        found = _pattern("stop").search(name)
        if found is not None:
            stop_reason = found["reason"] or ""
            name = name[: found.start()] + " " + name[found.end() :]
    doses: list[str] = []
    if has_dose:
        doses = [found.group().strip() for found in _pattern("dose").finditer(name)]
        name = _pattern("dose").sub(" ", name)
    name = _tidy(name)
    if not any(map(str.isalpha, name)):
        return Remark(text)
    return Remark(name, start_date, " ".join(doses), _tidy(stop_reason))


def _start(found: re.Match[str], form: CellForm) -> str:
    """Return the day, month or year of a match as ISO text; "" where it is none."""
    if found["month"]:
        return f"{found['year']}-{_months()[found['month'].lower()]:02}"
    text = found["date"]
    parts = re.split(r"[-/.]", text)
    if len(parts) == 3:
        return iso_date(text, form) or ""
    year, month = (parts[0], parts[1:]) if len(parts[0]) == 4 else (parts[-1], parts[:-1])
    return "-".join([year, *(f"{int(part):02}" for part in month)])


def _tidy(text: str) -> str:
    text = re.sub(r"\(\s*[-,;:]?\s*\)", " ", text)
    return " ".join(text.split()).strip(_EDGES)


@cache
def _words() -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    with _WORDS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["kind"], []).append(row)
    return found


def _months() -> dict[str, int]:
    return {row["word"]: int(row["month_number"]) for row in _words()["month"]}


def _any_of(kind: str) -> str:
    words = sorted((row["word"] for row in _words()[kind]), key=len, reverse=True)
    return f"(?:{'|'.join(map(re.escape, words))})"


@cache
def _pattern(kind: str) -> re.Pattern[str]:
    """Return how a kind of remark is written, as whole words."""
    interval = _any_of("interval")
    patterns = {
        "since": rf"{_any_of('since')}\s*(?:(?P<month>{_any_of('month')})\s+(?P<year>\d{{4}})"
        rf"|(?P<date>{_DATE}))",
        "stop": rf"{_any_of('stop')}(?:\s+{_any_of('because')}\s+(?P<reason>[^,;()]+))?",
        "dose": "|".join(
            (
                rf"{_NUMBER}\s*{_any_of('unit')}(?:\s*/\s*{interval})*",
                rf"{_NUMBER}\s*(?:{_any_of('times')}\s*)?(?:/|{_any_of('every')})\s*{interval}",
                rf"{_any_of('every')}\s+{_NUMBER}\s*{interval}",
                _any_of("as_needed"),
            )
        ),
    }
    return re.compile(rf"(?<!\w)(?:{patterns[kind]})(?!\w)", re.IGNORECASE)
