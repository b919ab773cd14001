"""Table II: topical therapy at each timepoint; and the pairs behind its p-values."""

from __future__ import annotations

from collections.abc import Sequence

from analysis_py.report_rows import NothingToShowError, ResultRows, Timepoint
from analysis_py.report_words import p_phrase
from analysis_py.results import Estimate
from analysis_py.rounding import MISSING, format_count, format_interval, format_number, format_p
from analysis_py.tables.table import (
    Line,
    Table,
    heading,
    marked,
    tested_notes,
)
from analysis_py.vocabulary import REGIMENS, label

COMBINED = ("any_tacrolimus", "any_corticosteroids")
MARGINS = {
    "n_at_baseline": "On it at baseline",
    "n_at_visit": "On it at the timepoint",
    "n_stayed": "Stayed",
    "n_left": "Left it",
    "n_entered": "Came to it",
    "n_never": "On it at neither",
    "n_lost": "Lost from baseline",
}


def build(rows: ResultRows, timepoints: Sequence[Timepoint]) -> Table:
    """Lay out A10 with the p-values of A11 as the paper prints them.

    Raises
    ------
    NothingToShowError
        If A10 was not run or nobody is evaluable.
    """
    totals = [rows.need("A10", "column_total", "n", timepoint=time.code) for time in timepoints]
    if not any(total.n for total in totals):
        raise NothingToShowError("the topical regimen of no patient is known at any timepoint")
    lines, used, tests = [], list(totals), []
    for term in (*REGIMENS, *COMBINED):
        if term == COMBINED[0]:
            missing = tuple(format_count(_missing(total), None) for total in totals)
            lines.append(Line("Not evaluable at the timepoint", missing))
            lines.append(heading("Regimens added up"))
        cells = []
        for time in timepoints:
            counted = rows.need("A10", term, "n", timepoint=time.code)
            test = rows.get("A11", term, "odds_ratio", timepoint=time.code)
            used.append(counted)
            text = format_count(counted.n, counted.denominator)
            if test is not None and test.p_value is not None:
                used.append(test)
                tests.append(test)
                text += f"; {p_phrase(test.p_value)}"
            cells.append(text)
        lines.append(Line(label(term), tuple(cells)))
    return Table(
        name="table_2_topical_therapy",
        number="Table II",
        title="Topical therapy beside dupilumab",
        stub="Topical therapy",
        columns=tuple(
            f"{time.label} (n = {total.n}), n (%)"
            for time, total in zip(timepoints, totals, strict=True)
        ),
        lines=tuple(lines),
        notes=(
            "Evaluable patients whose topical regimen is known at the timepoint; percentages of "
            "them. None: emollients only. –: nobody.",
            "p: comparison with baseline, exact McNemar test on the patients known at both "
            "timepoints, each regimen against all others; two-sided. The pairs are in Table S5.",
            # A warning there speaks of an odds ratio, which this table does not show.
            *tested_notes(test for test in tests if not test.warning),
        ),
        rows=tuple(used),
    )


def build_pairs(rows: ResultRows, timepoints: Sequence[Timepoint]) -> Table:
    """Lay out A11: both margins of every pair table, odds ratio and p-value.

    Raises
    ------
    NothingToShowError
        If A11 was not run, or nobody is known at baseline and later.
    """
    lines, used, tests = [], [], []
    for time in timepoints[1:]:
        found = rows.find("A11", statistic="odds_ratio", timepoint=time.code)
        if not found or not found[0].n:
            continue
        lines.append(
            heading(f"{time.label}: {found[0].n} pairs of {found[0].denominator} evaluable")
        )
        for test in found:
            margins = [
                rows.need("A11", test.term, statistic, timepoint=time.code) for statistic in MARGINS
            ]
            tests.append(test)
            used += [test, *margins]
            counts = (str(row.n) for row in margins)
            lines.append(Line(label(test.term), (*counts, _ratio(test), format_p(test.p_value))))
    if not lines:
        raise NothingToShowError("no change of the topical regimen was tested")
    return Table(
        name="table_s5_regimen_pairs",
        number="Table S5",
        title="Change of topical therapy against baseline: the pairs",
        stub="Topical therapy",
        columns=(*MARGINS.values(), "Odds ratio (95% CI)", "p"),
        lines=tuple(lines),
        notes=(
            "Evaluable patients whose topical regimen is known at baseline and at the timepoint. "
            "Lost from baseline: on the regimen at baseline, not evaluable at the timepoint.",
            *tested_notes(tests),
        ),
        rows=tuple(used),
    )


def _missing(total: Estimate) -> int:
    return int(total.denominator or 0) - int(total.n or 0)


def _ratio(test: Estimate) -> str:
    if test.value is None:
        return marked(MISSING, test)
    interval = format_interval(test.ci_lower, test.ci_upper, 2)
    return marked(f"{format_number(test.value, 2)} ({interval})", test)
