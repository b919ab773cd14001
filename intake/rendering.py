"""Typed cells as text: how a workbook's or a Parquet file's cell is written down.

The text is what a careful person would type into a CSV file of the same source: numbers with the
declared decimal mark and no exponent, dates in the declared order. Staging reads it like any text.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

from intake.mapping import ExportSource

_SIGNIFICANT_DIGITS = ".15g"
"""As many as a spreadsheet shows: 12.300000000000001 was typed as 12.3."""


def render(value: Any, export: ExportSource) -> str:
    """Write a cell as text.

    Parameters
    ----------
    value : object
        Text, number, boolean, date, time or None.
    export : ExportSource
        Declared decimal mark and date format.

    Returns
    -------
    str
        "" for an empty cell; the same text for the same cell, always.
    """
    if value is None or isinstance(value, str):
        text = value or ""
    elif isinstance(value, bool):
        text = "TRUE" if value else "FALSE"
    elif isinstance(value, float):
        text = _number(value, export.decimal_mark)
    elif isinstance(value, Decimal):
        text = format(value, "f").replace(".", export.decimal_mark)
    elif isinstance(value, (datetime.datetime, datetime.date)):
        text = _date(value, export)
    elif isinstance(value, datetime.time):
        text = value.isoformat()
    else:
        text = str(value)
    return text


def _number(value: float, decimal_mark: str) -> str:
    text = format(value, _SIGNIFICANT_DIGITS)
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.replace(".", decimal_mark)


def _date(value: datetime.datetime | datetime.date, export: ExportSource) -> str:
    date = value.date() if isinstance(value, datetime.datetime) else value
    parts = {"y": f"{date.year:04d}", "m": f"{date.month:02d}", "d": f"{date.day:02d}"}
    text = export.date_separator.join(parts[part] for part in export.date_order)
    if isinstance(value, datetime.datetime) and (value.time() != datetime.time.min or value.tzinfo):
        text += "T" + value.timetz().isoformat()
    return text
