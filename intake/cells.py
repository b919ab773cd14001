"""What readers of typed cells share: workbooks and Parquet files have cells instead of text.

A cell becomes the text that a careful person would type into a CSV file of the same source: numbers
with the declared decimal mark and no exponent, dates in the declared order. Staging reads it like
any text.
"""

from __future__ import annotations

import datetime
import math
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import IO, Any

import pyarrow as pa

from intake.mapping_schema import DATE_FORMATS
from intake.records import Fault, HeaderContract, Layout, Tally, batch_of_rows
from intake.refusals import FileRefusedError, shown_name
from intake.uses import DEFAULT_CELL_FORM, CellForm

ROWS_PER_BATCH = 10_000
_COPY_IN_MEMORY_BYTES = 32 << 20
_SIGNIFICANT_DIGITS = ".15g"
"""As many as a spreadsheet shows: 12.300000000000001 was typed as 12.3."""
LARGEST_EXACT = {pa.float16(): 1 << 11, pa.float32(): 1 << 24, pa.float64(): 1 << 53}
"""Up to here every whole number has a floating-point number of its own; above, two share one."""


class InexactNumberError(ValueError):
    """A floating-point number so large that it may have been another whole number."""


def private_copy(blocks: Iterable[bytes]) -> IO[bytes]:
    """Read a whole file into an unnamed copy, for formats that are not read in order."""
    copy = tempfile.SpooledTemporaryFile(max_size=_COPY_IN_MEMORY_BYTES)  # noqa: SIM115
    for block in blocks:
        copy.write(block)
    copy.seek(0)
    return copy


@dataclass(frozen=True)
class CellForms:
    """How the cells of a file are written.

    Attributes
    ----------
    of_file : CellForm
        Of every column without a form of its own.
    of_header : dict
        Header in its normal form -> form.
    """

    of_file: CellForm = DEFAULT_CELL_FORM
    of_header: dict[str, CellForm] = field(default_factory=dict)

    def of(self, header: str | None) -> CellForm:
        """Return the form of the cells under a header in its normal form."""
        return self.of_header.get(header or "", self.of_file)


def render(value: Any, form: CellForm) -> str:
    """Write a cell as text.

    Parameters
    ----------
    value : object
        Text, number, boolean, date, time or None.

    Returns
    -------
    str
        "" for an empty cell and for NaN; the same text for the same cell, always.

    Raises
    ------
    InexactNumberError
        A floating-point number is whole and above 2^53.
    """
    if value is None or isinstance(value, str):
        text = value or ""
    elif isinstance(value, bool):
        text = "TRUE" if value else "FALSE"
    elif isinstance(value, float):
        text = _number(value, form.decimal_mark)
    elif isinstance(value, Decimal):
        text = format(value, "f").replace(".", form.decimal_mark)
    elif isinstance(value, (datetime.datetime, datetime.date)):
        text = _date(value, form)
    elif isinstance(value, datetime.time):
        text = value.isoformat()
    else:
        text = str(value)
    return text


def _number(value: float, decimal_mark: str) -> str:
    if math.isnan(value):
        return ""
    if value.is_integer():
        if abs(value) > LARGEST_EXACT[pa.float64()]:
            raise InexactNumberError
        return str(int(value))
    text = format(value, _SIGNIFICANT_DIGITS)
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.replace(".", decimal_mark)


def inexact(column: str) -> FileRefusedError:
    """Return the refusal of a file whose column has such a number."""
    return FileRefusedError(
        "column_type",
        f"column {shown_name(column)} holds whole numbers as floating-point numbers that are too "
        "large to be exact: two different ones may look the same.",
        "Deliver it as text or as integer.",
    )


def _date(value: datetime.datetime | datetime.date, form: CellForm) -> str:
    date = value.date() if isinstance(value, datetime.datetime) else value
    parts = {"y": f"{date.year:04d}", "m": f"{date.month:02d}", "d": f"{date.day:02d}"}
    order, mark = DATE_FORMATS.get(form.date_format, ("ymd", "-"))
    text = mark.join(parts[part] for part in order)
    if isinstance(value, datetime.datetime) and (value.time() != datetime.time.min or value.tzinfo):
        text += "T" + value.timetz().isoformat()
    return text


@dataclass
class TableReader:
    """Common part of the readers of tables with cells.

    Attributes
    ----------
    tally, notices, layout
        Filled while the file is read.
    """

    copy: IO[bytes]
    contract: HeaderContract
    forms: CellForms
    tally: Tally = field(default_factory=Tally)
    notices: list[tuple[str, str]] = field(default_factory=list)
    layout: Layout | None = None

    def _batch(self, rows: list[list[str] | Fault], lines: list[int]) -> pa.Table:
        assert self.layout is not None
        first = self.tally.n_records + 1
        self.tally.n_records += len(rows)
        self.tally.count_rows(rows, lines)
        return batch_of_rows(rows, range(first, first + len(rows)), lines, self.layout)
