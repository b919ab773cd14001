"""Suites over the marts: is what was built plausible as a whole; dbt tests check our own logic."""

from __future__ import annotations

from collections.abc import Iterator

from expectations.facts import SCORES, SEED_OF_MART, Facts
from expectations.rules import (
    COMPLETENESS,
    MANY,
    PLAUSIBILITY,
    SOME,
    Rule,
    Suite,
    no_rows,
    rows_between,
    study_gate,
)

OPTIONAL = ("disease_course_code", "clinical_phenotype_code", "age_at_diagnosis_years")
LARGEST_SHIFT, SMALL_SHIFT = 0.25, 1.0
"""A mean may move by this share of itself, or by this many points, between two publishes."""
LEAST_STEPS_TO_HEAP = 10
"""On a shorter scale many patients share a value: severe disease at baseline is IGA 4."""


def suites(facts: Facts) -> list[Suite]:
    """Return one suite per mart that is judged as a whole."""
    rules = {
        "dim_patients": _patients(facts),
        "fct_patient_timepoints": _timepoints(facts),
        "fct_scores": _scores(facts),
        "fct_topical_regimens": _regimens(facts),
        "fct_tacrolimus_initiation": _initiation(facts),
        "fct_follow_up": _follow_up(),
        "fct_treatment_courses": _courses(),
        "fct_cohort_attrition": _attrition(),
        "fct_adverse_events": _adverse_events(),
        "fct_treatment_algorithm": _algorithm(),
        "dim_delivery": [rows_between("rows", 1, 1, "One delivery is published at a time.")],
    }
    for mart in SEED_OF_MART:
        n_rows = facts.seed_rows.get(mart, 0)
        reason = f"One row per row of seed {SEED_OF_MART[mart]}."
        rules[mart] = [rows_between("rows", n_rows, n_rows, reason)]
    return [
        Suite(f"mart_{mart}", "mart", f"select * from marts.{mart}", list(found))
        for mart, found in rules.items()
    ]


def _patients(facts: Facts) -> Iterator[Rule]:
    """Yield what a cohort of adults with atopic dermatitis looks like."""
    yield rows_between("patients", 1, None, "A registry without enrolled patients is empty.")
    yield no_rows(
        "one_sex_only",
        "select 1 from {batch} having avg((sex_code = 'female')::int) not between 0.1 and 0.9",
        PLAUSIBILITY, "Both sexes have the disease.", "each sex 10 % or more",
    ).at_least(MANY, "count(sex_code)").as_warning()  # fmt: skip
    yield from study_gate(
        facts,
        "age_at_index_years_mean",
        "avg(age_at_index_years)",
        "age_at_index_years is not null",
    )
    is_day = "not is_ad_diagnosis_date_partial"
    yield no_rows(
        "ages_in_order",
        f"select 1 from {{batch}} where age_at_diagnosis_years > age_at_index_years and {is_day}",
        PLAUSIBILITY, "A diagnosis comes before its treatment.", "no patient whose day is known",
    ).at_least(1, f"count(age_at_diagnosis_years) filter ({is_day})")  # fmt: skip
    yield from study_gate(facts, "evaluable_share", "100 * avg(is_evaluable::int)")
    yield no_rows(
        "one_season_only",
        "select 1 from (select count(*) as n_in_season, sum(count(*)) over () as n "
        "from {batch} where index_season_start_date is not null "
        "group by index_season_start_date) where n_in_season > 0.6 * n",
        PLAUSIBILITY, "Patients enrol over time; one season for most is a default date.",
        "at most 60 % of patients in one season",
    ).at_least(MANY).as_warning()  # fmt: skip
    for column in OPTIONAL:
        yield no_rows(
            f"{column}_recorded",
            f"select 1 from {{batch}} having count({column}) < 0.5 * count(*)",
            COMPLETENESS, "An optional column that is used is used for most patients.",
            "at least 50 % of patients, or none",
        ).at_least(SOME, f"if(count({column}) > 0, count(*), 0)").as_warning()  # fmt: skip


def _timepoints(facts: Facts) -> Iterator[Rule]:
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


def _scores(facts: Facts) -> Iterator[Rule]:
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


def _regimens(facts: Facts) -> Iterator[Rule]:
    yield from study_gate(
        facts, "everybody_on_tacrolimus", "100 * avg(is_on_tacrolimus::int)", "is_regimen_evaluable"
    )
    yield no_rows(
        "topical_therapy_reviewed",
        "select 1 from {batch} having count(*) filter "
        "(regimen_not_evaluable_reason_code is distinct from 'not_reviewed') = 0",
        COMPLETENESS,
        "Topical therapy was reviewed at no visit (topical_adherence), so the study's question "
        "stays empty; a source that reviews it at every visit may declare topical_adherence: "
        "{constant: adherent} in its mapping.",
        "at least 1 visit",
    ).as_warning()
    yield no_rows(
        "nobody_on_topicals",
        "select 1 from {batch} where is_regimen_evaluable "
        "having avg((is_on_tacrolimus or is_on_corticosteroids)::int) < 0.02",
        PLAUSIBILITY,
        "Some patients use topical therapy; otherwise the drug names were not understood.",
        "at least 2 % of visits",
    ).at_least(MANY, "count(*) filter (is_regimen_evaluable)")  # fmt: skip


def _initiation(facts: Facts) -> Iterator[Rule]:
    yield from study_gate(
        facts, "event_share", "100 * avg(is_event::int)", "is_on_tacrolimus_at_baseline is not null"
    )
    yield no_rows(
        "follow_up",
        "select 1 from {batch} having median(duration_months) = 0 and avg(is_event::int) < 0.5",
        PLAUSIBILITY, "Most patients without an event are followed beyond baseline.",
        "median above 0 months",
    ).at_least(MANY).as_warning()  # fmt: skip
    yield no_rows(
        "days_and_months_agree",
        "select 1 from {batch} where not is_event "
        "and abs(duration_days - 30.4375 * duration_months) > 75",
        PLAUSIBILITY, "The last evaluable visit's day fits its nominal month.", "within 75 days",
    ).at_least(1, "count(*) filter (not is_event)")  # fmt: skip


def _follow_up() -> Iterator[Rule]:
    """Yield that every patient is followed once, for a time that can be."""
    yield no_rows(
        "every_patient",
        "select 1 from {batch} having count(*) <> (select count(*) from marts.dim_patients) "
        "or count(distinct patient_id) <> count(*)",
        COMPLETENESS, "Every enrolled patient is followed, and counted once.",
        "one row per enrolled patient",
    )  # fmt: skip
    yield no_rows(
        "days_in_order",
        "select 1 from {batch} where first_recorded_day > last_recorded_day "
        "or end_of_observation_day < 0 "
        "or end_of_observation_day > greatest(last_recorded_day, 0)",
        PLAUSIBILITY, "Observation ends on a recorded day, at day 0 at the earliest.",
        "no patient",
    )  # fmt: skip
    yield no_rows(
        "end_within_windows",
        "select 1 from {batch} where end_of_observation_day is distinct from last_contact_day "
        "and end_of_observation_day > (select max(last_day) from marts.dim_timepoints)",
        PLAUSIBILITY, "Observation ends at a visit of the study, or with a last contact.",
        "no patient observed beyond the last window",
    ).at_least(1, "count(end_of_observation_day)")  # fmt: skip
    yield no_rows(
        "windows_in_order",
        "select 1 from {batch} where (is_window_over_week_52 and not is_window_over_week_16) "
        "or (is_window_over_week_16 and not is_window_over_week_04) "
        "or (is_window_over_week_04 and not is_window_over_baseline)",
        PLAUSIBILITY, "A later window is over only after the earlier ones.", "no patient",
    )  # fmt: skip
    yield no_rows(
        "followed_beyond_baseline",
        "select 1 from {batch} where is_window_over_week_04 "
        "having median(coalesce(end_of_observation_day, 0)) = 0",
        COMPLETENESS, "Most patients whose week 4 is over were seen after the first day.",
        "median above 0 days",
    ).at_least(SOME, "count(*) filter (is_window_over_week_04)").as_warning()  # fmt: skip


def _courses() -> Iterator[Rule]:
    yield no_rows(
        "day_0_has_a_course",
        "select 1 from {batch} having count(distinct patient_id) filter (start_day = 0) "
        "<> (select count(*) from marts.dim_patients)",
        PLAUSIBILITY, "Every enrolled patient has a course that begins on day 0.",
        "every enrolled patient",
    )  # fmt: skip


def _attrition() -> Iterator[Rule]:
    """Yield that the flow chart only loses patients."""
    steps = (
        "(select n_patients, n_excluded, lag(n_patients) over (order by step_number) as n_before "
        "from {batch})"
    )
    yield no_rows(
        "never_rises",
        f"select 1 from {steps} where n_patients > n_before",
        PLAUSIBILITY, "No step of the flow chart gains patients.", "no step",
    )  # fmt: skip
    yield no_rows(
        "adds_up",
        f"select 1 from {steps} where n_patients + n_excluded <> n_before",
        PLAUSIBILITY, "Remaining and excluded patients are those of the step before.", "no step",
    )  # fmt: skip
    yield no_rows(
        "one_criterion_excludes_most",
        "select 1 from {batch} where n_excluded > 0.9 * (n_patients + n_excluded) "
        f"and n_patients + n_excluded >= {MANY}",
        PLAUSIBILITY, "One criterion that excludes nearly everybody is a broken column.",
        "at most 90 % excluded in one step",
    ).at_least(MANY, "max(n_patients + n_excluded)")  # fmt: skip
    yield no_rows(
        "somebody_is_left",
        "select 1 from {batch} having min(n_patients) = 0",
        COMPLETENESS, "The flow chart ends with patients.", "at least 1 patient",
    )  # fmt: skip


def _adverse_events() -> Iterator[Rule]:
    yield no_rows(
        "serious_share",
        "select 1 from {batch} having avg(is_serious::int) > 0.5",
        PLAUSIBILITY, "Most events are not serious; otherwise yes and no are swapped.",
        "at most 50 % serious",
    ).at_least(SOME, "count(is_serious)")  # fmt: skip
    yield no_rows(
        "events_per_patient",
        "select 1 from {batch} group by patient_id having count(*) > 200",
        PLAUSIBILITY, "No patient has hundreds of events; records were repeated otherwise.",
        "at most 200 events of one patient",
    ).as_warning()  # fmt: skip
    yield no_rows(
        "onset_reachable",
        "select 1 from {batch} having avg((onset_day between -3650 and 3650)::int) < 0.95",
        PLAUSIBILITY, "Events lie within ten years of the start of treatment.",
        "at least 95 % within 3,650 days",
    ).at_least(SOME, "count(onset_day)")  # fmt: skip


def _algorithm() -> Iterator[Rule]:
    yield no_rows(
        "silent_rows",
        "select 1 from {batch} where recommendation_code is null "
        "and no_recommendation_reason_code is null",
        COMPLETENESS, "A visit without a recommendation says why.", "no visit",
    )  # fmt: skip
    yield no_rows(
        "one_recommendation_only",
        "select 1 from {batch} having count(distinct recommendation_code) < 2",
        PLAUSIBILITY, "Recommendations follow severity; one for all is a broken IGA.",
        "at least 2 recommendations",
    ).at_least(MANY, "count(recommendation_code)").as_warning()  # fmt: skip
