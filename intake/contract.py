"""The export contract: the columns of each export, as seed export_columns declares them.

Staging judges the cells by the same seed. The project runs from its checkout, so the seed is there.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_SEEDS = Path(__file__).parents[1] / "seeds"
_CODES = {
    "drug": ("codelists/treatment_classes.csv", "treatment_class_code"),
    "comorbidity": ("codelists/comorbidities.csv", "comorbidity_code"),
    "adverse_event": ("codelists/adverse_event_codes.csv", "adverse_event_code"),
    "criterion": ("protocol/eligibility_criteria.csv", "criterion_code"),
    "timepoint": ("protocol/visit_windows.csv", "timepoint_code"),
    "score": ("protocol/score_definitions.csv", "score_code"),
    "study": ("protocol/study_gates.csv", "study_code"),
}
"""Kind of word to the seed and column with its codes; any other kind, and visits outside the
timepoints, are kinds of code_labels."""

INTAKE_CONTRACT_VERSION = "1"
"""Part of every load id: a change of what intake writes makes a delivery load again."""


@dataclass(frozen=True)
class ContractColumn:
    """One column of an export.

    Attributes
    ----------
    name : str
        Name in the raw table and, in a delivery with our own headers, in the file.
    is_required : bool
        A file without a required column is refused; an optional one stays NULL.
    is_expected : bool
        A file with our own headers that lacks an expected column is noted, and refused where it has
        an unexpected one, which may be the same column renamed.
    kind : str
        identifier, date, score, age, word, atc or text.
    word_kind : str
        Kind of its words; "" where it has none.
    alternative : str
        Column that may be there in its place; a mapping names one of the two. Empty for most.
    are_partial_dates_declared : bool
        Whether the mapping says if its dates may be partial.
    """

    name: str
    is_required: bool
    is_expected: bool
    kind: str
    word_kind: str
    alternative: str
    are_partial_dates_declared: bool


def _declared_exports() -> dict[str, tuple[ContractColumn, ...]]:
    exports: dict[str, tuple[ContractColumn, ...]] = {}
    for row in seed_rows("quality/export_columns.csv"):
        column = ContractColumn(
            row["column_name"],
            row["is_column_required"] == "true",
            row["is_column_expected"] == "true",
            row["kind_code"],
            row["word_kind"],
            row["alternative_column"],
            row["partial_dates"] == "declared",
        )
        exports[row["export_name"]] = (*exports.get(row["export_name"], ()), column)
    return exports


def seed_rows(seed: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a seed, named by its path in the folder of seeds."""
    with (_SEEDS / seed).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


@cache
def codes_of(kind: str) -> tuple[str, ...]:
    """Return the codes that a mapping may give to a kind of word, or name as criteria or study."""
    labels = seed_rows("codelists/code_labels.csv")
    codes = [row["code"] for row in labels if row["code_kind"] == kind]
    if kind in _CODES:
        seed, column = _CODES[kind]
        codes = [row[column] for row in seed_rows(seed)] + codes
    return tuple(dict.fromkeys(codes))


EXPORTS = _declared_exports()
"""Export name -> its columns, in the order of the raw table."""


def column_names(export_name: str) -> list[str]:
    """Return the column names of an export in the order of its raw table."""
    return [column.name for column in EXPORTS[export_name]]


@cache
def known_words(kind: str) -> dict[str, str]:
    """Return word in lower case -> our code."""
    rows = seed_rows("codelists/word_list.csv")
    return {row["word"]: row["code"] for row in rows if row["word_kind"] == kind}


KINDS_OF_TERMS = {
    "event_term": "adverse_event", "drug_name": "drug", "comorbidity_term": "comorbidity",
}  # fmt: skip
"""Column that says what a record is about -> kind of its terms."""


def word_kind(export_name: str, column_name: str) -> str:
    """Return the kind of the words or terms of a column; "" where it has none."""
    kinds = {column.name: column.word_kind for column in EXPORTS[export_name]}
    return KINDS_OF_TERMS.get(column_name) or kinds[column_name]


def unexpected_columns(export_name: str) -> list[str]:
    """Return the columns whose absence from a file with our own headers means nothing."""
    return [column.name for column in EXPORTS[export_name] if not column.is_expected]


def required_columns(export_name: str) -> list[str]:
    """Return the columns without which a file of this export is refused."""
    return [column.name for column in EXPORTS[export_name] if column.is_required]
