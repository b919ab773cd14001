"""First door, patients: what a register of people looks like."""

from __future__ import annotations

from dataclasses import replace

from expectations.exports.text import (
    any_date,
    cell,
    common_rules,
    has_records,
    is_rare,
    is_word,
    looks_like,
)
from expectations.facts import Facts
from expectations.rules import CONFORMANCE, PLAUSIBILITY, Suite, filled, true, varied

COLUMNS = ["patient_id", "sex", "birth_date"]
FEW_BIRTHS, LARGEST_BIRTH_SHARE = 3, 0.05
"""A birth date of more patients than both is one that nobody was born on."""


def suite(facts: Facts) -> Suite:
    """Return the suite of the patient export."""
    birth = cell("patients", "birth_date")
    query = f"""
        select *, record_fault is null as is_record_sound,
            {is_word("patients", "sex", "sex")} as is_sex_known,
            {looks_like("patients", "birth_date", any_date("patients", facts))}
                as is_birth_date_formed,
            case when {birth} is not null then
                {is_rare("patients", "birth_date", FEW_BIRTHS, LARGEST_BIRTH_SHARE)}
            end as is_birth_date_not_a_default
        from raw.patients
    """
    return Suite(
        "export_patients", "export", query,
        [
            has_records("patients"),
            *common_rules("patients", COLUMNS, "patient_id", facts),
            true("is_sex_known", "sex", CONFORMANCE, "Sex is a word of the word list.", 0.9),
            filled("birth_date", "Ages come from the birth date.", 0.9),
            true("is_birth_date_formed", "birth_date", CONFORMANCE,
                 "Birth dates are dates or years of the declared form.", 0.9),
            true("is_birth_date_not_a_default", "birth_date", PLAUSIBILITY,
                 "One birth date for many people is a default of a form.", 0.95),
            replace(varied("sex", "Patients of one sex only: was a filter left on?", 50)
                    ).as_warning(),
        ],
    )  # fmt: skip
