"""First door, adverse events: what events of our patients look like."""

from __future__ import annotations

from expectations.exports.text import (
    any_date,
    common_rules,
    has_patient,
    is_word,
    looks_like,
    orphan_rule,
)
from expectations.facts import Facts
from expectations.rules import CONFORMANCE, Suite, filled, true, varied

COLUMNS = ["adverse_event_id", "patient_id", "event_term", "onset_date", "is_serious"]


def suite(facts: Facts) -> Suite:
    """Return the suite of the adverse event export."""
    query = f"""
        select *, record_fault is null as is_record_sound, {has_patient()} as has_patient,
            {looks_like("adverse_events", "onset_date", any_date("adverse_events", facts))}
                as is_onset_date_formed,
            {is_word("adverse_events", "is_serious", "yes_no")} as is_seriousness_known
        from raw.adverse_events
    """
    return Suite(
        "export_adverse_events", "export", query,
        [
            *common_rules("adverse_events", COLUMNS, "adverse_event_id", facts),
            orphan_rule("adverse events"),
            filled("event_term", "An event without its name says nothing.", 0.95),
            varied("event_term", "One event everywhere: was a filter left on?"),
            true("is_onset_date_formed", "onset_date", CONFORMANCE,
                 "Onset dates are dates of the declared form.", 0.9),
            true("is_seriousness_known", "is_serious", CONFORMANCE,
                 "Seriousness is yes or no after the word list.", 0.9),
        ],
    )  # fmt: skip
