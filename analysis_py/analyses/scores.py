"""A04 to A08: EASI, sleep, itch and DLQI over the timepoints; level, change, response. A22: others.

Levels and responses are of the available cases at each timepoint. The change over the year is
tested by analysis of variance on the complete cases, each later timepoint by a paired t-test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from analysis_py.analyses import verdicts
from analysis_py.analyses.rows import EMPTY, count, share_of, summary_rows
from analysis_py.conventions import MAX_STANDARDISED_DIFFERENCE
from analysis_py.estimators.describe import summarise
from analysis_py.estimators.hypothesis_tests import paired_t
from analysis_py.estimators.repeated_measures import repeated_measures_anova
from analysis_py.frames import (
    Frames,
    at,
    codes,
    counted,
    is_code,
    is_known,
    is_true,
    numbers,
    timepoint_codes,
    wide,
)
from analysis_py.results import Estimate
from analysis_py.vocabulary import BASELINE

VISITS = "fct_patient_timepoints"
EASI_LEVELS = {
    "is_easi_above_21": "easi_above_21",
    "is_easi_below_7": "easi_below_7",
    "is_easi_at_most_7": "easi_at_most_7",
}
CHOICES = {
    "nearest": "easi_score",
    "first": "easi_first_visit_score",
    "last": "easi_last_visit_score",
}
"""Scored visit of a window that answers -> column with its EASI; the study's rule is nearest."""

EASI_RESPONSES = {
    "has_easi_50_response": "easi_50",
    "has_easi_75_response": "easi_75",
    "has_easi_90_response": "easi_90",
}
SLEEP_RESPONSE = {"has_sleep_response": "sleep_nrs_response"}
ITCH_RESPONSE = {"has_itch_response": "itch_nrs_response"}
LOW_DLQI = {"is_dlqi_below_10": "dlqi_below_10"}
TOO_FEW_PAIRS = "not tested: fewer than two pairs, or every change the same"
TOO_FEW_CASES = "not tested: fewer than two complete cases, or no variation within patients"


def _reads(score: str, *flags: str) -> dict[str, list[str]]:
    return {
        "dim_timepoints": ["timepoint_code", "timepoint_number"],
        VISITS: ["patient_id", "timepoint_code", "is_attended", f"{score}_score", *flags],
    }


READS = {
    "easi": _reads(
        "easi", *EASI_LEVELS, *EASI_RESPONSES, *list(CHOICES.values())[1:], "n_visits_in_window"
    ),
    "easi_change": _reads("easi"),
    "sleep": _reads("sleep_nrs", *SLEEP_RESPONSE),
    "itch": _reads("itch_nrs", *ITCH_RESPONSE),
    "dlqi": _reads("dlqi", *LOW_DLQI),
    "further_scores": {
        "dim_timepoints": ["timepoint_code", "timepoint_number"],
        "dim_scores": ["score_code", "score_label", "unit"],
        VISITS: ["patient_id", "timepoint_code", "is_attended"],
        "fct_scores": [
            *("patient_id", "timepoint_code", "score_code", "score_value", "has_response")
        ],
    },
}


def easi(frames: Frames) -> list[Estimate]:
    """A04, Results: EASI at each timepoint, EASI above 21 (strict), and EASI-50, 75 and 90.

    As sensitivity analysis, EASI where another visit of the window would answer.
    """
    return [
        *_level_rows(frames, "A04", "easi"),
        *_flag_rows(frames, "A04", EASI_LEVELS),
        *_response_rows(frames, "A04", EASI_RESPONSES),
        *_choice_rows(frames),
    ]


def _choice_rows(frames: Frames) -> list[Estimate]:
    """Patients with several visits in a window, and the mean EASI by the visit that answers."""
    rows = []
    for timepoint in timepoint_codes(frames):
        part = at(frames[VISITS], timepoint)
        part = part[is_true(part["is_attended"])]
        several = int((numbers(part["n_visits_in_window"]) > 1).sum())
        rows.append(
            count(
                "A04",
                "attended",
                "easi",
                several,
                len(part),
                statistic="n_several_visits",
                timepoint=timepoint,
                role="sensitivity",
            )
        )
        for choice, column in CHOICES.items():
            summary = summarise(numbers(part[column]))
            rows.append(
                Estimate(
                    "A04",
                    "assessed",
                    "easi",
                    f"mean_{choice}_visit",
                    summary.mean,
                    summary.n,
                    len(part),
                    interval=summary.interval,
                    timepoint=timepoint,
                    unit="points",
                    method=f"arithmetic mean of the {choice} scored visit; t interval",
                    warning="" if summary.n else EMPTY,
                    role="sensitivity",
                )
            )
    return rows


def easi_change(frames: Frames) -> list[Estimate]:
    """A05, Results: fall of EASI, repeated-measures ANOVA over the year and paired t-tests."""
    return _change_rows(frames, "A05", "easi")


def sleep(frames: Frames) -> list[Estimate]:
    """A06, Results: sleep NRS at each timepoint, its change over the year, a fall by 4 points.

    The fall is of the patients assessed at baseline and at the timepoint, also of those with less
    than 4 points at baseline, who cannot fall by 4.
    """
    return [
        *_level_rows(frames, "A06", "sleep_nrs"),
        *_response_rows(frames, "A06", SLEEP_RESPONSE),
        *_change_rows(frames, "A06", "sleep_nrs"),
    ]


def itch(frames: Frames) -> list[Estimate]:
    """A07, Results: itch NRS at each timepoint, its change over the year, a fall by 4 points.

    The denominator of the fall is that of :func:`sleep`.
    """
    return [
        *_level_rows(frames, "A07", "itch_nrs"),
        *_response_rows(frames, "A07", ITCH_RESPONSE),
        *_change_rows(frames, "A07", "itch_nrs"),
    ]


def dlqi(frames: Frames) -> list[Estimate]:
    """A08, Results: DLQI at each timepoint, its change over the year, DLQI below 10 (strict)."""
    return [
        *_level_rows(frames, "A08", "dlqi"),
        *_flag_rows(frames, "A08", LOW_DLQI),
        *_change_rows(frames, "A08", "dlqi"),
    ]


def further_scores(frames: Frames) -> list[Estimate]:
    """A22, beside the paper: each score of fct_scores that is no column of the visits.

    Level, change over the year and response at each timepoint, as for the scores of the paper; no
    rows where no such score is recorded.
    """
    known = frames["dim_scores"]
    names = dict(zip(codes(known["score_code"]), codes(known["score_label"]), strict=True))
    units = dict(zip(codes(known["score_code"]), codes(known["unit"]), strict=True))
    keys = ["patient_id", "timepoint_code"]
    rows = []
    for score in sorted(counted(frames["fct_scores"]["score_code"])):
        recorded = frames["fct_scores"][is_code(frames["fct_scores"]["score_code"], score)]
        visits = frames[VISITS][[*keys, "is_attended"]].merge(
            recorded[[*keys, "score_value", "has_response"]], on=keys, how="left"
        )
        of_score = {**frames, VISITS: visits.rename(columns={"score_value": f"{score}_score"})}
        response = f"{score}_response"
        found = _level_rows(of_score, "A22", score, units[score])
        if is_known(visits["has_response"]).any():
            found += _response_rows(of_score, "A22", {"has_response": response})
        found += _change_rows(of_score, "A22", score, units[score])
        labels = {score: names[score], response: f"{names[score]}: response"}
        rows += [replace(row, term_label=labels[row.term]) for row in found]
    return rows


def _level_rows(
    frames: Frames, analysis_id: str, score: str, unit: str = "points"
) -> list[Estimate]:
    """Level of a score at each timepoint, available cases; missing among attenders counted."""
    visits = frames[VISITS][["timepoint_code", "is_attended", f"{score}_score"]]
    rows = []
    for timepoint in timepoint_codes(frames):
        part = at(visits, timepoint)
        summary = summarise(numbers(part[f"{score}_score"])[is_true(part["is_attended"])])
        rows += summary_rows(analysis_id, "assessed", score, summary, unit, timepoint=timepoint)
    return rows


def _flag_rows(frames: Frames, analysis_id: str, flags: dict[str, str]) -> list[Estimate]:
    """Share with each flag, of those in whom it is known at the timepoint."""
    rows = []
    for timepoint in timepoint_codes(frames):
        part = at(frames[VISITS][["timepoint_code", *flags]], timepoint)
        for column, term in flags.items():
            flag, known = is_true(part[column]), is_known(part[column])
            rows += share_of(analysis_id, "assessed", term, flag, known, timepoint=timepoint)
    return rows


def _response_rows(frames: Frames, analysis_id: str, responses: dict[str, str]) -> list[Estimate]:
    """Share with each response at the later timepoints, of those assessed twice."""
    rows = []
    for timepoint in timepoint_codes(frames):
        if timepoint == BASELINE:
            continue
        part = at(frames[VISITS][["timepoint_code", *responses]], timepoint)
        for column, term in responses.items():
            rows += share_of(
                analysis_id,
                "assessed_twice",
                term,
                is_true(part[column]),
                is_known(part[column]),
                timepoint=timepoint,
                comparator=BASELINE,
            )
    return rows


def _change_rows(
    frames: Frames, analysis_id: str, score: str, unit: str = "points"
) -> list[Estimate]:
    """Analysis of variance over all timepoints, then a paired t-test of each later one."""
    timepoints = timepoint_codes(frames)
    table = wide(frames[VISITS], f"{score}_score", timepoints)
    scores = table.to_numpy(dtype=float)
    rows = _anova_rows(analysis_id, score, timepoints, scores)
    for position, timepoint in enumerate(timepoints[1:], start=1):
        test = paired_t(scores[:, 0], scores[:, position])
        row = partial(
            Estimate,
            analysis_id,
            "assessed_twice",
            score,
            n=test.n,
            denominator=len(table),
            p_value=test.p_value,
            timepoint=timepoint,
            comparator=BASELINE,
            method=f"paired t-test, {test.degrees_of_freedom} df",
            assumptions_verdict=verdicts.normal_mean(test.n),
            warning="" if np.isfinite(test.p_value) else TOO_FEW_PAIRS,
        )
        rows += [
            row(
                statistic="mean_change",
                value=test.mean_difference,
                interval=test.interval,
                unit=unit,
            ),
            row(statistic="t_statistic", value=test.t_statistic),
        ]
    return rows


def _anova_rows(
    analysis_id: str, score: str, timepoints: Sequence[str], scores: np.ndarray
) -> list[Estimate]:
    """Repeated-measures analysis of variance over all timepoints with what it assumes."""
    complete = scores[~np.isnan(scores).any(axis=1)]
    result = repeated_measures_anova(complete)
    sphericity = result.sphericity
    comparison = _complete_case_rows(analysis_id, score, timepoints, scores, complete)
    undefined = "" if np.isfinite(result.f_statistic) else TOO_FEW_CASES
    epsilon = result.epsilon if np.isfinite(result.epsilon) else 1.0
    representative = verdicts.by_timepoint(
        {row.timepoint: row.assumptions_verdict for row in comparison}
    )
    verdict = (
        f"{verdicts.with_p('sphericity', sphericity.p_value)}, "
        f"Greenhouse-Geisser corrected; complete cases like all cases: {representative}"
    )
    row = partial(
        Estimate,
        analysis_id,
        "complete_cases",
        score,
        n=result.n_patients,
        denominator=len(scores),
        comparator=BASELINE,
        warning=undefined,
    )
    return [
        row(
            statistic="f_statistic",
            value=result.f_statistic,
            p_value=result.p_value,
            method=(
                "repeated-measures ANOVA, factor time, complete cases, Greenhouse-Geisser df "
                f"{epsilon * result.df_time:.2f} and {epsilon * result.df_error:.1f}"
            ),
            assumptions_verdict=verdict if not undefined else "",
        ),
        row(
            statistic="f_statistic_uncorrected",
            value=result.f_statistic,
            p_value=result.p_uncorrected,
            method=f"repeated-measures ANOVA, df {result.df_time:g} and {result.df_error:g}",
            role="sensitivity",
        ),
        row(
            statistic="greenhouse_geisser_epsilon",
            value=result.epsilon,
            method="Greenhouse-Geisser epsilon; 1: sphericity",
            role="assumption",
        ),
        row(
            statistic="mauchly_w",
            value=sphericity.w,
            p_value=sphericity.p_value,
            method=f"Mauchly's test, {sphericity.degrees_of_freedom} df",
            assumptions_verdict=verdicts.by_p_value(sphericity.p_value),
            warning="" if np.isfinite(sphericity.w) else "not tested: too few complete cases",
            role="assumption",
        ),
        *comparison,
    ]


def _complete_case_rows(
    analysis_id: str,
    score: str,
    timepoints: Sequence[str],
    scores: np.ndarray,
    complete: np.ndarray,
) -> list[Estimate]:
    """Compare means of complete cases with those of all assessed, in SD of all assessed.

    Where only complete cases were assessed, they would be compared with themselves.
    """
    rows = []
    for position, timepoint in enumerate(timepoints):
        everybody, cases = summarise(scores[:, position]), summarise(complete[:, position])
        spread = everybody.standard_deviation
        distance = (cases.mean - everybody.mean) / spread if spread else float("nan")
        warning = "" if np.isfinite(distance) else "no complete case, or every score equal"
        if 0 < cases.n == everybody.n:
            distance, warning = float("nan"), "not assessed: only complete cases have a score here"
        is_near = abs(distance) <= MAX_STANDARDISED_DIFFERENCE
        rows.append(
            Estimate(
                analysis_id,
                "complete_cases",
                score,
                "standardised_difference_from_all",
                distance,
                cases.n,
                everybody.n,
                timepoint=timepoint,
                comparator="assessed",
                unit="standard deviations",
                method="mean of complete cases minus mean of all assessed, in SD of all assessed",
                assumptions_verdict=verdicts.verdict(is_near, distance),
                warning=warning,
                role="assumption",
            )
        )
    return rows
