"""Suites over a delivery: how much of each export was refused, how large it is, how it varies.

Staging has judged every cell; these rules read its verdicts (quarantine.rejected_records), the
ledger and the staged records. Each suite has one row, and each rule judges one number of it.
No text holds a question mark: Great Expectations takes one in a query for a parameter.
"""

from __future__ import annotations

from collections.abc import Iterator

from expectations import cuts
from expectations.facts import SCORES as STUDY_SCORES
from expectations.facts import STAGED, Facts
from expectations.rules import (
    COMPLETENESS,
    CONFORMANCE,
    PLAUSIBILITY,
    Measure,
    Suite,
    no_rows,
    rows_between,
    share,
    value_between,
)
from intake.contract import EXPORTS, column_names
from intake.uses import NOT_SELECTED, SKIPPED

SCORES = [name for name in column_names("visits") if name.endswith("_score")]
STAGED_COLUMN = {
    "sex": "sex_code",
    "topical_adherence": "topical_adherence_code",
    "score": "score_code",
    "value": "score_value",
}
"""Columns that have another name in staging."""

UNMAPPED: dict[str, tuple[str, str, float]] = {
    "prescriptions": ("drug_name", "drug", 1),
    "comorbidities": ("comorbidity_term", "comorbidity", 5),
    "adverse_events": ("event_term", "adverse_event", 5),
}
"""Export to column, kind of term, and largest share of records whose term no code list knows, in
percent: drugs decide regimens and eligibility, and one drug can be few of the records; conditions
are written more freely."""

NEVER_EMPTY = ("patients", "visits", "prescriptions")
MOST_REFUSED_PCT: dict[str, dict[str, float]] = {
    "patients": {"patient_id": 5, "sex": 10, "birth_date": 10},
    "visits": {
        "visit_id": 5,
        "visit_date": 10,
        "topical_adherence": 10,
        **dict.fromkeys(SCORES, 5),
    },
    "scores": {"visit_date": 10, "score": 5, "value": 5},
    "prescriptions": {
        "prescription_id": 5,
        "drug_name": 5,
        "start_date": 10,
        "end_date": 10,
        "atc_code": 20,
    },
    "comorbidities": {"comorbidity_term": 5},
    "adverse_events": {"adverse_event_id": 5, "event_term": 5, "onset_date": 10, "is_serious": 10},
}
"""Largest share of the cells of a column that may be refused, in percent of those filled."""

FEW_REFUSED = 1
"""So many refused cells of a column are counted as none: ``>50`` once in a small registry is no
pattern, whatever its share."""

WARNING_ONLY = ("atc_code",)
KEYS = {"patients": "patient_id", "visits": "visit_id", "adverse_events": "adverse_event_id"}
MOST_BROKEN_PCT = 10.0
MOST_REPEATED_PCT = MOST_ORPHANS_PCT = MOST_IMPOSSIBLE_PCT = 5.0
"""Largest shares of the records, in percent: broken, with a repeated key, without a patient in the
register, with a date that cannot be."""

VARIED = {
    "visits": SCORES,
    "prescriptions": ["drug_name"],
    "comorbidities": ["comorbidity_term"],
    "adverse_events": ["event_term"],
}
MAY_BE_ONE_WORD = ("comorbidity_term", "event_term")
"""A clinic may record one condition, or the same conditions in one cell: a warning only."""

LEAST_TO_VARY, LEAST_PATIENTS_TO_VARY = 20, 50
"""With fewer records one value in all of them may be chance."""

SMALLEST_LOAD_SHARE, LARGEST_LOAD_SHARE, LEAST_LAST_LOAD = 0.8, 1.5, 20
"""A full snapshot holds at least and at most these shares of the records of the one before."""

LARGEST_LOST_SHARE = 0.02
"""A share of the records of the load before that may be deleted in one night."""

DEFAULT_DATES: dict[str, tuple[str, str, int, float]] = {
    "patients": ("birth_date", "true", 3, 5),
    "visits": ("visit_date", "true", 20, 10),
    "prescriptions": ("start_date", "not is_start_date_partial", 20, 10),
}
"""Export to date column, records that count, and number and percent of the records: a date that
more than both of them share is a default of a form, or the day of a migration."""

LARGEST_REFUSED_SHARE, FEW_RECORDS = 0.10, 5
"""No file may lose more than both of its records, or of its values."""

UNSELECTED = f"ends_with(source_file, '#{NOT_SELECTED}')"
"""SQL: the line of the ledger of records that no part of the mapping selects."""

OF_NO_EXPORT = f"({UNSELECTED} or ends_with(source_file, '#{SKIPPED}'))"
"""SQL: a line of the ledger of records that belong to no export, declared or not."""

_REPEATED = ("duplicate_exact", "conflicting_duplicate")
_BETWEEN_RECORDS = (
    *_REPEATED, "repeated_record", "orphan", "parent_rejected", "before_birth", "end_before_start",
)  # fmt: skip
"""Rules that compare a cell with another cell or record; the other rules are about one cell."""


def suites(facts: Facts) -> list[Suite]:
    """Return one suite per export, and one over the ledger of all files."""
    return [_export(export, facts) for export in EXPORTS] + [_ledger()]


class _Counts:
    """Numbers of one export, each with a name, so that every table is read once for all of them.

    A subquery for each number takes ten times as long to plan.
    """

    def __init__(self) -> None:
        self._of_records: dict[str, str] = {}
        self._of_refusals: dict[str, str] = {}

    def records(self, aggregate: str) -> str:
        """Return the name of an aggregate over the staged records."""
        return self._of_records.setdefault(aggregate, f"records_{len(self._of_records)}")

    def refused(self, condition: str) -> str:
        """Return the name of the number of refusals for which a condition holds."""
        count = f"coalesce(sum(n) filter (where {condition}), 0)::bigint"
        return self._of_refusals.setdefault(count, f"refused_{len(self._of_refusals)}")

    def source(self, export: str) -> str:
        """Return SQL of one row with all of them, and ``n_read``.

        Records that belong to no export are not counted as read.
        """
        of_records, of_refusals = (
            ", ".join(f"{sql} as {name}" for sql, name in counts.items())
            for counts in (self._of_records, self._of_refusals)
        )
        return f"""(select {of_records} from {STAGED[export]})
            cross join (
                select {of_refusals} from (
                    select column_name, rule_code, count(*) as n
                    from quarantine.rejected_records
                    where export_name = '{export}'
                    group by column_name, rule_code
                )
            )
            cross join (
                select coalesce(sum(n_records_read), 0)::bigint as n_read
                from quarantine.record_ledger
                where export_name = '{export}' and not {OF_NO_EXPORT}
            )"""


def _export(export: str, facts: Facts) -> Suite:
    counts = _Counts()
    measures = [*_volume(export, facts, counts), *_refusals(export, facts, counts)]
    measures += [
        Measure(rule, counts.records(sql), of and counts.records(of))
        for rule, sql, of in (*_distributions(export, facts), *cuts.measures(export, facts))
    ]
    counted: list[str] = []
    shares: list[str] = []
    for rule, sql, of in measures:
        if rule.counts is None:
            counted.append(f"{sql} as {rule.code}")
        else:
            n, n_of = rule.counts
            counted += [f"{sql} as {n}", f"{of} as {n_of}"]
            shares.append(f"100.0 * {n} / nullif({n_of}, 0) as {rule.code}")
    # Great Expectations accepts only a query that begins with "select".
    query = f"""select *, {", ".join(shares)} from (
        select {", ".join(counted)} from {counts.source(export)}
    ) as counted"""
    rules = [measure.rule for measure in measures]
    return Suite(f"export_{export}", "export", query, rules, is_one_row=True)


def _volume(export: str, facts: Facts, counts: _Counts) -> Iterator[Measure]:
    """Yield how many records there are, also against the load before."""
    rule = value_between(
        "records",
        1,
        None,
        category=COMPLETENESS,
        reason=f"A registry has {export.replace('_', ' ')}."
        if export in NEVER_EMPTY
        else f"The export of {export.replace('_', ' ')} is empty: has the register recorded none "
        "yet, or was it cut?",
        threshold="at least 1 record",
    )
    rule = rule if export in NEVER_EMPTY else rule.as_warning()
    yield Measure(rule.only_if(export in facts.exports), "n_read")
    last = facts.last_records.get(export, 0)
    rule = value_between(
        "volume",
        SMALLEST_LOAD_SHARE * last,
        LARGEST_LOAD_SHARE * last,
        category=COMPLETENESS,
        reason="A full snapshot does not shrink or jump: was a filter left on at the source?",
        threshold=f"{SMALLEST_LOAD_SHARE:.0%} to {LARGEST_LOAD_SHARE:.0%} of the last good load",
    )
    yield Measure(rule.against_before(last >= LEAST_LAST_LOAD), "n_read")
    lost = max(FEW_RECORDS, LARGEST_LOST_SHARE * last)
    rule = value_between(
        "volume_kept",
        last - lost,
        None,
        category=COMPLETENESS,
        reason=f"There are fewer {export.replace('_', ' ')} than in the last good load: records "
        "are rarely deleted; was the file cut?",
        threshold=f"at most {LARGEST_LOST_SHARE:.0%} (and {FEW_RECORDS}) fewer",
    )
    yield Measure(rule.as_warning().against_before(last > FEW_RECORDS), "n_read")
    if export == "visits":
        before = facts.newest_visit_before
        rule = value_between(
            "newest_visit",
            None,
            0,
            category=PLAUSIBILITY,
            reason="The newest visit is not older than that of the last good load.",
            threshold="0: not before the last load's newest visit",
        )
        is_older = f"(max(visit_date) < date '{before or '0001-01-01'}')::int"
        yield Measure(rule.against_before(before is not None), counts.records(is_older))


def _refusals(export: str, facts: Facts, counts: _Counts) -> Iterator[Measure]:
    """Yield the shares of broken records, refused cells, repeated keys and unknown patients."""
    yield share(
        "record_sound",
        counts.refused(f"column_name = '(record)' and rule_code <> '{NOT_SELECTED}'"),
        "n_read",
        MOST_BROKEN_PCT,
        category=CONFORMANCE,
        reason="A file with many broken records was not exported as it should be.",
    )
    for column, most in MOST_REFUSED_PCT[export].items():
        refused = counts.refused(
            f"column_name = '{column}' and rule_code not in {_BETWEEN_RECORDS}"
        )
        measure = share(
            f"{column}_refused",
            f"(case when {refused} > {FEW_REFUSED} then {refused} else 0 end)",
            f"{counts.records(f'count({STAGED_COLUMN.get(column, column)})')} + {refused}",
            most,
            category=CONFORMANCE,
            reason=f"Many refused cells of {column}: shifted columns, a form that was not "
            "declared, or an export that went wrong.",
            what="filled cells",
        )
        is_warning = column in WARNING_ONLY
        yield measure.as_warning() if is_warning else measure
    if export in UNMAPPED:
        column, kind, most = UNMAPPED[export]
        measure = share(
            f"{column}_understood",
            f"(select count(*) from cohort.cohort_unmapped_records where term_kind = '{kind}')",
            counts.records("count(*)"),
            most,
            category=CONFORMANCE,
            reason=f"A {kind.replace('_', ' ')} that no code list knows leaves open what its "
            "patient had; add its name to a list or to the words of the mapping.",
        )
        yield measure.as_warning()
    if export == "visits":
        measure = share(
            "visit_before_extraction",
            counts.refused("column_name = 'visit_date' and rule_code = 'date_range'"),
            "n_read",
            MOST_IMPOSSIBLE_PCT,
            category=PLAUSIBILITY,
            reason="Visits lie before the extraction.",
        )
        is_declared = facts.extraction_date is not None
        yield measure.only_if(is_declared)
    if export == "patients":
        yield share(
            "birth_date_possible",
            counts.refused(
                "column_name = 'birth_date' and rule_code in ('date_range', 'age_range')"
            ),
            "n_read",
            MOST_IMPOSSIBLE_PCT,
            category=PLAUSIBILITY,
            reason="Many impossible birth dates are a default of a form, such as 1 January 1900.",
        )
    if export in KEYS:
        yield share(
            f"{KEYS[export]}_unique",
            counts.refused(f"rule_code in {_REPEATED}"),
            "n_read",
            MOST_REPEATED_PCT,
            category=CONFORMANCE,
            reason="A key that repeats is not a key; single copies are removed.",
        )
    if export != "patients":
        yield share(
            "patient",
            counts.refused("column_name = 'patient_id' and rule_code <> 'parent_rejected'"),
            "n_read",
            MOST_ORPHANS_PCT,
            category=CONFORMANCE,
            reason=f"Many {export} without a patient: the files are not of the same extraction.",
        )


def _distributions(export: str, facts: Facts) -> Iterator[Measure]:
    """Yield whether columns vary, and whether one date is shared by many records."""
    for column in VARIED.get(export, []):
        varied = _varied(column, column.removesuffix("_score"), LEAST_TO_VARY)
        if column == "drug_name":
            # One course for each patient: a source may hold the index treatment and nothing else.
            has_several = "count(*) > count(distinct patient_id)"
            varied = varied._replace(sql=f"case when {has_several} then {varied.sql} end")
        if column in MAY_BE_ONE_WORD:
            varied = varied.as_warning()
        yield varied
    if export == "visits":
        for column in STUDY_SCORES:
            name = column.removesuffix("_score")
            rule = value_between(
                f"{name}_recorded",
                1,
                None,
                category=COMPLETENESS,
                reason=f"{name} is a score of the study and has no value at all: was its column "
                "left out or renamed at the source?",
                threshold="at least 1 value",
            )
            n = f"case when count(*) >= {LEAST_TO_VARY} then count({column}) end"
            yield Measure(rule.as_warning(), n)
    if export == "prescriptions":
        dated = share(
            "courses_dated",
            "count(*) filter (start_date is null and period_code is distinct from 'before_index')",
            "count(*)",
            0,
            category=COMPLETENESS,
            reason="Whether a patient was on the class of a course without a start is not known; "
            "where such courses were over before the index treatment, the mapping may declare "
            "period: {constant: before_index}.",
        )
        yield dated.as_warning()
    if export == "patients":
        sex = _varied("sex_code", "sex", LEAST_PATIENTS_TO_VARY)
        yield sex.as_warning()
    if export in DEFAULT_DATES:
        column, condition, few, most = DEFAULT_DATES[export]
        shared = (
            f"(select coalesce(max(n), 0) from (select count(*) as n from {STAGED[export]} "
            f"where {condition} and {column} is not null group by {column}))"
        )
        default = share(
            f"{column}_not_a_default",
            f"case when {shared} > {few} then {shared} else 0 end",
            f"case when count(*) > {few} then count(*) end",
            most,
            category=PLAUSIBILITY,
            reason="One date in many records is a default of a form, or the day of a migration.",
            what=f"records with the same date, or {few} records",
        )
        yield default.only_if(facts.has_calendar)


def _varied(column: str, name: str, least: int) -> Measure:
    rule = value_between(
        f"{name}_varied",
        2,
        None,
        category=PLAUSIBILITY,
        reason=f"{name} is the same everywhere: a default of a form, or a filter at the source?",
        threshold="at least 2 different values",
    )
    return Measure(rule, f"case when count({column}) >= {least} then count(distinct {column}) end")


def _ledger() -> Suite:
    allowed = f"greatest({FEW_RECORDS}, {LARGEST_REFUSED_SHARE} * n_records_read)"
    return Suite(
        "export_ledger", "export", "select * from quarantine.record_ledger",
        [
            rows_between("files", 1, None, "A delivery has files."),
            no_rows(
                "record_loss_small",
                f"select 1 from {{batch}} where n_quarantined > {allowed} and not {OF_NO_EXPORT}",
                CONFORMANCE, "No file loses more than one record in ten (and more than 5).",
                "no file",
            ),
            no_rows(
                "value_loss_small", f"select 1 from {{batch}} where n_values_refused > {allowed}",
                CONFORMANCE,
                "No file loses more values than a tenth of its records (and more than 5).",
                "no file",
            ),
            no_rows(
                "records_selected", f"select 1 from {{batch}} where {UNSELECTED}", CONFORMANCE,
                "Records of a file belong to no export (rule not_selected): an event, an arm or an "
                "instrument that the records of the mapping do not name.",
                "no file",
            ).as_warning(),
        ],
    )  # fmt: skip
