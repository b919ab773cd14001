"""Tables of the models: S9 (hazard and odds ratios) and S10 (what every method assumes)."""

from __future__ import annotations

from itertools import groupby

from analysis_py.catalogue import ANALYSES
from analysis_py.phrases import (
    NOT_ESTIMABLE,
    distinct,
    is_trustworthy,
    ratio_cell,
    readable,
    sentence,
    share_cell,
    value_cell,
)
from analysis_py.results import Estimate
from analysis_py.rounding import MISSING, format_p, is_missing
from analysis_py.rows import ResultRows
from analysis_py.tables.table import WARNING_MARK, Table
from analysis_py.tables.tacrolimus import not_known_phrase
from analysis_py.vocabulary import ANY_TIME, label, statistic_heading

# Analysis, statistic, title of the block.
MODELS = (
    ("A13", "hazard_ratio", "Start of tacrolimus, Cox, three terms together: hazard ratios"),
    ("A14", "hazard_ratio", "Start of tacrolimus, Cox, this term alone: hazard ratio"),
    ("A15", "odds_ratio", "Tacrolimus at baseline, logistic, each alone: odds ratios"),
    ("A18", "odds_ratio", "First tacrolimus at week 4, logistic, together: odds ratios"),
    ("A19", "odds_ratio", "First tacrolimus at week 16, logistic, alone: odds ratio"),
    ("A13", "hazard_ratio_efron", "Sensitivity: Cox with Efron's ties"),
    ("A13", "hazard_ratio_univariable", "Sensitivity: Cox, each term alone"),
    ("A15", "odds_ratio_joint", "Sensitivity: tacrolimus at baseline, both together"),
)
TITLES = {analysis.analysis_id: analysis.title for analysis in ANALYSES}


def ratios(rows: ResultRows) -> Table:
    """Lay out every ratio with interval, p-value, verdict on its assumptions, and warning."""
    table = Table(
        "Table S9",
        "Models: hazard ratios and odds ratios",
        "Model and term",
        ("Ratio (95% CI)", "p", "Patients", "Assumptions", "Warning"),
    )
    for analysis, statistic, title in MODELS:
        found = rows.ratios(analysis, statistic)
        if found:
            methods = distinct(readable(row.method) for row in found)
            table.heading(f"{title}. {sentence('; '.join(methods))}")
        for row in found:
            table.line(row.term_label, *_ratio_cells(row))
    return table.finished(
        "Evaluable patients; p-values two-sided, Wald. Patients: fitted, of those who could "
        "have been.",
        "Left out because not known: "
        + "; ".join(filter(None, (not_known_phrase(rows, name) for name in ("A15", "A18", "A19"))))
        + ".",
        f"{WARNING_MARK} Not to be read as an estimate: see the warning in its line.",
        if_empty="no model was fitted",
    )


def _ratio_cells(row: Estimate) -> tuple[str, ...]:
    verdict = readable(row.assumptions_verdict) or MISSING
    words = (share_cell(row), verdict, row.warning or MISSING)
    if is_missing(row.value):
        return (f"{NOT_ESTIMABLE} {WARNING_MARK}", MISSING, *words)
    ratio = ratio_cell(row)
    if not is_trustworthy(row):
        ratio = f"[{ratio}] {WARNING_MARK}"
    return (ratio, format_p(row.p_value), *words)


def assumptions(rows: ResultRows) -> Table:
    """Lay out every check of an assumption."""
    table = Table(
        "Table S10",
        "Assumptions of the methods, and whether they hold",
        "Analysis and term",
        ("Check", "Value", "p", "Patients", "Verdict", "How"),
    )
    checks = [row for row in rows if row.role == "assumption"]
    for analysis, group in groupby(checks, key=lambda row: row.analysis_id):
        table.heading(f"{analysis}  {TITLES.get(analysis, '')}")
        for row in group:
            time = "" if row.timepoint == ANY_TIME else f", {label(row.timepoint).lower()}"
            table.line(
                row.term_label + time,
                statistic_heading(row.statistic),
                value_cell(row, 3),
                format_p(row.p_value),
                share_cell(row),
                row.assumptions_verdict or MISSING,
                readable("; ".join(text for text in (row.method, row.warning) if text)),
            )
    return table.finished(
        "Doubtful: a test of the assumption with p < 0.05, a standardised influence above 1, "
        "an expected count below 5, or complete cases that differ from all by more than a "
        "tenth of a standard deviation. Holds: not doubtful by this rule, which is no proof.",
        if_empty="no assumption was checked",
    )
