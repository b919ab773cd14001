"""When each patient starts dupilumab, so that the visits that were made can have been made.

The register closes on 31 December 2020. A patient who was seen at week 52 started before January
2020; most of those who were not started too late to be seen, a few were lost.
"""

from __future__ import annotations

from datetime import date, timedelta

from simulator import printed
from simulator.draws import Draws
from simulator.twin.clinic_days import is_clinic_day
from simulator.twin.read_solution import TwinPatient

FIRST_DAY = date(*printed.FIRST_INDEX_DATE)
CLOSING_DAY = date(*printed.DATA_COLLECTION_DATE)
TARGET_DAYS = (0, 28, 112, 364)
WINDOWS = ((-28, 0), (14, 42), (84, 140), (322, 406))
# Percent of the patients last seen at baseline, week 4 and week 16 who were lost, not too late
_PERCENT_LOST = (52, 44, 16)
# New patients per month: few in August and December, fewer while the hospital was closed in 2020
_MONTH_WEIGHTS = {8: 5, 12: 8}
_WEIGHTS_OF_2020 = {3: 4, 4: 2, 5: 6}
_FIRST_MONTHS = {6: 5, 7: 6, 8: 3, 9: 9}
_TELEPHONE_DAYS = (date(2020, 3, 10), date(2020, 12, 18))


def last_week_seen(patient: TwinPatient) -> int:
    """Return the number (0..3) of the last timepoint at which the patient was seen."""
    return max(week for week in range(4) if patient.attendance[week] != "A")


def _weight(day: date) -> int:
    if not is_clinic_day(day):
        return 0
    if day.year == 2018 and day.month in _FIRST_MONTHS:
        return _FIRST_MONTHS[day.month]
    if day.year == 2020 and day.month in _WEIGHTS_OF_2020:
        return _WEIGHTS_OF_2020[day.month]
    return _MONTH_WEIGHTS.get(day.month, 11)


def _span(patient: TwinPatient, draws: Draws) -> tuple[date, date]:
    """Return the first and last possible index date."""
    last = last_week_seen(patient)
    latest = CLOSING_DAY - timedelta(days=TARGET_DAYS[last] + (2 if last else 3))
    if last == 3:
        return FIRST_DAY, latest
    missed = CLOSING_DAY - timedelta(days=TARGET_DAYS[last + 1] - 8)
    if draws.chance(_PERCENT_LOST[last]):
        return FIRST_DAY, missed - timedelta(days=60)
    return missed, latest


def is_too_late(patient: TwinPatient, index_date: date) -> bool:
    """Return whether the visit after the last one could not be made before the register closed."""
    last = last_week_seen(patient)
    return last < 3 and (CLOSING_DAY - index_date).days < TARGET_DAYS[last + 1]


def draw_index_date(patient: TwinPatient, draws: Draws) -> date:
    """Return the day of the first dupilumab dose, a clinic day.

    Telephone visits fall into the months in which the hospital replaced visits by calls, when the
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
