"""Tables of tacrolimus: S6 (time to its start), S7 (early response by its use), S8 (by group)."""

from __future__ import annotations

from analysis_py.phrases import (
    ASSOCIATION,
    estimate_cell,
    interval_cell,
    is_trustworthy,
    share_cell,
    value_cell,
)
from analysis_py.results import Estimate
from analysis_py.rounding import MISSING, format_interval, format_number, format_p, is_missing
from analysis_py.rows import NothingToShowError, ResultRows, known
from analysis_py.tables.table import Table, marked, tested_notes
from analysis_py.vocabulary import ALL, WEEK_04, label

START = "tacrolimus_start"
CURVES = (("A12", ALL), ("A14", "not_generalized"), ("A14", "generalized"))
SUMMARIES = {
    "restricted_mean": "Restricted mean time to tacrolimus, months (95% CI)",
    "restricted_mean_se": "Its standard error, months",
    "median": "Median time to tacrolimus, months",
    "restricted_mean_by_study_days": "Sensitivity: restricted mean by study days (95% CI)",
}
USERS, OTHERS = "tacrolimus_at_baseline", "no_tacrolimus_at_baseline"
SCHEMES = {
    "study_": "EASI bands, the study's cuts, n (%)",
    "leshem_": "EASI bands of Leshem et al. 2015, n (%)",
}
NOT_KNOWN = {
    "A15": "use of tacrolimus at baseline",
    "A16": "use of tacrolimus at baseline",
    "A18": "whether week 4 could be a first start",
    "A19": "whether week 16 could be a first start",
}
"""Analysis -> what is not known of the patients whom it leaves out."""
BY_GROUP = (
    ("A15", "any_tacrolimus", "Tacrolimus at baseline, alone or with corticosteroids"),
    ("A18", START, "First tacrolimus at week 4, of those without it at baseline"),
    ("A19", START, "First tacrolimus at week 16, of those without it before"),
)


def not_known(rows: ResultRows, analysis: str) -> Estimate | None:
    """Return how many patients an analysis leaves out because something is not known."""
    return next(iter(rows.find(analysis, statistic="n_not_known")), None)


def not_known_phrase(rows: ResultRows, analysis: str) -> str:
    """Say what is not known of how many; empty where the analysis did not run."""
    row = not_known(rows, analysis)
    return "" if row is None else f"{NOT_KNOWN[analysis]}, {share_cell(row)} evaluable patients"


def time_to_start(rows: ResultRows) -> Table:
    """Lay out the Kaplan-Meier curves of A12 and A14 and the restricted mean."""
    table = Table(
        "Table S6",
        "Time to the start of tacrolimus, alone or with corticosteroids",
        "Nominal month",
        ("At risk", "Started", "Censored", "Have started, % (95% CI)"),
    )
    for analysis, group in CURVES:
        points = rows.find(analysis, term=START, statistic="survival", group=group)
        if points:
            name = "Evaluable patients" if group == ALL else label(group)
            table.heading(f"{name} (n = {points[0].denominator})")
        for point in points:
            counts = (
                rows.need(analysis, START, name, group=group, month=point.time_months).n
                for name in ("n_at_risk", "n_events", "n_censored")
            )
            table.line(f"Month {point.time_months:g}", *map(str, counts), _started(point))
    if not table.lines:
        raise NothingToShowError("there is no evaluable patient to follow")
    table.heading("Summary of evaluable patients")
    tests = []
    for statistic, name in SUMMARIES.items():
        row = rows.get("A12", START, statistic)
        if row is not None:
            text = estimate_cell(row) if is_trustworthy(row) else row.warning or MISSING
            # A median that is not reached carries its warning as its text, and no mark.
            if statistic != "median":
                text = marked(text, row)
                tests.append(row)
            table.line(name, "", "", "", text)
    test = rows.get("A14", "is_generalized", "log_rank_chi_square")
    if test is not None:
        tests.append(test)
        text = marked(f"{value_cell(test, 2)}; {format_p(test.p_value)}", test)
        name = "Generalized against non-generalized: log-rank chi-square; p"
        table.line(name, "", "", "", text)
    return table.finished(
        "Evaluable patients. Use at baseline is a start at month 0. Have started: 1 minus the "
        "Kaplan-Meier estimate; log-log interval, Greenwood variance; exact interval where nobody "
        "or everybody has started.",
        *tested_notes(tests),
    )


def _started(row: Estimate) -> str:
    text = format_number(100 * (1 - known(row.value)), 1)
    if is_missing(row.ci_lower) or is_missing(row.ci_upper):
        return text
    low, high = 100 * (1 - known(row.ci_upper)), 100 * (1 - known(row.ci_lower))
    return f"{text} ({format_interval(low, high, 1)})"


def early_response(rows: ResultRows) -> Table:
    """Lay out A16 and A17: EASI at week 4 by use of tacrolimus at baseline."""

    def pair(analysis: str, term: str, statistic: str) -> list[Estimate]:
        return [
            rows.need(analysis, term, statistic, group=group, timepoint=WEEK_04)
            for group in (USERS, OTHERS)
        ]

    shares = pair("A16", "easi_below_7", "percent")
    if not any(row.denominator for row in shares):
        raise NothingToShowError("no evaluable patient has EASI recorded at week 4")
    assessed = pair("A16", "easi", "n_assessed")
    difference = rows.need("A16", "easi_below_7", "percentage_point_difference", timepoint=WEEK_04)
    test = rows.need("A16", "easi_below_7", "chi_square", timepoint=WEEK_04)
    table = Table(
        "Table S7",
        "EASI after 4 weeks by use of tacrolimus at baseline",
        "EASI at week 4",
        (
            f"Tacrolimus at baseline (n = {shares[0].denominator})",
            f"No tacrolimus at baseline (n = {shares[1].denominator})",
            "Difference in percentage points (95% CI)",
            "p",
        ),
    )
    unknown = (str((row.denominator or 0) - (row.n or 0)) for row in assessed)
    table.line("EASI at week 4 not recorded", *unknown, "", "")
    left_out = not_known_phrase(rows, "A16")
    p_value = marked(format_p(test.p_value), test)
    table.line("EASI < 7, n (%)", *map(_share, shares), _points(difference), p_value)
    for scheme, title in SCHEMES.items():
        table.heading(title)
        found = rows.find("A17", statistic="percent")
        for term in dict.fromkeys(row.term for row in found if row.term.startswith(scheme)):
            both = pair("A17", term, "percent")
            table.line(both[0].term_label, *map(_share, both), "", "")
    higher = rows.get("A17", "easi_at_least_7", "percentage_point_difference", timepoint=WEEK_04)
    if higher is not None:
        table.heading("High EASI more frequent without tacrolimus at baseline")
        table.line("EASI ≥ 7: no tacrolimus minus tacrolimus", "", "", _points(higher), "")
    return table.finished(
        "Evaluable patients with EASI recorded at week 4. Tacrolimus at baseline: alone or "
        f"with corticosteroids. Left out because not known: {left_out or MISSING}.",
        f"Every difference is an {ASSOCIATION}: tacrolimus was not allotted by chance.",
        *tested_notes([test, difference]),
    )


def _share(row: Estimate) -> str:
    return f"{row.n} ({value_cell(row)})" if row.n and row.denominator else MISSING


def _points(row: Estimate) -> str:
    return marked(MISSING, row) if is_missing(row.value) else estimate_cell(row)


def by_group(rows: ResultRows) -> Table:
    """Lay out the counts behind the logistic models: use and first starts by group."""
    title = "Use and first start of tacrolimus by group"
    table = Table("Table S8", title, "Group", ("Patients", "%", "95% CI"))
    for analysis, term, block in BY_GROUP:
        found = rows.find(analysis, term=term, statistic="percent")
        if found:
            table.heading(block)
        for row in found:
            name = "All patients at risk" if row.group == ALL else label(row.group)
            table.line(name, share_cell(row), value_cell(row), interval_cell(row))
        left_out = not_known(rows, analysis)
        if found and left_out is not None:
            table.line("Left out: not known", share_cell(left_out), "", "")
    return table.finished(
        "Evaluable patients; tacrolimus alone or with corticosteroids. Intervals: Wilson.",
        "Left out: patients whose use at baseline, or at a timepoint before, is not known.",
        if_empty="use of tacrolimus by group was not computed",
    )
