"""Second door, fct_adverse_events: mostly mild, and within reach of treatment."""

from __future__ import annotations

from expectations.facts import Facts
from expectations.rules import PLAUSIBILITY, Suite, no_rows


def suite(facts: Facts) -> Suite:
    """Return the suite of the adverse event mart; it needs no facts of the load before."""
    del facts
    return Suite(
        "mart_fct_adverse_events", "mart", "select * from marts.fct_adverse_events",
        [
            no_rows(
                "serious_share",
                "select 1 from {batch} having count(is_serious) >= 20 "
                "and avg(is_serious::int) > 0.5",
                PLAUSIBILITY, "Most events are not serious; otherwise yes and no are swapped.",
                "at most 50 % serious",
            ),
            no_rows(
                "events_per_patient",
                "select 1 from {batch} group by patient_id having count(*) > 200",
                PLAUSIBILITY, "Nobody has hundreds of events; records were repeated otherwise.",
                "at most 200 events of one patient",
            ).as_warning(),
            no_rows(
                "onset_reachable",
                "select 1 from {batch} having count(onset_day) >= 20 "
                "and avg((onset_day between -3650 and 3650)::int) < 0.95",
                PLAUSIBILITY, "Events lie within ten years of the start of treatment.",
                "at least 95 % within 3,650 days",
            ),
        ],
    )  # fmt: skip
