"""Mapping files: how one source system names its files, columns, words, dates and marks.

A mapping is data. It is validated as a whole before any file of a delivery is opened: an unknown
key, word kind, export or column, or a file name that could leave the delivery folder, is an error.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from intake.contract import EXPORTS, codes_of, column_names, required_columns
from intake.refusals import MappingError, shown_name
from intake.yaml_files import StrictModel, read_settings

MAPPINGS_FOLDER = Path(__file__).parent / "mappings"

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
WORD_KINDS = (
    "sex",
    "yes_no",
    "topical_adherence",
    "disease_course",
    "clinical_phenotype",
    "timepoint",
    "route",
    "adverse_event_outcome",
    "adverse_event",
    "comorbidity",
    "drug",
)

NOT_SELECTED = "not_selected"
"""Rule of a record that the `records` of no use select, and the part under which it is counted."""

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,40}")
CENTRE_PATTERN = "[a-z0-9][a-z0-9_-]{0,40}"
"""Code of a centre, after blanks around it are off and letters are lower case."""


def _full_match(pattern: re.Pattern[str] | str, what: str) -> Any:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value) or ".." in value:
            raise ValueError(what)
        return value

    return AfterValidator(check)


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
FileName = Annotated[
    str,
    _full_match(
        r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,80}",
        "must be the name of a file in the delivery folder: letters, digits, blank . _ -",
    ),
]
Header = Annotated[
    str, _full_match(r"[^\x00-\x1f\x7f]{1,200}", "must be a column header, 1 to 200 characters")
]
Text = Annotated[str, _full_match(r"[^\x00-\x1f\x7f]{0,200}", "must be short text")]


class ColumnSource(StrictModel):
    """Where the text of one contract column comes from: exactly one of the three.

    Attributes
    ----------
    column : str or None
        Header in the file.
    join : tuple of str
        Headers whose texts are joined, to make a key that the source does not have.
    constant : str or None
        The same text for every record.
    """

    column: Header | None = None
    join: tuple[Header, ...] = ()
    separator: Text = "|"
    constant: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _plain_header(cls, value: Any) -> Any:
        return {"column": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _exactly_one(self) -> ColumnSource:
        given = [self.column is not None, bool(self.join), self.constant is not None]
        if sum(given) != 1:
            raise ValueError("must be a header, or {join: [..]}, or {constant: ..}")
        return self

    @property
    def headers(self) -> tuple[str, ...]:
        """Headers of the file that this column needs."""
        return self.join or ((self.column,) if self.column is not None else ())


class FileSource(StrictModel):
    """One file that feeds an export.

    Attributes
    ----------
    file : str
        File name with or without its ending; letters may differ in case.
    required : bool
        Whether a delivery without the file is refused.
    may_be_empty : bool
        Whether a header without records is accepted.
    sheet : str or None
        Sheet of a workbook; the first one when not given.
    preamble_lines : int
        Lines above the header that are skipped.
    part : str or None
        Name of this use, where one file is used several times; becomes part of source_file.
    records : dict
        Only records whose column holds one of the listed texts belong to this export.
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
    preamble_lines: Annotated[int, Field(ge=0, le=100)] = 0
    part: Identifier | None = None
    records: dict[Header, tuple[Text, ...]] = Field(default_factory=dict)
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


class ExportSource(StrictModel):
    """Format of one export and the files that feed it."""

    encoding: str = "utf-8"
    delimiter: str = ","
    decimal_mark: Literal[".", ","] = "."
    date_format: str = "ymd-"
    partial_dates: bool = False
    missing_codes: tuple[Text, ...] = ()
    repeated_records: Literal["refuse", "keep_first"] = "refuse"
    files: Annotated[tuple[FileSource, ...], Field(min_length=1)]

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        if value.lower() not in ENCODINGS:
            raise ValueError("must be one of " + ", ".join(ENCODINGS))
        return ENCODINGS[value.lower()]

    @field_validator("delimiter")
    @classmethod
    def _known_delimiter(cls, value: str) -> str:
        if value not in DELIMITERS:
            raise ValueError("must be one of , ; | tab auto")
        return DELIMITERS[value]

    @field_validator("date_format")
    @classmethod
    def _known_date_format(cls, value: str) -> str:
        if value not in DATE_FORMATS:
            raise ValueError("must be one of " + ", ".join(DATE_FORMATS))
        return value

    @property
    def date_order(self) -> str:
        """Order of the date parts: ymd, dmy or mdy."""
        return DATE_FORMATS[self.date_format][0]

    @property
    def date_separator(self) -> str:
        """The mark between the parts of a date."""
        return DATE_FORMATS[self.date_format][1]


class MappingContent(StrictModel):
    """A mapping file as written."""

    version: Annotated[int, Field(ge=1)]
    source_system: Identifier
    label: Text
    extraction_date: datetime.date | None = None
    criteria: tuple[Code, ...] = ()
    words: dict[str, dict[Text, Code]] = Field(default_factory=dict)
    exports: dict[str, ExportSource]
    ignored_files: tuple[FileName, ...] = ()

    @field_validator("words")
    @classmethod
    def _known_kinds(cls, value: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        for kind, words in value.items():
            if kind not in WORD_KINDS:
                raise ValueError(
                    f"{shown_name(kind)!r} is no word kind; allowed: " + ", ".join(WORD_KINDS)
                )
            folded = [word.strip().lower() for word in words]
            if len(set(folded)) != len(folded):
                raise ValueError(f"{kind}: a word is there twice (case and blanks do not count)")
            _require_known(kind, words.values())
        return value

    @field_validator("criteria")
    @classmethod
    def _known_criteria(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        _require_known("criterion", value)
        return value

    @model_validator(mode="after")
    def _exports_fit_contract(self) -> MappingContent:
        for export_name, export in self.exports.items():
            if export_name not in EXPORTS:
                raise ValueError(
                    f"exports: {shown_name(export_name)!r} is no export; allowed: "
                    + ", ".join(EXPORTS)
                )
            for source in export.files:
                _check_columns(export_name, source)
        if "patients" not in self.exports:
            raise ValueError("exports: patients is missing")
        _check_uses(self.exports)
        if len({source.centre is None for source in self.sources}) > 1:
            raise ValueError("exports: every file names its centre, or none does")
        return self

    @property
    def sources(self) -> list[FileSource]:
        """Every file of every export."""
        return [source for export in self.exports.values() for source in export.files]

    @property
    def has_centres(self) -> bool:
        """Whether the mapping says where the centre of a record is."""
        return any(source.centre is not None for source in self.sources)


def _require_known(kind: str, codes: Iterable[str]) -> None:
    """Refuse a code that no seed has: its words would change the cohort unnoticed."""
    known = codes_of(kind)
    unknown = [code for code in dict.fromkeys(codes) if code not in known]
    if unknown:
        raise ValueError(
            f"{kind}: {', '.join(unknown)} is no code of ours; allowed: " + ", ".join(known)
        )


def _check_uses(exports: dict[str, ExportSource]) -> None:
    """Refuse uses of one file that disagree: it is read once."""
    uses: dict[str, list[tuple[str | None, tuple]]] = {}
    for export in exports.values():
        how = (export.encoding, export.delimiter, export.decimal_mark, export.date_format)
        for source in export.files:
            reading = (*how, source.sheet, source.preamble_lines, source.centre)
            uses.setdefault(source.file.lower(), []).append((source.part, reading))
    for file, found in uses.items():
        parts = [part for part, _ in found]
        if NOT_SELECTED in parts:
            raise ValueError(f"exports: {file}: the part name {NOT_SELECTED} is reserved")
        if len(found) > 1 and (None in parts or len(set(parts)) < len(parts)):
            raise ValueError(
                f"exports: the file {file} is used {len(found)} times; "
                "give each use a 'part' of its own"
            )
        if len({reading for _, reading in found}) > 1:
            raise ValueError(
                f"exports: the uses of the file {file} declare different encodings, delimiters, "
                "marks, dates, sheets, preambles or centres"
            )


def _check_columns(export_name: str, source: FileSource) -> None:
    where = f"exports: {export_name}: {source.file}"
    allowed, required = column_names(export_name), required_columns(export_name)
    for name in (*source.columns, *source.may_be_absent):
        if name not in allowed:
            raise ValueError(
                f"{where}: {shown_name(name)!r} is no column of {export_name}; allowed: "
                + ", ".join(allowed)
            )
    absent = [name for name in required if source.columns and name not in source.columns]
    if absent:
        raise ValueError(f"{where}: required and not mapped: " + ", ".join(absent))
    scores: dict[tuple[str, ...], str] = {}
    for name, column in source.columns.items():
        headers = tuple(header.strip().lower() for header in column.headers)
        if name.endswith("_score") and scores.setdefault(headers, name) != name:
            raise ValueError(f"{where}: {scores[headers]} and {name} have the same source")
    needed = [name for name in source.may_be_absent if name in required]
    if needed:
        raise ValueError(f"{where}: may_be_absent: required: " + ", ".join(needed))


@dataclass(frozen=True)
class Mapping:
    """A validated mapping: the file's name without ending, its content and the sha256 of its bytes.

    The name and the hash are part of the load id.
    """

    name: str
    content: MappingContent
    sha256: str


def load_mapping(name: str, folder: Path = MAPPINGS_FOLDER) -> Mapping:
    """Read and validate the mapping of this name.

    Raises
    ------
    MappingError
        No such mapping, or it is not valid.
    """
    known = sorted(path.stem for path in folder.glob("*.yml"))
    if name not in known or not IDENTIFIER.fullmatch(name):
        raise MappingError(
            f"There is no mapping named {shown_name(name)!r}. Known: {', '.join(known)}. "
            "Choose one with REGISTRY_MAPPING or delivery.yml (source_system), "
            "or add intake/mappings/<source>.yml (docs/how_to_add.md)."
        )
    return Mapping(name, *read_settings(folder / f"{name}.yml", MappingContent))
