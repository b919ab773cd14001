"""Second door, the small marts: timepoints, scores, the delivery and the printed numbers."""

from __future__ import annotations

from expectations.facts import Facts
from expectations.rules import Suite, rows_between

EXPECTED_ROWS = {
    "dim_timepoints": (4, 4, "The study has four timepoints."),
    "dim_scores": (6, 6, "Six scores are defined."),
    "dim_delivery": (1, 1, "One delivery is published at a time."),
    "fct_published_results": (351, 351, "The paper prints 351 numbers."),
}


def suites(facts: Facts) -> list[Suite]:
    """Return one suite per small mart; they need no facts of the load before."""
    del facts
    return [
        Suite(f"mart_{table}", "mart", f"select * from marts.{table}",
              [rows_between("rows", least, most, reason)])
        for table, (least, most, reason) in EXPECTED_ROWS.items()
    ]  # fmt: skip
