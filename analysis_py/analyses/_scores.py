"""Rows for a score over the timepoints: level, change, response, analysis of variance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis_py.analyses import _verdicts as verdicts
from analysis_py.analyses._counts import EMPTY, count, share_of
from analysis_py.conventions import MAX_STANDARDISED_DIFFERENCE
from analysis_py.estimators.describe import Summary, summarise
from analysis_py.estimators.paired import paired_t
from analysis_py.estimators.repeated_measures import RepeatedMeasuresResult, repeated_measures_anova
from analysis_py.frames import Frames, at, is_known, is_true, numbers, take, timepoint_codes, wide
from analysis_py.results import DOUBTFUL, HOLDS, NOT_ASSESSED, Estimate
from analysis_py.vocabulary import BASELINE

VISITS = "fct_patient_timepoints"
SPREAD = {
    "median": "median",
    "first_quartile": "quantile, type 7",
    "third_quartile": "quantile, type 7",
    "minimum": "minimum",
    "maximum": "maximum",
}
TOO_FEW_PAIRS = "not tested: fewer than two pairs, or every change the same"


def level_columns(score: str) -> dict[str, list[str]]:
    """Marts and columns that :func:`level_rows` reads for a score."""
    return {
        "dim_timepoints": ["timepoint_code", "timepoint_number"],
        VISITS: ["timepoint_code", "is_attended", f"{score}_score"],
    }


def score_columns(score: str) -> dict[str, list[str]]:
    """Marts and columns that the functions of this module read for a score."""
    columns = level_columns(score)
    return {**columns, VISITS: ["patient_id", *columns[VISITS]]}


def course_columns(score: str, responses: dict[str, str]) -> dict[str, list[str]]:
    """Marts and columns that :func:`course_rows` reads for a score and its responses."""
    columns = score_columns(score)
    return {**columns, VISITS: [*columns[VISITS], *responses]}


def course_rows(
    frames: Frames,
    analysis_id: str,
    score: str,
    responses: dict[str, str],
    *,
    after_baseline: bool,
) -> list[Estimate]:
    """Level, responses, analysis of variance and change from baseline of one score."""
    return [
        *level_rows(frames, analysis_id, score),
        *response_rows(frames, analysis_id, responses, after_baseline=after_baseline),
        *anova_rows(frames, analysis_id, score),
        *change_rows(frames, analysis_id, score, timepoint_codes(frames)[1:]),
    ]


def summary_rows(
    analysis_id: str,
    population: str,
    term: str,
    summary: Summary,
    unit: str,
    *,
    timepoint: str = "any",
) -> list[Estimate]:
    """Rows mean (with interval), sd, median, quartiles, range, n and n_missing of a sample."""
    denominator = summary.n + summary.n_missing
    empty = "" if summary.n else EMPTY
    lonely = empty or ("" if summary.n > 1 else "one value has no standard deviation")

    def row(statistic: str, value: float, method: str, warning: str, **fields: float) -> Estimate:
        return Estimate(
            analysis_id,
            population,
            term,
            statistic,
            value,
            summary.n,
            denominator,
            timepoint=timepoint,
            unit=unit,
            method=method,
            warning=warning,
            **fields,
        )

    return [
        count(analysis_id, population, term, summary.n, denominator, timepoint=timepoint),
        count(
            analysis_id,
            population,
            term,
            summary.n_missing,
            denominator,
            statistic="n_missing",
            timepoint=timepoint,
        ),
        row(
            "mean",
            summary.mean,
            "arithmetic mean; t interval",
            empty,
            ci_lower=summary.ci_lower,
            ci_upper=summary.ci_upper,
        ),
        row("sd", summary.standard_deviation, "sample standard deviation (n - 1)", lonely),
        *(row(name, getattr(summary, name), how, empty) for name, how in SPREAD.items()),
    ]


def level_rows(frames: Frames, analysis_id: str, score: str) -> list[Estimate]:
    """Level of a score at each timepoint, available cases; missing among attenders counted."""
    visits = take(frames, VISITS, level_columns(score)[VISITS])
    rows = []
    for timepoint in timepoint_codes(frames):
        part = at(visits, timepoint)
        attended = is_true(part["is_attended"])
        summary = summarise(numbers(part[f"{score}_score"])[attended])
        rows += summary_rows(analysis_id, "assessed", score, summary, "points", timepoint=timepoint)
    return rows


def change_rows(
    frames: Frames, analysis_id: str, score: str, timepoints: Sequence[str]
) -> list[Estimate]:
    """Mean change from baseline with a paired t-test at each of the timepoints."""
    visits = take(frames, VISITS, score_columns(score)[VISITS])
    table = wide(visits, f"{score}_score", [BASELINE, *timepoints])
    rows = []
    for timepoint in timepoints:
        test = paired_t(table[BASELINE].to_numpy(), table[timepoint].to_numpy())
        shared = {
            "n": test.n,
            "denominator": len(table),
            "p_value": test.p_value,
            "timepoint": timepoint,
            "comparator": BASELINE,
            "method": f"paired t-test, {test.degrees_of_freedom} df",
            "assumptions_verdict": verdicts.normal_mean(test.n),
            "warning": "" if np.isfinite(test.p_value) else TOO_FEW_PAIRS,
        }
        rows += [
            Estimate(
                analysis_id,
                "assessed_twice",
                score,
                "mean_change",
                test.mean_difference,
                ci_lower=test.ci_lower,
                ci_upper=test.ci_upper,
                unit="points",
                **shared,
            ),
            Estimate(
                analysis_id, "assessed_twice", score, "t_statistic", test.t_statistic, **shared
            ),
        ]
    return rows


def response_rows(
    frames: Frames,
    analysis_id: str,
    responses: dict[str, str],
    *,
    after_baseline: bool,
) -> list[Estimate]:
    """Patients with a response at each timepoint, of those in whom it is known.

    Parameters
    ----------
    responses : dict
        Boolean column of fct_patient_timepoints -> term.
    after_baseline : bool
        True for a response that compares with baseline: population assessed_twice, no row at
        baseline. False for a level: population assessed, every timepoint.
    """
    visits = take(frames, VISITS, ["timepoint_code", *responses])
    rows = []
    for timepoint in timepoint_codes(frames):
        if after_baseline and timepoint == BASELINE:
            continue
        part = at(visits, timepoint)
        for column, term in responses.items():
            rows += share_of(
                analysis_id,
                "assessed_twice" if after_baseline else "assessed",
                term,
                is_true(part[column]),
                is_known(part[column]),
                timepoint=timepoint,
                comparator=BASELINE if after_baseline else "",
            )
    return rows


def anova_rows(frames: Frames, analysis_id: str, score: str) -> list[Estimate]:
    """Repeated-measures analysis of variance over all timepoints with what it assumes."""
    visits = take(frames, VISITS, score_columns(score)[VISITS])
    timepoints = timepoint_codes(frames)
    table = wide(visits, f"{score}_score", timepoints)
    scores = table.to_numpy(dtype=float)
    complete = scores[~np.isnan(scores).any(axis=1)]
    result = repeated_measures_anova(complete)
    comparison = _complete_case_rows(analysis_id, score, timepoints, scores, complete)
    representative = _worst([row.assumptions_verdict for row in comparison])
    undefined = (
        ""
        if np.isfinite(result.f_statistic)
        else ("not tested: fewer than two complete cases, or no variation within patients")
    )
    verdict = (
        f"{verdicts.with_p('sphericity', result.sphericity.p_value)}, "
        f"Greenhouse-Geisser corrected; complete cases like all cases: {representative}"
    )
    shared = {
        "n": result.n_patients,
        "denominator": len(table),
        "comparator": BASELINE,
        "warning": undefined,
    }
    fields = {"population": "complete_cases", "term": score, "analysis_id": analysis_id, **shared}
    return [
        Estimate(
            **fields,
            statistic="f_statistic",
            value=result.f_statistic,
            p_value=result.p_value,
            method=_anova_method(result),
            assumptions_verdict=verdict if not undefined else "",
        ),
        Estimate(
            **fields,
            statistic="f_statistic_uncorrected",
            value=result.f_statistic,
            p_value=result.p_uncorrected,
            method=f"repeated-measures ANOVA, df {result.df_time:g} and {result.df_error:g}",
            role="sensitivity",
        ),
        Estimate(
            **fields,
            statistic="greenhouse_geisser_epsilon",
            value=result.epsilon,
            method="Greenhouse-Geisser epsilon; 1: sphericity",
            role="assumption",
        ),
        Estimate(
            **{**fields, "warning": _mauchly_warning(result)},
            statistic="mauchly_w",
            value=result.sphericity.w,
            p_value=result.sphericity.p_value,
            method=f"Mauchly's test, {result.sphericity.degrees_of_freedom} df",
            assumptions_verdict=verdicts.by_p_value(result.sphericity.p_value),
            role="assumption",
        ),
        *comparison,
    ]


def _anova_method(result: RepeatedMeasuresResult) -> str:
    epsilon = result.epsilon if np.isfinite(result.epsilon) else 1.0
    return (
        "repeated-measures ANOVA, factor time, complete cases, Greenhouse-Geisser df "
        f"{epsilon * result.df_time:.2f} and {epsilon * result.df_error:.1f}"
    )


def _mauchly_warning(result: RepeatedMeasuresResult) -> str:
    return "" if np.isfinite(result.sphericity.w) else "not tested: too few complete cases"


def _complete_case_rows(
    analysis_id: str,
    score: str,
    timepoints: Sequence[str],
    scores: np.ndarray,
    complete: np.ndarray,
) -> list[Estimate]:
    """Compare means of complete cases with those of everybody assessed, in SD of everybody."""
    rows = []
    for position, timepoint in enumerate(timepoints):
        everybody, cases = summarise(scores[:, position]), summarise(complete[:, position])
        spread = everybody.standard_deviation
        distance = (cases.mean - everybody.mean) / spread if spread else float("nan")
        if not np.isfinite(distance):
            verdict = NOT_ASSESSED
        else:
            verdict = HOLDS if abs(distance) <= MAX_STANDARDISED_DIFFERENCE else DOUBTFUL
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
                assumptions_verdict=verdict,
                warning="" if np.isfinite(distance) else "no complete case, or every score equal",
                role="assumption",
            )
        )
    return rows


def _worst(found: Sequence[str]) -> str:
    for verdict in (DOUBTFUL, NOT_ASSESSED):
        if verdict in found:
            return verdict
    return HOLDS
