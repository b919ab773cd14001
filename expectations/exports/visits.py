"""First door, visits: what clinic visits with scores look like."""

from __future__ import annotations

from dataclasses import replace

from expectations.exports.text import (
    cell,
    common_rules,
    has_patient,
    is_no_default,
    is_word,
    looks_like,
    number,
    orphan_rule,
    whole_date,
)
from expectations.facts import Facts
from expectations.rules import (
    CONFORMANCE,
    PLAUSIBILITY,
    VALIDATION,
    Rule,
    Suite,
    filled,
    no_rows,
    rows_between,
    true,
    varied,
)

SCORES = ("easi", "itch_nrs", "sleep_nrs", "dlqi", "iga", "poem")
COLUMNS = ["visit_id", "patient_id", "visit_date", *(f"{score}_score" for score in SCORES)]


def suite(facts: Facts) -> Suite:
    """Return the suite of the visit export."""
    date = f"try_strptime({cell('visits', 'visit_date')}, '{facts.date_formats['visits']}')"
    flags = ", ".join(_score_flags(score, facts) for score in SCORES)
    not_after = f"{date} <= date '{facts.extraction_date}'" if facts.extraction_date else "null"
    query = f"""
        select *, record_fault is null as is_record_sound, {has_patient()} as has_patient,
            {looks_like("visits", "visit_date", whole_date("visits", facts))}
                as is_visit_date_formed,
            {is_no_default("visits", "visit_date", facts)} as is_visit_date_not_a_default,
            ({not_after})::boolean as is_visit_before_extraction, {date} as visit_day,
            {is_word("visits", "topical_adherence", "topical_adherence")} as is_adherence_known,
            {flags}
        from raw.visits
    """
    return Suite(
        "export_visits", "export", query,
        [
            rows_between("records", 1, None, "A registry has visits."),
            *common_rules("visits", COLUMNS, "visit_id", facts),
            orphan_rule("visits"),
            filled("visit_date", "A visit without a date answers for no timepoint.", 0.9),
            true("is_visit_date_formed", "visit_date", CONFORMANCE,
                 "Visit dates are whole dates of the declared form.", 0.9),
            true("is_visit_date_not_a_default", "visit_date", PLAUSIBILITY,
                 "One date for many visits is a default of a form.", 0.95),
            true("is_visit_before_extraction", "visit_date", PLAUSIBILITY,
                 "Visits lie before the extraction.", 0.95).only_if(
                     facts.extraction_date is not None),
            _newest_visit(facts),
            true("is_adherence_known", "topical_adherence", CONFORMANCE,
                 "The review of topical therapy is a word of the word list.", 0.9),
            *(rule for score in SCORES for rule in _score_rules(score)),
        ],
    )  # fmt: skip


def _score_flags(score: str, facts: Facts) -> str:
    value = cell("visits", f"{score}_score")
    limits = f"from reference.score_definitions where score_code = '{score}'"
    return (
        f"{looks_like('visits', f'{score}_score', number('visits', facts))} as is_{score}_number, "
        f"try_cast(replace({value}, ',', '.') as double) between (select min_value {limits}) "
        f"and (select max_value {limits}) as is_{score}_in_range, {value} as {score}_cell"
    )


def _score_rules(score: str) -> list[Rule]:
    column = f"{score}_score"
    return [
        true(f"is_{score}_number", f"{score}_cell", CONFORMANCE,
             f"{column} is a number with the declared decimal mark.", 0.95),
        true(f"is_{score}_in_range", f"{score}_cell", PLAUSIBILITY,
             f"{column} lies in the score's range; many outside it: shifted columns?", 0.95),
        replace(varied(f"{score}_cell", f"{column} is the same everywhere: a default of a form?"),
                code=f"{score}_varied"),
    ]  # fmt: skip


def _newest_visit(facts: Facts) -> Rule:
    before = facts.newest_visit_before or "0001-01-01"
    rule = no_rows(
        "newest_visit", f"select 1 from {{batch}} having max(visit_day) < date '{before}'",
        PLAUSIBILITY, "The newest visit is not older than that of the last good load.",
        "not before the last load's newest visit",
    )  # fmt: skip
    return replace(rule, context=VALIDATION).only_if(facts.newest_visit_before is not None)
