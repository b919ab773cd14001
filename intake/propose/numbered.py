"""Numbered columns: ``drug1, start1, drug2, start2`` hold one course at each number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from intake.contract import column_names, known_words
from intake.mapping_schema import NUMBER_SLOT
from intake.propose.headers import folded
from intake.propose.roles import SET_FROM, column_candidates, is_identity
from intake.propose.tables import Column, Table

_NUMBER = re.compile(r"(?<!\d)0?(\d{1,2})(?!\d)")
_OF_A_BLOCK = 2
_EXPORT_OF = {
    "drug_name": "prescriptions", "topical_treatments": "prescriptions",
    "prior_treatments": "prescriptions", "comorbidity_term": "comorbidities",
    "event_term": "adverse_events",
}  # fmt: skip
"""What the records of numbered columns are about -> export."""


@dataclass
class _Stem:
    """Columns whose headers differ in a number only, with one column that has all their values."""

    pattern: str
    by_number: dict[str, Column]
    whole: Column


@dataclass
class Numbered:
    """Numbered columns that together are records of one export.

    Attributes
    ----------
    role : str
        What the records are about: drug_name, prior_treatments, comorbidity_term ...
    numbers : list of str
        As they are written, in their order.
    patterns : dict
        Column of the contract -> header with ``{n}`` in place of the number.
    absent : list of str
        Columns of the contract that some of the numbers lack.
    """

    role: str
    numbers: list[str]
    patterns: dict[str, str]
    absent: list[str] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)

    @property
    def export(self) -> str:
        """The export that the records belong to."""
        return _EXPORT_OF[self.role]


def numbered_columns(table: Table, columns: Sequence[Column]) -> list[Numbered]:
    """Return the numbered columns of a table that hold drugs, illnesses or adverse events.

    Other numbered columns belong to those whose header begins with the same word, else to those
    that stand before them.

    Parameters
    ----------
    columns : sequence of Column
        Those that belong to no block of timepoints.
    """
    stems = _stems(columns)
    found: list[tuple[Numbered, _Stem]] = []
    for stem in stems:
        role = _topic_of(stem, len(table.records))
        if role:
            main = "drug_name" if _EXPORT_OF[role] == "prescriptions" else role
            numbers = sorted(stem.by_number, key=int)
            found.append((Numbered(role, numbers, {main: stem.pattern}), stem))
    mains = [stem for _, stem in found]
    for stem in stems:
        owner = _owner(stem, mains) if stem not in mains else None
        if owner is None:
            continue
        each = next(each for each, main in found if main is owner)
        role = _fact_of(stem, each, len(table.records))
        if role:
            each.patterns[role] = stem.pattern
            if any(number not in stem.by_number for number in each.numbers):
                each.absent.append(role)
    by_pattern = {stem.pattern: stem for stem in stems}
    for each, _ in found:
        for pattern in each.patterns.values():
            each.columns += by_pattern[pattern].by_number.values()
    return [each for each, _ in found]


def _stems(columns: Iterable[Column]) -> list[_Stem]:
    """Return the headers with at least two numbers that begin at 1, each column once."""
    groups: dict[str, dict[str, tuple[str, Column]]] = {}
    for column in columns:
        if is_identity(column.header):
            continue
        for match in _NUMBER.finditer(column.header):
            before, after = column.header[: match.start(1)], column.header[match.end(1) :]
            pattern = f"{before}{NUMBER_SLOT}{after}"
            groups.setdefault(pattern.lower(), {})[match.group(1)] = (pattern, column)
    found, taken = [], set[str]()
    for group in sorted(groups.values(), key=len, reverse=True):
        free = {n: column for n, (_, column) in group.items() if column.header not in taken}
        if len(free) < _OF_A_BLOCK or "1" not in free:
            continue
        taken |= {column.header for column in free.values()}
        pattern = group["1"][0]
        first = min(free.values(), key=lambda column: column.position)
        header = " ".join(pattern.replace(NUMBER_SLOT, " ").replace("_", " ").split())
        whole = Column(
            header,
            first.position,
            sum((column.values for column in free.values()), Counter()),
            sum((column.missing_codes for column in free.values()), Counter()),
        )
        found.append(_Stem(pattern, free, whole))
    return sorted(found, key=lambda stem: stem.whole.position)


def _topic_of(stem: _Stem, n_records: int) -> str:
    """Return what numbered columns are about; "" for none of the exports."""
    texts = {text.strip().lower() for text in stem.whole.values}
    if not texts or texts <= known_words("yes_no").keys():
        return ""
    best = next(iter(column_candidates(stem.whole, n_records)), None)
    is_sure = best is not None and best.score >= SET_FROM and best.role in _EXPORT_OF
    return best.role if best is not None and is_sure else ""


def _owner(stem: _Stem, mains: Sequence[_Stem]) -> _Stem | None:
    """Return the columns to whose records others belong."""
    shared = [main for main in mains if main.by_number.keys() & stem.by_number.keys()]
    start = folded(stem.whole.header).split()[:1]
    same = [main for main in shared if folded(main.whole.header).split()[:1] == start]
    before = [main for main in shared if main.whole.position < stem.whole.position]
    return next(iter(same or before[-1:] or shared), None)


def _fact_of(stem: _Stem, each: Numbered, n_records: int) -> str:
    """Return the column of the contract that others are, in records of this kind."""
    topic = "drug_name" if each.export == "prescriptions" else each.role
    for candidate in column_candidates(stem.whole, n_records, topic=topic):
        is_free = (
            candidate.role in column_names(each.export) and candidate.role not in each.patterns
        )
        if is_free and candidate.score >= SET_FROM:
            return candidate.role
    return ""
