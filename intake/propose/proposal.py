"""A proposal as data: uses of tables, their settings, and the questions that are left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from intake.mapping_schema import NUMBER_SLOT, SLOT
from intake.propose.tables import Column, Table
from intake.yaml_files import OPEN


@dataclass
class Setting:
    """One line of a mapping.

    Attributes
    ----------
    value : object
        Text, list or dict as YAML holds it; OPEN where nothing can be proposed.
    comment : str
        Why it is so; "" where the line explains itself.
    question : str
        What a person decides here; "" where nothing is asked.
    candidates : tuple of str
        Possible answers, best first.
    is_commented : bool
        Whether the line is written as a comment: without it the mapping is valid.
    """

    value: Any
    comment: str = ""
    question: str = ""
    candidates: tuple[str, ...] = ()
    is_commented: bool = False


@dataclass
class Use:
    """One use of a table by an export.

    Attributes
    ----------
    export, part : str
        The export; the name of the use.
    table : Table
    keys : dict
        Keys of the use besides file, sheet, part and columns: records, timepoints, numbered,
        formats.
    columns : dict
        Column of the contract -> setting.
    """

    export: str
    part: str
    table: Table
    keys: dict[str, Setting] = field(default_factory=dict)
    columns: dict[str, Setting] = field(default_factory=dict)

    @property
    def labels(self) -> list[str]:
        """Labels of timepoints, or numbers, that stand in the headers of repeated columns."""
        found = self.keys.get("timepoints") or self.keys.get("numbered")
        return [] if found is None else list(found.value)

    @property
    def headers(self) -> set[str]:
        """Headers that the use reads, in lower case."""
        labels = self.labels
        found: set[str] = set()
        for setting in self.columns.values():
            if not setting.is_commented:
                found |= headers_in(setting.value, labels)
        for key in ("records", "skip_records"):
            if key in self.keys and not self.keys[key].is_commented:
                found |= {str(header).lower() for header in self.keys[key].value}
        if "centre" in self.keys and not self.keys["centre"].is_commented:
            found |= headers_in(self.keys["centre"].value, labels)
        return found

    def column_of(self, name: str) -> Column | None:
        """Return the column of the file that a contract column is read from as it is."""
        setting = self.columns.get(name)
        header = setting.value if setting is not None else None
        header = header.get("column") if isinstance(header, dict) else header
        return self.table.column(header) if isinstance(header, str) else None


def in_slot(text: str, label: str) -> str:
    """Return a text at one timepoint or number."""
    return text.replace(SLOT, label).replace(NUMBER_SLOT, label)


def headers_in(value: Any, labels: list[str]) -> set[str]:
    """Return the headers, in lower case, that the source of a column names."""
    if isinstance(value, str):
        texts = [value]
    elif not isinstance(value, dict):
        texts = []
    elif "by_timepoint" in value:
        texts = list(value["by_timepoint"].values())
    elif "join" in value:
        texts = [part for part in value["join"] if isinstance(part, str)]
    else:
        texts = [value["column"]] if "column" in value else []
    filled = [in_slot(text, label) for text in texts for label in labels or [""]]
    return {text.lower() for text in filled if text != OPEN}


@dataclass
class Proposal:
    """Everything that a mapping file is written from.

    Attributes
    ----------
    source_system, label : str
    defaults : dict
        Format keys of most files.
    words : dict
        Kind -> word -> setting.
    uses : list of Use
    ignored : list of str
        Files that no use reads.
    unread : list of str
        Files among them that hold records, each with its count and headers.
    index_course : Setting or None
        Course of the index treatment to be filled in, where no file has one.
    lost : list of str
        What the mapping does not read, and what the registry cannot hold, in words.
    criteria : tuple of str
        Criteria that can apply; empty for all.
    seen : dict
        Name of a table -> its headers.
    """

    source_system: str
    label: str
    defaults: dict[str, Setting] = field(default_factory=dict)
    words: dict[str, dict[str, Setting]] = field(default_factory=dict)
    uses: list[Use] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    index_course: Setting | None = None
    lost: list[str] = field(default_factory=list)
    criteria: tuple[str, ...] = ()
    seen: dict[str, list[str]] = field(default_factory=dict)
