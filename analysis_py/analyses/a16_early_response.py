"""A16, abstract and Results: EASI below 7 at week 4 by tacrolimus at baseline, chi-square."""

from __future__ import annotations

import numpy as np

from analysis_py.analyses import _verdicts as verdicts
from analysis_py.analyses._counts import EMPTY, count, share
from analysis_py.analyses._early import GROUPS, NON_USERS, USERS, early, early_columns
from analysis_py.conventions import MIN_EXPECTED_COUNT
from analysis_py.estimators.contingency import pearson_chi_square
from analysis_py.estimators.describe import proportion, proportion_difference
from analysis_py.frames import Frames, is_known, is_true
from analysis_py.results import Estimate
from analysis_py.vocabulary import WEEK_04

ANALYSIS = "A16"
POPULATION = "assessed_early"
TERM = "easi_below_7"
COLUMN = "is_easi_below_7"
COLUMNS = early_columns([COLUMN])


def run(frames: Frames) -> list[Estimate]:
    """Share with EASI < 7 at week 4 in baseline users and others, uncorrected Pearson chi-square.

    Users took tacrolimus alone or with corticosteroids. Evaluable patients without EASI at week 4
    are left out and counted per group.
    """
    table = early(frames, [COLUMN])
    known, mild = is_known(table[COLUMN]), is_true(table[COLUMN])
    groups = table["group"].to_numpy()
    rows, counts = [], {}
    for group in GROUPS:
        members = groups == group
        total, n = int((members & known).sum()), int((members & mild).sum())
        counts[group] = (n, total)
        fields = {"group": group, "timepoint": WEEK_04}
        rows += share(
            ANALYSIS,
            POPULATION,
            TERM,
            n,
            total,
            comparator=NON_USERS if group == USERS else USERS,
            **fields,
        )
        rows.append(
            count(
                ANALYSIS,
                POPULATION,
                "easi",
                total,
                int(members.sum()),
                statistic="n_assessed",
                **fields,
            )
        )
    return [*rows, *_test_rows(counts, len(table))]


def _test_rows(counts: dict[str, tuple[int, int]], n_evaluable: int) -> list[Estimate]:
    (n_users, users), (n_others, others) = counts[USERS], counts[NON_USERS]
    test = pearson_chi_square(np.array([[n_users, users - n_users], [n_others, others - n_others]]))
    difference = proportion_difference(proportion(n_users, users), proportion(n_others, others))
    untested = (
        ""
        if np.isfinite(test.statistic)
        else ("not tested: a group is empty, or everybody or nobody has EASI below 7")
    )
    verdict = verdicts.expected_counts(test.smallest_expected)
    fields = {
        "analysis_id": ANALYSIS,
        "population": POPULATION,
        "term": TERM,
        "n": users + others,
        "denominator": n_evaluable,
        "timepoint": WEEK_04,
        "comparator": f"{USERS} - {NON_USERS}",
    }
    return [
        Estimate(
            **fields,
            statistic="chi_square",
            value=test.statistic,
            p_value=test.p_value,
            method=f"Pearson chi-square, no continuity correction, {test.degrees_of_freedom} df",
            assumptions_verdict=verdict,
            warning=untested,
        ),
        Estimate(
            **fields,
            statistic="percentage_point_difference",
            value=100 * difference.difference,
            ci_lower=100 * difference.ci_lower,
            ci_upper=100 * difference.ci_upper,
            unit="percentage points",
            method="difference of percentages; Newcombe interval",
            warning="" if users and others else EMPTY,
        ),
        Estimate(
            **fields,
            statistic="smallest_expected_count",
            value=test.smallest_expected,
            unit="patients",
            method=f"smallest expected cell count; doubtful below {MIN_EXPECTED_COUNT:g}",
            assumptions_verdict=verdicts.by_expected_count(test.smallest_expected),
            warning=untested,
            role="assumption",
        ),
    ]
