"""Second door, fct_patient_timepoints: attendance, scores and regimens over the four visits."""

from __future__ import annotations

from dataclasses import replace

from expectations.facts import SCORES, Facts
from expectations.rules import (
    COMPLETENESS,
    PLAUSIBILITY,
    VALIDATION,
    Rule,
    Suite,
    no_rows,
)

TIMEPOINTS = ("baseline", "week_04", "week_16", "week_52")
LARGEST_SHIFT, SMALL_SHIFT = 0.25, 1.0
"""A mean may move by this share of itself, or by this many points, between two publishes."""


def suite(facts: Facts) -> Suite:
    """Return the suite of the timepoint mart."""
    return Suite(
        "mart_fct_patient_timepoints", "mart", "select * from marts.fct_patient_timepoints",
        [
            *(_attended(timepoint) for timepoint in TIMEPOINTS),
            no_rows(
                "baseline_attendance",
                "select 1 from {batch} where timepoint_code = 'baseline' "
                "having avg(is_attended::int) < 0.9",
                COMPLETENESS, "Nearly everybody enrolled was seen at baseline.", "at least 90 %",
            ),
            no_rows(
                "attendance_over_time",
                "select 1 from (select avg(is_attended::int) as share, lag(avg(is_attended::int)) "
                "over (order by timepoint_number) as share_before from {batch} "
                "group by timepoint_number) where share > share_before + 0.1",
                PLAUSIBILITY, "Attendance falls over a year; a visit type was dropped otherwise.",
                "no rise of more than 10 points",
            ).as_warning(),
            *(rule for score in SCORES for rule in _score_rules(score, facts)),
            no_rows(
                "easi_falls",
                "select 1 from {batch} where is_attended having count(easi_score) filter "
                "(timepoint_number > 0) >= 20 and avg(easi_score) filter (timepoint_number > 0) "
                ">= avg(easi_score) filter (timepoint_number = 0)",
                PLAUSIBILITY, "Severity falls under treatment; otherwise score columns or "
                "timepoints are swapped.", "mean after baseline below mean at baseline",
            ),
            no_rows(
                "regimens_reviewed",
                "select 1 from {batch} where is_attended and is_evaluable "
                "having count(*) >= 20 and avg(is_regimen_evaluable::int) < 0.5",
                COMPLETENESS, "Topical therapy is reviewed at most visits.", "at least 50 %",
            ).as_warning(),
            no_rows(
                "one_regimen_only",
                "select 1 from {batch} where topical_regimen_code is not null "
                "having count(*) >= 50 and count(distinct topical_regimen_code) < 2",
                PLAUSIBILITY, "Patients are on different topical regimens; otherwise the drug "
                "codes were not understood.", "at least 2 regimens",
            ),
            no_rows(
                "nominal_agreement",
                "select 1 from {batch} having count(is_nominal_timepoint_agreed) >= 20 "
                "and avg(is_nominal_timepoint_agreed::int) < 0.8",
                PLAUSIBILITY, "The clinic's own visit labels mostly agree with the windows.",
                "at least 80 %",
            ).as_warning(),
        ],
    )  # fmt: skip


def _attended(timepoint: str) -> Rule:
    return no_rows(
        f"{timepoint}_present",
        f"select 1 from {{batch}} having count(*) filter (timepoint_code = '{timepoint}' "
        "and is_attended) = 0",
        COMPLETENESS, "Every timepoint of the study has visits.", "at least 1 attended visit",
    )  # fmt: skip


def _score_rules(score: str, facts: Facts) -> list[Rule]:
    recorded = no_rows(
        f"{score}_recorded",
        f"select 1 from {{batch}} where is_attended having count({score}) > 0 "
        f"and count({score}) < 0.5 * count(*)",
        COMPLETENESS, f"{score} is recorded at most visits, or not at all.",
        "at least 50 % of attended visits, or none",
    ).as_warning()  # fmt: skip
    means = {timepoint: facts.last_means.get((timepoint, score)) for timepoint in TIMEPOINTS}
    known = {timepoint: mean for timepoint, mean in means.items() if mean is not None}
    outside = " or ".join(
        f"(timepoint_code = '{timepoint}' and abs(avg({score}) - {mean}) > "
        f"{max(SMALL_SHIFT, LARGEST_SHIFT * abs(mean))})"
        for timepoint, mean in known.items()
    )
    stable = no_rows(
        f"{score}_as_before",
        "select timepoint_code from {batch} group by timepoint_code having count(*) >= 20 "
        f"and ({outside or 'false'})",
        PLAUSIBILITY, f"The mean of {score} at a timepoint does not jump between publishes.",
        f"within {LARGEST_SHIFT:.0%} or {SMALL_SHIFT:g} point of the last publish",
    )  # fmt: skip
    return [recorded, replace(stable, context=VALIDATION).only_if(bool(known))]
