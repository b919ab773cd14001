"""Repeated columns of a wide sheet: ``EASI_T0, EASI_T4`` is one column at several timepoints."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from statistics import median

from intake.contract import seed_rows
from intake.mapping_schema import SLOT
from intake.propose.headers import candidates, phrases
from intake.propose.roles import SET_FROM, all_roles, is_identity
from intake.propose.tables import DATE, Column, Table

_OF_A_BLOCK = 2
_LEAST_GAPS = 3
"""Patients with both dates, so that one odd date does not decide."""
UNSCHEDULED = "unscheduled"


@dataclass(frozen=True)
class Label:
    """A timepoint in a header: its text, the unit that it may mean, and its number."""

    text: str
    unit: str
    number: int


@dataclass
class Block:
    """Columns that hold the same at several timepoints.

    Attributes
    ----------
    labels : dict
        Text of a label as it is written in most headers -> our timepoint.
    patterns : dict
        Role -> header with ``{t}`` in place of the label, or label -> header where they follow no
        pattern or a timepoint is missing.
    reason : str
        How the meaning of the labels was found.
    is_certain : bool
        Whether dates or units decide it.
    """

    labels: dict[str, str] = field(default_factory=dict)
    patterns: dict[str, str | dict[str, str]] = field(default_factory=dict)
    columns: list[Column] = field(default_factory=list)
    reason: str = ""
    is_certain: bool = True


@cache
def _label_patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    def either(role: str) -> str:
        words = sorted(phrases()[role], key=len, reverse=True)
        return "|".join(map(re.escape, words))

    start, end = r"(?<![^\W_])", r"(?![^\W_])"
    found = []
    for unit in ("week", "month", "visit_number"):
        found.append((unit, re.compile(rf"{start}(?:{either(unit)})[ _.-]?(\d{{1,3}}){end}", re.I)))
        long = rf"{start}(\d{{1,3}})[ _.-]?(?:{either(unit)})[a-z]{{0,3}}{end}"
        found.append((unit, re.compile(long, re.I)))
    found.append(("baseline", re.compile(rf"{start}(?:{either('baseline')}){end}", re.I)))
    return tuple(found)


def label_of(header: str) -> Label | None:
    """Return the timepoint that a header names, or None.

    Examples
    --------
    >>> label_of("EASI_T16"), label_of("easi_bl")
    (Label(text='T16', unit='unknown', number=16), Label(text='bl', unit='baseline', number=0))
    """
    for unit, pattern in _label_patterns():
        found = list(pattern.finditer(header))
        if found:
            text = found[-1].group()
            number = int(found[-1].group(1)) if pattern.groups else 0
            is_bare_t = text[:1].lower() == "t"
            return Label(text, "unknown" if is_bare_t else unit, number)
    return None


def pattern_of(header: str, label: Label) -> str:
    """Return a header with ``{t}`` in place of its last such label."""
    before, _, after = header.rpartition(label.text)
    return f"{before}{SLOT}{after}"


def block_of(table: Table) -> Block | None:
    """Return the repeated columns of a table, or None where it has none."""
    by_stem: dict[str, dict[Label, Column]] = {}
    for column in table.columns:
        label = label_of(column.header)
        if label is not None and not is_identity(column.header):
            stem = " ".join(pattern_of(column.header, label).replace(SLOT, " ").lower().split(" "))
            by_stem.setdefault(stem.strip(" _.-"), {})[label] = column
    of_role: dict[str, dict[Label, Column]] = {}
    block = Block()
    for stem, found in by_stem.items():
        role = _role_of(stem) if stem else None
        if role is not None:
            of_role.setdefault(role, {}).update(found)
    of_role = {role: found for role, found in of_role.items() if len(found) >= _OF_A_BLOCK}
    if not of_role:
        return None
    _name_labels(block, table, of_role)
    return block


def _role_of(stem: str) -> str | None:
    roles = [role for role in all_roles() if role not in ("patient_id", "visit_id", "score_value")]
    found = candidates(stem, roles)
    return found[0].role if found and found[0].score >= SET_FROM else None


def _name_labels(block: Block, table: Table, of_role: dict[str, dict[Label, Column]]) -> None:
    """Fill a block: one text per timepoint, and a pattern or a list of headers per role."""
    labels = {label for found in of_role.values() for label in found}
    days = _days_between(table, of_role.get("visit_date", {}))
    codes, block.reason, block.is_certain = meanings(labels, days)
    written: dict[tuple[str, int], Counter[str]] = {}
    for found in of_role.values():
        for label in found:
            written.setdefault((codes[label], label.number), Counter())[label.text] += 1
    slots = {place: texts.most_common(1)[0][0] for place, texts in written.items()}
    order = {
        row["timepoint_code"]: n for n, row in enumerate(seed_rows("protocol/visit_windows.csv"))
    }
    ranked = sorted(slots, key=lambda place: (place[1], order.get(place[0], 99)))
    block.labels = {slots[place]: place[0] for place in ranked}
    for role, found in of_role.items():
        headers = {slots[codes[label], label.number]: c.header for label, c in found.items()}
        patterns = {pattern_of(header, Label(text, "", 0)) for text, header in headers.items()}
        is_whole = set(headers) == set(block.labels) and len(patterns) == 1
        block.patterns[role] = patterns.pop() if is_whole else headers
        block.columns += found.values()


def meanings(labels: set[Label], days: dict[Label, float]) -> tuple[dict[Label, str], str, bool]:
    """Return label -> our timepoint, how it was found, and whether that is certain.

    Units decide (``week 4``); else the median days from the first timepoint; else the numbers,
    where 16 or 52 can only be weeks and 1 can only be a month.

    Parameters
    ----------
    days : dict
        Label -> median days from the first timepoint, where dates say so.
    """
    plain = {label for label in labels if label.unit in ("unknown", "visit_number")}
    if not plain:
        return {label: _code_of(label, label.unit) for label in labels}, "by the units", True
    if len(days) >= _OF_A_BLOCK:
        codes = {
            label: _code_of_day(days[label]) if label in days else _code_of(label, "week")
            for label in labels
        }
        return codes, "by the days between the visits", set(days) >= plain
    numbers = {label.number for label in plain}
    unit = "month" if 1 in numbers and not numbers & {16, 52} else "week"
    is_certain = bool(numbers & {16, 52}) or (unit == "month" and 12 in numbers)
    is_certain = is_certain and all(label.unit == "unknown" for label in plain)
    codes = {
        label: _code_of(label, unit if label.unit == "unknown" else label.unit) for label in labels
    }
    return codes, f"numbers read as {unit}s", is_certain


def _code_of(label: Label, unit: str) -> str:
    number = 0 if label.unit == "baseline" else label.number
    column = "nominal_month" if unit == "month" else "nominal_week"
    for row in seed_rows("protocol/visit_windows.csv"):
        if int(row[column]) == number:
            return row["timepoint_code"]
    return UNSCHEDULED


def _code_of_day(day: float) -> str:
    for row in seed_rows("protocol/visit_windows.csv"):
        if int(row["first_day"]) <= day <= int(row["last_day"]):
            return row["timepoint_code"]
    return UNSCHEDULED


def _days_between(table: Table, dates: dict[Label, Column]) -> dict[Label, float]:
    """Return the median days from the first timepoint to each; 0 for the first."""
    if len(dates) < _OF_A_BLOCK:
        return {}
    order = _order_of(dates.values())
    first = min(dates, key=lambda label: label.number)
    found = {
        label: [day_of(text, order) for text in table.cells(column)]
        for label, column in dates.items()
    }
    return _medians({label: zip(found[first], ends, strict=True) for label, ends in found.items()})


def days_by_label(
    table: Table,
    patient: Column,
    label_column: Column,
    date_column: Column | None,
    labels: dict[str, Label],
) -> dict[Label, float]:
    """Return the median days from each patient's first labelled visit, with one row per visit."""
    if date_column is None:
        return {}
    order = _order_of([date_column])
    first = min(labels.values(), key=lambda label: label.number)
    rows = zip(*(table.cells(c) for c in (patient, label_column, date_column)), strict=True)
    visits = [
        (person, labels[text], day)
        for person, text, date in rows
        if text in labels and (day := day_of(date, order)) is not None
    ]
    starts = {person: day for person, label, day in visits if label == first}
    gaps: dict[Label, list[tuple[datetime.date | None, datetime.date | None]]] = {}
    for person, label, day in visits:
        gaps.setdefault(label, []).append((starts.get(person), day))
    return _medians(gaps)


def _medians(
    pairs: Mapping[Label, Iterable[tuple[datetime.date | None, datetime.date | None]]],
) -> dict[Label, float]:
    gaps = {
        label: [(end - start).days for start, end in found if start and end]
        for label, found in pairs.items()
    }
    return {label: median(days) for label, days in gaps.items() if len(days) >= _LEAST_GAPS}


def _order_of(columns: Iterable[Column]) -> str:
    """Return the order of day, month and year that reads most dates."""
    fits = Counter({"ymd": 0})
    for column in columns:
        for form, n in column.date_forms.items():
            fits[form[:3]] += n
    return fits.most_common(1)[0][0]


def day_of(text: str, order: str) -> datetime.date | None:
    """Return the date that a text is in an order of day, month and year; None where it is none."""
    match = DATE.fullmatch(text.strip())
    if match is None:
        return None
    parts = dict(zip(order, (match.group(1), match.group(3), match.group(4)), strict=True))
    year = int(parts["y"]) + (2000 if len(parts["y"]) < 4 else 0)
    try:
        return datetime.date(year, int(parts["m"]), int(parts["d"]))
    except ValueError:
        return None
