"""Cells that stand for something else: codes of a lookup file, numbers with their unit.

They are replaced in memory by what they stand for; the mapping that is written says how
(``labels``, ``unit``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from intake.contract import KINDS_OF_TERMS
from intake.propose.headers import folded, words_of
from intake.propose.proposal import Proposal
from intake.propose.roles import SET_FROM, is_identity, score_ranges, share_of_terms
from intake.propose.tables import Column, Table

_MOST_CODES = 200
_MOST_COLUMNS_OF_A_LOOKUP = 3
_LEAST_KNOWN_LABELS = 0.3
_WITH_UNIT = re.compile(r"([+-]?\d+(?:[.,]\d+)?) ?([^\W\d_][^\d]{0,14})")
_LEAST_SHARE_WITH_UNIT = 0.6
_MOST_UNITS = 2
_WORDS_OF_A_CODE = frozenset({"id", "nr", "no", "code", "cod", "codice", "key", "tbl", "lookup"})


def without_codes(tables: Sequence[Table]) -> list[Table]:
    """Replace the codes of lookup files by their labels; return those files.

    A lookup file has one label for each code and little else; another file has a column whose
    header or whose file's name it shares, and no other values.
    """
    lookups = [(table, *found) for table in tables if (found := _codes_and_labels(table))]
    used: list[Table] = []
    for lookup, codes, labels in lookups:
        names = {_root(codes.header), _root(lookup.sheet or lookup.file.partition(".")[0])} - {""}
        texts = dict(zip(lookup.cells(codes), lookup.cells(labels), strict=True))
        for table in tables:
            if any(table == other for other, _, _ in lookups):
                continue
            for column in table.columns:
                if _root(column.header) in names and column.values.keys() <= codes.values.keys():
                    table.labels[column.header] = texts
                    table.aliases[column.header] = _root(lookup.sheet or lookup.file.split(".")[0])
                    _rewrite(table, column, partial(_label, texts))
                    used.append(lookup)
    return [table for table in tables if table in used]


def _label(labels: Mapping[str, str], text: str) -> str:
    return labels.get(text, text)


def _codes_and_labels(table: Table) -> tuple[Column, Column] | None:
    """Return the columns of codes and labels of a lookup file; None where it is none."""
    n = len(table.records)
    if len(table.columns) > _MOST_COLUMNS_OF_A_LOOKUP or not 1 < n <= _MOST_CODES:
        return None
    unique = [column for column in table.columns if len(column.values) == column.n_filled == n]
    labels = [c for c in unique if c.number_share == 0 and c.date_share == 0]
    codes = [c for c in unique if c not in labels[:1] and c.date_share == 0]
    if not labels or not codes or words_of(_root(codes[0].header), "patient_id") >= SET_FROM:
        return None
    is_known = max(share_of_terms(labels[0], kind) for kind in KINDS_OF_TERMS.values())
    if is_identity(labels[0].header) and is_known < _LEAST_KNOWN_LABELS:
        return None
    return codes[0], labels[0]


def _root(header: str) -> str:
    """Return what a name says without the words of codes: GeschlechtID and tblGeschlecht."""
    words = re.findall(r"[a-z]+", folded(header))
    plain = "".join(word for word in words if word not in _WORDS_OF_A_CODE)
    return re.sub(r"^tbl|(?<=.)id$", "", plain)


def without_units(table: Table) -> None:
    """Take the unit off the numbers of scores that are written with one: ``12,5 points``."""
    roles = (*score_ranges(), "score_value", "age_at_index_years")
    for column in table.columns:
        if not any(words_of(column.header, role) >= SET_FROM for role in roles):
            continue
        found = [(_WITH_UNIT.fullmatch(text), n) for text, n in column.values.items()]
        units = Counter[str]()
        for match, n in found:
            if match is not None:
                units[match.group(2)] += n
        if len(units) <= _MOST_UNITS and units.total() > _LEAST_SHARE_WITH_UNIT * column.n_filled:
            by_word = {unit.lower(): unit for unit in sorted(units, reverse=True)}
            table.units[column.header] = sorted(by_word.values())
            _rewrite(table, column, _number_of)


def _number_of(text: str) -> str:
    match = _WITH_UNIT.fullmatch(text)
    return text if match is None else match.group(1)


def _rewrite(table: Table, column: Column, of_cell: Callable[[str], str]) -> None:
    for record in table.records:
        record[column.position] = of_cell(record[column.position].strip())
    counts: Counter[str] = Counter()
    for text, n in column.values.items():
        counts[of_cell(text)] += n
    place = table.columns.index(column)
    table.columns[place] = replace(column, values=counts, n_typed_numbers=0)


def write_meanings(proposal: Proposal) -> None:
    """Say in the settings of a proposal which codes and units its columns have."""
    for use in proposal.uses:
        for name, setting in use.columns.items():
            column = use.column_of(name)
            if column is None:
                continue
            labels, units = use.table.labels.get(column.header), use.table.units.get(column.header)
            source = use.source(name)
            if labels:
                setting.value = {**source, "labels": labels}
            if units and (name.endswith("_score") or name in ("value", "age_at_index_years")):
                setting.value = {**source, "unit": units}
        records = use.keys["records"].value if "records" in use.keys else {}
        for header, wanted in records.items():
            labels = use.table.labels.get(header)
            if labels and isinstance(wanted, list):
                records[header] = [code for code, text in labels.items() if text in wanted]
