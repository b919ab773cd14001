"""Section on the records: how many were read, what was refused and what to do about it."""

from __future__ import annotations

from typing import Any

from analysis_py.report.blocks import Block, Facts, Grid, Note, Section, Subheading, Text
from analysis_py.report.ledger import FILE_HAS_NO_QUALITY, Quality
from analysis_py.report_words import typographic
from analysis_py.rounding import format_number, format_p

SCOPES = {
    "record": "record refused",
    "value": "value set to missing, record kept",
    "duplicate": "surplus copy set aside",
}
LEDGER_COLUMNS = {
    "source_file": "File",
    "n_records_read": "Read",
    "n_records_staged": "Kept",
    "n_records_quarantined": "Refused",
    "n_records_deduplicated": "Copies set aside",
    "balance": "Unaccounted for",
    "n_values_refused": "Single values refused",
}
MOST_MOVED = 50


def data_quality(quality: Quality) -> Section:
    """Ledger, refusals by rule with what to do, notices, expectations, and what moved."""
    blocks: list[Block] = []
    if quality.is_known:
        blocks += [_summary(quality), _ledger(quality), *_refusals(quality), *_notices(quality)]
    else:
        blocks.append(Note(FILE_HAS_NO_QUALITY))
    return Section(
        "data-quality",
        "Data quality: what was refused and why",
        (*blocks, *_expectations(quality), *_moved(quality)),
    )


def _summary(quality: Quality) -> Facts:
    total = {
        name: sum(int(row[name] or 0) for row in quality.ledger)
        for name in LEDGER_COLUMNS
        if name != "source_file"
    }
    read = total["n_records_read"]
    return Facts(
        (
            ("Records read", str(read), f"from {len(quality.ledger)} files"),
            ("Records refused", str(total["n_records_quarantined"]), _of(total, read)),
            ("Copies set aside", str(total["n_records_deduplicated"]), "the first copy is kept"),
            ("Single values refused", str(total["n_values_refused"]), "set to missing"),
        )
    )


def _of(total: dict[str, int], read: int) -> str:
    if not read:
        return "nothing was read"
    return f"{format_number(100 * total['n_records_quarantined'] / read, 2)}% of those read"


def _ledger(quality: Quality) -> Grid:
    return Grid(
        "Account of every record: read = kept + refused + copies set aside",
        tuple(LEDGER_COLUMNS.values()),
        tuple(tuple(str(row[name]) for name in LEDGER_COLUMNS) for row in quality.ledger),
        numeric=frozenset(range(1, len(LEDGER_COLUMNS))),
    )


def _refusals(quality: Quality) -> list[Block]:
    if not quality.refusals:
        return [Text("No record and no value was refused.")]
    rows = tuple(
        (
            str(row["rule_label"]),
            str(row["source_file"]),
            str(row["column_name"] or "(record)"),
            SCOPES.get(row["scope_code"], str(row["scope_code"])),
            str(row["n_records"]),
            str(row["hint"] or ""),
            str(row["kahn_category"] or ""),
        )
        for row in quality.refusals
    )
    return [
        Grid(
            "What was refused, by rule, and what to do",
            (
                "Rule",
                "File",
                "Column",
                "What became of it",
                "Records",
                "What to do",
                "Kind of check (Kahn et al. 2016)",
            ),
            rows,
            numeric=frozenset({4}),
        ),
        Text(
            "The refused values themselves are patients' data and are not part of this report; "
            "they are in the table quarantine.rejected_records of the vault, with file and record "
            "number."
        ),
    ]


def _notices(quality: Quality) -> list[Block]:
    if not quality.notices:
        return []
    rows = tuple(
        (str(row["source_file"]), _words(row["notice_code"]), str(row["n_notices"]))
        for row in quality.notices
    )
    return [
        Grid(
            "Seen in the delivery, nothing refused for it",
            ("File", "Notice", "How many"),
            rows,
            numeric=frozenset({2}),
        )
    ]


def _expectations(quality: Quality) -> list[Block]:
    if not quality.expectations:
        return []
    states: dict[str, int] = {}
    for row in quality.expectations:
        states[row["state_code"]] = states.get(row["state_code"], 0) + 1
    listed = ", ".join(f"{_words(state).lower()} {n}" for state, n in sorted(states.items()))
    blocks: list[Block] = [
        Subheading("Expectations", "expectations"),
        Text(f"{len(quality.expectations)} expectations were judged: {listed}."),
    ]
    rows = tuple(
        (
            f"{_words(row['suite_name'])}: {_words(row['expectation_code']).lower()}",
            str(row["column_name"] or ""),
            _words(row["state_code"]),
            str(row["severity_code"] or ""),
            _share(row),
            str(row["threshold"] or ""),
            str(row["reason"] or ""),
        )
        for row in quality.expectations
        if row["state_code"] in ("failed", "error")
    )
    if rows:
        columns = ("Expectation", "Column", "State", "Severity", "Rows", "Allowed", "Why")
        blocks.append(Grid("Expectations that were not met", columns, rows))
    return blocks


def _moved(quality: Quality) -> list[Block]:
    if not quality.moved:
        return []
    rows = tuple(
        (
            str(row["label"] or row["result_id"]),
            _words(row["change_code"]),
            typographic(format_number(row["value_before"], 3)),
            typographic(format_number(row["value_after"], 3)),
            format_p(row["p_value_before"]),
            format_p(row["p_value_after"]),
        )
        for row in quality.moved[:MOST_MOVED]
    )
    more = len(quality.moved) - len(rows)
    text = f"{len(quality.moved)} results are not what they were in the version before."
    if more:
        text += f" The first {len(rows)} are shown; quality.result_changes holds them all."
    return [
        Subheading("What moved since the version before", "moved"),
        Text(text),
        Grid(
            "Results that moved",
            ("Result", "Change", "Before", "Now", "p before", "p now"),
            rows,
            numeric=frozenset({2, 3, 4, 5}),
        ),
    ]


def _share(row: dict[str, Any]) -> str:
    if row["n_unexpected"] is None:
        return ""
    return f"{row['n_unexpected']} of {row['n_judged']}"


def _words(code: object) -> str:
    return str(code).replace("_", " ").capitalize()
