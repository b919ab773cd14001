"""Second door, fct_topical_regimens: tacrolimus and corticosteroids are told apart."""

from __future__ import annotations

from expectations.facts import Facts
from expectations.rules import PLAUSIBILITY, Suite, no_rows


def suite(facts: Facts) -> Suite:
    """Return the suite of the regimen mart; it needs no facts of the load before."""
    del facts
    return Suite(
        "mart_fct_topical_regimens", "mart", "select * from marts.fct_topical_regimens",
        [
            no_rows(
                "everybody_on_tacrolimus",
                "select 1 from {batch} where is_regimen_evaluable having count(*) >= 50 "
                "and avg(is_on_tacrolimus::int) > 0.8",
                PLAUSIBILITY, "Tacrolimus is one of several options (13 to 21 % in the study); "
                "systemic tacrolimus read as topical, or drug codes swapped?",
                "at most 80 % of visits",
            ),
            no_rows(
                "nobody_on_topicals",
                "select 1 from {batch} where is_regimen_evaluable having count(*) >= 50 "
                "and avg((is_on_tacrolimus or is_on_corticosteroids)::int) < 0.02",
                PLAUSIBILITY, "Some patients use topical therapy; otherwise the drug names were "
                "not understood.", "at least 2 % of visits",
            ),
        ],
    )  # fmt: skip
