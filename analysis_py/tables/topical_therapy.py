"""Tables of topical therapy: Table II, S5 (the pairs behind its p-values), S12 (the scheme)."""

from __future__ import annotations

from analysis_py.phrases import interval_cell, p_phrase, ratio_cell, share_cell, value_cell
from analysis_py.results import Estimate
from analysis_py.rounding import format_count, format_p
from analysis_py.rows import NothingToShowError, ResultRows
from analysis_py.tables.table import Table, marked, tested_notes
from analysis_py.vocabulary import ALL, REGIMENS, label, statistic_heading

COMBINED = ("any_tacrolimus", "any_corticosteroids")
MARGINS = (*("n_at_baseline", "n_at_visit", "n_stayed", "n_left", "n_entered", "n_never"), "n_lost")


def regimens(rows: ResultRows) -> Table:
    """Lay out A10 with the p-values of A11 as the paper prints them."""
    totals = [rows.need("A10", "column_total", "n", timepoint=t.code) for t in rows.timepoints]
    if not any(total.n for total in totals):
        raise NothingToShowError("the topical regimen of no patient is known at any timepoint")
    table = Table(
        "Table II",
        f"Topical therapy beside {rows.index_treatment}",
        "Topical therapy",
        tuple(
            f"{time.label} (n = {total.n}), n (%)"
            for time, total in zip(rows.timepoints, totals, strict=True)
        ),
    )
    tests: list[Estimate] = []

    def add(term: str) -> None:
        cells = []
        for time in rows.timepoints:
            counted = rows.need("A10", term, "n", timepoint=time.code)
            text = format_count(counted.n, counted.denominator)
            test = rows.get("A11", term, "odds_ratio", timepoint=time.code)
            if test is not None and test.p_value is not None:
                tests.append(test)
                text += f"; {p_phrase(test.p_value)}"
            cells.append(text)
        table.line(label(term), *cells)

    for term in REGIMENS:
        add(term)
    missing = ((total.denominator or 0) - (total.n or 0) for total in totals)
    table.line("Not evaluable at the timepoint", *(format_count(n, None) for n in missing))
    table.heading("Regimens added up")
    for term in COMBINED:
        add(term)
    return table.finished(
        "Evaluable patients whose topical regimen is known at the timepoint; percentages of "
        "them. None: emollients only. –: no patient.",
        "p: comparison with baseline, exact McNemar test on the patients known at both "
        "timepoints, each regimen against all others; two-sided. The pairs are in Table S5.",
        # A warning there concerns an odds ratio, which this table does not show.
        *tested_notes(test for test in tests if not test.warning),
    )


def pairs(rows: ResultRows) -> Table:
    """Lay out A11: both margins of every pair table, odds ratio and p-value."""
    table = Table(
        "Table S5",
        "Change of topical therapy against baseline: the pairs",
        "Topical therapy",
        (*map(statistic_heading, MARGINS), "Odds ratio (95% CI)", "p"),
    )
    tests = []
    for time in rows.timepoints[1:]:
        found = rows.find("A11", statistic="odds_ratio", timepoint=time.code)
        if not found or not found[0].n:
            continue
        table.heading(f"{time.label}: {found[0].n} pairs of {found[0].denominator} evaluable")
        for test in found:
            counts = (rows.need("A11", test.term, m, timepoint=time.code).n for m in MARGINS)
            ratio = marked(ratio_cell(test), test)
            table.line(label(test.term), *map(str, counts), ratio, format_p(test.p_value))
        tests += found
    return table.finished(
        "Evaluable patients whose topical regimen is known at baseline and at the timepoint. "
        "Lost from baseline: on the regimen at baseline, not evaluable at the timepoint.",
        *tested_notes(tests),
        if_empty="no change of the topical regimen was tested",
    )


def treatment_algorithm(rows: ResultRows) -> Table:
    """Lay out A21: prescriptions that agree with the paper's scheme, at each timepoint."""
    table = Table(
        "Table S12",
        "Prescriptions beside the scheme that the paper proposes",
        "Recommendation",
        ("Prescription agreed", "%", "95% CI"),
    )
    for time in rows.timepoints:
        found = rows.find("A21", term="agreement", timepoint=time.code, statistic="percent")
        agreement = [row for row in found if row.denominator]
        if agreement:
            coverage = rows.need("A21", "recommendation", "percent", timepoint=time.code)
            share = share_cell(coverage)
            table.heading(f"{time.label} ({share} visits with a recommendation)")
        for row in agreement:
            name = "Any recommendation" if row.group == ALL else label(row.group)
            table.line(name, share_cell(row), value_cell(row), interval_cell(row))
    return table.finished(
        f"Visits with a recommendation (IGA recorded, {rows.index_treatment} not begun in summer) "
        "of patients whose topical regimen is known. Intervals: Wilson. The scheme was published "
        "after these visits: agreement describes the prescriptions and does not grade them.",
        if_empty="no visit has both a recommendation and a known regimen",
    )
