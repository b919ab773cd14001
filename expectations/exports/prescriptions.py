"""First door, prescriptions: what courses of treatment look like."""

from __future__ import annotations

from expectations.exports.text import (
    any_date,
    common_rules,
    has_patient,
    has_records,
    is_no_default,
    looks_like,
    orphan_rule,
)
from expectations.facts import Facts
from expectations.rules import CONFORMANCE, PLAUSIBILITY, Suite, filled, true, varied

COLUMNS = ["prescription_id", "patient_id", "drug_name", "atc_code", "start_date", "end_date"]

ATC = "[A-Z][0-9]{2}([A-Z]([A-Z]([0-9]{2}){0,1}){0,1}){0,1}"
"""Five levels of the Anatomical Therapeutic Chemical classification (WHO)."""


def suite(facts: Facts) -> Suite:
    """Return the suite of the prescription export."""
    query = f"""
        select *, record_fault is null as is_record_sound, {has_patient()} as has_patient,
            {looks_like("prescriptions", "start_date", any_date("prescriptions", facts))}
                as is_start_date_formed,
            {is_no_default("prescriptions", "start_date", facts)} as is_start_date_not_a_default,
            {looks_like("prescriptions", "end_date", any_date("prescriptions", facts))}
                as is_end_date_formed,
            {looks_like("prescriptions", "upper(atc_code)", ATC)} as is_atc_formed
        from raw.prescriptions
    """
    return Suite(
        "export_prescriptions", "export", query,
        [
            has_records("prescriptions"),
            *common_rules("prescriptions", COLUMNS, None, facts),
            filled("prescription_id", "A record without its key cannot be placed.", 0.95),
            orphan_rule("prescriptions"),
            filled("drug_name", "A course without a drug says nothing.", 0.95),
            varied("drug_name", "One drug in every prescription: was a filter left on?"),
            filled("start_date", "A course without a start cannot be placed.", 0.9),
            true("is_start_date_formed", "start_date", CONFORMANCE,
                 "Start dates are dates of the declared form.", 0.9),
            true("is_start_date_not_a_default", "start_date", PLAUSIBILITY,
                 "One start for many courses is a default of a form, or the day of a migration.",
                 0.95),
            true("is_end_date_formed", "end_date", CONFORMANCE,
                 "End dates are dates of the declared form.", 0.9),
            true("is_atc_formed", "atc_code", CONFORMANCE,
                 "ATC codes look like ATC codes.", 0.8).as_warning(),
        ],
    )  # fmt: skip
