"""A12, abstract and Results: time to tacrolimus, "8.3 ± 0.3 months"."""

from __future__ import annotations

import numpy as np

from analysis_py.analyses._counts import count
from analysis_py.analyses._starts import (
    NO_PATIENTS,
    START,
    STARTS,
    TIME_COLUMNS,
    curve_rows,
    starts,
    timed,
    times_and_events,
)
from analysis_py.conventions import DAYS_PER_MONTH
from analysis_py.estimators.survival import RestrictedMean, kaplan_meier, restricted_mean
from analysis_py.frames import Frames, numbers, take
from analysis_py.results import Estimate

ANALYSIS = "A12"
COLUMNS = {
    "dim_timepoints": ["nominal_month"],
    STARTS: [*TIME_COLUMNS, "duration_days"],
}
CENSORING = "independent censoring: not assessed"


def run(frames: Frames) -> list[Estimate]:
    """Kaplan-Meier of the first tacrolimus, alone or combined, and its restricted mean.

    Time in nominal months of the visits; use at baseline is an event at 0; others are censored at
    their last visit with a known regimen. The horizon is the last nominal month. The printed
    "± 0.3" is the Greenwood standard error of the restricted mean, not a standard deviation. With
    actual study days instead of nominal months as a sensitivity analysis.
    """
    everybody = starts(frames, ["duration_days"])
    table, n_evaluable = timed(everybody), len(everybody)
    if table.empty:
        return [_no_patients(n_evaluable)]
    nominal = take(frames, "dim_timepoints", ["nominal_month"])["nominal_month"]
    horizon = float(numbers(nominal).max())
    months, events = times_and_events(table)
    curve = kaplan_meier(months, events)
    median = curve.median()
    days = np.clip(numbers(table["duration_days"]), 0, None)
    actual = restricted_mean(kaplan_meier(days / DAYS_PER_MONTH, events), horizon)
    return [
        count(ANALYSIS, "evaluable", START, curve.total_events, curve.n, statistic="n_events"),
        *_mean_rows(restricted_mean(curve, horizon), curve.n, n_evaluable),
        Estimate(
            ANALYSIS,
            "evaluable",
            START,
            "median",
            median,
            curve.n,
            n_evaluable,
            unit="months",
            method="first time with survival of 1/2 or less",
            warning="" if np.isfinite(median) else "not reached: fewer than half started",
        ),
        Estimate(
            ANALYSIS,
            "evaluable",
            START,
            "restricted_mean_by_study_days",
            actual.mean,
            curve.n,
            n_evaluable,
            ci_lower=actual.ci_lower,
            ci_upper=actual.ci_upper,
            unit="months",
            method=f"as restricted_mean, time = study day / {DAYS_PER_MONTH}",
            role="sensitivity",
        ),
        *curve_rows(ANALYSIS, curve),
    ]


def _no_patients(n_evaluable: int) -> Estimate:
    return Estimate(
        ANALYSIS, "evaluable", START, "n_events", None, 0, n_evaluable, warning=NO_PATIENTS
    )


def _mean_rows(mean: RestrictedMean, n: int, n_evaluable: int) -> list[Estimate]:
    method = f"area under the Kaplan-Meier curve from 0 to {mean.horizon:g} months"
    fields = {"unit": "months", "assumptions_verdict": CENSORING}
    return [
        Estimate(
            ANALYSIS,
            "evaluable",
            START,
            "restricted_mean",
            mean.mean,
            n,
            n_evaluable,
            ci_lower=mean.ci_lower,
            ci_upper=mean.ci_upper,
            method=f"{method}; normal interval",
            **fields,
        ),
        Estimate(
            ANALYSIS,
            "evaluable",
            START,
            "restricted_mean_se",
            mean.standard_error,
            n,
            n_evaluable,
            method=f"Greenwood standard error of the {method}",
            **fields,
        ),
    ]
