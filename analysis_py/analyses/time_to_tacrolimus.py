"""A12 and A14: time to the first tacrolimus, and its start by generalized disease."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from analysis_py.analyses import verdicts
from analysis_py.analyses.rows import count, model_rows
from analysis_py.conventions import DAYS_PER_MONTH
from analysis_py.estimators.cox import cox_data, fit_cox, proportional_hazards_test
from analysis_py.estimators.survival import (
    LogRankResult,
    SurvivalCurve,
    kaplan_meier,
    log_rank,
    restricted_mean,
)
from analysis_py.frames import Frames, is_known, is_true, numbers
from analysis_py.results import Estimate
from analysis_py.vocabulary import ALL

STARTS = "fct_tacrolimus_initiation"
START = "tacrolimus_start"
TIME_COLUMNS = ["duration_months", "is_event"]
GENERALIZED = "is_generalized"
GROUPS = {True: "generalized", False: "not_generalized"}
READS = {
    "time_to_tacrolimus": {
        "dim_timepoints": ["nominal_month", "first_day"],
        STARTS: [*TIME_COLUMNS, "duration_days"],
    },
    "generalized": {STARTS: [*TIME_COLUMNS, GENERALIZED]},
}


def times_and_events(starts: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Nominal months to the event or the last evaluable visit, and whether it was the event."""
    return numbers(starts["duration_months"]), is_true(starts["is_event"])


def time_to_tacrolimus(frames: Frames) -> list[Estimate]:
    """A12, abstract and Results: time to tacrolimus, "8.3 ± 0.3 months".

    Kaplan-Meier of the first tacrolimus, alone or combined, and its restricted mean. Time in
    nominal months of the visits; use at baseline is an event at 0; others are censored at their
    last visit with a known regimen. The horizon is the last nominal month. The printed "± 0.3" is
    the Greenwood standard error of the restricted mean, not a standard deviation. With actual study
    days instead of nominal months as a sensitivity analysis.
    """
    everybody = frames[STARTS]
    # A patient without any known regimen has no duration.
    table = everybody[is_known(everybody["duration_months"])]
    who = ("A12", "evaluable", START)
    if table.empty:
        warning = "not estimated: no evaluable patient with a known regimen"
        return [Estimate(*who, "n_events", None, 0, len(everybody), warning=warning)]
    timepoints = frames["dim_timepoints"]
    horizon = float(numbers(timepoints["nominal_month"]).max())
    months, events = times_and_events(table)
    curve = kaplan_meier(months, events)
    mean, median = restricted_mean(curve, horizon), curve.median()
    days = np.clip(numbers(table["duration_days"]), 0, None)
    last_window = numbers(timepoints["first_day"]).max() / DAYS_PER_MONTH
    actual = restricted_mean(kaplan_meier(days / DAYS_PER_MONTH, events), horizon, last_window)
    row = partial(Estimate, *who, n=curve.n, denominator=len(everybody), unit="months")
    area = f"area under the Kaplan-Meier curve from 0 to {mean.horizon:g} months"
    unknown = mean.failure or mean.interval.reason
    return [
        count(*who, curve.total_events, curve.n, statistic="n_events"),
        row(
            statistic="restricted_mean",
            value=mean.mean,
            interval=mean.interval,
            method=f"{area}; normal interval",
            assumptions_verdict="" if mean.failure else verdicts.CENSORING,
            warning=mean.failure,
        ),
        row(
            statistic="restricted_mean_se",
            value=mean.standard_error,
            method=f"Greenwood standard error of the {area}",
            assumptions_verdict="" if unknown else verdicts.CENSORING,
            warning=unknown.replace("no interval", "not estimable"),
        ),
        row(
            statistic="median",
            value=median,
            method="first time with survival of 1/2 or less",
            assumptions_verdict=verdicts.CENSORING,
            warning="" if np.isfinite(median) else "not reached: fewer than half started",
        ),
        row(
            statistic="restricted_mean_by_study_days",
            value=actual.mean,
            interval=actual.interval,
            method=f"as restricted_mean, time = study day / {DAYS_PER_MONTH}",
            assumptions_verdict="" if actual.failure else verdicts.CENSORING,
            warning=actual.failure,
            role="sensitivity",
        ),
        *_curve_rows("A12", curve),
    ]


def generalized(frames: Frames) -> list[Estimate]:
    """A14, Results: start of tacrolimus in generalized against non-generalized disease, log-rank.

    Observed and expected starts, a curve per group, the hazard ratio beside the test. A patient
    whose phenotype is not recorded is left out and counted in the denominator only.
    """
    everybody = frames[STARTS]
    has_both = is_known(everybody[GENERALIZED]) & is_known(everybody["duration_months"])
    table = everybody[has_both]
    months, events = times_and_events(table)
    flags = is_true(table[GENERALIZED])
    if table.empty:
        nothing = LogRankResult((), (), (), (), float("nan"), 1, float("nan"))
        return [_log_rank_row(nothing, 0, len(everybody), "")]
    test = log_rank(months, events, np.where(flags, GROUPS[True], GROUPS[False]))
    hazard = fit_cox(cox_data([GENERALIZED], months, events, flags[:, None]), "breslow")
    drift = proportional_hazards_test(hazard)[0].p_value if hazard.is_fitted else float("nan")
    verdict = f"{verdicts.with_p('proportional hazards', drift)}; {verdicts.CENSORING}"
    rows = [_log_rank_row(test, len(table), len(everybody), verdict), *_group_rows(test)]
    rows += model_rows(
        "A14",
        "evaluable",
        hazard,
        "Cox model, this term alone",
        "hazard_ratio",
        verdicts={GENERALIZED: verdict} if hazard.is_fitted else None,
        role="sensitivity",
    )
    for value, group in GROUPS.items():
        members = flags == value
        if members.any():
            rows += _curve_rows("A14", kaplan_meier(months[members], events[members]), group)
    return rows


def _curve_rows(analysis_id: str, curve: SurvivalCurve, group: str = ALL) -> list[Estimate]:
    """Points of a Kaplan-Meier curve: survival with interval, at risk, events, censored.

    `survival` is the proportion (0 to 1) not yet started just after the time; `n_at_risk` counts
    just before it.
    """
    rows = []
    for i, time in enumerate(curve.times):
        row = partial(
            Estimate,
            analysis_id,
            "evaluable",
            START,
            denominator=curve.n,
            group=group,
            time_months=float(time),
            role="curve",
        )
        at_risk = int(curve.n_at_risk[i])
        rows.append(
            row(
                statistic="survival",
                value=float(curve.survival[i]),
                n=at_risk,
                interval=curve.interval(i),
                assumptions_verdict=verdicts.CENSORING,
                unit="proportion",
                method="Kaplan-Meier; log-log interval, Greenwood variance; exact without variance",
            )
        )
        for statistic, number in (
            ("n_at_risk", at_risk),
            ("n_events", int(curve.n_events[i])),
            ("n_censored", int(curve.n_censored[i])),
        ):
            rows.append(
                row(statistic=statistic, value=number, n=number, unit="patients", method="count")
            )
    return rows


def _log_rank_row(test: LogRankResult, n: int, denominator: int, verdict: str) -> Estimate:
    untested = "not tested: needs two groups with patients, and events that are not all at once"
    return Estimate(
        "A14",
        "evaluable",
        GENERALIZED,
        "log_rank_chi_square",
        test.chi_square,
        n,
        denominator,
        p_value=test.p_value,
        comparator=GROUPS[False],
        method=f"log-rank test, {test.degrees_of_freedom} df",
        assumptions_verdict=verdict,
        warning="" if np.isfinite(test.chi_square) else untested,
    )


def _group_rows(test: LogRankResult) -> list[Estimate]:
    rows = []
    for i, (group, n) in enumerate(zip(test.groups, test.n, strict=True)):
        who = ("A14", "evaluable", START)
        rows += [
            count(*who, int(test.observed[i]), n, statistic="n_events", group=group),
            Estimate(
                *who,
                "n_events_expected",
                test.expected[i],
                n,
                n,
                group=group,
                unit="patients",
                method="expected under equal hazards",
            ),
        ]
    return rows
