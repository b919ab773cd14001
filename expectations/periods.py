"""A suite over the visits of each month: a score whose level or grain differs in one month.

A month in which a score lost its decimal mark, or was entered on another scale, keeps its values in
range and hardly moves the mean of a year. Each month is compared with the months that are not
beside it by

- grain: the share of the values above 0 that are multiples of ten steps (25, not 25.1), for a score
  with decimals;
- jumps: the share of visits with a multiple of ten steps that is also above all values of the
  patient before, since severity falls under treatment, or among the highest tenth of all first,
  second, third or later visits;
- refusals: the share of the filled cells that were refused, since ten times an IGA is out of range;
- level: the mean rank, from 0 to 1, among all first, second, third or later visits.

Evidence is the logarithm of one over a bound on the probability of what the month shows: Chernoff's
bound for a share (that of the other months with one visit added to each side), a normal
distribution with variance 1/12 per visit for a mean rank. Months side by side share their evidence:
half of it is enough where the next month has half of it too.
"""

from __future__ import annotations

from dataclasses import replace

from expectations.facts import Facts
from expectations.rules import PLAUSIBILITY, Rule, Suite, value_between
from intake.contract import column_names

LEAST_EVIDENCE = 8
"""A probability below 1 in 2,981, by bounds that are wide for the few visits of a month: simulated
cohorts of 60 to 2,000 patients reach 6.7, and 3.2 in both of two months side by side."""

LARGEST_RANK_SHIFT = 1 / 3
"""A mean rank this far from one half: two values in three moved to one end; simulated cohorts
reach 0.3 in the small first and last months of a registry."""

HIGHEST_PLACE = 0.9
"""The rank, from 0 to 1, above which a value is among the highest tenth."""

LATER_VISIT = 4
"""The fourth and later visits of a patient are compared with each other."""

MOST_MONTHS_NAMED = 6

LEAST_VISITS = 6
"""With fewer visits in every month no level can differ enough; the rule is not applicable."""

RULES_OF_NUMBERS = ("not_a_number", "not_integer", "not_on_step", "out_of_range")

_MONTHS = """
    long as (
        unpivot (
            select patient_id, visit_date, {columns} from staging.stg_clinic__visits
            where visit_date is not null
        )
        on {columns} into name score_column value points
    ),
    numbered as (
        select score_column, date_trunc('month', visit_date) as month, points,
            least(row_number() over of_patient, {later}) as visit_number,
            coalesce(points > max(points) over before, false) as is_rise
        from long
        window
            of_patient as (partition by score_column, patient_id order by visit_date, points),
            before as (of_patient rows between unbounded preceding and 1 preceding)
    ),
    -- Counted before ranking: there are far fewer months, visit numbers and values than visits.
    counted as (
        select score_column, month, visit_number, points, is_rise, count(*) as n
        from numbered
        group by all
    ),
    ranked as (
        select *,
            points > 0 and abs(points / (10 * step) - round(points / (10 * step))) < 1e-9
                as is_coarse,
            step < 1 as has_decimals,
            (
                sum(n) over (same_visits order by points)
                - 0.5 * sum(n) over (partition by score_column, visit_number, points)
            ) / sum(n) over same_visits as place
        from counted
        inner join reference.score_definitions on score_column = score_code || '_score'
        window same_visits as (partition by score_column, visit_number)
    ),
    refused as (
        select column_name as score_column, date_trunc('month', visit_date) as month,
            count(*) as k_refused
        from quarantine.rejected_records
        inner join staging.stg_clinic__visits using (source_file, record_number)
        where export_name = 'visits' and scope_code = 'value' and rule_code in {cell_rules}
        group by all
    ),
    recorded as (
        select score_column, month, sum(n) as n, sum(n * place) / sum(n) - 0.5 as shift,
            sum(n) filter (points > 0 and has_decimals) as n_grain,
            sum(n) filter (is_coarse and has_decimals) as k_grain,
            sum(n) filter (is_coarse and (is_rise or place > {highest})) as k_jump
        from ranked
        group by all
    ),
    months as (
        select score_column, month, coalesce(n, 0) as n, shift,
            coalesce(n_grain, 0) as n_grain, coalesce(k_grain, 0) as k_grain,
            coalesce(k_jump, 0) as k_jump, coalesce(k_refused, 0) as k_refused,
            coalesce(n, 0) + coalesce(k_refused, 0) as n_filled
        from recorded
        full join refused using (score_column, month)
        where score_column in (select score_column from recorded)
    ),
    others as (
        select *, {others}
        from months
        window
            of_score as (partition by score_column),
            beside as (
                partition by score_column order by month rows between 1 preceding and 1 following
            )
    ),
    judged as (
        select score_column, month, greatest(
                {evidence}, if(abs(shift) >= {most_shift}, 6 * n * shift * shift, 0)
            ) as evidence
        from others
    ),
    flagged as (
        select *, row_number() over (partition by score_column order by month) as place
        from (
            select *, greatest(
                    coalesce(lag(evidence) over of_score, 0),
                    coalesce(lead(evidence) over of_score, 0)
                ) as evidence_beside
            from judged
            window of_score as (partition by score_column order by month)
        )
        where evidence >= {least}
            or (evidence >= {least} / 2 and evidence_beside >= {least} / 2)
    )
"""


SHARES = {"grain": "n_grain", "jump": "n", "refused": "n_filled"}
"""Kind of share to the column of its denominator; the number is in the column k_ and the kind."""


def _other(kind: str) -> str:
    """Return SQL: a share in the months that are neither this one nor beside it."""
    k, n = (f"(sum({x}) over of_score - sum({x}) over beside" for x in (f"k_{kind}", SHARES[kind]))
    return f"{k} + 1.0) / {n} + 2) as other_{kind}"


def _evidence(kind: str) -> str:
    """Return SQL: how improbable a share is; Kullback and Leibler's divergence times n.

    The share of the others is never 0 or 1.
    """
    k, n, other = f"k_{kind}", SHARES[kind], f"other_{kind}"
    divergence = (
        f"if({k} > 0, {k} * ln({k} / {n} / {other}), 0) + "
        f"if({k} < {n}, ({n} - {k}) * ln((1 - {k} / {n}) / (1 - {other})), 0)"
    )
    return f"if({k} > {n} * {other}, {divergence}, 0)"


def suite(facts: Facts) -> Suite:
    """Return the suite, with one rule per score."""
    columns = [name for name in column_names("visits") if name.endswith("_score")]
    months = _MONTHS.format(
        columns=", ".join(columns),
        later=LATER_VISIT,
        highest=HIGHEST_PLACE,
        cell_rules=RULES_OF_NUMBERS,
        others=", ".join(map(_other, SHARES)),
        evidence=", ".join(map(_evidence, SHARES)),
        most_shift=LARGEST_RANK_SHIFT,
        least=LEAST_EVIDENCE,
    )
    filled = ", ".join(_of_score(name, "max(n_filled)", "n_filled") for name in columns)
    flagged = ", ".join(
        f"{_of_score(name, 'count(*)', 'n')}, "
        + _of_score(
            name,
            "string_agg(strftime(month, '%Y-%m'), ', ' order by month)",
            "months",
            f"place <= {MOST_MONTHS_NAMED}",
        )
        for name in columns
    )
    # The number of months flagged (null: too few visits), and their names.
    results = ", ".join(
        f"if({name}_n_filled >= {LEAST_VISITS}, {name}_n, null) as {name}_by_month, {name}_months"
        for name in columns
    )
    rules = [_rule(name).only_if(facts.has_calendar) for name in columns]
    # Great Expectations accepts only a query that begins with "select".
    query = (
        f"select * from (with {months} select {results} from (select {filled} from months) "
        f"cross join (select {flagged} from flagged)) as counted"
    )
    return Suite("export_visits_by_month", "export", query, rules, is_one_row=True)


def _of_score(score: str, aggregate: str, name: str, condition: str = "true") -> str:
    """Return SQL: an aggregate over the months of one score, named after both."""
    where = f"score_column = '{score}' and {condition}"
    return f"{aggregate} filter (where {where}) as {score}_{name}"


def _rule(column: str) -> Rule:
    """Return the rule that no month has another level or grain of a score; it names the months."""
    rule = value_between(
        f"{column}_by_month",
        None,
        0,
        category=PLAUSIBILITY,
        reason=f"{column.removesuffix('_score')} has another level or grain in some months than in "
        "the others, or more refused values: a lost decimal mark, or another scale?",
        threshold="no month",
    )
    return replace(rule.as_warning(), words=f"{column}_months")
