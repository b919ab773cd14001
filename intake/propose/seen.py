"""A table with what its columns may be, and the key of its records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from intake.contract import known_words
from intake.propose.blocks import Block, block_of
from intake.propose.headers import folded, is_of_headers, words_of
from intake.propose.numbered import Numbered, numbered_columns
from intake.propose.proposal import KEY_OF, Setting, Use
from intake.propose.roles import WORD_KIND_OF, Roles, roles_of, score_ranges
from intake.propose.tables import Column, Table


@dataclass
class Seen:
    """A table with what its columns may be."""

    table: Table
    roles: Roles
    block: Block | None
    numbered: list[Numbered] = field(default_factory=list)

    @property
    def patient(self) -> Column | None:
        """The column with the patient's identifier."""
        return self.roles.of_role.get("patient_id")

    @property
    def is_per_patient(self) -> bool:
        """Whether no patient has two records."""
        return self.patient is not None and max(self.patient.values.values(), default=0) == 1

    def use(
        self,
        export: str,
        part: str,
        key: Setting | None = None,
        records: dict[str, object] | None = None,
    ) -> Use:
        """Return a use of the table: its patients, the key of its records and their filter."""
        use = Use(export, part, self.table)
        if records is not None:
            use.keys["records"] = Setting(records)
        if key is not None:
            use.columns[KEY_OF[export]] = key
        use.columns["patient_id"] = Setting(self.roles.header("patient_id"))
        return use

    def has(self, *roles: str) -> bool:
        """Whether any of these roles has a column."""
        return any(role in self.roles.of_role for role in roles)


def look(table: Table) -> Seen:
    """Find the repeated blocks of a table, then the roles of its other columns."""
    block = block_of(table)
    in_block = [] if block is None else block.columns
    free = [column for column in table.columns if column not in in_block]
    numbered = numbered_columns(table, free)
    taken = [column for each in numbered for column in each.columns]
    return Seen(
        table, roles_of(table, [c for c in free if c not in taken], table.aliases), block, numbered
    )


def key_of(seen: Seen, role: str, others: Iterable[str]) -> Setting:
    """Return the key of a record: its own column, or the patient with what makes it unique."""
    own = seen.roles.of_role.get(role) or _numbered(seen)
    if own is not None:
        return Setting(own.header)
    patient = seen.patient
    assert patient is not None
    found = [c for other in others if (c := seen.roles.of_role.get(other)) and c.n_filled]
    facts = [[patient, *found[: n + 1]] for n in range(len(found))]
    numberings = [[patient, column] for column in _numberings(seen)]
    counting = [pair for pair in numberings if _counts_records(seen.table, *pair)]
    tried = [*counting, *facts[:2], *numberings, *facts[2:]] or [[patient]]
    columns = next((t for t in tried if _n_repeated(seen.table, t) == 0), tried[-1])
    value: object = {"join": [column.header for column in columns]}
    if len(columns) == 1:
        value = columns[0].header
    n = _n_repeated(seen.table, columns)
    if n == 0:
        return Setting(value)
    question = f"{n:,} records share this key; which columns make it unique?"
    return Setting(value, question=question)


def _numbered(seen: Seen) -> Column | None:
    """Return the column that numbers the records of a table: an identifier by its header.

    Every record has another value, so it is no identifier of patients with several records.
    """
    n = len(seen.table.records)
    for column in seen.table.columns:
        is_free = column not in seen.roles.of_role.values() and column.date_share == 0
        is_named = words_of(column.header, "key_word") or folded(column.header).startswith("id")
        if is_free and is_named and len(column.values) == n > 1 and not column.decimal_marks:
            return column
    return None


def _numberings(seen: Seen) -> list[Column]:
    """Return the columns that may number the records of a patient: whole numbers, always filled."""
    others = [c for c in seen.table.columns if c not in seen.roles.of_role.values()]
    n = len(seen.table.records)
    return [
        c for c in others
        if c.n_filled == n and all(text.isdecimal() for text in c.values)
    ]  # fmt: skip


def _counts_records(table: Table, patient: Column, column: Column) -> bool:
    """Return whether a column numbers the records of each patient from 1 on."""
    found: dict[str, list[str]] = {}
    for person, number in zip(table.cells(patient), table.cells(column), strict=True):
        found.setdefault(person, []).append(number)
    return all(
        sorted(numbers, key=int) == [str(n) for n in range(1, len(numbers) + 1)]
        for numbers in found.values()
    )


def _n_repeated(table: Table, columns: Sequence[Column]) -> int:
    keys = Counter(zip(*(table.cells(column) for column in columns), strict=True))
    return sum(n for n in keys.values() if n > 1)


def mapped(seen: Seen, roles: Iterable[str]) -> dict[str, Setting]:
    """Return the settings of the columns with these roles, and the questions about them."""
    found: dict[str, Setting] = {}
    for role in roles:
        name = f"{role}_score" if role in score_ranges() else role
        column = seen.roles.of_role.get(role)
        doubts = seen.roles.doubts.get(role, [])
        if column is not None and column.n_filled == 0:
            continue
        others = tuple(
            f"{c.header} ({candidate.score}: {candidate.reason})" for c, candidate in doubts
        )
        if column is not None:
            candidate = seen.roles.reasons[role]
            is_sure = candidate.score >= 0.9 and not others
            setting = Setting(source_of(seen, role, column))
            if others:
                setting.question = f"is this {name}? It may also be another column"
                setting.candidates = others
            elif not is_sure:
                setting.comment = f"{candidate.score}: {candidate.reason}"
            found[name] = setting
        elif others:
            header = doubts[0][0].header
            found[name] = Setting(header, "", f"is this {name}?", others, is_commented=True)
    return found


def source_of(seen: Seen, role: str, column: Column) -> object:
    """Return the source of a column: its header, with words of its own where they are plain."""
    kind = WORD_KIND_OF.get(role)
    if kind is None:
        return column.header
    shown = {} if seen.patient is None else seen.table.shown_words(column, seen.patient)
    words = {
        text: code
        for text, code in own_words(kind, column).items()
        if text in shown or is_of_headers(text.split("(", 1)[1])
    }
    return {"column": column.header, "words": words} if words else column.header


def own_words(kind: str, column: Column) -> dict[str, str]:
    """Return words that a remark in brackets hides from the list: ``sì (viso)`` is yes."""
    known = known_words(kind)
    found: dict[str, str] = {}
    for text in column.values:
        bare = text.split("(")[0].strip().lower()
        if text.strip().lower() not in known and bare in known and "(" in text:
            found[text.strip()] = known[bare]
    is_few = len(found) <= 10 and all(len(text) <= 30 for text in found)
    return found if is_few and kind == "yes_no" else {}
