"""Calendar of the twin: clinic days, index dates, birth and diagnosis dates.

The register closes on 31 December 2020. A patient seen at week 52 started dupilumab before January
2020. Most of the others started too late for their next visit, some were lost to follow-up.
"""

from __future__ import annotations

from datetime import date, timedelta

from simulator.draws import Draws
from simulator.twin.patients import DATA_COLLECTION_DATE, FIRST_INDEX_DATE, TwinPatient

CLOSING_DAY = DATA_COLLECTION_DATE
TARGET_DAYS = (0, 28, 112, 364)
WINDOWS = ((-28, 0), (14, 42), (84, 140), (322, 406))

_FIXED_HOLIDAYS = {
    (1, 1), (1, 6), (4, 25), (5, 1), (6, 2), (8, 15), (11, 1), (12, 7), (12, 8), (12, 25), (12, 26),
}  # fmt: skip
_EASTER_MONDAYS = {
    date(2017, 4, 17), date(2018, 4, 2), date(2019, 4, 22), date(2020, 4, 13), date(2021, 4, 5),
}  # fmt: skip

# Percent of the patients last seen at baseline, week 4 and week 16 who were lost to follow-up
_PERCENT_LOST = (52, 44, 16)
# New patients per month: few in August and December, fewer while the hospital was closed in 2020
_MONTH_WEIGHTS = {8: 5, 12: 8}
_WEIGHTS_OF_2020 = {3: 4, 4: 2, 5: 6}
_FIRST_MONTHS = {6: 5, 7: 6, 8: 3, 9: 9}
_TELEPHONE_DAYS = (date(2020, 3, 10), date(2020, 12, 18))

# A partial date is completed to 1 July or to the 15th (docs/data_contract.md). A patient with a
# birthday near those days gets a whole diagnosis date, so that the age does not depend on the rule.
_MIDSUMMER = ((6, 24), (7, 8))
_MIDMONTH = (12, 18)


def is_clinic_day(day: date) -> bool:
    """Return whether the clinic is open: Monday to Friday, no Italian or Milanese holiday."""
    return (
        day.weekday() < 5
        and (day.month, day.day) not in _FIXED_HOLIDAYS
        and day not in _EASTER_MONDAYS
    )


def nearest_clinic_day(wanted: date, first: date, last: date) -> date:
    """Return the clinic day nearest to ``wanted`` from ``first`` to ``last``, the earlier on ties.

    Raises
    ------
    ValueError
        There is no clinic day in that span.
    """
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    open_days = [day for day in days if is_clinic_day(day)]
    if not open_days:
        raise ValueError(f"no clinic day from {first} to {last}")
    return min(open_days, key=lambda day: (abs((day - wanted).days), day))


def is_too_late(patient: TwinPatient, index_date: date) -> bool:
    """Return whether the register closed before the visit after the last one."""
    last = patient.last_week_seen()
    return last < 3 and (CLOSING_DAY - index_date).days < TARGET_DAYS[last + 1]


def draw_index_date(patient: TwinPatient, draws: Draws) -> date:
    """Return the day of the first dupilumab dose, a clinic day.

    Telephone visits fall into the months in which the hospital replaced visits by calls, where the
    other visits of the patient allow it.
    """
    first, last = _span(patient, draws)
    calls = [week for week in range(1, 4) if patient.attendance[week] in "PD"]
    if calls:
        target = timedelta(days=TARGET_DAYS[calls[-1]])
        narrow = max(first, _TELEPHONE_DAYS[0] - target), min(last, _TELEPHONE_DAYS[1] - target)
        if (narrow[1] - narrow[0]).days > 14:
            first, last = narrow
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    return draws.weighted([(day, _weight(day)) for day in days])


def _span(patient: TwinPatient, draws: Draws) -> tuple[date, date]:
    """Return the first and last possible index date."""
    last = patient.last_week_seen()
    latest = CLOSING_DAY - timedelta(days=TARGET_DAYS[last] + (2 if last else 3))
    if last == 3:
        return FIRST_INDEX_DATE, latest
    missed = CLOSING_DAY - timedelta(days=TARGET_DAYS[last + 1] - 8)
    if draws.chance(_PERCENT_LOST[last]):
        return FIRST_INDEX_DATE, missed - timedelta(days=60)
    return missed, latest


def _weight(day: date) -> int:
    if not is_clinic_day(day):
        return 0
    if day.year == 2018 and day.month in _FIRST_MONTHS:
        return _FIRST_MONTHS[day.month]
    if day.year == 2020 and day.month in _WEIGHTS_OF_2020:
        return _WEIGHTS_OF_2020[day.month]
    return _MONTH_WEIGHTS.get(day.month, 11)


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

    A partial date is written only where every completion within the year or month gives the age at
    diagnosis of the whole date.
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
