"""Tables of the scores: S2 (level, change), S3 (responses), S4 (variance), S13 (which visit)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analysis_py.phrases import (
    count_cell,
    estimate_cell,
    interval_cell,
    readable,
    share_cell,
    value_cell,
)
from analysis_py.results import Estimate
from analysis_py.rounding import MISSING, format_interval, format_p, is_missing
from analysis_py.rows import NothingToShowError, ResultRows
from analysis_py.tables.table import Table, mark_notes, marked, tested_notes
from analysis_py.vocabulary import label

# Score -> analysis of its level, analysis of its change.
SCORES = {
    "easi": ("A04", "A05"),
    "itch_nrs": ("A07", "A07"),
    "sleep_nrs": ("A06", "A06"),
    "dlqi": ("A08", "A08"),
}
FURTHER = "A22"
RESPONSES = (
    ("A04", ("easi_above_21", "easi_below_7", "easi_at_most_7", "easi_50", "easi_75", "easi_90")),
    ("A07", ("itch_nrs_response",)),
    ("A06", ("sleep_nrs_response",)),
    ("A08", ("dlqi_below_10",)),
)
CHOICES = {
    "nearest": "nearest scored visit: the study's rule",
    "first": "first scored visit",
    "last": "last scored visit",
}
STATISTICS = (
    *("n", "n_missing", "mean", "sd", "median", "first_quartile", "third_quartile"),
    *("minimum", "maximum"),
)


def scores_of(rows: ResultRows) -> list[tuple[str, str, str, str]]:
    """Code, name with unit, analysis of the level and of the change of every score with results."""
    study = [(code, f"{label(code)}, points", *analyses) for code, analyses in SCORES.items()]
    further = {
        row.term: (row.term, f"{row.term_label}, {row.unit}", FURTHER, FURTHER)
        for row in rows.find(FURTHER, statistic="mean")
    }
    return [*study, *further.values()]


def levels(rows: ResultRows) -> Table:
    """Lay out the level of every score and its change from baseline."""
    times = tuple(time.label for time in rows.timepoints)
    table = Table("Table S2", "Scores over the year", "Score", times)
    tests = []
    for score, name, level, change in scores_of(rows):
        found = {
            each: [row for _, row in rows.over_time(level, score, each)] for each in STATISTICS
        }
        if not any(row is not None and row.n for row in found["n"]):
            continue
        changes = [row for _, row in rows.over_time(change, score, "mean_change")]
        quartiles = map(_range, found["first_quartile"], found["third_quartile"])
        table.heading(name)
        table.line("Patients", *map(count_cell, found["n"]))
        table.line("Seen, score not recorded", *map(count_cell, found["n_missing"]))
        deviations = map(value_cell, found["sd"])
        table.line("Mean ± SD", *_joined("{} ± {}", found["mean"], deviations))
        table.line("95% CI of the mean", *map(interval_cell, found["mean"]))
        table.line("Median (quartiles)", *_joined("{} ({})", found["median"], quartiles))
        table.line("Range", *map(_range, found["minimum"], found["maximum"]))
        table.line("Mean change from baseline (95% CI)", *map(estimate_cell, changes))
        table.line("p, change; pairs", *map(_change_test, changes))
        tests += [row for row in changes if row is not None]
    return table.finished(
        "Enrolled patients seen at the timepoint, available cases; nothing is imputed. "
        "SD: sample standard deviation; interval of the mean: t.",
        "Change: value minus baseline, in patients with both; p: paired t-test, two-sided.",
        *tested_notes(tests),
        if_empty="no score is recorded at any timepoint",
    )


def _joined(pattern: str, rows: Iterable[Estimate | None], others: Iterable[str]) -> Iterator[str]:
    """Join values with the texts beside them; a missing value is a dash alone."""
    for row, other in zip(rows, others, strict=True):
        text = value_cell(row)
        yield text if text == MISSING else pattern.format(text, other)


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
    times = tuple(f"{time.label}, n of N, % (95% CI)" for time in rows.timepoints)
    table = Table("Table S3", "Responses over the year", "Response", times)
    further = {row.term: row.term_label for row in rows.find(FURTHER, statistic="percent")}
    for analysis, terms in (*RESPONSES, (FURTHER, tuple(further))):
        for term in terms:
            found = [row for _, row in rows.over_time(analysis, term, "percent")]
            if any(row is not None and row.denominator for row in found):
                table.line(further.get(term) or label(term), *map(_response, found))
    return table.finished(
        "N: enrolled patients with the score recorded at the timepoint and, for a response "
        "against baseline, at baseline too; patients whose baseline is too low to respond are "
        "part of N. Intervals: Wilson.",
        "EASI-50, 75, 90: EASI lower than baseline by at least 50, 75, 90 percent.",
        if_empty="no score is recorded at any timepoint",
    )


def _response(row: Estimate | None) -> str:
    if row is None or not row.denominator:
        return MISSING
    return f"{share_cell(row)}, {estimate_cell(row)}"


def visit_choice(rows: ResultRows) -> Table:
    """Lay out EASI by the visit that answers where a window has several."""
    several = [row for _, row in rows.over_time("A04", "easi", "n_several_visits")]
    if not any(row is not None and row.denominator for row in several):
        raise NothingToShowError("no patient was seen in a window")
    times = tuple(time.label for time in rows.timepoints)
    table = Table("Table S13", "Sensitivity: which visit answers, EASI", "EASI", times)
    table.line("Patients seen with several visits in the window", *map(share_cell, several))
    for choice, name in CHOICES.items():
        found = [row for _, row in rows.over_time("A04", "easi", f"mean_{choice}_visit")]
        table.line(f"Mean (95% CI), {name}", *map(estimate_cell, found))
    return table.finished(
        "Enrolled patients seen at the timepoint. Where a window has several visits with a score, "
        "the nearest to the target day answers; the other lines show the means if another did. "
        "Intervals: t."
    )


def variance(rows: ResultRows) -> Table:
    """Lay out the repeated-measures analyses of variance with their assumptions."""
    table = Table(
        "Table S4",
        "Change over the year: repeated-measures analysis of variance",
        "Score",
        (
            *("Complete cases", "F", "Greenhouse-Geisser ε", "p (corrected)", "p (uncorrected)"),
            *("Mauchly's W; p", "Assumptions"),
        ),
    )
    tests = []
    for score, name, _, analysis in scores_of(rows):
        test = rows.get(analysis, score, "f_statistic")
        if test is None or is_missing(test.value):
            continue
        tests.append(test)
        plain = rows.get(analysis, score, "f_statistic_uncorrected")
        mauchly = rows.get(analysis, score, "mauchly_w")
        table.line(
            name.partition(",")[0],
            share_cell(test),
            marked(value_cell(test), test),
            value_cell(rows.get(analysis, score, "greenhouse_geisser_epsilon"), 2),
            format_p(test.p_value),
            MISSING if plain is None else format_p(plain.p_value),
            _mauchly(mauchly),
            readable(test.assumptions_verdict) or MISSING,
        )
    return table.finished(
        "Enrolled patients with the score recorded at every timepoint; factor time. Degrees of "
        "freedom of F and its p-value are multiplied by ε.",
        "Complete cases are called like all cases when their mean differs by at most a tenth "
        "of a standard deviation at every timepoint (Table S10).",
        *(f"{row.term_label}: {row.method}." for row in tests),
        *mark_notes(tests),
        if_empty="no patient has a score recorded at every timepoint",
    )


def _mauchly(row: Estimate | None) -> str:
    if row is None or is_missing(row.value):
        return MISSING
    return f"{value_cell(row, 3)}; {format_p(row.p_value)}"
