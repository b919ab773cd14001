"""Second door, fct_tacrolimus_initiation: events, censoring and follow-up."""

from __future__ import annotations

from expectations.facts import Facts
from expectations.rules import PLAUSIBILITY, Suite, no_rows


def suite(facts: Facts) -> Suite:
    """Return the suite of the initiation mart; it needs no facts of the load before."""
    del facts
    return Suite(
        "mart_fct_tacrolimus_initiation", "mart",
        "select * from marts.fct_tacrolimus_initiation",
        [
            no_rows(
                "event_share",
                "select 1 from {batch} having count(*) >= 50 "
                "and avg(is_event::int) not between 0.01 and 0.95",
                PLAUSIBILITY, "Some patients start tacrolimus and some never do (110 of 307 in "
                "the study).", "1 % to 95 % with an event",
            ),
            no_rows(
                "follow_up",
                "select 1 from {batch} having count(*) >= 50 and median(duration_months) = 0 "
                "and avg(is_event::int) < 0.5",
                PLAUSIBILITY, "Most patients without an event are followed beyond baseline.",
                "median above 0 months",
            ).as_warning(),
            no_rows(
                "days_and_months_agree",
                "select 1 from {batch} where not is_event and abs(duration_days - 30.4375 * "
                "duration_months) > 75",
                PLAUSIBILITY, "The last evaluable visit's day fits its nominal month.",
                "within 75 days",
            ),
        ],
    )  # fmt: skip
