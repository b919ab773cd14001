"""A REDCap project as it lies in a folder: its data file, dictionary and table of events."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from intake.propose.headers import folded
from intake.propose.tables import DATE, NUMBER, Column, Table

CHECKBOX = re.compile(r"(.+)___(.+)|(.+) \(choice=(.+)\)")
"""Header of one box: by name and code, or by labels."""

OWN_COLUMNS = {
    "event": ("redcap_event_name", "event name"),
    "instrument": ("redcap_repeat_instrument", "repeat instrument"),
    "instance": ("redcap_repeat_instance", "repeat instance"),
    "group": ("redcap_data_access_group", "data access group"),
}
"""REDCap's own columns -> their headers, raw and with labels."""

_SHORTEST_OF_A_PROJECT = 2
_LONGEST_MISSING_CODE = 8


@dataclass(frozen=True)
class FieldInfo:
    """One field of the dictionary: its name, form, kind, label, choices and validation."""

    name: str
    form: str = ""
    kind: str = ""
    label: str = ""
    choices: dict[str, str] = field(default_factory=dict)
    validation: str = ""
    is_identifier: bool = False


@dataclass
class Project:
    """A data file with what lies beside it.

    Attributes
    ----------
    fields : dict
        Name of a field -> what the dictionary says.
    events : dict
        Unique name of an event -> its label.
    others : list of Table
        Dictionary, events and arms.
    """

    data: Table
    fields: dict[str, FieldInfo] = field(default_factory=dict)
    events: dict[str, str] = field(default_factory=dict)
    others: list[Table] = field(default_factory=list)

    def own(self, what: str) -> Column | None:
        """Return REDCap's own column of events, instruments, instances or groups."""
        return next((c for name in OWN_COLUMNS[what] if (c := self.data.column(name))), None)

    def info(self, header: str) -> FieldInfo | None:
        """Return the field of a header: by name, or by label in an export with labels."""
        match = CHECKBOX.fullmatch(header)
        name = (match.group(1) or match.group(3)) if match else header
        by_label = (each for each in self.fields.values() if folded(each.label) == folded(name))
        return self.fields.get(name.lower()) or next(by_label, None)

    def choice(self, header: str) -> str:
        """Return the label of the choice of a checkbox column; "" where it is not known."""
        match = CHECKBOX.fullmatch(header)
        info = self.info(header)
        if match is None:
            return ""
        if match.group(4):
            return match.group(4)
        return info.choices.get(match.group(2).lower(), "") if info else ""


def projects_of(tables: Sequence[Table]) -> list[Project]:
    """Return the REDCap projects among the tables of a folder."""
    dictionaries = [t for t in tables if t.column("Variable / Field Name")]
    events = [t for t in tables if t.column("unique_event_name")]
    arms = [t for t in tables if t.column("arm_num") and t not in events]
    beside = [*dictionaries, *events, *arms]
    fields = {name: info for table in dictionaries for name, info in _dictionary(table)}
    labels = {name: label for table in events for name, label in _events(table)}
    found = []
    for table in tables:
        if table in beside:
            continue
        names = [column.header.lower() for column in table.columns]
        bare = [name.split("___")[0] for name in names]
        n_known = sum(name in fields or is_form_status(name) for name in bare)
        own = any(name in columns for columns in OWN_COLUMNS.values() for name in names)
        is_project = own or (
            len(names) >= _SHORTEST_OF_A_PROJECT
            and (n_known > len(names) / 2 if fields else _has_form_status(table))
        )
        if is_project:
            data = with_missing_codes(table, fields)
            project = Project(data, fields, labels, beside)
            found.append(project)
    return found


def is_form_status(header: str) -> bool:
    """Return whether a column says how complete a form is, which is no fact of the patient."""
    return header.lower().endswith("_complete") or header.lower() == "complete?"


def _has_form_status(table: Table) -> bool:
    """Return whether a table has REDCap's ``<form>_complete``: 0, 1 or 2."""
    ends = [c for c in table.columns if is_form_status(c.header)]
    return any(c.n_filled and c.values.keys() <= {"0", "1", "2"} for c in ends)


def _dictionary(table: Table) -> Iterator[tuple[str, FieldInfo]]:
    def cells(header: str) -> list[str]:
        column = table.column(header)
        return table.cells(column) if column else [""] * len(table.records)

    rows = zip(
        cells("Variable / Field Name"),
        cells("Form Name"),
        cells("Field Type"),
        cells("Field Label"),
        cells("Choices, Calculations, OR Slider Labels"),
        cells("Text Validation Type OR Show Slider Number"),
        cells("Identifier?"),
        strict=True,
    )
    for name, form, kind, label, choices, validation, identifier in rows:
        plain = re.sub(r"<[^>]*>", " ", label)
        yield (
            name.lower(),
            FieldInfo(
                name, form, kind, " ".join(plain.split()), choices_of(kind, choices), validation,
                identifier.lower() == "y",
            ),
        )  # fmt: skip


def choices_of(kind: str, text: str) -> dict[str, str]:
    """Return code -> label of the choices of a field, as ``1, Asthma | 2, Rhinitis``."""
    if kind not in ("radio", "dropdown", "checkbox"):
        return {}
    pairs = (choice.split(",", 1) for choice in text.split("|") if "," in choice)
    return {code.strip().lower(): label.strip() for code, label in pairs}


def _events(table: Table) -> Iterator[tuple[str, str]]:
    unique, label = table.column("unique_event_name"), table.column("event_name")
    if unique is not None and label is not None:
        yield from zip(table.cells(unique), table.cells(label), strict=True)


def with_missing_codes(table: Table, fields: dict[str, FieldInfo]) -> Table:
    """Take missing-data codes out of the values: texts that two coded fields have beside theirs.

    A coded field has choices, or a validation as date or number.
    """
    odd: Counter[str] = Counter()
    for column in table.columns:
        info = fields.get(column.header.lower())
        if info is not None:
            odd.update(text for text in column.values if _is_odd(text, info))
    codes = {text for text, n in odd.items() if n >= 2}
    if codes:
        table.columns = [
            replace(
                column,
                values=Counter({t: n for t, n in column.values.items() if t not in codes}),
                missing_codes=column.missing_codes
                + Counter({t: n for t, n in column.values.items() if t in codes}),
            )
            for column in table.columns
        ]
    return table


def _is_odd(text: str, info: FieldInfo) -> bool:
    """Return whether a value is none of the field's: no choice, no date, no number."""
    if len(text) > _LONGEST_MISSING_CODE:
        return False
    if info.choices and info.kind != "checkbox":
        labels = {label.lower() for label in info.choices.values()}
        plain = text.lower().removesuffix(".0")
        return plain not in info.choices and text.lower() not in labels
    if info.validation.startswith("date"):
        return DATE.fullmatch(text) is None
    return info.validation in ("number", "integer") and NUMBER.fullmatch(text) is None
