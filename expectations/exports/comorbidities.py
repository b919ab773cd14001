"""First door, comorbidities: what diagnoses of our patients look like."""

from __future__ import annotations

from expectations.exports.text import common_rules, has_patient, orphan_rule
from expectations.facts import Facts
from expectations.rules import Suite, filled, varied

COLUMNS = ["patient_id", "comorbidity_term"]


def suite(facts: Facts) -> Suite:
    """Return the suite of the comorbidity export."""
    query = f"""
        select *, record_fault is null as is_record_sound, {has_patient()} as has_patient
        from raw.comorbidities
    """
    return Suite(
        "export_comorbidities", "export", query,
        [
            *common_rules("comorbidities", COLUMNS, None, facts),
            orphan_rule("comorbidities"),
            filled("comorbidity_term", "A diagnosis without its name says nothing.", 0.95),
            varied("comorbidity_term", "One diagnosis everywhere: was a filter left on?"),
        ],
    )  # fmt: skip
