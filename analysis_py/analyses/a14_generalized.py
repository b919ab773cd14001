"""A14, Results: start of tacrolimus in generalized against non-generalized disease, log-rank."""

from __future__ import annotations

import numpy as np

from analysis_py.analyses import _verdicts as verdicts
from analysis_py.analyses._counts import count
from analysis_py.analyses._models import cox_rows
from analysis_py.analyses._starts import (
    START,
    STARTS,
    TIME_COLUMNS,
    curve_rows,
    starts,
    timed,
    times_and_events,
)
from analysis_py.estimators.cox import cox_data, fit_cox
from analysis_py.estimators.cox_diagnostics import proportional_hazards_test
from analysis_py.estimators.survival import LogRankResult, kaplan_meier, log_rank
from analysis_py.frames import Frames, is_known, is_true
from analysis_py.results import Estimate

ANALYSIS = "A14"
GROUPED = "is_generalized"
GROUPS = {True: "generalized", False: "not_generalized"}
COLUMNS = {STARTS: [*TIME_COLUMNS, GROUPED]}
UNTESTED = "not tested: needs two groups with patients, and an event"


def run(frames: Frames) -> list[Estimate]:
    """Log-rank test, observed and expected starts, a curve per group, the hazard ratio beside it.

    A patient whose phenotype is not recorded is left out and counted in the denominator only.
    """
    everybody = starts(frames, [GROUPED])
    table = timed(everybody[is_known(everybody[GROUPED])])
    months, events = times_and_events(table)
    generalized = is_true(table[GROUPED])
    if len(table):
        names = np.where(generalized, GROUPS[True], GROUPS[False])
        test = log_rank(months, events, names)
        hazard = fit_cox(cox_data([GROUPED], months, events, generalized[:, None]), "breslow")
        drift = proportional_hazards_test(hazard)[0].p_value if hazard.is_fitted else float("nan")
        verdict = {GROUPED: verdicts.with_p("proportional hazards", drift)}
        rows = [
            _test_row(test, len(table), len(everybody), verdict[GROUPED]),
            *_group_rows(test),
            *cox_rows(
                ANALYSIS,
                hazard,
                "Cox model, this term alone",
                statistic="hazard_ratio",
                role="sensitivity",
                verdicts=verdict if hazard.is_fitted else None,
            ),
        ]
    else:
        nothing = LogRankResult((), (), (), (), float("nan"), 1, float("nan"))
        rows = [_test_row(nothing, 0, len(everybody), "")]
    for value, group in GROUPS.items():
        members = generalized == value
        if members.any():
            rows += curve_rows(ANALYSIS, kaplan_meier(months[members], events[members]), group)
    return rows


def _test_row(test: LogRankResult, n: int, denominator: int, verdict: str) -> Estimate:
    return Estimate(
        ANALYSIS,
        "evaluable",
        GROUPED,
        "log_rank_chi_square",
        test.chi_square,
        n,
        denominator,
        p_value=test.p_value,
        comparator=GROUPS[False],
        method=f"log-rank test, {test.degrees_of_freedom} df",
        assumptions_verdict=verdict,
        warning="" if np.isfinite(test.chi_square) else UNTESTED,
    )


def _group_rows(test: LogRankResult) -> list[Estimate]:
    rows = []
    for group, n, observed, expected in zip(
        test.groups, test.n, test.observed, test.expected, strict=True
    ):
        rows += [
            count(
                ANALYSIS,
                "evaluable",
                START,
                int(observed),
                n,
                statistic="n_events",
                group=group,
            ),
            Estimate(
                ANALYSIS,
                "evaluable",
                START,
                "n_events_expected",
                expected,
                n,
                n,
                group=group,
                unit="patients",
                method="expected under equal hazards",
            ),
        ]
    return rows
