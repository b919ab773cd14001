"""Tables of the scores: S2 (level and change), S3 (responses), S4 (analysis of variance)."""

from __future__ import annotations

from analysis_py.phrases import (
    count_cell,
    distinct,
    estimate_cell,
    interval_cell,
    readable,
    share_cell,
    value_cell,
)
from analysis_py.results import Estimate
from analysis_py.rounding import MISSING, format_interval, format_p, is_missing
from analysis_py.rows import NothingToShowError, ResultRows
from analysis_py.tables.table import Line, Table, heading, mark_notes, marked, tested_notes
from analysis_py.vocabulary import label

# Score -> analysis of its level, analysis of its change.
SCORES = {
    "easi": ("A04", "A05"),
    "itch_nrs": ("A07", "A07"),
    "sleep_nrs": ("A06", "A06"),
    "dlqi": ("A08", "A08"),
}
RESPONSES = (
    ("A04", ("easi_above_21", "easi_below_7", "easi_at_most_7", "easi_50", "easi_75", "easi_90")),
    ("A07", ("itch_nrs_response",)),
    ("A06", ("sleep_nrs_response",)),
    ("A08", ("dlqi_below_10",)),
)
LEVELS = ("n", "n_missing", "mean", "sd", "median", "first_quartile", "third_quartile")
RANGE = ("minimum", "maximum")


def levels(rows: ResultRows) -> Table:
    """Lay out the level of every score and its change from baseline."""
    lines, used, tests = [], [], []
    for score, (level, change) in SCORES.items():
        found = [
            {name: rows.get(level, score, name, timepoint=t.code) for name in (*LEVELS, *RANGE)}
            for t in rows.timepoints
        ]
        if not any(at["n"] is not None and at["n"].n for at in found):
            continue
        changes = [row for _, row in rows.over_time(change, score, "mean_change")]
        tests += [row for row in changes if row is not None]
        used += [row for at in found for row in at.values() if row is not None]
        lines += [
            heading(f"{label(score)}, points"),
            Line("Patients", tuple(count_cell(at["n"]) for at in found)),
            Line("Seen, score not recorded", tuple(count_cell(at["n_missing"]) for at in found)),
            Line("Mean ± SD", tuple(_mean(at["mean"], at["sd"]) for at in found)),
            Line("95% CI of the mean", tuple(interval_cell(at["mean"]) for at in found)),
            Line("Median (quartiles)", tuple(map(_median, found))),
            Line("Range", tuple(_range(at["minimum"], at["maximum"]) for at in found)),
            Line("Mean change from baseline (95% CI)", tuple(map(estimate_cell, changes))),
            Line("p, change; pairs", tuple(map(_change_test, changes))),
        ]
    if not lines:
        raise NothingToShowError("no score is recorded at any timepoint")
    return Table(
        number="Table S2",
        title="Scores over the year",
        stub="Score",
        columns=tuple(time.label for time in rows.timepoints),
        lines=tuple(lines),
        notes=(
            "Enrolled patients seen at the timepoint, available cases; nothing is imputed. "
            "SD: sample standard deviation; interval of the mean: t.",
            "Change: value minus baseline, in patients with both; p: paired t-test, two-sided.",
            *tested_notes(tests),
        ),
        rows=(*used, *tests),
    )


def _mean(mean: Estimate | None, deviation: Estimate | None) -> str:
    text = value_cell(mean)
    return text if text == MISSING else f"{text} ± {value_cell(deviation)}"


def _median(at: dict[str, Estimate | None]) -> str:
    text = value_cell(at["median"])
    return (
        text
        if text == MISSING
        else f"{text} ({_range(at['first_quartile'], at['third_quartile'])})"
    )


def _range(low: Estimate | None, high: Estimate | None) -> str:
    if low is None or high is None:
        return MISSING
    return format_interval(low.value, high.value, 1)


def _change_test(row: Estimate | None) -> str:
    if row is None:
        return MISSING
    return marked(f"{format_p(row.p_value)}; {share_cell(row)}", row)


def responses(rows: ResultRows) -> Table:
    """Lay out the responses: patients, of how many, percentage with interval."""
    lines, used = [], []
    for analysis, terms in RESPONSES:
        for term in terms:
            found = [row for _, row in rows.over_time(analysis, term, "percent")]
            known = [row for row in found if row is not None]
            if any(row.denominator for row in known):
                lines.append(Line(label(term), tuple(map(_response, found))))
                used += known
    if not lines:
        raise NothingToShowError("no score is recorded at any timepoint")
    return Table(
        number="Table S3",
        title="Responses over the year",
        stub="Response",
        columns=tuple(f"{time.label}, n of N, % (95% CI)" for time in rows.timepoints),
        lines=tuple(lines),
        notes=(
            "N: enrolled patients with the score recorded at the timepoint and, for a response "
            "against baseline, at baseline too; patients whose baseline is too low to respond are "
            "part of N. Intervals: Wilson.",
            "EASI-50, 75, 90: EASI lower than baseline by at least 50, 75, 90 percent.",
        ),
        rows=tuple(used),
    )


def _response(row: Estimate | None) -> str:
    if row is None or not row.denominator:
        return MISSING
    return f"{share_cell(row)}, {estimate_cell(row)}"


def variance(rows: ResultRows) -> Table:
    """Lay out the repeated-measures analyses of variance with their assumptions."""
    lines, used, tests = [], [], []
    for score, (_, analysis) in SCORES.items():
        test = rows.get(analysis, score, "f_statistic")
        plain = rows.get(analysis, score, "f_statistic_uncorrected")
        epsilon = rows.get(analysis, score, "greenhouse_geisser_epsilon")
        mauchly = rows.get(analysis, score, "mauchly_w")
        if test is None or is_missing(test.value):
            continue
        tests.append(test)
        used += [row for row in (test, plain, epsilon, mauchly) if row is not None]
        cells = (
            share_cell(test),
            marked(value_cell(test), test),
            value_cell(epsilon, 2),
            format_p(test.p_value),
            MISSING if plain is None else format_p(plain.p_value),
            _mauchly(mauchly),
            readable(test.assumptions_verdict) or MISSING,
        )
        lines.append(Line(label(score), cells))
    if not lines:
        raise NothingToShowError("no patient has a score recorded at every timepoint")
    return Table(
        number="Table S4",
        title="Change over the year: repeated-measures analysis of variance",
        stub="Score",
        columns=(
            "Complete cases",
            "F",
            "Greenhouse-Geisser ε",
            "p (corrected)",
            "p (uncorrected)",
            "Mauchly's W; p",
            "Assumptions",
        ),
        lines=tuple(lines),
        notes=(
            "Enrolled patients with the score recorded at every timepoint; factor time. Degrees of "
            "freedom of F and its p-value are multiplied by ε.",
            "Complete cases are called like all cases when their mean differs by at most a tenth "
            "of a standard deviation at every timepoint (Table S10).",
            *(f"{label(row.term)}: {text}." for row in tests for text in distinct([row.method])),
            *mark_notes(tests),
        ),
        rows=tuple(used),
    )


def _mauchly(row: Estimate | None) -> str:
    if row is None or is_missing(row.value):
        return MISSING
    return f"{value_cell(row, 3)}; {format_p(row.p_value)}"
