"""Rewriting of cells: dates, numbers, missing codes and words in the form that staging reads.

A rewriting is exact and looks at one cell: what does not fit its declared form stays as it is, and
staging refuses it.
"""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from intake.contract import EXPORTS
from intake.mapping_schema import DATE_FORMATS, RELATIVE_DATES, SERIAL_DATES, STUDY_DAY
from intake.uses import NUMBERS, CellForm, FileUse

DAY_ZERO = datetime.date(2001, 1, 1)
"""Relative day 0: dates of a delivery without a calendar count from here."""

_TIME = re.compile(r"(.+?)[T ] *(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)? ?(Z|[+-]\d{2}:?\d{2})?")
_RELATIVE = re.compile(r"(?:(?:day|days|tag|giorno|jour|d|t|g)\.? *)?([+-]?\d{1,5})", re.IGNORECASE)
_SERIAL = re.compile(r"(\d{1,7})(?:[.,]\d+)?")
_READ_AS_ISO = re.compile(r"\d{4}(?:-\d{2}(?:-\d{2})?)?")
_USUAL = len("2020-04-03")
_MOST_SERIAL = 2_958_465
"""Day number of 9999-12-31 in the 1900 system."""


def iso_date(text: str, form: CellForm) -> str | None:
    """Return a date as ISO text, or a year or month as its beginning; None where it does not fit.

    Parameters
    ----------
    text : str
        A cell. A time behind the day is left out; one with an offset is converted to the declared
        time zone, without which it does not fit.
    form : CellForm
        Declared form, pivot of two-digit years and time zone.

    Returns
    -------
    str or None
        ``2020-04-03``, ``2020-04`` or ``2020``. Whether there is such a day is not judged.
    """
    text = text.strip()
    if form.date_format in RELATIVE_DATES:
        return _relative(text, form.date_format)
    if form.date_format in SERIAL_DATES:
        return _serial(text, form.date_format)
    found = _TIME.fullmatch(text)
    if found is None:
        return _ordered(text, form)
    day = _ordered(found[1], form)
    if day is None or len(day) < _USUAL:
        return None
    return _day_of_time(day, found, form.time_zone)


def _ordered(text: str, form: CellForm) -> str | None:
    order, mark = DATE_FORMATS[form.date_format]
    parts = text.split(mark)
    if not all(part.isascii() and part.isdigit() for part in parts):
        return None
    lengths = [len(part) for part in parts]
    if lengths == [4]:
        return text
    if len(parts) == 2:
        year, month = parts if order == "ymd" else reversed(parts)
        return f"{year}-{month:0>2}" if len(year) == 4 and len(month) <= 2 else None
    if len(parts) != 3:
        return None
    named = dict(zip(order, parts, strict=True))
    year = named["y"]
    if len(year) == 2 and form.two_digit_years is not None:
        year = f"{20 if int(year) <= form.two_digit_years else 19}{year}"
    if len(year) != 4 or len(named["m"]) > 2 or len(named["d"]) > 2:
        return None
    return f"{year}-{named['m']:0>2}-{named['d']:0>2}"


def _day_of_time(day: str, found: re.Match[str], time_zone: str | None) -> str | None:
    hour, minute, second = (int(part or 0) for part in found.group(2, 3, 4))
    if hour > 23 or minute > 59 or second > 59:
        return None
    if found[5] is None:
        return day
    if time_zone is None:
        return None
    offset = found[5].replace("Z", "+00:00")
    try:
        moment = datetime.datetime.fromisoformat(f"{day}T{hour:02}:{minute:02}:{second:02}{offset}")
        return moment.astimezone(zoneinfo.ZoneInfo(time_zone)).date().isoformat()
    except (ValueError, OverflowError):
        return day  # no day of the calendar: staging says so


def _relative(text: str, date_format: str) -> str | None:
    """Return the day of a number; of study days 1 is the first, and there is no 0."""
    found = _RELATIVE.fullmatch(text)
    if found is None:
        return None
    number = int(found[1])
    if date_format == STUDY_DAY:
        if number == 0:
            return None
        number -= number > 0
    return (DAY_ZERO + datetime.timedelta(number)).isoformat()


def _serial(text: str, date_format: str) -> str | None:
    """Return the day of a spreadsheet's number; day 60 of the 1900 system never existed."""
    found = _SERIAL.fullmatch(text)
    number = int(found[1]) if found else -1
    if date_format == "serial_1904":
        first, is_day = datetime.date(1904, 1, 1), 0 <= number <= _MOST_SERIAL - 1462
    else:
        first = datetime.date(1899, 12, 31 if number < 60 else 30)
        is_day = 1 <= number <= _MOST_SERIAL and number != 60
    return (first + datetime.timedelta(number)).isoformat() if is_day else None


def written_date(iso: str, form: CellForm) -> str:
    """Return an ISO date, or the beginning of one, in the form of an export."""
    order, mark = DATE_FORMATS[form.date_format]
    parts = dict(zip("ymd", iso.split("-"), strict=False))
    return mark.join(parts[part] for part in order if part in parts)


@dataclass(frozen=True)
class Rewriting:
    """What is done to the cells of one column.

    Attributes
    ----------
    of_cell : callable
        From the text of a cell to the text that staging reads.
    is_of_unusual : bool
        Whether it changes nothing in dates of ten ASCII characters, years and empty cells.
    """

    of_cell: Callable[[str], str]
    is_of_unusual: bool = False

    def __call__(self, texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
        """Rewrite a column, each distinct text once; null stays null."""
        if self.is_of_unusual and not _holds_unusual(texts):
            return texts
        if isinstance(texts, pa.ChunkedArray):
            texts = texts.combine_chunks()
        encoded = texts.dictionary_encode()
        found = [self.of_cell(text) for text in encoded.dictionary.to_pylist()]
        return pa.array(found, pa.string()).take(encoded.indices)


def _holds_unusual(texts: pa.Array | pa.ChunkedArray) -> bool:
    """Return whether a column holds a text of another length, a blank or a letter beyond ASCII.

    It looks at the bytes: a clean export has nothing to rewrite, and must not pay for it.
    """
    for chunk in texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]:
        _, ends, content = chunk.buffers()
        if len(chunk) == 0 or content is None:
            continue
        places = np.frombuffer(ends, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
        lengths = np.diff(places)
        others = lengths[lengths != _USUAL]
        if np.any((others != 0) & (others != len("2020"))):
            return True
        signs = np.frombuffer(content, np.uint8)[places[0] : places[-1]]
        if signs.size and (signs.min() <= ord(" ") or signs.max() > ord("~")):
            return True
    return False


def rewritings(use: FileUse) -> dict[str, Rewriting]:
    """Return what is done to the cells and constants of each column of a use."""
    found, staged = {}, use.staged_form
    for column in EXPORTS[use.export_name]:
        source = use.columns.get(column.name)
        if source is None:
            continue
        form, steps = use.form_of(column.name), []
        if form.missing_codes != staged.missing_codes:
            steps.append(_without_missing(form.missing_codes))
        if source.labels:
            steps.append(_with_words(source.labels))
        if source.unit:
            steps.append(_without_unit(source.unit))
        if source.words:
            steps.append(_with_words(source.words))
        if column.kind in NUMBERS and form.decimal_mark != staged.decimal_mark:
            steps.append(_with_mark(form.decimal_mark, staged.decimal_mark))
        if column.kind == "date":
            # Where whether a date may be partial is declared, a use may be stricter than staging.
            is_strict = column.are_partial_dates_declared and not form.partial_dates
            form = form if column.are_partial_dates_declared else replace(form, partial_dates=True)
            is_rewritten = form.date_format != staged.date_format or (
                is_strict and staged.partial_dates
            )
            steps.append(_with_date(form, staged, is_rewritten))
            if not is_rewritten and len(steps) == 1:
                found[column.name] = Rewriting(steps[0], is_of_unusual=True)
                continue
        if steps:
            found[column.name] = Rewriting(_in_turn(steps))
    return found


def _in_turn(steps: list[Callable[[str], str]]) -> Callable[[str], str]:
    def of_cell(text: str) -> str:
        for step in steps:
            text = step(text)
        return text

    return of_cell


def _without_missing(codes: tuple[str, ...]) -> Callable[[str], str]:
    return lambda text: "" if text.strip() in codes else text


def _with_words(words: dict[str, str]) -> Callable[[str], str]:
    codes = {" ".join(word.split()).lower(): code for word, code in words.items()}
    return lambda text: codes.get(" ".join(text.split()).lower(), text)


def _without_unit(units: tuple[str, ...]) -> Callable[[str], str]:
    """Take a declared unit off a number; what is no number in front of it stays as it is."""
    either = "|".join(re.escape(unit.strip()) for unit in units)
    pattern = re.compile(rf"([+-]?\d+(?:[.,]\d+)?)\s*(?:{either})", re.IGNORECASE)

    def of_cell(text: str) -> str:
        match = pattern.fullmatch(text.strip())
        return text if match is None else match[1]

    return of_cell


def _with_mark(mark: str, staged: str) -> Callable[[str], str]:
    def of_cell(text: str) -> str:
        if mark in text:
            return text.replace(mark, staged) if staged not in text else text
        # Staging would read the mark that this column does not have.
        return f"{text} (decimal mark {mark})" if staged in text else text

    return of_cell


def _with_date(form: CellForm, staged: CellForm, is_rewritten: bool) -> Callable[[str], str]:
    def of_cell(text: str) -> str:
        iso = iso_date(text, form)
        if iso is not None and (form.partial_dates or len(iso) == _USUAL):
            return written_date(iso, staged)
        if is_rewritten and (iso is not None or _READ_AS_ISO.fullmatch(text.strip())):
            # Staging would read what this column does not declare.
            return f"{text.strip()} ({form.date_format})"
        return text

    return of_cell
