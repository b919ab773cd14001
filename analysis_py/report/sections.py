"""Sections with the results of the study, in the order a clinician reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis_py import published
from analysis_py.figures import Figure
from analysis_py.report import findings
from analysis_py.report.blocks import (
    Block,
    Facts,
    Section,
    Subheading,
    Text,
    figure_block,
    table_block,
)
from analysis_py.report.source import ReportSource
from analysis_py.report_rows import NothingToShowError, ResultRows
from analysis_py.report_words import percent_phrase
from analysis_py.results import Estimate
from analysis_py.rounding import MISSING, format_number, is_missing
from analysis_py.tables import Table
from analysis_py.vocabulary import WEEK_04

FIGURE_NAMES = {
    "cohort_flow": "The flow chart",
    "score_trajectories": "The chart of the scores",
    "topical_regimens": "The chart of topical therapy",
    "regimen_flow": "The flow between regimens",
    "tacrolimus_start": "The curve of the start of tacrolimus",
    "hazard_ratios": "The chart of the hazard ratios",
    "odds_ratios": "The chart of the odds ratios",
    "easi_bands": "Figure 1",
}
TABLE_NAMES = {
    "clinical_features": "Table I",
    "topical_therapy": "Table II",
    "patients": "The table of the patients",
    "scores": "The table of the scores",
    "responses": "The table of responses",
    "variance": "The table of the analyses of variance",
    "regimen_pairs": "The table of pairs",
    "time_to_tacrolimus": "The table of the time to tacrolimus",
    "early_response": "The table of the early response",
    "tacrolimus_by_group": "The table of use by group",
    "models": "The table of models",
    "assumptions": "The table of assumptions",
    "adverse_events": "The table of adverse events",
    "treatment_algorithm": "The table of prescriptions beside the scheme",
}


HOW_TO_READ = (
    "How to read this report: every number names the patients it was computed from. Under a result "
    "stands what its method assumes and whether that holds, is doubtful, or was not assessed; in "
    "tables † marks a doubtful assumption and ‡ a warning. Intervals are 95% intervals; p-values "
    "are two-sided and not adjusted for the number of tests."
)


@dataclass(frozen=True)
class Drawn:
    """Tables and figures of a report; each is there, or the reason why it is not."""

    tables: Mapping[str, Table | NothingToShowError]
    figures: Mapping[str, Figure | NothingToShowError]

    def figure(self, name: str) -> Block:
        """Block of a figure."""
        return figure_block(self.figures[name], FIGURE_NAMES[name])

    def table(self, name: str) -> Block:
        """Block of a table."""
        return table_block(self.tables[name], TABLE_NAMES[name])


def at_a_glance(source: ReportSource) -> Section:
    """Show the few numbers that a reader looks for first."""
    rows = source.rows
    last = source.timepoints[-1]
    enrolled = rows.get("A01", "enrolled", "n")
    evaluable = rows.get("A09", "evaluable", "n")
    first_easi = rows.get("A04", "easi", "mean", timepoint=source.timepoints[0].code)
    last_easi = rows.get("A04", "easi", "mean", timepoint=last.code)
    users = _early(rows, "tacrolimus_at_baseline")
    others = _early(rows, "no_tacrolimus_at_baseline")
    mean = rows.get("A12", "tacrolimus_start", "restricted_mean")
    counts = published.counts(source.study.compared)
    equal = counts[published.EQUAL] + counts[published.CORRECTED] + counts[published.CONFIRMED]
    comparable = sum(counts.values()) - counts[published.NOT_COMPUTABLE]
    items = (
        ("Enrolled", _count(enrolled), "patients who meet every criterion"),
        ("Evaluable", _count(evaluable), "enrolled and adherent to topical therapy"),
        (
            f"Mean EASI, {source.timepoints[0].label.lower()} to {last.label.lower()}",
            _pair(_number(first_easi), "→", _number(last_easi)),
            f"n = {_count(first_easi)} and {_count(last_easi)}",
        ),
        (
            "EASI < 7 at week 4, tacrolimus at baseline against none",
            _pair(_percent(users), "against", _percent(others)),
            f"{percent_phrase(users)} and {percent_phrase(others)}",
        ),
        (
            "Restricted mean time to tacrolimus",
            f"{_number(mean)} months",
            "area under the Kaplan-Meier curve to the last timepoint",
        ),
        (
            "Numbers of the paper reached",
            f"{equal} of {comparable}",
            f"{counts[published.DIFFERS]} differ, "
            f"{counts[published.NOT_COMPUTABLE]} cannot be computed",
        ),
    )
    return Section("at-a-glance", "At a glance", (Facts(items, is_large=True), Text(HOW_TO_READ)))


def cohort(source: ReportSource, drawn: Drawn) -> Section:
    """Show who is in the cohort."""
    return Section(
        "cohort",
        "Cohort",
        (
            findings.cohort(source.rows),
            drawn.figure("cohort_flow"),
            drawn.table("clinical_features"),
            drawn.table("patients"),
        ),
    )


def effectiveness(source: ReportSource, drawn: Drawn) -> Section:
    """Show how the scores fell."""
    return Section(
        "effectiveness",
        "Effectiveness of systemic treatment",
        (
            findings.effectiveness(source.rows, source.timepoints),
            drawn.figure("score_trajectories"),
            drawn.table("scores"),
            drawn.table("responses"),
            drawn.table("variance"),
        ),
    )


def topical(source: ReportSource, drawn: Drawn) -> Section:
    """Show what was applied beside dupilumab."""
    return Section(
        "topical-therapy",
        "Topical therapy beside dupilumab",
        (
            findings.topical(source.rows, source.timepoints),
            drawn.table("topical_therapy"),
            drawn.figure("topical_regimens"),
            drawn.figure("regimen_flow"),
            drawn.table("regimen_pairs"),
        ),
    )


def initiation(source: ReportSource, drawn: Drawn) -> Section:
    """Show who starts tacrolimus, and when."""
    return Section(
        "tacrolimus-start",
        "Start of tacrolimus",
        (
            findings.initiation(source.rows),
            drawn.figure("tacrolimus_start"),
            drawn.table("time_to_tacrolimus"),
            Subheading("Who starts", "who-starts"),
            drawn.figure("hazard_ratios"),
            drawn.figure("odds_ratios"),
            drawn.table("tacrolimus_by_group"),
            drawn.table("models"),
        ),
    )


def early_response(source: ReportSource, drawn: Drawn) -> Section:
    """Show EASI after four weeks by tacrolimus at baseline."""
    return Section(
        "early-response",
        "Early response by tacrolimus at baseline",
        (
            findings.early_response(source.rows),
            Text(
                "Patients were not allotted to tacrolimus by chance; a difference between the "
                "groups is an association and not by itself an effect of tacrolimus."
            ),
            drawn.figure("easi_bands"),
            drawn.table("early_response"),
        ),
    )


def safety(source: ReportSource, drawn: Drawn) -> Section:
    """Show adverse events, and prescriptions beside the paper's scheme."""
    return Section(
        "safety-and-practice",
        "Safety and practice",
        (
            findings.safety(source.rows, source.timepoints),
            drawn.table("adverse_events"),
            drawn.table("treatment_algorithm"),
        ),
    )


def _early(rows: ResultRows, group: str) -> Estimate | None:
    return rows.get("A16", "easi_below_7", "percent", group=group, timepoint=WEEK_04)


def _count(row: Estimate | None) -> str:
    return MISSING if row is None or row.n is None else str(row.n)


def _number(row: Estimate | None) -> str:
    return MISSING if row is None else format_number(row.value, 1)


def _pair(first: str, between: str, second: str) -> str:
    """Give two numbers with a word between, or say once that neither is there."""
    return "not recorded" if first == second == MISSING else f"{first} {between} {second}"


def _percent(row: Estimate | None) -> str:
    return MISSING if row is None or is_missing(row.value) else f"{format_number(row.value, 1)}%"
