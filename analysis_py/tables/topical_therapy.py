"""Tables of topical therapy: Table II, S5 (the pairs behind its p-values), S12 (the scheme)."""

from __future__ import annotations

from analysis_py.phrases import estimate_cell, interval_cell, p_phrase, share_cell, value_cell
from analysis_py.results import Estimate
from analysis_py.rounding import format_count, format_p
from analysis_py.rows import NothingToShowError, ResultRows
from analysis_py.tables.table import Line, Table, heading, marked, tested_notes
from analysis_py.vocabulary import ALL, REGIMENS, label

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


def regimens(rows: ResultRows) -> Table:
    """Lay out A10 with the p-values of A11 as the paper prints them."""
    totals = [rows.need("A10", "column_total", "n", timepoint=t.code) for t in rows.timepoints]
    if not any(total.n for total in totals):
        raise NothingToShowError("the topical regimen of no patient is known at any timepoint")
    lines, used, tests = [], list(totals), []
    for term in (*REGIMENS, *COMBINED):
        if term == COMBINED[0]:
            missing = ((total.denominator or 0) - (total.n or 0) for total in totals)
            lines += [
                Line(
                    "Not evaluable at the timepoint", tuple(format_count(n, None) for n in missing)
                ),
                heading("Regimens added up"),
            ]
        cells = []
        for time in rows.timepoints:
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
        number="Table II",
        title="Topical therapy beside dupilumab",
        stub="Topical therapy",
        columns=tuple(
            f"{time.label} (n = {total.n}), n (%)"
            for time, total in zip(rows.timepoints, totals, strict=True)
        ),
        lines=tuple(lines),
        notes=(
            "Evaluable patients whose topical regimen is known at the timepoint; percentages of "
            "them. None: emollients only. –: no patient.",
            "p: comparison with baseline, exact McNemar test on the patients known at both "
            "timepoints, each regimen against all others; two-sided. The pairs are in Table S5.",
            # A warning there concerns an odds ratio, which this table does not show.
            *tested_notes(test for test in tests if not test.warning),
        ),
        rows=tuple(used),
    )


def pairs(rows: ResultRows) -> Table:
    """Lay out A11: both margins of every pair table, odds ratio and p-value."""
    lines, used, tests = [], [], []
    for time in rows.timepoints[1:]:
        found = rows.find("A11", statistic="odds_ratio", timepoint=time.code)
        if not found or not found[0].n:
            continue
        title = f"{time.label}: {found[0].n} pairs of {found[0].denominator} evaluable"
        lines.append(heading(title))
        for test in found:
            margins = [rows.need("A11", test.term, m, timepoint=time.code) for m in MARGINS]
            tests.append(test)
            used += [test, *margins]
            ratio = marked(estimate_cell(test, 2), test)
            counts = (str(row.n) for row in margins)
            lines.append(Line(label(test.term), (*counts, ratio, format_p(test.p_value))))
    if not lines:
        raise NothingToShowError("no change of the topical regimen was tested")
    return Table(
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


def treatment_algorithm(rows: ResultRows) -> Table:
    """Lay out A21: prescriptions that agree with the paper's scheme, at each timepoint."""
    lines: list[Line] = []
    used: list[Estimate] = []
    for time in rows.timepoints:
        found = rows.find("A21", timepoint=time.code, statistic="percent")
        agreement = [row for row in found if row.term == "agreement" and row.denominator]
        if not agreement:
            continue
        visits = {row.term: row for row in found if row.term != "agreement"}
        coverage = share_cell(visits["recommendation"])
        lines.append(heading(f"{time.label} ({coverage} visits with a recommendation)"))
        for row in agreement:
            name = "Any recommendation" if row.group == ALL else label(row.group)
            lines.append(Line(name, (share_cell(row), value_cell(row), interval_cell(row))))
        used += [*visits.values(), *agreement]
    if not lines:
        raise NothingToShowError("no visit has both a recommendation and a known regimen")
    return Table(
        number="Table S12",
        title="Prescriptions beside the scheme that the paper proposes",
        stub="Recommendation",
        columns=("Prescription agreed", "%", "95% CI"),
        lines=tuple(lines),
        notes=(
            "Visits with a recommendation (IGA recorded, dupilumab not begun in summer) of "
            "patients whose topical regimen is known. Intervals: Wilson. The scheme was published "
            "after these visits: agreement describes the prescriptions and does not grade them.",
        ),
        rows=tuple(used),
    )
