"""Tables of tacrolimus: S6 (time to its start), S7 (early response by its use), S8 (by group)."""

from __future__ import annotations

from analysis_py.phrases import (
    estimate_cell,
    interval_cell,
    is_trustworthy,
    share_cell,
    value_cell,
)
from analysis_py.results import Estimate
from analysis_py.rounding import MISSING, format_interval, format_number, format_p, is_missing
from analysis_py.rows import NothingToShowError, ResultRows, known
from analysis_py.tables.table import Line, Table, heading, marked, tested_notes
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
BY_GROUP = (
    ("A15", "any_tacrolimus", "Tacrolimus at baseline, alone or with corticosteroids"),
    ("A18", START, "First tacrolimus at week 4, of those without it at baseline"),
    ("A19", START, "First tacrolimus at week 16, of those without it before"),
)


def time_to_start(rows: ResultRows) -> Table:
    """Lay out the Kaplan-Meier curves of A12 and A14 and the restricted mean."""
    lines, used = [], []
    for analysis, group in CURVES:
        points = rows.find(analysis, term=START, statistic="survival", group=group)
        if points:
            name = "Evaluable patients" if group == ALL else label(group)
            lines.append(heading(f"{name} (n = {points[0].denominator})"))
        for point in points:
            counts = [
                rows.need(analysis, START, name, group=group, month=point.time_months)
                for name in ("n_at_risk", "n_events", "n_censored")
            ]
            cells = (*(str(row.n) for row in counts), _started(point))
            lines.append(Line(f"Month {point.time_months:g}", cells))
            used += [point, *counts]
    if not lines:
        raise NothingToShowError("there is no evaluable patient to follow")
    lines.append(heading("Summary of evaluable patients"))
    summaries = [rows.get("A12", START, statistic) for statistic in SUMMARIES]
    for row, name in zip(summaries, SUMMARIES.values(), strict=True):
        if row is not None:
            text = estimate_cell(row) if is_trustworthy(row) else row.warning or MISSING
            # A median that is not reached carries its warning as its text, and no mark.
            text = text if row.statistic == "median" else marked(text, row)
            lines.append(Line(name, ("", "", "", text)))
            used.append(row)
    test = rows.get("A14", "is_generalized", "log_rank_chi_square")
    if test is not None:
        text = f"{value_cell(test, 2)}; {format_p(test.p_value)}"
        name = "Generalized against non-generalized: log-rank chi-square; p"
        lines.append(Line(name, ("", "", "", marked(text, test))))
        used.append(test)
    shown = [row for row in (*summaries, test) if row is not None]
    return Table(
        number="Table S6",
        title="Time to the start of tacrolimus, alone or with corticosteroids",
        stub="Nominal month",
        columns=("At risk", "Started", "Censored", "Have started, % (95% CI)"),
        lines=tuple(lines),
        notes=(
            "Evaluable patients. Use at baseline is a start at month 0. Have started: 1 minus the "
            "Kaplan-Meier estimate; log-log interval, Greenwood variance.",
            *tested_notes(row for row in shown if row.statistic != "median"),
        ),
        rows=tuple(used),
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
    used = [*shares, *assessed, difference, test]
    unknown = (str((row.denominator or 0) - (row.n or 0)) for row in assessed)
    p_value = marked(format_p(test.p_value), test)
    lines = [
        Line("EASI at week 4 not recorded", (*unknown, "", "")),
        Line("EASI < 7, n (%)", (*map(_share, shares), _points(difference), p_value)),
    ]
    for scheme, title in SCHEMES.items():
        lines.append(heading(title))
        found = rows.find("A17", statistic="percent")
        for term in dict.fromkeys(row.term for row in found if row.term.startswith(scheme)):
            both = pair("A17", term, "percent")
            lines.append(Line(both[0].term_label, (*map(_share, both), "", "")))
            used += both
    higher = rows.get("A17", "easi_at_least_7", "percentage_point_difference", timepoint=WEEK_04)
    if higher is not None:
        lines.append(heading("High EASI more frequent without tacrolimus at baseline"))
        name = "EASI ≥ 7: no tacrolimus minus tacrolimus"
        lines.append(Line(name, ("", "", _points(higher), "")))
        used.append(higher)
    return Table(
        number="Table S7",
        title="EASI after 4 weeks by use of tacrolimus at baseline",
        stub="EASI at week 4",
        columns=(
            f"Tacrolimus at baseline (n = {shares[0].denominator})",
            f"No tacrolimus at baseline (n = {shares[1].denominator})",
            "Difference in percentage points (95% CI)",
            "p",
        ),
        lines=tuple(lines),
        notes=(
            "Evaluable patients with EASI recorded at week 4. Tacrolimus at baseline: alone or "
            "with corticosteroids.",
            *tested_notes([test, difference]),
        ),
        rows=tuple(used),
    )


def _share(row: Estimate) -> str:
    return f"{row.n} ({value_cell(row)})" if row.n and row.denominator else MISSING


def _points(row: Estimate) -> str:
    return marked(MISSING, row) if is_missing(row.value) else estimate_cell(row)


def by_group(rows: ResultRows) -> Table:
    """Lay out the counts behind the logistic models: use and first starts by group."""
    lines, used = [], []
    for analysis, term, title in BY_GROUP:
        found = rows.find(analysis, term=term, statistic="percent")
        if found:
            lines.append(heading(title))
        for row in found:
            name = "All patients at risk" if row.group == ALL else label(row.group)
            lines.append(Line(name, (share_cell(row), value_cell(row), interval_cell(row))))
            used.append(row)
    if not lines:
        raise NothingToShowError("use of tacrolimus by group was not computed")
    return Table(
        number="Table S8",
        title="Use and first start of tacrolimus by group",
        stub="Group",
        columns=("Patients", "%", "95% CI"),
        lines=tuple(lines),
        notes=("Evaluable patients; tacrolimus alone or with corticosteroids. Intervals: Wilson.",),
        rows=tuple(used),
    )
