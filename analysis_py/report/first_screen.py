"""What a reader sees first: warnings that cannot be missed, and the answers to four questions.

How many patients, how they do, who starts tacrolimus, what is not known.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis_py import published
from analysis_py.phrases import (
    ASSOCIATION,
    count_cell,
    estimate_phrase,
    interval_cell,
    is_trustworthy,
    p_phrase,
    percent,
    ratio_phrase,
    share_cell,
    typographic,
    value_cell,
)
from analysis_py.report.account import Quality
from analysis_py.report.blocks import Block, Facts, Finding, Findings, Section, Text
from analysis_py.report.source import ReportSource
from analysis_py.rounding import MISSING, is_missing
from analysis_py.rows import ResultRows
from analysis_py.tables.scores import SCORES
from analysis_py.tables.tacrolimus import OTHERS, START, USERS, not_known_phrase
from analysis_py.vocabulary import WEEK_04, label

HOW_TO_READ = (
    "How to read this report: every number names the patients it was computed from. Below a result "
    "the report says what its method assumes and whether that holds, is doubtful, or was not "
    "assessed; in tables † marks a doubtful assumption and ‡ a warning. Intervals are 95% "
    "intervals; p-values are two-sided and not adjusted for the number of tests."
)
NOT_RECORDED = "not recorded"


def alerts(rows: ResultRows, quality: Quality) -> tuple[str, ...]:
    """Say what makes numbers of this version wrong or missing as a whole.

    A score of the study without any value, nobody enrolled, and many names that no code list knows;
    how many are many is decided by the expectations.
    """
    failed = {
        str(row["expectation_code"])
        for row in quality["expectations"]
        if row["subject_code"] == "export" and row["state_code"] == "failed"
    }
    enrolled = rows.get("A01", "enrolled", "n")
    found = [
        f"{label(score)} has no value in any visit: every number of it is missing. Was its column "
        "left out or renamed at the source?"
        for score, (analysis, _) in SCORES.items()
        if f"{score}_recorded" in failed
        or (
            enrolled is not None
            and enrolled.n
            and not any(
                row is not None and row.n for _, row in rows.over_time(analysis, score, "n")
            )
        )
    ]
    if enrolled is not None and not enrolled.n:
        found.append("No patient meets every criterion: there is nothing to analyse.")
    if any(code.endswith("_understood") for code in failed):
        listed = "; ".join(_unrecognised(quality))
        found.append(
            f"Many names were not recognised ({listed}). What they say of their patients is not "
            "known, and numbers that depend on it are too small."
        )
    return tuple(found)


def _unrecognised(quality: Quality) -> Iterator[str]:
    """Yield the names of each kind, counted in records, patients and names."""
    for row in quality["unrecognised"]:
        of_all = f" of {row['n_records_staged']:,}" if row["n_records_staged"] else ""
        if row["n_terms"]:
            yield (
                f"{label(row['term_kind']).lower()} in {row['n_records']:,}{of_all} records of "
                f"{row['n_patients']:,} patients (different names: {row['n_terms']:,})"
            )


def at_a_glance(source: ReportSource) -> Section:
    """Answer the four questions in a few numbers, then say how to read the report."""
    rows = source.rows
    blocks: list[Block] = [
        Facts(
            tuple(
                answer(rows) for answer in (_patients, _change, _response, _starts, _early, _unseen)
            ),
            is_large=True,
        ),
        Findings(tuple(item for item in (_who_starts(rows), _not_known(source)) if item)),
        Text(_reached(source)),
        Text(HOW_TO_READ),
    ]
    return Section("at-a-glance", "At a glance", tuple(blocks))


def _patients(rows: ResultRows) -> tuple[str, str, str]:
    register = rows.get("A01", "in_register", "n_patients")
    evaluable = rows.get("A09", "evaluable", "n")
    return (
        "Patients enrolled",
        count_cell(rows.get("A01", "enrolled", "n")),
        f"of {count_cell(register)} in the register; {count_cell(evaluable)} evaluable for topical "
        "therapy",
    )


def _change(rows: ResultRows) -> tuple[str, str, str]:
    first, last = rows.timepoints[0], rows.timepoints[-1]
    change = rows.get("A05", "easi", "mean_change", timepoint=last.code)
    before = rows.get("A04", "easi", "mean", timepoint=first.code)
    name = f"EASI, mean change to {last.label.lower()}"
    if change is None or is_missing(change.value):
        return name, NOT_RECORDED, f"no patient assessed at {first.label.lower()} and then"
    interval = "" if is_missing(change.ci_lower) else f"95% CI {interval_cell(change)}; "
    return (
        name,
        typographic(value_cell(change)),
        typographic(
            f"{interval}{change.n} patients assessed at both; mean at {first.label.lower()} "
            f"{value_cell(before)} (n = {count_cell(before)})"
        ),
    )


def _response(rows: ResultRows) -> tuple[str, str, str]:
    last = rows.timepoints[-1]
    row = rows.get("A04", "easi_75", "percent", timepoint=last.code)
    name = f"EASI-75 at {last.label.lower()}"
    if row is None or not row.denominator:
        return name, NOT_RECORDED, ""
    return name, percent(row.value), f"{share_cell(row)}; 95% CI {interval_cell(row)}%"


def _starts(rows: ResultRows) -> tuple[str, str, str]:
    events = rows.get("A12", START, "n_events")
    if events is None:
        return "Started tacrolimus", NOT_RECORDED, ""
    first = rows.get("A12", START, "n_events", month=0)
    mean = rows.get("A12", START, "restricted_mean")
    remark = f"{count_cell(first)} of them at baseline"
    if is_trustworthy(mean):
        remark += f"; restricted mean time {estimate_phrase(mean, 1)} months"
    return "Started tacrolimus", share_cell(events), remark


def _early(rows: ResultRows) -> tuple[str, str, str]:
    users, others = (
        rows.get("A16", "easi_below_7", "percent", group=group, timepoint=WEEK_04)
        for group in (USERS, OTHERS)
    )
    difference = rows.get("A16", "easi_below_7", "percentage_point_difference", timepoint=WEEK_04)
    shares = [MISSING if row is None else percent(row.value) for row in (users, others)]
    name = "EASI < 7 at week 4, tacrolimus at baseline against none"
    if shares == [MISSING, MISSING]:
        return name, NOT_RECORDED, ""
    apart = "not estimable"
    if difference is not None and not is_missing(difference.value):
        apart = f"{estimate_phrase(difference, 1)} percentage points"
    return (
        name,
        f"{shares[0]} against {shares[1]}",
        f"{share_cell(users)} and {share_cell(others)}; difference {apart}; {ASSOCIATION}",
    )


def _unseen(rows: ResultRows) -> tuple[str, str, str]:
    last = rows.timepoints[-1]
    level = rows.get("A04", "easi", "n", timepoint=last.code)
    enrolled = rows.get("A01", "enrolled", "n")
    value = MISSING
    if level is not None and enrolled is not None:
        value = f"{(enrolled.n or 0) - (level.n or 0)} of {enrolled.n}"
    return f"EASI not known at {last.label.lower()}", value, "not seen there, or not recorded"


def _who_starts(rows: ResultRows) -> Finding | None:
    ratios = [row for row in rows.ratios("A13", "hazard_ratio") if is_trustworthy(row)]
    if not ratios:
        return None
    listed = "; ".join(
        f"{row.term_label} {ratio_phrase(row)}, {p_phrase(row.p_value)}" for row in ratios
    )
    return Finding(
        f"Who starts tacrolimus earlier (hazard ratio above 1) or later (below 1): {listed}. What "
        "the model assumes is below, in “Start of tacrolimus”."
    )


def _not_known(source: ReportSource) -> Finding | None:
    rows, quality = source.rows, source.quality
    parts = [
        text for analysis in ("A15", "A18", "A19") if (text := not_known_phrase(rows, analysis))
    ]
    if "unrecognised" in (quality.tables or {}):
        parts.append(f"names not recognised: {'; '.join(_unrecognised(quality)) or 'none'}")
    refused = sum(int(row["n_records_quarantined"] or 0) for row in quality["ledger"])
    if quality["ledger"]:
        read = sum(int(row["n_records_read"] or 0) for row in quality["ledger"])
        parts.append(f"{refused:,} of {read:,} records refused")
    return Finding(f"What is not known: {'; '.join(parts)}.") if parts else None


def _reached(source: ReportSource) -> str:
    counts = published.counts(source.study.compared)
    equal = counts[published.EQUAL] + counts[published.CORRECTED] + counts[published.CONFIRMED]
    comparable = sum(counts.values()) - counts[published.NOT_COMPUTABLE]
    return (
        f"Numbers of the paper reached: {equal} of {comparable}; {counts[published.DIFFERS]} "
        f"differ, {counts[published.NOT_COMPUTABLE]} cannot be computed."
    )
