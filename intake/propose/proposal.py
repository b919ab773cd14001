"""A proposal: uses of tables, their settings and questions, and the mapping file of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from intake.contract import EXPORTS, column_names
from intake.mapping_schema import in_slot
from intake.propose.tables import Column, Table
from intake.yaml_files import OPEN

_PLAIN = re.compile(r"[^\W\d_][\w ./()°%+'-]*")
_NOT_PLAIN = re.compile(r": |:$| #|\s$|[,\[\]{}]|^(?:yes|no|true|false|null|on|off|y|n)$", re.I)
_KEY_ORDER = (
    "encoding", "delimiter", "preamble_lines", "header_lines", "decimal_mark", "date_format",
    "two_digit_years", "time_zone", "partial_dates", "missing_codes",
)  # fmt: skip
_OF_EXPORT = ("repeated_records",)
NOT_READ = "# Not read by this mapping:"
SEEN = "# seen "
_HEAD = """\
# {label}.
# Made by `registry propose` from the files of one delivery; read it before it is used.
# A line below "QUESTION" is decided by a person: edit that line and leave the rest. A value of "?"
# has to be answered, a line that begins with # is left out until the # is removed, and any other
# line is already the likelier answer.
version: 1
source_system: {source_system}
label: {label}
# Where the source follows the study of 2022, its bounds apply with this line:
# study: ferrucci_2022
"""


KEY_OF = {
    "visits": "visit_id", "prescriptions": "prescription_id", "adverse_events": "adverse_event_id",
}  # fmt: skip
"""Export -> key of its records."""


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

    def source(self, name: str) -> dict[str, Any]:
        """Return the source of a contract column in its long form; empty where it has none."""
        if name not in self.columns:
            return {}
        value = self.columns[name].value
        return value if isinstance(value, dict) else {"column": value}

    def column_of(self, name: str) -> Column | None:
        """Return the column of the file that a contract column is read from as it is."""
        header = self.source(name).get("column")
        return self.table.column(header) if isinstance(header, str) else None

    def columns_of(self, name: str) -> list[Column]:
        """Return every column of the file that a contract column is read from."""
        headers = headers_in(self.source(name), self.labels)
        return [column for column in self.table.columns if column.header.lower() in headers]


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
    defaults : dict
        Format keys of most files.
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
    uses: list[Use] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    index_course: Setting | None = None
    lost: list[str] = field(default_factory=list)
    criteria: tuple[str, ...] = ()
    seen: dict[str, list[str]] = field(default_factory=dict)


def written(proposal: Proposal) -> str:
    """Return the text of a mapping file.

    Names of people, identifiers and prose are in none of its lines: it holds headers, our codes,
    and words of a column that say nothing about a person.
    """
    numbers = iter(range(1, 10_000))
    lines = [_HEAD.format(source_system=proposal.source_system, label=scalar(proposal.label))]
    lines[0] = lines[0].rstrip("\n")
    if proposal.criteria:
        lines += ["# Days have no calendar, so the study period cannot apply."]
        lines += [f"criteria: [{', '.join(proposal.criteria)}]"]
    if proposal.defaults:
        lines += ["", "defaults:"]
        for key in sorted(proposal.defaults, key=_key_order):
            lines += setting_lines(key, proposal.defaults[key], 2, numbers)
    lines += ["", "exports:"]
    for export in EXPORTS:
        uses = [use for use in proposal.uses if use.export == export]
        if uses:
            lines += [f"  {export}:"]
            for key in _OF_EXPORT:
                said = [use.keys[key] for use in uses if key in use.keys]
                lines += setting_lines(key, said[0], 4, numbers) if said else []
            lines += ["    files:"]
            for use in uses:
                lines += use_lines(use, numbers)
        if export == "prescriptions" and proposal.index_course is not None:
            lines += _course_lines(proposal.index_course, bool(uses), numbers)
    if proposal.ignored:
        lines += ["", "# Files that no export reads."]
        question = "nothing reads the records of these files; is that right?"
        setting = Setting(
            proposal.ignored,
            question=question if proposal.unread else "",
            candidates=tuple(proposal.unread),
        )
        lines += setting_lines("ignored_files", setting, 0, numbers)
    return "\n".join(lines) + "\n" + tail(proposal, proposal.seen)


def _course_lines(course: Setting, is_further: bool, numbers: Iterator[int]) -> list[str]:
    """Return the lines of a course that is left out until it is filled in."""
    if not is_further:
        whole = replace(course, value={"files": [course.value]})
        return setting_lines("prescriptions", whole, 2, numbers)
    *above, last = setting_lines("files", course, 6, numbers)
    return [*above, last.replace("files: ", "- ", 1)]


def tail(proposal: Proposal, seen: Mapping[str, Sequence[str]]) -> str:
    """Return the comment at the end: what is not read, and every header that was seen."""
    lines = ["", NOT_READ, *(f"# - {line}" for line in proposal.lost or ["nothing"])]
    lines += ["# Columns that were seen; a second run adds only new ones:"]
    lines += [
        SEEN + json.dumps([name, list(headers)], ensure_ascii=False)
        for name, headers in sorted(seen.items())
    ]
    return "\n".join(lines) + "\n"


def use_lines(use: Use, numbers: Iterator[int]) -> list[str]:
    """Return the lines of one use of a file, as an item of the list ``files``."""
    lines = [f"      - file: {scalar(use.table.named)}"]
    if use.table.sheet:
        lines.append(f"        sheet: {scalar(use.table.sheet)}")
    if use.part:
        lines.append(f"        part: {use.part}")
    for key in sorted(use.keys, key=_key_order):
        if key not in _OF_EXPORT:
            lines += setting_lines(key, use.keys[key], 8, numbers)
    lines.append("        columns:")
    for name, setting in use.columns.items():
        lines += setting_lines(name, setting, 10, numbers)
    fed = {*use.columns, *(["nominal_timepoint"] if "timepoints" in use.keys else [])}
    unfed = [name for name in column_names(use.export) if name not in fed]
    if unfed:
        lines.append(f"          # not in this file: {', '.join(unfed)}")
    return lines


def _key_order(key: str) -> tuple[int, str]:
    return (_KEY_ORDER.index(key) if key in _KEY_ORDER else 99, key)


def setting_lines(key: str, setting: Setting, indent: int, numbers: Iterator[int]) -> list[str]:
    """Return the lines of a setting: its question or reason above, then one line."""
    blank = " " * indent
    lines = []
    if setting.question:
        lines.append(f"{blank}# QUESTION {next(numbers)}: {setting.question}")
        lines += [f"{blank}#   candidate: {candidate}" for candidate in setting.candidates]
    elif setting.comment:
        lines.append(f"{blank}# {setting.comment}")
    mark = "# " if setting.is_commented else ""
    lines.append(f"{blank}{mark}{scalar(key)}: {flow(setting.value)}")
    return lines


def flow(value: Any) -> str:
    """Return a value as YAML in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return scalar(value)


def scalar(value: object) -> str:
    """Return a text as YAML, quoted where YAML would read something else."""
    if isinstance(value, int):
        return str(value)
    text = "tab" if value == "\t" else str(value)
    if text != OPEN and _PLAIN.fullmatch(text) and not _NOT_PLAIN.search(text):
        return text
    return json.dumps(text, ensure_ascii=False)
