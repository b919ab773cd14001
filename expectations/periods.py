"""A suite over the visits of each month: a score whose level or grain differs in one month.

A month in which a score lost its decimal mark, or was entered on another scale, keeps its values in
range and hardly moves the mean of a year. Each month is compared with all other months by

- grain: the share of the values above 0 that are multiples of ten steps (25, not 25.1), for a score
  with decimals;
- rises: the share of visits with such a value that is also above all values of the patient before,
  since severity falls under treatment;
- level: the mean rank, from 0 to 1, among all first, second, third or later visits.

Evidence is the logarithm of one over a bound on the probability of what the month shows: Chernoff's
bound for a share (that of the other months with one visit added to each side), a normal
distribution with variance 1/12 per visit for a mean rank.
"""

from __future__ import annotations

from dataclasses import replace

from expectations.rules import PLAUSIBILITY, Rule, Suite, value_between
from intake.contract import column_names

LEAST_EVIDENCE = 8
"""A probability below 1 in 2,981, by bounds that are wide for the few visits of a month: simulated
cohorts of 60 to 2,000 patients reach 6.5."""

LARGEST_RANK_SHIFT = 1 / 3
"""A mean rank this far from one half: two values in three moved to one end; simulated cohorts
reach 0.3 in the small first and last months of a registry."""

LATER_VISIT = 4
"""The fourth and later visits of a patient are compared with each other."""

MOST_MONTHS_NAMED = 6

_MONTHS = """
    long as (
        unpivot (select patient_id, visit_date, {columns} from staging.stg_clinic__visits)
        on {columns} into name score_column value points
    ),
    numbered as (
        select score_column, strftime(visit_date, '%Y-%m') as month, points,
            least(row_number() over of_patient, {later}) as visit_number,
            points > 0 and abs(points / (10 * step) - round(points / (10 * step))) < 1e-9
                as is_coarse,
            step < 1 as has_decimals,
            points > max(points) over before as is_rise
        from long
        inner join reference.score_definitions on score_column = score_code || '_score'
        window
            of_patient as (partition by score_column, patient_id order by visit_date, points),
            before as (of_patient rows between unbounded preceding and 1 preceding)
    ),
    ranked as (
        select *, (
                rank() over (same_visits order by points) - 1
                + 0.5 * count(*) over (partition by score_column, visit_number, points)
            ) / count(*) over same_visits as place
        from numbered
        window same_visits as (partition by score_column, visit_number)
    ),
    months as (
        select score_column, month, count(*) as n, avg(place) - 0.5 as shift,
            count(*) filter (points > 0 and has_decimals) as n_grain,
            count(*) filter (is_coarse and has_decimals) as k_grain,
            count(is_rise) as n_rise,
            count(*) filter (is_coarse and is_rise) as k_rise
        from ranked
        group by all
    ),
    shares as (
        select *,
            k_grain / nullif(n_grain, 0) as grain, k_rise / nullif(n_rise, 0) as rise,
            (sum(k_grain) over of_score - k_grain + 1.0)
                / (sum(n_grain) over of_score - n_grain + 2) as other_grain,
            (sum(k_rise) over of_score - k_rise + 1.0)
                / (sum(n_rise) over of_score - n_rise + 2) as other_rise
        from months
        window of_score as (partition by score_column)
    ),
    judged as (
        select *,
            if(grain > other_grain, n_grain * {grain}, 0) as grain_evidence,
            if(rise > other_rise, n_rise * {rise}, 0) as rise_evidence,
            if(abs(shift) >= {most_shift}, 6 * n * shift * shift, 0) as level_evidence
        from shares
    ),
    flagged as (
        select *, row_number() over (partition by score_column order by month) as place
        from judged
        where greatest(grain_evidence, rise_evidence, level_evidence) >= {evidence}
    )
"""


def _divergence(share: str, other: str) -> str:
    """Return SQL: Kullback and Leibler's divergence of two shares; ``other`` is never 0 or 1."""
    return (
        f"(if({share} > 0, {share} * ln({share} / {other}), 0) + "
        f"if({share} < 1, (1 - {share}) * ln((1 - {share}) / (1 - {other})), 0))"
    )


def suite() -> Suite:
    """Return the suite, with one rule per score."""
    columns = [name for name in column_names("visits") if name.endswith("_score")]
    months = _MONTHS.format(
        columns=", ".join(columns),
        later=LATER_VISIT,
        grain=_divergence("grain", "other_grain"),
        rise=_divergence("rise", "other_rise"),
        most_shift=LARGEST_RANK_SHIFT,
        evidence=LEAST_EVIDENCE,
    )
    results = ", ".join(
        f"(select if(count(*) > 0, (select count(*) from flagged where score_column = '{name}'), "
        f"null) from months where score_column = '{name}') as {name}_by_month, "
        f"(select string_agg(month, ', ' order by month) from flagged where score_column = '{name}'"
        f" and place <= {MOST_MONTHS_NAMED}) as {name}_months"
        for name in columns
    )
    # Great Expectations accepts only a query that begins with "select".
    query = f"select * from (with {months} select {results}) as counted"
    return Suite("export_visits_by_month", "export", query, [_rule(name) for name in columns])


def _rule(column: str) -> Rule:
    """Return the rule that no month has another level or grain of a score; it names the months."""
    rule = value_between(
        f"{column}_by_month",
        None,
        0,
        category=PLAUSIBILITY,
        reason=f"{column.removesuffix('_score')} has another level or grain in some months than in "
        "the others: a lost decimal mark, or another scale?",
        threshold="no month",
    )
    return replace(rule.as_warning(), words=f"{column}_months")
