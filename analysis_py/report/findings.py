"""Sentences of the report, made of rows of results; one without its rows is left out."""

from __future__ import annotations

from collections.abc import Sequence

from analysis_py.report.blocks import Finding, Findings, finding
from analysis_py.report_rows import ResultRows, Timepoint
from analysis_py.report_words import (
    estimate_phrase,
    is_trustworthy,
    p_phrase,
    percent_phrase,
    typographic,
)
from analysis_py.results import Estimate
from analysis_py.rounding import format_number
from analysis_py.tables.scores import SCORES
from analysis_py.vocabulary import REGIMENS, WEEK_04, label

START = "tacrolimus_start"
USERS, OTHERS = "tacrolimus_at_baseline", "no_tacrolimus_at_baseline"


def cohort(rows: ResultRows) -> Findings:
    """Say how many are in the register, enrolled and evaluable."""
    register = rows.get("A01", "in_register", "n_patients")
    enrolled = rows.get("A01", "enrolled", "n")
    evaluable = rows.get("A09", "evaluable", "percent")
    items = []
    if register is not None and enrolled is not None:
        items.append(
            Finding(
                f"{register.n} patients are in the register; {enrolled.n} meet every criterion "
                "and are enrolled."
            )
        )
    if evaluable is not None:
        items.append(
            Finding(f"Evaluable for topical therapy: {percent_phrase(evaluable)} of the enrolled.")
        )
        reasons = [
            row
            for row in rows.find("A09", statistic="n")
            if row.term not in ("enrolled", "evaluable", "not_evaluable") and row.n
        ]
        if reasons:
            listed = ", ".join(f"{row.term_label.lower()} {row.n}" for row in reasons)
            items.append(Finding(f"Not evaluable: {listed}."))
    return Findings(tuple(items))


def effectiveness(rows: ResultRows, timepoints: Sequence[Timepoint]) -> Findings:
    """Say how each score fell, and how many responded."""
    items = []
    for score, (level, change) in SCORES.items():
        means = [(time, rows.get(level, score, "mean", timepoint=time.code)) for time in timepoints]
        known = [(time, row) for time, row in means if row is not None and row.value is not None]
        if len(known) < 2:
            continue
        (first, start), (last, end) = known[0], known[-1]
        text = (
            f"{label(score)}: mean {format_number(start.value, 1)} at {first.label.lower()} "
            f"(n = {start.n}), {format_number(end.value, 1)} at {last.label.lower()} "
            f"(n = {end.n})"
        )
        variance = rows.get(change, score, "f_statistic")
        if is_trustworthy(variance):
            text += (
                f"; repeated-measures analysis of variance {p_phrase(variance.p_value)} "
                f"({variance.n} complete cases)"
            )
        early = rows.get(change, score, "mean_change", timepoint=WEEK_04)
        if is_trustworthy(early):
            text += (
                f"; change to week 4 {estimate_phrase(early, 1)}, paired t-test "
                f"{p_phrase(early.p_value)} ({early.n} pairs)"
            )
        items.append(finding(f"{typographic(text)}.", variance, early))
    return Findings(tuple(items))


def topical(rows: ResultRows, timepoints: Sequence[Timepoint]) -> Findings:
    """Say how each regimen changed from baseline to the last timepoint."""
    items = []
    first, last = timepoints[0], timepoints[-1]
    for regimen in REGIMENS:
        before = rows.get("A10", regimen, "percent", timepoint=first.code)
        after = rows.get("A10", regimen, "percent", timepoint=last.code)
        tests = [
            (time, rows.get("A11", regimen, "odds_ratio", timepoint=time.code))
            for time in timepoints[1:]
        ]
        known = [(time, row) for time, row in tests if row is not None and row.p_value is not None]
        if before is None or after is None or not before.denominator or not after.denominator:
            continue
        against = ", ".join(f"{t.label.lower()} {p_phrase(row.p_value)}" for t, row in known)
        text = (
            f"{label(regimen)}: {percent_phrase(before)} at {first.label.lower()}, "
            f"{percent_phrase(after)} at {last.label.lower()}"
        )
        if against:
            text += f"; against baseline, exact McNemar test: {against}"
        items.append(_plain(f"{text}.", [row for _, row in known]))
    return Findings(tuple(items))


def initiation(rows: ResultRows) -> Findings:
    """Say how long it took to start tacrolimus, and who starts."""
    items = []
    mean = rows.get("A12", START, "restricted_mean")
    error = rows.get("A12", START, "restricted_mean_se")
    events = rows.get("A12", START, "n_events")
    if mean is not None and error is not None and events is not None:
        items.append(
            finding(
                f"{events.n} of {events.denominator} evaluable patients started tacrolimus, alone "
                "or with corticosteroids, use at baseline included; restricted mean time to the "
                f"start {estimate_phrase(mean, 1)} months, standard error "
                f"{format_number(error.value, 1)}.",
                mean,
            )
        )
    items += [
        finding(f"{row.term_label}: hazard ratio {_ratio(row)}.", row)
        for row in rows.find("A13", statistic="hazard_ratio")
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
        items += [
            finding(f"{when}. {row.term_label}: odds ratio {_ratio(row)}.", row)
            for row in rows.find(analysis, statistic="odds_ratio")
        ]
    return Findings(tuple(items))


def early_response(rows: ResultRows) -> Findings:
    """Say how many had EASI below 7 at week 4, by use of tacrolimus at baseline."""
    users, others = (
        rows.get("A16", "easi_below_7", "percent", group=group, timepoint=WEEK_04)
        for group in (USERS, OTHERS)
    )
    test = rows.get("A16", "easi_below_7", "chi_square", timepoint=WEEK_04)
    difference = rows.get("A16", "easi_below_7", "percentage_point_difference", timepoint=WEEK_04)
    if users is None or others is None or test is None:
        return Findings(())
    if not users.denominator and not others.denominator:
        return Findings((Finding("No evaluable patient has EASI recorded at week 4."),))
    text = (
        f"EASI below 7 at week 4: {percent_phrase(users)} of the patients who used tacrolimus at "
        f"baseline, {percent_phrase(others)} of those who did not"
    )
    if is_trustworthy(difference):
        text += f"; difference {estimate_phrase(difference, 1)} percentage points"
    if is_trustworthy(test):
        text += f"; Pearson chi-square {p_phrase(test.p_value)}"
    return Findings((finding(f"{typographic(text)}.", test),))


def safety(rows: ResultRows, timepoints: Sequence[Timepoint]) -> Findings:
    """Say how many had adverse events, and how many prescriptions agreed with the scheme."""
    items = []
    events, serious = (
        rows.get("A20", f"{kind}_adverse_event", "percent") for kind in ("any", "serious")
    )
    if events is not None and serious is not None:
        items.append(
            Finding(
                "At least one adverse event that began under dupilumab: "
                f"{percent_phrase(events)} of the enrolled patients; a serious one: "
                f"{percent_phrase(serious)}."
            )
        )
    agreed = [
        (time, rows.get("A21", "agreement", "percent", timepoint=time.code)) for time in timepoints
    ]
    phrases = [
        f"{percent_phrase(row)} at {time.label.lower()}"
        for time, row in agreed
        if row is not None and row.denominator
    ]
    if phrases:
        items.append(
            Finding(f"Prescriptions that agree with the paper's scheme: {'; '.join(phrases)}.")
        )
    return Findings(tuple(items))


def _ratio(row: Estimate) -> str:
    if not is_trustworthy(row):
        return "not to be read as an estimate"
    return f"{estimate_phrase(row, 2)}, {p_phrase(row.p_value)}, n = {row.n}"


def _plain(text: str, rows: list[Estimate]) -> Finding:
    """Sentence whose rows warn of a missing odds ratio only, which it does not show."""
    found = finding(text, *rows)
    return Finding(found.text, found.assumed)
