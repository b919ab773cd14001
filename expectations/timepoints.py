"""Rules over the marts of visits and scores: attendance, outcomes and their scales over time."""

from __future__ import annotations

from collections.abc import Iterator

from expectations.facts import SCORES, Facts
from expectations.rules import COMPLETENESS, MANY, PLAUSIBILITY, SOME, Rule, no_rows, study_gate

LARGEST_SHIFT, SMALL_SHIFT = 0.25, 1.0
"""A mean may move by this share of itself, or by this many points, between two publishes."""
LEAST_STEPS_TO_HEAP = 10
"""On a shorter scale many patients share a value: severe disease at baseline is IGA 4."""


def of_timepoints(facts: Facts) -> Iterator[Rule]:
    """Yield attendance, scores and regimens over the timepoints."""
    yield from study_gate(
        facts,
        "every_timepoint_present",
        "count(*) filter (is_attended)",
        "not_attended_reason_code is distinct from 'window_after_extraction'",
        "group by timepoint_code",
        category=COMPLETENESS,
    )
    yield from study_gate(
        facts,
        "baseline_attendance",
        "100 * avg(is_attended::int)",
        "timepoint_number = 0",
        category=COMPLETENESS,
    )
    yield no_rows(
        "attendance_over_time",
        "select 1 from (select avg(is_attended::int) as share, lag(avg(is_attended::int)) "
        "over (order by timepoint_number) as share_before from {batch} group by timepoint_number) "
        "where share > share_before + 0.1",
        PLAUSIBILITY, "Attendance falls over a year; a visit type was dropped otherwise.",
        "no rise of more than 10 points",
    ).at_least(SOME, "count(*) filter (timepoint_number = 0)").as_warning()  # fmt: skip
    for score in SCORES:
        used = f"if(count({score}) > 0, count(*) filter (is_attended), 0)"
        yield no_rows(
            f"{score}_recorded",
            f"select 1 from {{batch}} where is_attended having count({score}) < 0.5 * count(*)",
            COMPLETENESS, f"{score} is recorded at most visits, or not at all.",
            "at least 50 % of attended visits, or none",
        ).at_least(SOME, used).as_warning()  # fmt: skip
        yield _as_before(score, facts)
    yield no_rows(
        "easi_falls",
        "select 1 from {batch} where is_attended having avg(easi_score) filter "
        "(timepoint_number > 0) >= avg(easi_score) filter (timepoint_number = 0)",
        PLAUSIBILITY,
        "Severity falls under treatment; otherwise score columns or timepoints are swapped.",
        "mean after baseline below mean at baseline",
    ).at_least(
        SOME,
        "least(count(easi_score) filter (timepoint_number > 0), "
        "count(easi_score) filter (timepoint_number = 0))",
    )  # fmt: skip
    yield no_rows(
        "regimens_reviewed",
        "select 1 from {batch} where is_attended and is_evaluable "
        "having avg(is_regimen_evaluable::int) < 0.5",
        COMPLETENESS, "Topical therapy is reviewed at most visits.", "at least 50 %",
    ).at_least(SOME, "count(*) filter (is_attended and is_evaluable)").as_warning()  # fmt: skip
    yield from study_gate(
        facts,
        "regimens_known",
        "100 * avg(is_regimen_evaluable::int)",
        "is_attended and is_evaluable",
        category=COMPLETENESS,
    )
    yield no_rows(
        "one_regimen_only",
        "select 1 from {batch} having count(distinct topical_regimen_code) < 2",
        PLAUSIBILITY,
        "Patients are on different topical regimens; otherwise the drug codes were not understood.",
        "at least 2 regimens",
    ).at_least(MANY, "count(topical_regimen_code)")  # fmt: skip
    yield no_rows(
        "nominal_agreement",
        "select 1 from {batch} having avg(is_nominal_timepoint_agreed::int) < 0.8",
        PLAUSIBILITY, "The clinic's own visit labels mostly agree with the windows.",
        "at least 80 %",
    ).at_least(SOME, "count(is_nominal_timepoint_agreed)").as_warning()  # fmt: skip


def _as_before(score: str, facts: Facts) -> Rule:
    means = {point: mean for (point, name), mean in facts.last_means.items() if name == score}
    outside = " or ".join(
        f"(timepoint_code = '{timepoint}' and abs(avg({score}) - {mean}) > "
        f"{max(SMALL_SHIFT, LARGEST_SHIFT * abs(mean))})"
        for timepoint, mean in sorted(means.items())
    )
    largest = _largest(f"count({score})", "timepoint_code")
    return no_rows(
        f"{score}_as_before",
        f"select timepoint_code from {{batch}} group by timepoint_code having count({score}) >= "
        f"{SOME} and ({outside or 'false'})",
        PLAUSIBILITY, f"The mean of {score} at a timepoint does not jump between publishes.",
        f"within {LARGEST_SHIFT:.0%} or {SMALL_SHIFT:g} point of the last publish",
    ).at_least(SOME, largest).against_before(bool(means))  # fmt: skip


def of_scores(facts: Facts) -> Iterator[Rule]:
    """Yield whether scores vary and are on their scale."""
    severity = "case when direction = 'lower_is_better' then 100 / max_value end"
    scale = f"(select score_code as scale, {severity} as percent from marts.dim_scores)"
    for gate in study_gate(
        facts,
        "baseline_severity",
        f"avg(score_value * (select percent from {scale} where scale = score_code))",
        "timepoint_code = (select timepoint_code from marts.dim_timepoints "
        "where timepoint_number = 0)",
        "group by score_code",
    ):
        yield gate.as_warning()
    yield no_rows(
        "constant_score",
        "select score_code from {batch} group by score_code "
        f"having count(*) >= {SOME} and stddev_samp(score_value::double) = 0",
        PLAUSIBILITY, "A score that never varies is a default of a form.", "no score",
    ).at_least(SOME, _largest("count(*)", "score_code"))  # fmt: skip
    fine = (
        "select score_code from marts.dim_scores "
        f"where max_value - min_value >= {LEAST_STEPS_TO_HEAP} * step"
    )
    heaping = f"count(*) filter (score_value > 0 and score_code in ({fine}))"
    yield no_rows(
        "heaped_score",
        "with counted as (select score_code, timepoint_code, count(*) as n_equal from {batch} "
        f"where score_value > 0 and score_code in ({fine}) "
        "group by score_code, timepoint_code, score_value), "
        "shares as (select score_code, n_equal, "
        "sum(n_equal) over (partition by score_code, timepoint_code) as n from counted) "
        f"select score_code from shares where n >= {MANY} and n_equal > 0.9 * n",
        PLAUSIBILITY, "One value for most patients at a timepoint is a default of a form.",
        f"at most 90 % of patients with the same value above 0 (scores of {LEAST_STEPS_TO_HEAP} "
        "steps or more)",
    ).at_least(MANY, _largest(heaping, "score_code", "timepoint_code")).as_warning()  # fmt: skip


def _largest(number: str, *groups: str) -> str:
    """Return SQL: the largest number that any group of rows has."""
    return (
        f"(select max(n) from (select {number} as n from {{batch}} group by {', '.join(groups)}))"
    )
