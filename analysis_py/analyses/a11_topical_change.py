"""A11, Table II: change of each topical regimen against baseline, exact McNemar test."""

from __future__ import annotations

from analysis_py.analyses._counts import count
from analysis_py.analyses.a10_topical_therapy import COLUMNS, regimens
from analysis_py.estimators.paired import McNemarResult, exact_mcnemar, pair_table
from analysis_py.frames import Frames, is_code, is_known
from analysis_py.results import Estimate
from analysis_py.vocabulary import BASELINE, REGIMENS

__all__ = ["COLUMNS", "run"]

ANALYSIS = "A11"
POPULATION = "evaluable_pairs"
MARGINS = {
    "n_at_baseline": "n_before",
    "n_at_visit": "n_after",
    "n_stayed": "n_stayed",
    "n_left": "n_left",
    "n_entered": "n_entered",
    "n_never": "n_never",
}
EXACTNESS = "exact, no large-sample assumption; independent loss to follow-up: not assessed"
EXACT = "exact McNemar test, two-sided, regimen against all others"


def run(frames: Frames) -> list[Estimate]:
    """Each regimen against the rest, paired within patients known at baseline and the timepoint."""
    table = regimens(frames)
    rows = []
    for timepoint in table.columns.drop(BASELINE):
        known = is_known(table[BASELINE]) & is_known(table[timepoint])
        for regimen in REGIMENS:
            before, after = (is_code(table[when], regimen) for when in (BASELINE, timepoint))
            test = exact_mcnemar(pair_table(before[known], after[known]))
            lost = int((before & ~known).sum())
            rows += _rows(regimen, timepoint, test, lost, len(table))
    return rows


def _rows(
    regimen: str, timepoint: str, test: McNemarResult, lost: int, n_evaluable: int
) -> list[Estimate]:
    pairs = test.table
    fields = {"timepoint": timepoint, "comparator": BASELINE}
    if pairs.n_left + pairs.n_entered == 0:
        warning = "nobody changed: p is 1 by definition, no odds ratio"
    elif pairs.n_left == 0:
        warning = "nobody left the regimen: the odds ratio is unbounded"
    else:
        warning = ""
    return [
        Estimate(
            ANALYSIS,
            POPULATION,
            regimen,
            "odds_ratio",
            test.odds_ratio,
            pairs.n_pairs,
            n_evaluable,
            ci_lower=test.ci_lower,
            ci_upper=test.ci_upper,
            p_value=test.p_value,
            method=f"{EXACT}; entered / left, exact conditional interval",
            assumptions_verdict=EXACTNESS,
            warning=warning,
            **fields,
        ),
        *(
            count(
                ANALYSIS,
                POPULATION,
                regimen,
                getattr(pairs, attribute),
                pairs.n_pairs,
                statistic=statistic,
                **fields,
            )
            for statistic, attribute in MARGINS.items()
        ),
        count(ANALYSIS, POPULATION, regimen, lost, n_evaluable, statistic="n_lost", **fields),
    ]
