"""Second door, fct_treatment_algorithm: a recommendation, or the reason for none."""

from __future__ import annotations

from expectations.facts import Facts
from expectations.rules import COMPLETENESS, PLAUSIBILITY, Suite, no_rows


def suite(facts: Facts) -> Suite:
    """Return the suite of the algorithm mart; it needs no facts of the load before."""
    del facts
    return Suite(
        "mart_fct_treatment_algorithm", "mart", "select * from marts.fct_treatment_algorithm",
        [
            no_rows(
                "silent_rows",
                "select 1 from {batch} where recommendation_code is null "
                "and no_recommendation_reason_code is null",
                COMPLETENESS, "A visit without a recommendation says why.", "no visit",
            ),
            no_rows(
                "one_recommendation_only",
                "select 1 from {batch} where recommendation_code is not null "
                "having count(*) >= 50 and count(distinct recommendation_code) < 2",
                PLAUSIBILITY, "Recommendations follow severity; one for all is a broken IGA.",
                "at least 2 recommendations",
            ).as_warning(),
        ],
    )  # fmt: skip
