"""Mapping files: how one source system names its files, columns, words, dates and marks.

A mapping is data. It is validated as a whole before any file of a delivery is opened: an unknown
key, word kind, export or column, or a file name that could leave the delivery folder, is an error.
"""

from __future__ import annotations

import csv
import datetime
import hashlib
import os
from collections.abc import Iterable
from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from core.settings import PROJECT_ROOT
from intake.contract import EXPORTS, codes_of
from intake.expansion import expand
from intake.mapping_schema import (
    IDENTIFIER,
    RELATIVE_DATES,
    Code,
    ExportSource,
    FileName,
    FormatKeys,
    Identifier,
    Text,
)
from intake.refusals import MappingError, shown_name
from intake.uses import FileUse
from intake.yaml_files import StrictModel, read_settings

MAPPINGS_FOLDER = Path(__file__).parent / "mappings"

WORD_KINDS = (
    "sex",
    "yes_no",
    "topical_adherence",
    "disease_course",
    "clinical_phenotype",
    "timepoint",
    "score",
    "route",
    "adverse_event_outcome",
    "end_of_observation_reason",
    "course_period",
    "stop_reason",
    "adverse_event",
    "comorbidity",
    "drug",
)


class MappingContent(StrictModel):
    """A mapping file as written; ``uses`` is what it means for the files of a delivery."""

    version: Annotated[int, Field(ge=1)]
    source_system: Identifier
    label: Text
    study: Code | None = None
    extraction_date: datetime.date | None = None
    criteria: tuple[Code, ...] = ()
    defaults: FormatKeys = FormatKeys()
    words: dict[str, dict[Text, Code]] = Field(default_factory=dict)
    words_file: FileName | None = None
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

    @field_validator("study")
    @classmethod
    def _known_study(cls, value: str | None) -> str | None:
        _require_known("study", [value] if value else [])
        return value

    @field_validator("criteria")
    @classmethod
    def _known_criteria(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        _require_known("criterion", value)
        return value

    @model_validator(mode="after")
    def _exports_fit_contract(self) -> MappingContent:
        assert self.uses
        return self

    @cached_property
    def uses(self) -> tuple[FileUse, ...]:
        """Every use of a file, by export, with timepoints written out."""
        return expand(self)

    @property
    def are_dates_relative(self) -> bool:
        """Whether dates are days counted from the source's own day 0."""
        return any(
            use.form_of(column.name).date_format in RELATIVE_DATES
            for use in self.uses
            for column in EXPORTS[use.export_name]
            if column.kind == "date" and column.name in use.columns
        )

    @property
    def has_centres(self) -> bool:
        """Whether the mapping says where the centre of a record is."""
        return any(use.source.centre is not None for use in self.uses)


def _require_known(kind: str, codes: Iterable[str]) -> None:
    """Refuse a code that no seed has: its words would change the cohort unnoticed."""
    known = codes_of(kind)
    unknown = [code for code in dict.fromkeys(codes) if code not in known]
    if unknown:
        raise ValueError(
            f"{kind}: {', '.join(unknown)} is no code of ours; allowed: " + ", ".join(known)
        )


@dataclass(frozen=True)
class Mapping:
    """A validated mapping.

    Attributes
    ----------
    name : str
        The file's name without ending; with the hash, part of the load id.
    sha256 : str
        Of the bytes of the mapping, and of its file of words where it names one.
    words : dict
        Kind of word -> word -> our code: those of the mapping, then those of its file of words.
    """

    name: str
    content: MappingContent
    sha256: str
    words: ReadOnly[str, ReadOnly[str, str]]


def load_mapping(name: str, folder: Path = MAPPINGS_FOLDER) -> Mapping:
    """Read and validate the mapping of this name, or at this path where it ends in ``.yml``.

    Raises
    ------
    MappingError
        No such mapping, or it is not valid.
    """
    if name.endswith(".yml"):
        path = Path(name)
        if not path.is_file():
            raise MappingError(f"There is no mapping {shown_name(name, 200)}.")
        return _read_mapping(path)
    known = sorted(path.stem for path in folder.glob("*.yml"))
    if name not in known or not IDENTIFIER.fullmatch(name):
        raise MappingError(
            f"There is no mapping named {shown_name(name)!r}. Known: {', '.join(known)}. "
            "Choose one with REGISTRY_MAPPING or delivery.yml (source_system), "
            "or add intake/mappings/<source>.yml (docs/how_to_add.md)."
        )
    return _read_mapping(folder / f"{name}.yml")


def _read_mapping(path: Path) -> Mapping:
    content, sha256 = read_settings(path, MappingContent)
    mapping = Mapping(path.stem, content, sha256, content.words)
    if content.words_file is None:
        return mapping
    words, words_sha256 = _read_words(_words_path(path.parent, content.words_file))
    own = {
        kind: {word.strip().lower(): code for word, code in found.items()}
        for kind, found in content.words.items()
    }
    together = {
        kind: {**words.get(kind, {}), **own.get(kind, {})}
        for kind in WORD_KINDS
        if kind in words or kind in own
    }
    both = hashlib.sha256(f"{sha256}\n{words_sha256}".encode()).hexdigest()
    return replace(mapping, sha256=both, words=together)


def _words_path(folder: Path, name: str) -> Path:
    """Return the file of words beside the mapping, else in the vault, where it is private."""
    vault = Path(os.environ.get("REGISTRY_VAULT") or PROJECT_ROOT / "vault")
    beside, private = folder / name, vault / name
    return private if private.exists() and not beside.exists() else beside


def _read_words(path: Path) -> tuple[dict[str, dict[str, str]], str]:
    """Return the words with a code of a worklist (columns kind, word, code), by kind, and its hash.

    Raises
    ------
    MappingError
        The file is not there or no such table, or it has an unknown kind or code; with its line.
    """
    try:
        content = path.read_bytes()
        rows = list(csv.DictReader(content.decode("utf-8-sig").splitlines(), strict=True))
    except OSError as error:
        raise MappingError(f"words_file: {path.name}: cannot be read ({error.strerror}).") from None
    except (UnicodeDecodeError, csv.Error):
        raise MappingError(f"words_file: {path.name}: is no CSV in UTF-8.") from None
    words: dict[str, dict[str, str]] = {}
    problems = []
    for line, row in enumerate(rows, 2):
        if not {"kind", "word", "code"} <= set(row):
            raise MappingError(f"words_file: {path.name}: needs the columns kind, word and code.")
        kind, word, code = ((row[key] or "").strip() for key in ("kind", "word", "code"))
        if not code:
            continue
        try:
            if kind not in WORD_KINDS:
                raise ValueError(f"{shown_name(kind)!r} is no word kind")
            _require_known(kind, [code])
        except ValueError as error:
            problems.append(f"words_file: {path.name} line {line}: {error}.")
        words.setdefault(kind, {})[word.lower()] = code
    if problems:
        raise MappingError(*problems)
    return words, hashlib.sha256(content).hexdigest()
