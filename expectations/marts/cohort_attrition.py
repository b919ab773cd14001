"""Second door, fct_cohort_attrition: a flow chart only ever loses patients."""

from __future__ import annotations

from expectations.facts import Facts
from expectations.rules import COMPLETENESS, PLAUSIBILITY, Suite, no_rows


def suite(facts: Facts) -> Suite:
    """Return the suite of the flow chart; it needs no facts of the load before."""
    del facts
    return Suite(
        "mart_fct_cohort_attrition", "mart", "select * from marts.fct_cohort_attrition",
        [
            no_rows(
                "never_rises",
                "select 1 from (select n_patients, lag(n_patients) over (order by step_number) "
                "as n_before from {batch}) where n_patients > n_before",
                PLAUSIBILITY, "No step of the flow chart gains patients.", "no step",
            ),
            no_rows(
                "adds_up",
                "select 1 from (select n_patients, n_excluded, lag(n_patients) over "
                "(order by step_number) as n_before from {batch}) "
                "where n_patients + n_excluded <> n_before",
                PLAUSIBILITY, "Remaining and excluded patients are those of the step before.",
                "no step",
            ),
            no_rows(
                "one_criterion_excludes_most",
                "select 1 from {batch} where n_excluded > 0.9 * (n_patients + n_excluded) "
                "and n_patients + n_excluded >= 50",
                PLAUSIBILITY, "One criterion that excludes nearly everybody is a broken column.",
                "at most 90 % excluded in one step",
            ),
            no_rows(
                "somebody_is_left",
                "select 1 from {batch} having min(n_patients) = 0 or count(*) = 0",
                COMPLETENESS, "The flow chart ends with patients.", "at least 1 patient",
            ),
        ],
    )  # fmt: skip
