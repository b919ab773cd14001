"""Rules that tell whether a file of the delivery was cut at the end of a line.

Such a file is sound in every record. What it lost shows against the other files: where it is in the
order of the patients, the last of them have no record; in the order of its dates, the visits go on
after its last record; in any order, patients have no first visit, or visits of the study and no
treatment. A cut of conditions or events in no order, or of courses where each patient has several
of the index treatment, shows only against the load before (expectations.exports, ``volume_kept``).
All are warnings: a young registry may look like that.
"""

from __future__ import annotations

from collections.abc import Iterator

from expectations.facts import STAGED, Facts
from expectations.rules import COMPLETENESS, Measure, share, value_between

LEAST_EVIDENCE, MOST_PATIENTS_PCT, MOST_VISITS_PCT = 10, 5.0, 3.0
"""A cut is less probable than exp(-10) without one, and larger than 5 % of the patients or 3 % of
the visits. Simulated cohorts of 60 to 2,000 patients reach exp(-12) with 1.3 % of the visits."""

LONGEST_WITHOUT_VISIT_DAYS = 122
"""Four months without any visit before the extraction: somebody of a registry is seen every month;
simulated cohorts of 60 patients reach 101 days."""

DATED = {"prescriptions": "start_date", "adverse_events": "onset_date"}
"""Export to the date whose records go on as long as the visits do."""

_VISITS = STAGED["visits"]
_LABELLED = (
    f"(select patient_id, timepoint_number from {_VISITS} inner join reference.visit_windows "
    "on nominal_timepoint_code = timepoint_code)"
)
"""SQL: the visits that the clinic labels with a timepoint of the study."""


def measures(export: str, facts: Facts) -> Iterator[Measure]:
    """Yield the rules for one export other than the patients."""
    if export == "patients":
        return
    yield _reaches_last_patient(export)
    if export in DATED:
        reaches = _reaches_last_visits(export)
        yield reaches.only_if(facts.has_calendar)
    if export == "visits":
        yield _near_extraction(facts)
        first_window = "(select last_day from reference.visit_windows where timepoint_number = 0)"
        yield _missing(
            "treated_patients_seen",
            "(select count(*) from cohort.cohort_index_dates left join (select patient_id, "
            "min(visit_day) as first_day from cohort.cohort_visit_days group by patient_id) "
            f"using (patient_id) where first_day is null or first_day > {first_window})",
            "case when count(*) > 0 then (select count(*) from cohort.cohort_index_dates) end",
            what="patients who start the index treatment",
            reason="Patients start the index treatment and have no visit until then: was the file "
            "cut?",
        )
        yield _missing(
            "first_timepoint_labelled",
            f"(select count(*) from (select patient_id from {_LABELLED} group by patient_id "
            "having min(timepoint_number) > 0))",
            f"case when count(*) > 0 then (select count(distinct patient_id) from {_LABELLED}) end",
            what="patients with a visit at a timepoint of the study",
            reason="Patients have a visit at a later timepoint of the study and none at the first: "
            "was the file cut?",
        )
    if export == "prescriptions":
        yield _missing(
            "followed_patients_treated",
            f"(select count(distinct patient_id) from {_LABELLED} where patient_id not in "
            "(select patient_id from cohort.cohort_index_dates))",
            f"case when count(*) > 0 then (select count(distinct patient_id) from {_LABELLED}) end",
            what="patients with a visit at a timepoint of the study",
            reason="Patients with a visit at a timepoint of the study have no start of the index "
            "treatment: was the file cut?",
        )


def _missing(
    code: str, n: str, of: str, *, what: str, reason: str, most: float = MOST_PATIENTS_PCT
) -> Measure:
    """Return the warning that a share of patients or visits has no record of the export."""
    measure = share(code, n, of, most, category=COMPLETENESS, reason=reason, what=what)
    return measure.as_warning()


def _reaches_last_patient(export: str) -> Measure:
    """Return the rule on patients at the end of the register without a record, if improbable.

    The probability that one has none is that of the patients before them, at least 1 %.
    """
    placed = (
        "(select place, patient_id in (select patient_id from " + STAGED[export] + ") as is_there "
        "from (select patient_id, row_number() over (order by source_file, record_number) as place "
        f"from {STAGED['patients']}))"
    )
    ended = (
        "(select count(*) - max(place) filter (is_there) as n_after, "
        f"count(*) filter (is_there) / max(place) filter (is_there) as share from {placed})"
    )
    is_cut = f"n_after * -ln(1 - least(share, 0.99)) >= {LEAST_EVIDENCE}"
    return _missing(
        "reaches_last_patient",
        f"(select case when {is_cut} then n_after else 0 end from {ended})",
        f"case when count(*) > 0 then (select count(*) from {STAGED['patients']}) end",
        what="patients",
        reason=f"The {export.replace('_', ' ')} end with patients in the middle of the register, "
        "and no later patient has a record: the file may have been cut.",
    )


def _reaches_last_visits(export: str) -> Measure:
    """Return the rule on visits after the newest record of the export, if improbable.

    Each of the records since the first visit lies before a share s of the visits with probability
    1 - s, if records and visits go together; (1 - s)^n is less than exp(-n s).
    """
    date = DATED[export]
    reached = (
        f"(select max(latest_{date}) as newest, count(*) filter (earliest_{date} >= "
        f"(select min(visit_date) from {_VISITS})) as n_records from {STAGED[export]})"
    )
    after = (
        "(select any_value(n_records) as n_records, count(*) as n_visits, "
        f"count(*) filter (visit_date > newest) as n_after from {_VISITS} cross join {reached})"
    )
    is_cut = f"n_records * n_after >= {LEAST_EVIDENCE} * n_visits"
    return _missing(
        "reaches_last_visits",
        f"(select case when {is_cut} then n_after else 0 end from {after})",
        f"case when count(latest_{date}) > 0 then (select count(*) from {_VISITS}) end",
        what="visits",
        most=MOST_VISITS_PCT,
        reason=f"The visits go on after the newest of the {export.replace('_', ' ')}: the file "
        "may have been cut.",
    )


def _near_extraction(facts: Facts) -> Measure:
    """Return the rule that somebody was seen shortly before the extraction."""
    rule = value_between(
        "newest_visit_near_extraction",
        None,
        0,
        category=COMPLETENESS,
        reason="Nobody was seen in the last four months before the extraction: was the file "
        "cut, or is the extraction date right?",
        threshold=f"0: a visit in the last {LONGEST_WITHOUT_VISIT_DAYS} days",
    )
    # Only whether it is older: the day itself would be a date of a patient.
    is_old = (
        f"(max(visit_date) < date '{facts.extraction_date or '0001-01-01'}' "
        f"- {LONGEST_WITHOUT_VISIT_DAYS})::int"
    )
    return Measure(rule.as_warning().only_if(facts.extraction_date is not None), is_old)
