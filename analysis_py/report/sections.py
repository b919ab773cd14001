"""Sections with the results of the study; a sentence whose results are missing is left out."""

from __future__ import annotations

from analysis_py.phrases import (
    ASSOCIATION,
    estimate_phrase,
    is_trustworthy,
    p_phrase,
    percent_phrase,
    ratio_phrase,
    typographic,
    value_cell,
)
from analysis_py.report.blocks import Drawn, Finding, Findings, Section, Subheading, Text, finding
from analysis_py.report.source import ReportSource
from analysis_py.results import Estimate
from analysis_py.rows import ResultRows
from analysis_py.tables.scores import scores_of
from analysis_py.tables.tacrolimus import OTHERS, START, USERS, not_known_phrase
from analysis_py.vocabulary import REGIMENS, WEEK_04, label


def cohort(source: ReportSource, drawn: Drawn) -> Section:
    """Show how many are in the register, enrolled and evaluable, and who they are."""
    rows = source.rows
    register = rows.get("A01", "in_register", "n_patients")
    enrolled = rows.get("A01", "enrolled", "n")
    evaluable = rows.get("A09", "evaluable", "percent")
    items = []
    if register is not None and enrolled is not None:
        items.append(
            f"{register.n} patients are in the register; {enrolled.n} meet every criterion and are "
            "enrolled."
        )
    if evaluable is not None:
        items.append(f"Evaluable for topical therapy: {percent_phrase(evaluable)} of the enrolled.")
        reasons = [
            f"{row.term_label.lower()} {row.n}"
            for row in rows.find("A09", statistic="n")
            if row.term not in ("enrolled", "evaluable", "not_evaluable") and row.n
        ]
        if reasons:
            items.append(f"Not evaluable: {', '.join(reasons)}.")
    return Section(
        "cohort",
        "Cohort",
        (
            Findings(tuple(map(Finding, items))),
            drawn.figure("cohort_flow"),
            drawn.table("clinical_features"),
            drawn.table("patients"),
        ),
    )


def effectiveness(source: ReportSource, drawn: Drawn) -> Section:
    """Show how each score fell, and how many patients responded."""
    found = (_score(source.rows, *score) for score in scores_of(source.rows))
    items = [item for item in found if item is not None]
    return Section(
        "effectiveness",
        "Effectiveness of systemic treatment",
        (
            Findings(tuple(items)),
            drawn.figure("score_trajectories"),
            drawn.table("scores"),
            drawn.table("responses"),
            drawn.table("variance"),
        ),
    )


def _score(rows: ResultRows, score: str, name: str, level: str, change: str) -> Finding | None:
    first, start = rows.over_time(level, score, "mean")[0]
    changes = [
        (time, row)
        for time, row in rows.over_time(change, score, "mean_change")[1:]
        if is_trustworthy(row)
    ]
    if start is None or start.value is None or not changes:
        return None
    text = (
        f"{name.partition(',')[0]}: mean {value_cell(start)} at {first.label.lower()} "
        f"(n = {start.n}); mean change in the patients assessed at both timepoints"
    )
    # The first and the last: the table has all.
    for time, row in changes if len(changes) < 3 else (changes[0], changes[-1]):
        text += (
            f", to {time.label.lower()} {estimate_phrase(row, 1)}, paired t-test "
            f"{p_phrase(row.p_value)} (n = {row.n})"
        )
    variance = rows.get(change, score, "f_statistic")
    if is_trustworthy(variance):
        text += (
            f"; repeated-measures analysis of variance {p_phrase(variance.p_value)} "
            f"({variance.n} complete cases)"
        )
    return finding(f"{typographic(text)}.", variance, *(row for _, row in changes))


def topical(source: ReportSource, drawn: Drawn) -> Section:
    """Show how each regimen changed from baseline to the last timepoint."""
    items = [item for code in REGIMENS if (item := _regimen(source.rows, code)) is not None]
    return Section(
        "topical-therapy",
        f"Topical therapy beside {source.rows.index_treatment}",
        (
            Findings(tuple(items)),
            drawn.table("topical_therapy"),
            drawn.figure("topical_regimens"),
            drawn.figure("regimen_flow"),
            drawn.table("regimen_pairs"),
        ),
    )


def _regimen(rows: ResultRows, regimen: str) -> Finding | None:
    shares = rows.over_time("A10", regimen, "percent")
    (first, before), (last, after) = shares[0], shares[-1]
    if before is None or after is None or not before.denominator or not after.denominator:
        return None
    tests = [
        (time, row)
        for time, row in rows.over_time("A11", regimen, "odds_ratio")[1:]
        if row is not None and row.p_value is not None
    ]
    text = (
        f"{label(regimen)}: {percent_phrase(before)} at {first.label.lower()}, "
        f"{percent_phrase(after)} at {last.label.lower()}"
    )
    if tests:
        against = ", ".join(f"{time.label.lower()} {p_phrase(row.p_value)}" for time, row in tests)
        text += f"; against baseline, exact McNemar test: {against}"
    found = finding(f"{text}.", *(row for _, row in tests))
    # The rows warn of a missing odds ratio only, which the sentence does not show.
    return Finding(found.text, found.assumed)


def initiation(source: ReportSource, drawn: Drawn) -> Section:
    """Show how long it took to start tacrolimus, and who starts."""
    return Section(
        "tacrolimus-start",
        "Start of tacrolimus",
        (
            Findings(tuple(_initiation(source.rows))),
            drawn.figure("tacrolimus_start"),
            drawn.table("time_to_tacrolimus"),
            Subheading("Who starts", "who-starts"),
            drawn.figure("hazard_ratios"),
            drawn.figure("odds_ratios"),
            drawn.table("tacrolimus_by_group"),
            drawn.table("models"),
        ),
    )


def _initiation(rows: ResultRows) -> list[Finding]:
    items = []
    mean = rows.get("A12", START, "restricted_mean")
    error = rows.get("A12", START, "restricted_mean_se")
    events = rows.get("A12", START, "n_events")
    if mean is not None and error is not None and events is not None:
        items.append(
            finding(
                f"{events.n} of {events.denominator} evaluable patients started tacrolimus, alone "
                "or with corticosteroids, use at baseline included; restricted mean time to the "
                f"start {estimate_phrase(mean, 1)} months, standard error {value_cell(error)}.",
                mean,
            )
        )
    items += [
        finding(f"{row.term_label}: hazard ratio {_ratio(row)}.", row)
        for row in rows.ratios("A13", "hazard_ratio")
    ]
    test = rows.get("A14", "is_generalized", "log_rank_chi_square")
    if test is not None:
        words = p_phrase(test.p_value) if is_trustworthy(test) else "not tested"
        items.append(finding(f"Generalized against other disease: log-rank test {words}.", test))
    for analysis, when in (
        ("A15", "Use at baseline"),
        ("A18", "First start at week 4"),
        ("A19", "First start at week 16"),
    ):
        left_out = not_known_phrase(rows, analysis)
        if left_out:
            items.append(Finding(f"{when}. Left out because not known: {left_out}."))
        items += [
            finding(f"{when}. {row.term_label}: odds ratio {_ratio(row)}.", row)
            for row in rows.ratios(analysis, "odds_ratio")
        ]
    return items


def _ratio(row: Estimate) -> str:
    if not is_trustworthy(row):
        return "not to be read as an estimate"
    return f"{ratio_phrase(row)}, {p_phrase(row.p_value)}, n = {row.n}"


def early_response(source: ReportSource, drawn: Drawn) -> Section:
    """Show EASI after four weeks by tacrolimus at baseline."""
    return Section(
        "early-response",
        "Early response by tacrolimus at baseline",
        (
            Findings(tuple(_early(source.rows))),
            Text(
                "Patients were not allotted to tacrolimus by chance; a difference between the "
                "groups is an association and not by itself an effect of tacrolimus."
            ),
            drawn.figure("easi_bands"),
            drawn.table("early_response"),
        ),
    )


def _early(rows: ResultRows) -> list[Finding]:
    users, others = (
        rows.get("A16", "easi_below_7", "percent", group=group, timepoint=WEEK_04)
        for group in (USERS, OTHERS)
    )
    test = rows.get("A16", "easi_below_7", "chi_square", timepoint=WEEK_04)
    difference = rows.get("A16", "easi_below_7", "percentage_point_difference", timepoint=WEEK_04)
    if users is None or others is None or test is None:
        return []
    if not users.denominator and not others.denominator:
        return [Finding("No evaluable patient has EASI recorded at week 4.")]
    text = (
        f"EASI below 7 at week 4: {percent_phrase(users)} of the patients who used tacrolimus at "
        f"baseline, {percent_phrase(others)} of those who did not"
    )
    if is_trustworthy(difference):
        text += f"; difference {estimate_phrase(difference, 1)} percentage points, {ASSOCIATION}"
    if is_trustworthy(test):
        text += f"; Pearson chi-square {p_phrase(test.p_value)}"
    left_out = not_known_phrase(rows, "A16")
    found = [finding(f"{typographic(text)}.", test)]
    return found + ([Finding(f"Left out because not known: {left_out}.")] if left_out else [])


def safety(source: ReportSource, drawn: Drawn) -> Section:
    """Show adverse events, and prescriptions beside the paper's scheme."""
    rows = source.rows
    items = []
    events = rows.get("A20", "any_adverse_event", "percent")
    serious = rows.get("A20", "serious_adverse_event", "percent")
    if events is not None and serious is not None and events.denominator:
        items.append(
            f"At least one adverse event that began under {rows.index_treatment}: "
            f"{percent_phrase(events)} of the enrolled patients in whom it is known; a serious "
            f"one: {percent_phrase(serious)}."
        )
    agreed = [
        f"{percent_phrase(row)} at {time.label.lower()}"
        for time, row in rows.over_time("A21", "agreement", "percent")
        if row is not None and row.denominator
    ]
    if agreed:
        items.append(f"Prescriptions that agree with the paper's scheme: {'; '.join(agreed)}.")
    return Section(
        "safety-and-practice",
        "Safety and practice",
        (
            Findings(tuple(map(Finding, items))),
            drawn.table("adverse_events"),
            drawn.table("treatment_algorithm"),
        ),
    )
