"""What a mapping file may say: the keys of each level and the form of their values.

What the keys mean together is worked out in ``intake.expansion``.
"""

from __future__ import annotations

import re
import unicodedata
import zoneinfo
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from intake.yaml_files import StrictModel

ENCODINGS = {
    "utf-8": "utf-8",
    "cp1252": "cp1252",
    "windows-1252": "cp1252",
    "latin-1": "latin-1",
    "iso-8859-1": "latin-1",
    "iso-8859-15": "iso-8859-15",
    "utf-16": "utf-16",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
}
"""Encoding as a mapping may write it -> Python's name for it."""

DELIMITERS = {",": ",", ";": ";", "tab": "\t", "\t": "\t", "|": "|", "auto": "auto"}
DATE_FORMATS = {
    f"{order}{mark}": (order, mark) for order in ("ymd", "dmy", "mdy") for mark in ("-", "/", ".")
}
"""Date format with an order of day, month and year -> order and the mark between them."""
SERIAL_DATES = ("serial", "serial_1904")
STUDY_DAY = "study_day"
"""Days without a day 0: 1 is the first day, -1 the day before it."""
RELATIVE_DATES = ("day", STUDY_DAY)
ALL_DATE_FORMATS = (*DATE_FORMATS, *SERIAL_DATES, *RELATIVE_DATES)

SLOT = "{t}"
"""Stands for the label of a timepoint in the strings of a use with timepoints."""
NUMBER_SLOT = "{n}"
"""Stands for the number of a column in the strings of a use with numbered columns."""


def in_slot(text: str, label: str) -> str:
    """Return a text at one timepoint or number."""
    return text.replace(SLOT, label).replace(NUMBER_SLOT, label)


IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,40}")
CENTRE_PATTERN = "[a-z0-9][a-z0-9_-]{0,40}"
"""Code of a centre, after blanks around it are off and letters are lower case."""
_FILE_NAME = re.compile(r'[^\x00-\x1f\x7f/\\#@+;"~.][^\x00-\x1f\x7f/\\#@+;"]{0,120}')


def _full_match(pattern: re.Pattern[str] | str, what: str) -> Any:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(what)
        return value

    return AfterValidator(check)


def _one_of(
    known: Mapping[str, str], listed: str = "", fold: Callable[[str], str] = str
) -> AfterValidator:
    """Accept the written forms of a table, and return what each means."""

    def check(value: str) -> str:
        if fold(value) not in known:
            raise ValueError("must be one of " + (listed or ", ".join(known)))
        return known[fold(value)]

    return AfterValidator(check)


def _file_name(value: str) -> str:
    if not _FILE_NAME.fullmatch(value) or ".." in value or value.count("*") > 3:
        raise ValueError(
            r"must be the name of a file in the delivery folder: no / \ # @ + ; no leading dot; "
            "* stands for any text"
        )
    return unicodedata.normalize("NFC", value)


def _time_zone(value: str) -> str:
    if value not in zoneinfo.available_timezones():
        raise ValueError("must be the name of a time zone, such as Europe/Rome")
    return value


Identifier = Annotated[
    str, _full_match(IDENTIFIER, "must be lower snake case, at most 41 characters")
]
Code = Annotated[
    str, _full_match(r"[a-z][a-z0-9_]{0,60}", "must be one of our codes: lower snake case")
]
Centre = Annotated[
    str,
    _full_match(
        CENTRE_PATTERN, "must be the code of a centre: a-z, digits, _ and -, at most 41 characters"
    ),
]
FileName = Annotated[str, AfterValidator(_file_name)]
Header = Annotated[
    str, _full_match(r"[^\x00-\x1f\x7f]{1,200}", "must be a column header, 1 to 200 characters")
]
Text = Annotated[str, _full_match(r"[^\x00-\x1f\x7f]{0,200}", "must be short text")]
Label = Annotated[
    str, _full_match(r"[^\x00-\x1f\x7f{}]{1,40}", "must be the label of a timepoint in the headers")
]


class CellKeys(StrictModel):
    """How the cells of a column are written; every key may be left out.

    Attributes
    ----------
    decimal_mark : str or None
        A point or a comma.
    date_format : str or None
        One of ALL_DATE_FORMATS.
    two_digit_years : int or None
        Pivot: years up to it are of the 2000s, later ones of the 1900s; None refuses them.
    """

    decimal_mark: Literal[".", ","] | None = None
    date_format: Annotated[str, _one_of({each: each for each in ALL_DATE_FORMATS})] | None = None
    two_digit_years: Annotated[int, Field(ge=0, le=99)] | None = None
    missing_codes: tuple[Text, ...] | None = None


class FormatKeys(CellKeys):
    """How files are read: in ``defaults``, for an export or for a file; the more specific wins.

    Attributes
    ----------
    encoding, delimiter : str or None
        As Python names them; delimiter may be ``auto``.
    partial_dates : bool or None
        Whether a course may have partial dates.
    time_zone : str or None
        IANA name; timestamps with an offset become the date that they have there.
    """

    encoding: Annotated[str, _one_of(ENCODINGS, fold=str.lower)] | None = None
    delimiter: Annotated[str, _one_of(DELIMITERS, ", ; | tab auto")] | None = None
    partial_dates: bool | None = None
    time_zone: Annotated[str, AfterValidator(_time_zone)] | None = None
    preamble_lines: Annotated[int, Field(ge=0, le=100)] | None = None
    header_lines: Annotated[int, Field(ge=1, le=3)] | None = None


class JoinPart(StrictModel):
    """One part of a joined key: a header, a constant, or the number of the piece of a split."""

    header: Header | None = None
    constant: Text | None = None
    piece: Literal[True] | None = None

    @model_validator(mode="before")
    @classmethod
    def _plain_header(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("piece") == "true":
            return {**value, "piece": True}
        return {"header": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _exactly_one(self) -> JoinPart:
        if [self.header, self.constant, self.piece].count(None) != 2:
            raise ValueError("must be a header, {constant: ..} or {piece: true}")
        return self


class ColumnSource(CellKeys):
    """Where the text of one contract column comes from: exactly one of the first four.

    Attributes
    ----------
    join : tuple of JoinPart
        Parts whose texts are joined, to make a key that the source does not have.
    constant : str or None
        The same text for every record.
    by_timepoint : dict
        Label of a timepoint -> header, where the headers follow no pattern.
    separator : str
        Mark between joined texts.
    split : tuple of str
        Marks between the facts of one cell; each becomes a record.
    remarks : bool
        Whether remarks behind a drug (since when, dose, why stopped) are taken apart.
    words : dict
        The column's own words -> our codes.
    labels : dict
        Code in the cell -> the text that it stands for.
    unit : tuple of str
        What may stand behind a number.
    """

    column: Header | None = None
    join: Annotated[tuple[JoinPart, ...], Field(max_length=20)] = ()
    constant: Text | None = None
    by_timepoint: dict[Label, Header] = Field(default_factory=dict)
    separator: Text = "|"
    split: tuple[Annotated[Text, Field(min_length=1)], ...] = ()
    remarks: bool = False
    words: dict[Text, Code] = Field(default_factory=dict)
    labels: dict[Text, Text] = Field(default_factory=dict)
    unit: tuple[Annotated[Text, Field(min_length=1)], ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _plain_header(cls, value: Any) -> Any:
        return {"column": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _exactly_one(self) -> ColumnSource:
        given = [self.column, self.join or None, self.constant, self.by_timepoint or None]
        if given.count(None) != 3:
            raise ValueError(
                "must be a header, or {join: [..]}, or {constant: ..}, or {by_timepoint: {..}}"
            )
        of_column = (self.split, self.remarks, self.words, self.labels, self.unit)
        if (self.join or self.constant is not None) and any(of_column):
            raise ValueError("split, remarks, words, labels and unit need a column")
        if self.remarks and self.labels:
            raise ValueError("remarks are not read behind a label")
        return self

    @property
    def headers(self) -> tuple[str, ...]:
        """Headers of the file that this column needs."""
        if self.join:
            return tuple(part.header for part in self.join if part.header is not None)
        return (self.column,) if self.column is not None else ()


class RecordFilter(StrictModel):
    """What the cell of a header must hold: exactly one of the four.

    Attributes
    ----------
    is_empty : bool or None
        Whether the cell must be empty (a missing code counts as empty), or must not.
    """

    one_of: tuple[Text, ...] | None = None
    none_of: tuple[Text, ...] | None = None
    is_empty: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if isinstance(value, list):
            return {"one_of": value}
        if value in ("empty", "not_empty"):
            return {"is_empty": value == "empty"}
        if isinstance(value, str):
            raise ValueError(
                "must be [texts], {one_of: [texts]}, {none_of: [texts]}, not_empty or empty"
            )
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> RecordFilter:
        if [self.one_of, self.none_of, self.is_empty].count(None) != 2:
            raise ValueError("must have one_of or none_of")
        return self


NOT_EMPTY = RecordFilter(is_empty=False)


class FileSource(FormatKeys):
    """One file that feeds an export.

    Attributes
    ----------
    file : str
        File name with or without its ending; letters may differ in case, * is any text.
    required : bool
        Whether a delivery without the file is refused.
    may_be_empty : bool
        Whether a header without records is accepted.
    sheet : str or None
        Sheet of a workbook; the first one when no use of the file names one.
    part : str or None
        Name of this use, where one file is used several times; becomes part of source_file.
    records : dict
        Only records whose cells pass all of these filters belong to this use.
    skip_records : dict
        Records of the file that pass any of these belong to no use, such as totals.
    timepoints : dict
        Label of a timepoint in the headers -> our code; the use is read once for each.
    numbered : tuple of str
        Numbers in the headers of columns that repeat, as drug1, drug2; the use is read once for
        each.
    columns : dict
        Contract column -> its source. Empty: our own headers.
    centre : ColumnSource or None
        Where the centre of each record is, or a constant for a file of one centre.
    may_be_absent : tuple of str
        Optional contract columns that the file need not have, whatever else it holds.
    """

    file: FileName
    required: bool = True
    may_be_empty: bool = False
    sheet: Text | None = None
    part: Identifier | None = None
    records: dict[Header, RecordFilter] = Field(default_factory=dict)
    skip_records: dict[Header, RecordFilter] = Field(default_factory=dict)
    timepoints: dict[Label, Code] = Field(default_factory=dict)
    numbered: tuple[Label, ...] = ()
    columns: dict[str, ColumnSource] = Field(default_factory=dict)
    centre: ColumnSource | None = None
    may_be_absent: tuple[str, ...] = ()

    @field_validator("centre")
    @classmethod
    def _known_form(cls, value: ColumnSource | None) -> ColumnSource | None:
        constant = value.constant if value else None
        if constant is not None and not re.fullmatch(CENTRE_PATTERN, constant):
            raise ValueError("must be the code of a centre: a-z, digits, _ and -")
        return value


class ExportSource(FormatKeys):
    """How the files of one export are written, and which files feed it."""

    repeated_records: Literal["refuse", "keep_first"] = "refuse"
    files: Annotated[tuple[FileSource, ...], Field(min_length=1)]
