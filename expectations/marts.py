"""Suites over the marts: is what was built plausible as a whole; dbt tests check our own logic."""

from __future__ import annotations

from collections.abc import Iterator

from expectations.facts import SCORES, SEED_OF_MART, Facts
from expectations.rules import COMPLETENESS, PLAUSIBILITY, Rule, Suite, no_rows, rows_between

OPTIONAL = ("disease_course_code", "clinical_phenotype_code", "age_at_diagnosis_years")
LARGEST_SHIFT, SMALL_SHIFT = 0.25, 1.0
"""A mean may move by this share of itself, or by this many points, between two publishes."""


def suites(facts: Facts) -> list[Suite]:
    """Return one suite per mart that is judged as a whole."""
    rules = {
        "dim_patients": _patients(),
        "fct_patient_timepoints": _timepoints(facts),
        "fct_scores": _scores(),
        "fct_topical_regimens": _regimens(),
        "fct_tacrolimus_initiation": _initiation(),
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


def _patients() -> Iterator[Rule]:
    """Yield what a cohort of adults with atopic dermatitis looks like."""
    yield rows_between("patients", 1, None, "A registry without enrolled patients is empty.")
    yield no_rows(
        "one_sex_only",
        "select 1 from {batch} having count(*) >= 50 "
        "and (avg((sex_code = 'female')::int) not between 0.1 and 0.9)",
        PLAUSIBILITY, "Both sexes have the disease.", "each sex 10 % or more",
    ).as_warning()  # fmt: skip
    yield no_rows(
        "age_at_index_years_mean",
        "select 1 from {batch} having count(*) >= 20 "
        "and avg(age_at_index_years) not between 20 and 70",
        PLAUSIBILITY, "Adults start the index treatment at all ages.", "mean between 20 and 70",
    )  # fmt: skip
    yield no_rows(
        "ages_in_order",
        "select 1 from {batch} where age_at_diagnosis_years > age_at_index_years",
        PLAUSIBILITY, "A diagnosis comes before its treatment.", "no patient",
    )  # fmt: skip
    yield no_rows(
        "evaluable_share",
        "select 1 from {batch} having count(*) >= 20 and avg(is_evaluable::int) < 0.5",
        PLAUSIBILITY, "Most patients follow their topical therapy (342 to 307 in the study).",
        "at least 50 % evaluable",
    )  # fmt: skip
    yield no_rows(
        "one_season_only",
        "select 1 from (select count(*) as n_in_season, sum(count(*)) over () as n "
        "from {batch} group by index_season_start_date) where n >= 50 and n_in_season > 0.6 * n",
        PLAUSIBILITY, "Patients enrol over time; one season for most is a default date.",
        "at most 60 % of patients in one season",
    ).as_warning()  # fmt: skip
    for column in OPTIONAL:
        yield no_rows(
            f"{column}_recorded",
            f"select 1 from {{batch}} having count({column}) > 0 "
            f"and count({column}) < 0.5 * count(*)",
            COMPLETENESS, "An optional column that is used is used for most patients.",
            "at least 50 % of patients, or none",
        ).as_warning()  # fmt: skip


def _timepoints(facts: Facts) -> Iterator[Rule]:
    """Yield attendance, scores and regimens over the timepoints."""
    yield no_rows(
        "every_timepoint_present",
        "select timepoint_code from marts.dim_timepoints where timepoint_code not in "
        "(select timepoint_code from {batch} where is_attended)",
        COMPLETENESS, "Every timepoint of the study has visits.", "at least 1 attended visit each",
    )  # fmt: skip
    yield no_rows(
        "baseline_attendance",
        "select 1 from {batch} where timepoint_number = 0 having avg(is_attended::int) < 0.9",
        COMPLETENESS, "Nearly every enrolled patient was seen at baseline.", "at least 90 %",
    )  # fmt: skip
    yield no_rows(
        "attendance_over_time",
        "select 1 from (select avg(is_attended::int) as share, lag(avg(is_attended::int)) "
        "over (order by timepoint_number) as share_before from {batch} group by timepoint_number) "
        "where share > share_before + 0.1",
        PLAUSIBILITY, "Attendance falls over a year; a visit type was dropped otherwise.",
        "no rise of more than 10 points",
    ).as_warning()  # fmt: skip
    for score in SCORES:
        yield no_rows(
            f"{score}_recorded",
            f"select 1 from {{batch}} where is_attended having count({score}) > 0 "
            f"and count({score}) < 0.5 * count(*)",
            COMPLETENESS, f"{score} is recorded at most visits, or not at all.",
            "at least 50 % of attended visits, or none",
        ).as_warning()  # fmt: skip
        yield _as_before(score, facts)
    yield no_rows(
        "easi_falls",
        "select 1 from {batch} where is_attended having count(easi_score) filter "
        "(timepoint_number > 0) >= 20 and avg(easi_score) filter (timepoint_number > 0) "
        ">= avg(easi_score) filter (timepoint_number = 0)",
        PLAUSIBILITY,
        "Severity falls under treatment; otherwise score columns or timepoints are swapped.",
        "mean after baseline below mean at baseline",
    )  # fmt: skip
    yield no_rows(
        "regimens_reviewed",
        "select 1 from {batch} where is_attended and is_evaluable "
        "having count(*) >= 20 and avg(is_regimen_evaluable::int) < 0.5",
        COMPLETENESS, "Topical therapy is reviewed at most visits.", "at least 50 %",
    ).as_warning()  # fmt: skip
    yield no_rows(
        "one_regimen_only",
        "select 1 from {batch} where topical_regimen_code is not null "
        "having count(*) >= 50 and count(distinct topical_regimen_code) < 2",
        PLAUSIBILITY,
        "Patients are on different topical regimens; otherwise the drug codes were not understood.",
        "at least 2 regimens",
    )  # fmt: skip
    yield no_rows(
        "nominal_agreement",
        "select 1 from {batch} having count(is_nominal_timepoint_agreed) >= 20 "
        "and avg(is_nominal_timepoint_agreed::int) < 0.8",
        PLAUSIBILITY, "The clinic's own visit labels mostly agree with the windows.",
        "at least 80 %",
    ).as_warning()  # fmt: skip


def _as_before(score: str, facts: Facts) -> Rule:
    means = {point: mean for (point, name), mean in facts.last_means.items() if name == score}
    outside = " or ".join(
        f"(timepoint_code = '{timepoint}' and abs(avg({score}) - {mean}) > "
        f"{max(SMALL_SHIFT, LARGEST_SHIFT * abs(mean))})"
        for timepoint, mean in sorted(means.items())
    )
    return no_rows(
        f"{score}_as_before",
        "select timepoint_code from {batch} group by timepoint_code having count(*) >= 20 "
        f"and ({outside or 'false'})",
        PLAUSIBILITY, f"The mean of {score} at a timepoint does not jump between publishes.",
        f"within {LARGEST_SHIFT:.0%} or {SMALL_SHIFT:g} point of the last publish",
    ).against_before(bool(means))  # fmt: skip


def _scores() -> Iterator[Rule]:
    yield no_rows(
        "constant_score",
        "select score_code from {batch} group by score_code "
        "having count(*) >= 20 and stddev_samp(score_value::double) = 0",
        PLAUSIBILITY, "A score that never varies is a default of a form.", "no score",
    )  # fmt: skip
    yield no_rows(
        "heaped_score",
        "with counted as (select score_code, timepoint_code, count(*) as n_equal from {batch} "
        "where score_value > 0 group by score_code, timepoint_code, score_value), "
        "shares as (select score_code, n_equal, "
        "sum(n_equal) over (partition by score_code, timepoint_code) as n from counted) "
        "select score_code from shares where n >= 50 and n_equal > 0.9 * n",
        PLAUSIBILITY, "One value for most patients at a timepoint is a default of a form.",
        "at most 90 % of patients with the same value above 0",
    ).as_warning()  # fmt: skip


def _regimens() -> Iterator[Rule]:
    yield no_rows(
        "everybody_on_tacrolimus",
        "select 1 from {batch} where is_regimen_evaluable having count(*) >= 50 "
        "and avg(is_on_tacrolimus::int) > 0.8",
        PLAUSIBILITY,
        "Tacrolimus is one of several options (13 to 21 % in the study); systemic tacrolimus read "
        "as topical, or drug codes swapped?",
        "at most 80 % of visits",
    )  # fmt: skip
    yield no_rows(
        "nobody_on_topicals",
        "select 1 from {batch} where is_regimen_evaluable having count(*) >= 50 "
        "and avg((is_on_tacrolimus or is_on_corticosteroids)::int) < 0.02",
        PLAUSIBILITY,
        "Some patients use topical therapy; otherwise the drug names were not understood.",
        "at least 2 % of visits",
    )  # fmt: skip


def _initiation() -> Iterator[Rule]:
    yield no_rows(
        "event_share",
        "select 1 from {batch} having count(*) >= 50 "
        "and avg(is_event::int) not between 0.01 and 0.95",
        PLAUSIBILITY,
        "Some patients start tacrolimus and some never do (110 of 307 in the study).",
        "1 % to 95 % with an event",
    )  # fmt: skip
    yield no_rows(
        "follow_up",
        "select 1 from {batch} having count(*) >= 50 and median(duration_months) = 0 "
        "and avg(is_event::int) < 0.5",
        PLAUSIBILITY, "Most patients without an event are followed beyond baseline.",
        "median above 0 months",
    ).as_warning()  # fmt: skip
    yield no_rows(
        "days_and_months_agree",
        "select 1 from {batch} where not is_event "
        "and abs(duration_days - 30.4375 * duration_months) > 75",
        PLAUSIBILITY, "The last evaluable visit's day fits its nominal month.", "within 75 days",
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
        "and n_patients + n_excluded >= 50",
        PLAUSIBILITY, "One criterion that excludes nearly everybody is a broken column.",
        "at most 90 % excluded in one step",
    )  # fmt: skip
    yield no_rows(
        "somebody_is_left",
        "select 1 from {batch} having min(n_patients) = 0 or count(*) = 0",
        COMPLETENESS, "The flow chart ends with patients.", "at least 1 patient",
    )  # fmt: skip


def _adverse_events() -> Iterator[Rule]:
    yield no_rows(
        "serious_share",
        "select 1 from {batch} having count(is_serious) >= 20 and avg(is_serious::int) > 0.5",
        PLAUSIBILITY, "Most events are not serious; otherwise yes and no are swapped.",
        "at most 50 % serious",
    )  # fmt: skip
    yield no_rows(
        "events_per_patient",
        "select 1 from {batch} group by patient_id having count(*) > 200",
        PLAUSIBILITY, "No patient has hundreds of events; records were repeated otherwise.",
        "at most 200 events of one patient",
    ).as_warning()  # fmt: skip
    yield no_rows(
        "onset_reachable",
        "select 1 from {batch} having count(onset_day) >= 20 "
        "and avg((onset_day between -3650 and 3650)::int) < 0.95",
        PLAUSIBILITY, "Events lie within ten years of the start of treatment.",
        "at least 95 % within 3,650 days",
    )  # fmt: skip


def _algorithm() -> Iterator[Rule]:
    yield no_rows(
        "silent_rows",
        "select 1 from {batch} where recommendation_code is null "
        "and no_recommendation_reason_code is null",
        COMPLETENESS, "A visit without a recommendation says why.", "no visit",
    )  # fmt: skip
    yield no_rows(
        "one_recommendation_only",
        "select 1 from {batch} where recommendation_code is not null "
        "having count(*) >= 50 and count(distinct recommendation_code) < 2",
        PLAUSIBILITY, "Recommendations follow severity; one for all is a broken IGA.",
        "at least 2 recommendations",
    ).as_warning()  # fmt: skip
