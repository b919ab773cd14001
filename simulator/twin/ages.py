"""Birth and diagnosis dates that give the solved ages in completed years."""

from __future__ import annotations

from datetime import date, timedelta

from simulator.draws import Draws

# A partial date is completed to 1 July or to the 15th (docs/data_contract.md). Birthdays near
# those days keep their whole diagnosis date, so that the age does not hang on the rule.
_MIDSUMMER = ((6, 24), (7, 8))
_MIDMONTH = (12, 18)


def anniversary(day: date, years: int) -> date:
    """Return the same day ``years`` later (28 February for 29 February)."""
    if (day.month, day.day) == (2, 29):
        return date(day.year + years, 2, 28)
    return date(day.year + years, day.month, day.day)


def completed_years(birth: date, day: date) -> int:
    """Return the age in completed years on ``day``."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def draw_birth_date(index_date: date, age: int, draws: Draws) -> date:
    """Return a birth date that makes the patient ``age`` completed years old on the index date."""
    birth = anniversary(index_date, -age) - timedelta(days=draws.between(1, 363))
    return birth - timedelta(days=1) if (birth.month, birth.day) == (2, 29) else birth


def draw_diagnosis_date(birth: date, index_date: date, age: int, draws: Draws) -> date:
    """Return a diagnosis date at ``age`` completed years, half a year or more before the index."""
    first = anniversary(birth, age) + timedelta(days=40 if age == 0 else 0)
    last = min(anniversary(birth, age + 1) - timedelta(days=1), index_date - timedelta(days=170))
    return first + timedelta(days=draws.between(0, (last - first).days))


def write_diagnosis_date(birth: date, diagnosis: date, draws: Draws) -> str:
    """Return the diagnosis date as the clinic noted it: whole, month only or year only.

    Old diagnoses are told from memory. A partial date is written only where any completion inside
    the year or month gives the age at diagnosis of the whole date.
    """
    form = draws.weighted((("day", 52), ("month", 16), ("year", 32)))
    age = completed_years(birth, diagnosis)
    if form == "year":
        middle = date(diagnosis.year, 7, 1)
        birthday = (birth.month, birth.day)
        is_safe = not _MIDSUMMER[0] <= birthday <= _MIDSUMMER[1]
        if is_safe and middle > birth and completed_years(birth, middle) == age:
            return f"{diagnosis.year:04d}"
    if form == "month":
        middle = date(diagnosis.year, diagnosis.month, 15)
        is_safe = birth.month != diagnosis.month or not (_MIDMONTH[0] <= birth.day <= _MIDMONTH[1])
        if is_safe and middle > birth and completed_years(birth, middle) == age:
            return f"{diagnosis.year:04d}-{diagnosis.month:02d}"
    return diagnosis.isoformat()
