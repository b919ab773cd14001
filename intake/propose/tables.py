"""Facts of one table: how its cells are written, which columns it has, what may be shown of them.

Cells stay in memory: a message or a proposal shows headers, counts and codes, and words of a column
only where ``Table.shown_words`` returns them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

from intake.propose.headers import words_of

LEAST_PATIENTS_OF_A_WORD = 3
"""A word that fewer patients have is counted and not shown."""

_SURELY = 0.6

DATE = re.compile(r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})(?:[T ]\d{1,2}:\d{2}.*)?")
PARTIAL_DATE = re.compile(
    r"(?:18|19|20)\d{2}|(?:0?[1-9]|1[0-2])[-/.](?:18|19|20)\d{2}"
    r"|(?:18|19|20)\d{2}[-/.](?:0?[1-9]|1[0-2])"
)
NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
_DECIMAL = re.compile(r"[+-]?\d+([.,])\d+")
_ZONED = re.compile(r".*\d:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})")
_RELATIVE_DAY = re.compile(r"(?:d|day|tag|giorno)\.? ?-?\d{1,5}", re.IGNORECASE)
_SERIAL_DAYS = range(7_000, 60_000)
"""Spreadsheet day numbers from 1919 to 2064."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    header : str
        As written; line breaks are blanks.
    position : int
        From 0.
    values : Counter
        Text of a cell that is neither empty nor a missing code -> records; typed cells included.
    missing_codes : Counter
        Text that means "not recorded" -> records.
    n_typed_dates, n_typed_numbers : int
        Cells that a workbook or Parquet file holds as a date or number.
    """

    header: str
    position: int
    values: Counter[str] = field(repr=False)
    missing_codes: Counter[str] = field(repr=False)
    n_typed_dates: int = 0
    n_typed_numbers: int = 0

    @cached_property
    def n_filled(self) -> int:
        """Records with a value."""
        return self.values.total()

    def share(self, pattern: re.Pattern[str]) -> float:
        """Return the share of the values that match a pattern as a whole; 0 without values."""
        n = sum(count for text, count in self.values.items() if pattern.fullmatch(text))
        return n / self.n_filled if self.n_filled else 0.0

    @cached_property
    def date_share(self) -> float:
        """Share of the values that are full dates in any order."""
        return self.share(DATE)

    @cached_property
    def number_share(self) -> float:
        """Share of the values that are numbers with either decimal mark."""
        return self.share(NUMBER)

    @cached_property
    def is_serial(self) -> bool:
        """Whether every value may be a spreadsheet day number."""
        texts = self.values.keys()
        return bool(texts) and all(t.isdecimal() and int(t) in _SERIAL_DAYS for t in texts)

    @cached_property
    def is_relative_day(self) -> bool:
        """Whether most values are days such as ``day 28`` or ``Tag 28``."""
        return self.share(_RELATIVE_DAY) > 0.8

    @cached_property
    def date_forms(self) -> dict[str, int]:
        """Date form -> values that it can read, over the full dates that are text."""
        forms: Counter[str] = Counter()
        for text, count in self.values.items():
            for form in date_forms_of(text):
                forms[form] += count
        return dict(forms)

    @cached_property
    def n_two_digit_years(self) -> int:
        """Dates whose year has two digits."""
        matches = [(DATE.fullmatch(text), count) for text, count in self.values.items()]
        return sum(n for match, n in matches if match and max(map(len, match.group(1, 4))) < 4)

    @cached_property
    def n_zoned(self) -> int:
        """Timestamps with a time zone."""
        return sum(count for text, count in self.values.items() if _ZONED.fullmatch(text))

    @cached_property
    def decimal_marks(self) -> Counter[str]:
        """Decimal mark -> numbers written with it."""
        found = [(_DECIMAL.fullmatch(text), n) for text, n in self.values.items()]
        return sum((Counter({m.group(1): n}) for m, n in found if m), Counter())

    @cached_property
    def numbers(self) -> dict[float, int]:
        """Number -> records."""
        found: Counter[float] = Counter()
        for text, n in self.values.items():
            if NUMBER.fullmatch(text):
                found[float(text.replace(",", "."))] += n
        return dict(found)


def date_forms_of(text: str) -> list[str]:
    """Return the declared forms in which a text is a full date: ``12/05/1980`` is dmy/ and mdy/."""
    match = DATE.fullmatch(text)
    if match is None:
        return []
    first, mark, second, third = match.groups()
    if len(first) == 4:
        orders = [("ymd", second, third)]
    elif len(third) in (2, 4) and len(first) <= 2:
        orders = [("dmy", second, first), ("mdy", first, second)]
    else:
        orders = []
    return [
        order + mark
        for order, month, day in orders
        if 1 <= int(month) <= 12 and 1 <= int(day) <= 31
    ]


@dataclass(eq=False)
class Table:
    """One CSV or Parquet file, or one sheet of a workbook; equal to no other.

    Attributes
    ----------
    file, file_format : str
        Name in the folder; one of intake's formats.
    sheet : str or None
        Of a workbook with several sheets.
    encoding, delimiter : str
        As a mapping writes them; "" where the format has none.
    preamble_lines, header_lines : int
        Lines above the header; lines of the header.
    records : list of list of str
        At most MOST_RECORDS_READ, without footers.
    n_records : int
        Records in the table, footers included.
    n_remarks : int
        Lines with one text that is no record, left out of the records.
    always_filled : str
        Header of a column that every record fills and no remark; "" without remarks.
    footers : list of str
        First text of each line of totals at the end.
    is_whole : bool
        Whether every record was looked at.
    pattern : str
        The file's name with ``*`` for a day in it; "" for the name as it is.
    labels : dict
        Header -> code -> the label that its cells were replaced by.
    aliases : dict
        Header -> another name of the column.
    units : dict
        Header -> units that were taken off its numbers.
    """

    file: str
    file_format: str
    sheet: str | None = None
    encoding: str = ""
    delimiter: str = ""
    preamble_lines: int = 0
    header_lines: int = 1
    columns: list[Column] = field(default_factory=list)
    records: list[list[str]] = field(default_factory=list, repr=False)
    n_records: int = 0
    n_remarks: int = 0
    always_filled: str = ""
    footers: list[str] = field(default_factory=list)
    is_whole: bool = True
    pattern: str = ""
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    units: dict[str, list[str]] = field(default_factory=dict)

    @property
    def named(self) -> str:
        """The file as a mapping names it: its pattern where it has one."""
        return self.pattern or self.file

    @property
    def name(self) -> str:
        """File, and sheet where there is one."""
        return f"{self.named} [{self.sheet}]" if self.sheet else self.named

    def column(self, header: str) -> Column | None:
        """Return the column with this header; case and outer blanks do not count."""
        wanted = header.strip().lower()
        return next((c for c in self.columns if c.header.strip().lower() == wanted), None)

    def cells(self, column: Column) -> list[str]:
        """Return the cells of a column record by record; a missing code is empty."""
        texts = (record[column.position].strip() for record in self.records)
        return ["" if text in column.missing_codes else text for text in texts]

    def shown_words(self, column: Column, patients: Column | None) -> dict[str, int]:
        """Return the words of a column with their records, where they say nothing about a person.

        A word is shown where three patients or more have it, and the column has few words: at most
        20, each in three records or more on average.
        """
        is_coded = 0 < len(column.values) <= 20 and column.n_filled >= 3 * len(column.values)
        if patients is None or column is patients or not is_coded:
            return {}
        if words_of(column.header, "identity") > _SURELY or column.date_share > 0:
            return {}
        holders: dict[str, set[str]] = {}
        for patient, text in zip(self.cells(patients), self.cells(column), strict=True):
            holders.setdefault(text, set()).add(patient)
        return {
            text: n
            for text, n in column.values.most_common()
            if len(holders.get(text, ())) >= LEAST_PATIENTS_OF_A_WORD and len(text) <= 40
        }


@dataclass
class Folder:
    """What was found in a folder: tables, and files that cannot be read with the reason."""

    tables: list[Table] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
