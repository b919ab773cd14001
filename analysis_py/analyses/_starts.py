"""Rows for the time to the first tacrolimus, shared by A12, A13 and A14."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis_py.estimators.survival import SurvivalCurve
from analysis_py.frames import Frames, is_known, is_true, numbers, take
from analysis_py.results import Estimate
from analysis_py.vocabulary import ALL

STARTS = "fct_tacrolimus_initiation"
START = "tacrolimus_start"
TIME_COLUMNS = ["duration_months", "is_event"]
LOG_LOG = "Kaplan-Meier; log-log interval, Greenwood variance"
NO_PATIENTS = "not estimated: no evaluable patient with a known regimen"


def starts(frames: Frames, columns: list[str]) -> pd.DataFrame:
    """One row per evaluable patient with duration_months, is_event and the columns asked for."""
    return take(frames, STARTS, [*TIME_COLUMNS, *columns])


def timed(table: pd.DataFrame) -> pd.DataFrame:
    """Rows with a duration; a patient without any known regimen has none."""
    return table[is_known(table["duration_months"])]


def times_and_events(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Nominal months to the event or the last evaluable visit, and whether it was the event."""
    return numbers(table["duration_months"]), is_true(table["is_event"])


def curve_rows(analysis_id: str, curve: SurvivalCurve, group: str = ALL) -> list[Estimate]:
    """Points of a Kaplan-Meier curve: survival with interval, at risk, events, censored.

    `survival` is the proportion (0 to 1) not yet started just after the time; `n_at_risk` counts
    just before it.
    """
    rows = []
    for i, time in enumerate(curve.times):
        at_risk = int(curve.n_at_risk[i])
        fields = {
            "group": group,
            "time_months": float(time),
            "role": "curve",
            "denominator": curve.n,
        }
        rows.append(
            Estimate(
                analysis_id,
                "evaluable",
                START,
                "survival",
                float(curve.survival[i]),
                at_risk,
                ci_lower=float(curve.ci_lower[i]),
                ci_upper=float(curve.ci_upper[i]),
                unit="proportion",
                method=LOG_LOG,
                **fields,
            )
        )
        for statistic, number in (
            ("n_at_risk", at_risk),
            ("n_events", int(curve.n_events[i])),
            ("n_censored", int(curve.n_censored[i])),
        ):
            rows.append(
                Estimate(
                    analysis_id,
                    "evaluable",
                    START,
                    statistic,
                    number,
                    number,
                    unit="patients",
                    method="count",
                    **fields,
                )
            )
    return rows
