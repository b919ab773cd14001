"""A16 and A17, Figure 1: EASI at week 4 by use of tacrolimus at baseline.

Users took tacrolimus alone or with corticosteroids. A patient whose use at baseline is not known is
in neither group.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from analysis_py.analyses import verdicts
from analysis_py.analyses.rows import EMPTY, both, count, share, unknown_use
from analysis_py.conventions import MIN_EXPECTED_COUNT
from analysis_py.estimators.describe import Proportion, proportion, proportion_difference
from analysis_py.estimators.hypothesis_tests import pearson_chi_square
from analysis_py.frames import Frames, at, coded, is_code, is_known, is_true
from analysis_py.results import Estimate
from analysis_py.vocabulary import BASELINE, WEEK_04

USERS = "tacrolimus_at_baseline"
NON_USERS = "no_tacrolimus_at_baseline"
GROUPS = (USERS, NON_USERS)
POPULATION = "assessed_early"
# From mild to severe. The printed figure's own bands are not known: the study's cuts (7 and 21)
# and the published severity strata of EASI are both given.
BANDS = {
    "study": {"mild": "EASI < 7", "moderate": "EASI 7 to 21", "severe": "EASI > 21"},
    "leshem": {
        "clear": "Clear (0)",
        "almost_clear": "Almost clear (0.1–1.0)",
        "mild": "Mild (1.1–7.0)",
        "moderate": "Moderate (7.1–21.0)",
        "severe": "Severe (21.1–50.0)",
        "very_severe": "Very severe (50.1–72.0)",
    },
}


def _reads(*columns: str) -> dict[str, list[str]]:
    return {
        "fct_patient_timepoints": ["patient_id", "timepoint_code", *columns],
        "fct_tacrolimus_initiation": ["patient_id", "is_on_tacrolimus_at_baseline"],
    }


READS = {
    "early_response": _reads("is_easi_below_7"),
    "easi_bands": _reads(*(f"easi_{scheme}_band_code" for scheme in BANDS)),
}


def _at_week_04(frames: Frames, columns: list[str]) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Columns at week 4, one row per evaluable patient, and the members of each group.

    Returns
    -------
    pandas.DataFrame
        Missing where the patient was not seen.
    dict
        Group -> boolean array, shape (n,).
    """
    patients = frames["fct_tacrolimus_initiation"]
    visits = at(
        frames["fct_patient_timepoints"][["patient_id", "timepoint_code", *columns]], WEEK_04
    )
    ours, ids = coded(patients["patient_id"])
    theirs, attending = coded(visits["patient_id"])
    # Row of `visits` of each patient of the mart; -1 where there is none.
    row_of = np.full(len(theirs) + 1, -1)
    row_of[attending] = np.arange(len(visits))
    rows = row_of[pd.Index(theirs).get_indexer(pd.Index(ours))][ids]
    table = pd.DataFrame({name: visits[name].array.take(rows, allow_fill=True) for name in columns})
    flag = patients["is_on_tacrolimus_at_baseline"]
    return table, {USERS: is_true(flag), NON_USERS: is_known(flag) & ~is_true(flag)}


def early_response(frames: Frames) -> list[Estimate]:
    """A16, abstract and Results: EASI below 7 at week 4 by tacrolimus at baseline, chi-square.

    Uncorrected Pearson chi-square. Evaluable patients without EASI at week 4 are left out and
    counted per group, and those whose use at baseline is not known.
    """
    column = "is_easi_below_7"
    table, groups = _at_week_04(frames, [column])
    known, mild = is_known(table[column]), is_true(table[column])
    rows, counted = [], {}
    for group, members in groups.items():
        found = proportion(int((members & mild).sum()), int((members & known).sum()))
        counted[group] = found
        fields = {"group": group, "timepoint": WEEK_04}
        rows += share(
            "A16",
            POPULATION,
            "easi_below_7",
            found.n,
            found.denominator,
            comparator=NON_USERS if group == USERS else USERS,
            **fields,
        )
        rows.append(
            count(
                "A16",
                POPULATION,
                "easi",
                found.denominator,
                int(members.sum()),
                statistic="n_assessed",
                **fields,
            )
        )
    unknown = _unknown(groups)
    rows.append(
        count(
            "A16",
            "evaluable",
            USERS,
            unknown,
            len(table),
            statistic="n_not_known",
            timepoint=BASELINE,
        )
    )
    return rows + _chi_square_rows(counted[USERS], counted[NON_USERS], len(table), unknown)


def _unknown(groups: dict[str, np.ndarray]) -> int:
    return int((~groups[USERS] & ~groups[NON_USERS]).sum())


def _chi_square_rows(
    users: Proportion, others: Proportion, n_evaluable: int, unknown: int
) -> list[Estimate]:
    test = pearson_chi_square(
        np.array([[one.n, one.denominator - one.n] for one in (users, others)])
    )
    untested = "not tested: a group is empty, or everybody or nobody has EASI below 7"
    untested = "" if np.isfinite(test.statistic) else untested
    row = partial(
        Estimate,
        "A16",
        POPULATION,
        "easi_below_7",
        n=users.denominator + others.denominator,
        denominator=n_evaluable,
        timepoint=WEEK_04,
        comparator=f"{USERS} - {NON_USERS}",
    )
    return [
        row(
            statistic="chi_square",
            value=test.statistic,
            p_value=test.p_value,
            method=f"Pearson chi-square, no continuity correction, {test.degrees_of_freedom} df",
            assumptions_verdict=verdicts.expected_counts(test.smallest_expected),
            warning=both(untested, unknown_use(unknown)),
        ),
        _difference(row, users, others, unknown),
        row(
            statistic="smallest_expected_count",
            value=test.smallest_expected,
            unit="patients",
            method=f"smallest expected cell count; doubtful below {MIN_EXPECTED_COUNT:g}",
            assumptions_verdict=verdicts.by_expected_count(test.smallest_expected),
            warning=untested,
            role="assumption",
        ),
    ]


def _difference(
    row: partial[Estimate], first: Proportion, second: Proportion, unknown: int
) -> Estimate:
    empty = "" if first.denominator and second.denominator else EMPTY
    found = proportion_difference(first, second)
    return row(
        statistic="percentage_point_difference",
        value=100 * found.difference,
        interval=found.interval.times(100),
        unit="percentage points",
        method="difference of percentages; Newcombe interval",
        warning=both(empty, unknown_use(unknown)),
    )


def easi_bands(frames: Frames) -> list[Estimate]:
    """A17, Figure 1: bands of EASI at week 4 by use of tacrolimus at baseline.

    Percentage of each group in each band, and how much more often non-users are not mild.
    """
    table, groups = _at_week_04(frames, [f"easi_{scheme}_band_code" for scheme in BANDS])
    rows, not_mild = [], {}
    for scheme, bands in BANDS.items():
        values = table[f"easi_{scheme}_band_code"]
        known, having = is_known(values), {band: is_code(values, band) for band in bands}
        for group in GROUPS:
            members = groups[group] & known
            total = int(members.sum())
            for band, label in bands.items():
                rows += share(
                    "A17",
                    POPULATION,
                    f"{scheme}_{band}",
                    int((members & having[band]).sum()),
                    total,
                    group=group,
                    timepoint=WEEK_04,
                    term_label=label,
                )
            if scheme == "study":
                not_mild[group] = proportion(int((members & ~having["mild"]).sum()), total)
    row = partial(
        Estimate,
        "A17",
        POPULATION,
        "easi_at_least_7",
        n=not_mild[USERS].denominator + not_mild[NON_USERS].denominator,
        denominator=len(table),
        timepoint=WEEK_04,
        comparator=f"{NON_USERS} - {USERS}",
        term_label="EASI ≥ 7",
    )
    return [*rows, _difference(row, not_mild[NON_USERS], not_mild[USERS], _unknown(groups))]
