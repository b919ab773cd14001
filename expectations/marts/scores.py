"""Second door, fct_scores: every score behaves like a measurement."""

from __future__ import annotations

from expectations.facts import Facts
from expectations.rules import PLAUSIBILITY, Suite, no_rows


def suite(facts: Facts) -> Suite:
    """Return the suite of the score mart; it needs no facts of the load before."""
    del facts
    return Suite(
        "mart_fct_scores", "mart", "select * from marts.fct_scores",
        [
            no_rows(
                "constant_score",
                "select score_code from {batch} group by score_code "
                "having count(*) >= 20 and stddev_samp(score_value::double) = 0",
                PLAUSIBILITY, "A score that never varies is a default of a form.", "no score",
            ),
            no_rows(
                "heaped_score",
                "with counted as (select score_code, timepoint_code, count(*) as n_equal "
                "from {batch} where score_value > 0 "
                "group by score_code, timepoint_code, score_value), "
                "shares as (select score_code, n_equal, "
                "sum(n_equal) over (partition by score_code, timepoint_code) as n from counted) "
                "select score_code from shares "
                "where n >= 50 and n_equal > 0.9 * n",
                PLAUSIBILITY, "One value for most patients at a timepoint is a default of a form.",
                "at most 90 % of patients with the same value above 0",
            ).as_warning(),
        ],
    )  # fmt: skip
