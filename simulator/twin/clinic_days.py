"""The days on which a clinic in Milan sees patients."""

from __future__ import annotations

from datetime import date, timedelta

_FIXED_HOLIDAYS = {
    (1, 1), (1, 6), (4, 25), (5, 1), (6, 2), (8, 15), (11, 1), (12, 7), (12, 8), (12, 25), (12, 26),
}  # fmt: skip
_EASTER_MONDAYS = {
    date(2017, 4, 17), date(2018, 4, 2), date(2019, 4, 22), date(2020, 4, 13), date(2021, 4, 5),
}  # fmt: skip


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
