"""SQL over raw text, shared by the suites of the first door.

These checks are coarse on purpose: they ask whether a column looks like what it should hold.
Staging judges every single value. No pattern holds a question mark: Great Expectations takes one in
a query for a parameter.
"""

from __future__ import annotations

from dataclasses import replace

from expectations.facts import Facts
from expectations.rules import (
    CONFORMANCE,
    VALIDATION,
    Rule,
    filled,
    holds_columns,
    rows_between,
    true,
    unique_share,
)

SMALLEST_LOAD_SHARE, LARGEST_LOAD_SHARE = 0.8, 1.5
"""A full snapshot holds at least this share of the records of the one before, and at most that."""

FEW_DATES, LARGEST_DATE_SHARE = 20, 0.1
"""A whole date that stands in more records than both is one that nobody typed."""


def whole_date(export: str, facts: Facts) -> str:
    """Return the pattern of a whole date in the form that the mapping declares."""
    words = {"%Y": "[0-9]{4}", "%m": "[0-9]{2}", "%d": "[0-9]{2}", ".": "[.]"}
    pattern = facts.date_formats.get(export, "%Y-%m-%d")
    for word, digits in words.items():
        pattern = pattern.replace(word, digits)
    return pattern


def any_date(export: str, facts: Facts) -> str:
    """Return the pattern of a whole or partial date: a year, a year and month."""
    year, month = "[0-9]{4}", "[0-9]{2}"
    form = facts.date_formats.get(export, "%Y-%m-%d")
    mark = f"[{form[2]}]"
    partial = f"{year}{mark}{month}" if form.startswith("%Y") else f"{month}{mark}{year}"
    return f"{whole_date(export, facts)}|{year}|{partial}"


def number(export: str, facts: Facts) -> str:
    """Return the pattern of a number with the decimal mark that the mapping declares."""
    return f"-{{0,1}}[0-9]+([{facts.decimal_marks.get(export, '.')}][0-9]+){{0,1}}"


def cell(export: str, column: str) -> str:
    """Return SQL for a cell without blanks around it; null when blank or a missing code."""
    codes = f"(select missing_codes from raw.source_formats where export_name = '{export}')"
    return (
        f"case when trim({column}) = '' or coalesce(list_contains({codes}, trim({column})), false) "
        f"then null else trim({column}) end"
    )


def looks_like(export: str, column: str, pattern: str) -> str:
    """Return SQL: true when a filled cell matches, null when it is missing."""
    return f"regexp_full_match({cell(export, column)}, '{pattern}')"


def is_no_default(export: str, column: str, facts: Facts) -> str:
    """Return SQL: false when very many records hold the same whole date."""
    return (
        f"case when {looks_like(export, column, whole_date(export, facts))} then "
        f"{is_rare(export, column, FEW_DATES, LARGEST_DATE_SHARE)} end"
    )


def is_rare(export: str, column: str, few: int, share: float) -> str:
    """Return SQL: false when more records than both limits hold the same cell.

    The frequent cells are a handful, found by one grouping; a window over every record would keep
    all of them in memory.
    """
    value = cell(export, column)
    return (
        f"{value} not in (select {value} from raw.{export} where {value} is not null group by all "
        f"having count(*) > greatest({few}, {share} * (select count(*) from raw.{export})))"
    )


def is_word(export: str, column: str, kind: str) -> str:
    """Return SQL: true when a filled cell is one of our words or of the mapping's."""
    return (
        f"lower({cell(export, column)}) in (select word from reference.word_list "
        f"where word_kind = '{kind}' union all select source_word from raw.source_words "
        f"where word_kind = '{kind}')"
    )


def has_patient(column: str = "patient_id") -> str:
    """Return SQL: true when the record's patient is in the patient export.

    A patient record without an identifier is left aside: one null in the list would make every
    stranger "unknown" instead of false.
    """
    return (
        f"trim({column}) in "
        "(select trim(patient_id) from raw.patients where patient_id is not null)"
    )


def common_rules(export: str, columns: list[str], key: str | None, facts: Facts) -> list[Rule]:
    """Return the rules that every export has: columns, records, volume, sound records, key."""
    last = facts.last_records.get(export, 0)
    rules = [
        holds_columns(columns, "The export contract names these columns."),
        replace(
            rows_between(
                "volume", SMALLEST_LOAD_SHARE * last, LARGEST_LOAD_SHARE * last,
                "A full snapshot does not shrink or jump: was a filter left on at the source?",
                f"{SMALLEST_LOAD_SHARE:.0%} to {LARGEST_LOAD_SHARE:.0%} of the last good load",
            ),
            context=VALIDATION,
        ).only_if(last >= 20),
        true(
            "is_record_sound", "source_file", CONFORMANCE,
            "A file with many broken records was not exported as it should be.", 0.9,
        ),
    ]  # fmt: skip
    if key:
        rules += [
            filled(key, "A record without its key cannot be placed.", 0.95),
            unique_share(key, "A key that repeats is not a key; single copies are removed.", 0.95),
        ]
    return rules


def orphan_rule(export: str) -> Rule:
    """Expect nearly every record to have its patient."""
    return true(
        "has_patient", "patient_id", CONFORMANCE,
        f"Many {export} without a patient: the files are not of the same extraction.", 0.95,
    )  # fmt: skip


def has_records(export: str) -> Rule:
    """Expect an export that a registry cannot be without to hold something."""
    return rows_between("records", 1, None, f"A registry has {export}.")
