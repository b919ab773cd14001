"""Tables of the scores: level and change, responses, analysis of variance."""

from __future__ import annotations

from collections.abc import Sequence

from analysis_py.report_rows import NothingToShowError, ResultRows, Timepoint
from analysis_py.report_words import distinct, readable
from analysis_py.results import Estimate
from analysis_py.rounding import MISSING, format_interval, format_number, format_p, is_missing
from analysis_py.tables.table import (
    Line,
    Table,
    heading,
    mark_notes,
    marked,
    tested_notes,
)
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


def build_levels(rows: ResultRows, timepoints: Sequence[Timepoint]) -> Table:
    """Lay out the level of every score and its change from baseline.

    Raises
    ------
    NothingToShowError
        If no score is recorded at any timepoint.
    """
    lines, used, tests = [], [], []
    for score, (level, change) in SCORES.items():
        found = [
            {name: rows.get(level, score, name, timepoint=t.code) for name in (*LEVELS, *RANGE)}
            for t in timepoints
        ]
        if not any(rows_at["n"] is not None and rows_at["n"].n for rows_at in found):
            continue
        changes = [rows.get(change, score, "mean_change", timepoint=t.code) for t in timepoints]
        tests += [row for row in changes if row is not None]
        used += [row for at in found for row in at.values() if row is not None]
        lines.append(heading(f"{label(score)}, points"))
        lines += [
            Line("Patients", tuple(_count(at["n"]) for at in found)),
            Line("Seen, score not recorded", tuple(_count(at["n_missing"]) for at in found)),
            Line("Mean ± SD", tuple(_mean(at["mean"], at["sd"]) for at in found)),
            Line("95% CI of the mean", tuple(_interval(at["mean"]) for at in found)),
            Line(
                "Median (quartiles)",
                tuple(
                    _spread(at["median"], at["first_quartile"], at["third_quartile"])
                    for at in found
                ),
            ),
            Line("Range", tuple(_range(at["minimum"], at["maximum"]) for at in found)),
            Line("Mean change from baseline (95% CI)", tuple(map(_change, changes))),
            Line("p, change; pairs", tuple(map(_change_test, changes))),
        ]
    if not lines:
        raise NothingToShowError("no score is recorded at any timepoint")
    return Table(
        name="table_s2_scores",
        number="Table S2",
        title="Scores over the year",
        stub="Score",
        columns=tuple(time.label for time in timepoints),
        lines=tuple(lines),
        notes=(
            "Enrolled patients seen at the timepoint, available cases; nothing is imputed. "
            "SD: sample standard deviation; interval of the mean: t.",
            "Change: value minus baseline, in patients with both; p: paired t-test, two-sided.",
            *tested_notes(tests),
        ),
        rows=(*used, *tests),
    )


def build_responses(rows: ResultRows, timepoints: Sequence[Timepoint]) -> Table:
    """Lay out the responses: patients, of how many, percentage with interval.

    Raises
    ------
    NothingToShowError
        If no score is recorded at any timepoint.
    """
    lines, used = [], []
    for analysis, terms in RESPONSES:
        for term in terms:
            found = [rows.get(analysis, term, "percent", timepoint=t.code) for t in timepoints]
            known = [row for row in found if row is not None]
            if any(row.denominator for row in known):
                lines.append(Line(label(term), tuple(map(_share, found))))
                used += known
    if not lines:
        raise NothingToShowError("no score is recorded at any timepoint")
    return Table(
        name="table_s3_responses",
        number="Table S3",
        title="Responses over the year",
        stub="Response",
        columns=tuple(f"{time.label}, n of N, % (95% CI)" for time in timepoints),
        lines=tuple(lines),
        notes=(
            "N: enrolled patients with the score recorded at the timepoint and, for a response "
            "against baseline, at baseline too; patients whose baseline is too low to respond are "
            "part of N. Intervals: Wilson.",
            "EASI-50, 75, 90: EASI lower than baseline by at least 50, 75, 90 percent.",
        ),
        rows=tuple(used),
    )


def build_variance(rows: ResultRows) -> Table:
    """Lay out the repeated-measures analyses of variance with what they assume.

    Raises
    ------
    NothingToShowError
        If no analysis of variance could be made.
    """
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
        lines.append(
            Line(
                label(score),
                (
                    f"{test.n} of {test.denominator}",
                    marked(format_number(test.value, 1), test),
                    MISSING if epsilon is None else format_number(epsilon.value, 2),
                    format_p(test.p_value),
                    MISSING if plain is None else format_p(plain.p_value),
                    _mauchly(mauchly),
                    readable(test.assumptions_verdict) or MISSING,
                ),
            )
        )
    if not lines:
        raise NothingToShowError("no patient has a score recorded at every timepoint")
    return Table(
        name="table_s4_variance",
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
            "What was assumed",
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


def _count(row: Estimate | None) -> str:
    return MISSING if row is None or row.n is None else str(row.n)


def _mean(mean: Estimate | None, deviation: Estimate | None) -> str:
    if mean is None or is_missing(mean.value):
        return MISSING
    spread = None if deviation is None else deviation.value
    return f"{format_number(mean.value, 1)} ± {format_number(spread, 1)}"


def _interval(row: Estimate | None) -> str:
    return MISSING if row is None else format_interval(row.ci_lower, row.ci_upper, 1)


def _spread(median: Estimate | None, low: Estimate | None, high: Estimate | None) -> str:
    if median is None or low is None or high is None or is_missing(median.value):
        return MISSING
    return f"{format_number(median.value, 1)} ({_range(low, high)})"


def _range(low: Estimate | None, high: Estimate | None) -> str:
    if low is None or high is None:
        return MISSING
    return format_interval(low.value, high.value, 1)


def _change(row: Estimate | None) -> str:
    if row is None or is_missing(row.value):
        return MISSING
    interval = format_interval(row.ci_lower, row.ci_upper, 1)
    return f"{format_number(row.value, 1)} ({interval})"


def _change_test(row: Estimate | None) -> str:
    if row is None:
        return MISSING
    return marked(f"{format_p(row.p_value)}; {row.n} of {row.denominator}", row)


def _share(row: Estimate | None) -> str:
    if row is None or not row.denominator:
        return MISSING
    interval = format_interval(row.ci_lower, row.ci_upper, 1)
    return f"{row.n} of {row.denominator}, {format_number(row.value, 1)} ({interval})"


def _mauchly(row: Estimate | None) -> str:
    if row is None or is_missing(row.value):
        return MISSING
    return f"{format_number(row.value, 3)}; {format_p(row.p_value)}"
