"""Tables of the models and of what they, and everything else, assume."""

from __future__ import annotations

from dataclasses import dataclass

from analysis_py.catalogue import ANALYSES
from analysis_py.report_rows import NothingToShowError, ResultRows
from analysis_py.report_words import NOT_ESTIMABLE, distinct, is_trustworthy, readable, sentence
from analysis_py.results import Estimate
from analysis_py.rounding import MISSING, format_interval, format_number, format_p, is_missing
from analysis_py.tables.table import WARNING_MARK, Line, Table, heading
from analysis_py.vocabulary import ANY_TIME, label


@dataclass(frozen=True, slots=True)
class Model:
    """Where the rows of a model are, and how it is called."""

    analysis_id: str
    statistic: str
    title: str


MODELS = (
    Model("A13", "hazard_ratio", "Start of tacrolimus, Cox, three terms together: hazard ratios"),
    Model("A14", "hazard_ratio", "Start of tacrolimus, Cox, this term alone: hazard ratio"),
    Model("A15", "odds_ratio", "Tacrolimus at baseline, logistic, each alone: odds ratios"),
    Model("A18", "odds_ratio", "First tacrolimus at week 4, logistic, together: odds ratios"),
    Model("A19", "odds_ratio", "First tacrolimus at week 16, logistic, alone: odds ratio"),
    Model("A13", "hazard_ratio_efron", "Sensitivity: Cox with Efron's ties"),
    Model("A13", "hazard_ratio_univariable", "Sensitivity: Cox, each term alone"),
    Model("A15", "odds_ratio_joint", "Sensitivity: tacrolimus at baseline, both together"),
)
DECIMALS = 3
TITLES = {analysis.analysis_id: analysis.title for analysis in ANALYSES}
CHECKS = {
    "greenhouse_geisser_epsilon": "Greenhouse-Geisser ε",
    "mauchly_w": "Sphericity: Mauchly's W",
    "standardised_difference_from_all": "Complete cases against all, in SD",
    "proportional_hazards_chi_square": "Proportional hazards: chi-square",
    "largest_standardised_dfbeta": "Influence of one patient, in standard errors",
    "hazard_ratio_lowest_without_one_patient": "Lowest hazard ratio without one patient",
    "hazard_ratio_highest_without_one_patient": "Highest hazard ratio without one patient",
    "smallest_expected_count": "Smallest expected count",
}


def build_models(rows: ResultRows) -> Table:
    """Lay out every ratio with interval, p-value, verdict on its assumptions, and warning.

    Raises
    ------
    NothingToShowError
        If no model was fitted.
    """
    lines, used = [], []
    for model in MODELS:
        found = rows.find(model.analysis_id, statistic=model.statistic)
        if not found:
            continue
        methods = distinct(readable(row.method) for row in found)
        lines.append(heading(f"{model.title}. {sentence('; '.join(methods))}"))
        for row in found:
            lines.append(Line(row.term_label, _cells(row)))
            used.append(row)
    if not lines:
        raise NothingToShowError("no model was fitted")
    return Table(
        name="table_s9_models",
        number="Table S9",
        title="Models: hazard ratios and odds ratios",
        stub="Model and term",
        columns=("Ratio (95% CI)", "p", "Patients", "Assumptions", "Warning"),
        lines=tuple(lines),
        notes=(
            "Evaluable patients; p-values two-sided, Wald. Patients: fitted, of those who could "
            "have been.",
            f"{WARNING_MARK} Not to be read as an estimate: see the warning in its line.",
        ),
        rows=tuple(used),
    )


def build_assumptions(rows: ResultRows) -> Table:
    """Lay out every check of an assumption.

    Raises
    ------
    NothingToShowError
        If no assumption was checked.
    """
    checks = [row for row in rows if row.role == "assumption"]
    if not checks:
        raise NothingToShowError("no assumption was checked")
    lines, analysis = [], ""
    for row in checks:
        if row.analysis_id != analysis:
            analysis = row.analysis_id
            lines.append(heading(f"{analysis}  {TITLES.get(analysis, '')}"))
        term = row.term_label
        if row.timepoint != ANY_TIME:
            term += f", {label(row.timepoint).lower()}"
        lines.append(
            Line(
                term,
                (
                    CHECKS.get(row.statistic, label(row.statistic)),
                    format_number(row.value, DECIMALS),
                    format_p(row.p_value),
                    f"{row.n} of {row.denominator}",
                    row.assumptions_verdict or MISSING,
                    readable("; ".join(text for text in (row.method, row.warning) if text)),
                ),
            )
        )
    return Table(
        name="table_s10_assumptions",
        number="Table S10",
        title="What the methods assume, and whether it holds",
        stub="Analysis and term",
        columns=("Check", "Value", "p", "Patients", "Verdict", "How"),
        lines=tuple(lines),
        notes=(
            "Doubtful: a test of the assumption with p < 0.05, a standardised influence above 1, "
            "an expected count below 5, or complete cases that differ from all by more than a "
            "tenth of a standard deviation. Holds: not doubtful by this rule, which is no proof.",
        ),
        rows=tuple(checks),
    )


def _cells(row: Estimate) -> tuple[str, ...]:
    patients = f"{row.n} of {row.denominator}"
    verdict = readable(row.assumptions_verdict) or MISSING
    words = (patients, verdict, row.warning or MISSING)
    if is_missing(row.value):
        return (f"{NOT_ESTIMABLE} {WARNING_MARK}", MISSING, *words)
    interval = format_interval(row.ci_lower, row.ci_upper, 2)
    ratio = f"{format_number(row.value, 2)} ({interval})"
    if not is_trustworthy(row):
        ratio = f"[{ratio}] {WARNING_MARK}"
    return (ratio, format_p(row.p_value), *words)
