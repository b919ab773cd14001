"""The quality page: one self-contained HTML file with counts only.

It is drawn from the quality tables of a DuckDB file. It loads nothing from a network, runs no
script, and every text is escaped, so that a name in a delivery can never become markup.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

import duckdb

STATE_MARKS = {"passed": "✓", "failed": "✗", "error": "!", "not_applicable": "–"}
STATE_WORDS = {
    "passed": "passed",
    "failed": "failed",
    "error": "could not be evaluated",
    "not_applicable": "not applicable",
}
STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff;
  max-width: 72rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.7rem; margin-bottom: .2rem; } h2 { font-size: 1.25rem; margin-top: 2.2rem; }
p.lead { font-size: 1.1rem; }
.synthetic { border: 2px solid #8a4b00; background: #fff4e0; padding: .5rem .8rem; }
table { border-collapse: collapse; width: 100%; margin: .6rem 0 1.2rem; font-size: .92rem; }
caption { text-align: left; color: #444; padding: .2rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem;
  border-bottom: 1px solid #d0d0d0; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
tr.failed td:first-child, tr.error td:first-child { font-weight: 700; color: #9b0000; }
tr.passed td:first-child { color: #0b5d1e; }
tr.not_applicable { color: #555; }
details summary { cursor: pointer; font-weight: 600; margin: .4rem 0; }
@media print { body { max-width: none; padding: 0; } details { display: block; } }
"""


def write_page(file: Path, page: Path) -> Path:
    """Draw the quality page of a published or built file.

    Parameters
    ----------
    file : Path
        A DuckDB file with schemas quality and metadata or raw; opened read-only.
    page : Path
        The HTML file to write.

    Returns
    -------
    Path
        The page.
    """
    with duckdb.connect(str(file), read_only=True) as db:
        page.write_text(draw(db), encoding="utf-8")
    return page


def draw(db: duckdb.DuckDBPyConnection) -> str:
    """Return the page as text."""
    about = _rows(db, "select * from marts.dim_delivery")[0]
    outcomes = _rows(
        db,
        "select * from quality.expectation_results "
        "qualify build_number = max(build_number) over () "
        "order by door_code, suite_name, state_code = 'passed', expectation_code",
    )
    number = outcomes[0]["build_number"] if outcomes else 0
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>Data quality, version {number}</title><style>{STYLE}</style></head><body><main>",
        f"<h1>Data quality of version {number}</h1>",
        f"<p>{_text(about['delivery_label'] or about['source_system'])}</p>",
    ]
    if about["is_synthetic"]:
        parts.append("<p class='synthetic'>Synthetic data: no real patient is in this file.</p>")
    parts += [
        _lead(outcomes, _expected(db)),
        _ledger(db),
        _refusals(db),
        _expectations(outcomes),
        _trend(db),
        _changes(db),
        "<p>Counts only. Refused values, record numbers and line numbers are in the vault, table "
        "quarantine.rejected_records.</p></main></body></html>",
    ]
    return "\n".join(parts)


def _rows(db: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    cursor = db.execute(query)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _text(value: Any) -> str:
    """Return a value as escaped text; control characters are shown, not sent."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}"
    return escape("".join(c if c.isprintable() else "?" for c in str(value)), quote=True)


def _table(caption: str, columns: dict[str, str], rows: list[dict[str, Any]]) -> str:
    """Return a table; a heading that starts with # is a column of numbers."""
    if not rows:
        return f"<p>{_text(caption)}: none.</p>"

    def cell(tag: str, heading: str, content: str) -> str:
        scope = " scope='col'" if tag == "th" else ""
        kind = " class='n'" if heading.startswith("#") else ""
        return f"<{tag}{scope}{kind}>{content}</{tag}>"

    head = "".join(cell("th", title, _text(title.lstrip("#"))) for title in columns)
    body = "".join(
        f"<tr class='{_text(row.get('state_code', ''))}'>"
        + "".join(cell("td", title, _text(row.get(name))) for title, name in columns.items())
        + "</tr>"
        for row in rows
    )
    return (
        f"<table><caption>{_text(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _expected(db: duckdb.DuckDBPyConnection) -> int | None:
    """Return how many expectations there should be; only a published file states it."""
    if not _rows(db, "select 1 from duckdb_tables() where schema_name = 'metadata'"):
        return None
    entry = json.loads(_rows(db, "select manifest_entry from metadata.build")[0]["manifest_entry"])
    return entry.get("expectations", {}).get("n_expected")


def _lead(outcomes: list[dict[str, Any]], n_expected: int | None) -> str:
    counts = {state: sum(o["state_code"] == state for o in outcomes) for state in STATE_MARKS}
    said = ", ".join(f"{counts[state]} {word}" for state, word in STATE_WORDS.items())
    of_all = f" of {n_expected}" if n_expected is not None else ""
    return f"<p class='lead'>{len(outcomes)}{of_all} expectations were judged: {said}.</p>"


def _ledger(db: duckdb.DuckDBPyConnection) -> str:
    columns = {
        "file": "source_file", "#records read": "n_records_read", "#staged": "n_records_staged",
        "#quarantined": "n_records_quarantined", "#deduplicated": "n_records_deduplicated",
        "#values refused": "n_values_refused",
    }  # fmt: skip
    rows = _rows(db, "select * from quality.record_ledger order by export_name, source_file")
    notices = _rows(db, "select * from quality.notices order by source_file, notice_code")
    return (
        "<h2>Every record accounted for</h2>"
        + _table("Read = staged + quarantined + deduplicated, per file", columns, rows)
        + _table("Notices", {"file": "source_file", "notice": "notice_code",
                             "#count": "n_notices"}, notices)
    )  # fmt: skip


def _refusals(db: duckdb.DuckDBPyConnection) -> str:
    columns = {
        "file": "source_file", "column": "column_name", "rule": "rule_label",
        "refused": "scope_code", "#count": "n_records", "#of records": "n_records_read",
        "what to do": "hint",
    }  # fmt: skip
    rows = _rows(
        db, "select * from quality.refusals order by n_records desc, source_file, rule_code"
    )
    return "<h2>What was refused, and what to do</h2>" + _table(
        "Per file, column and rule", columns, rows
    )


def _expectations(outcomes: list[dict[str, Any]]) -> str:
    parts = ["<h2>Expectations</h2>"]
    for door, title in (
        ("export", "First door: the exports as they arrived"),
        ("mart", "Second door: the marts"),
    ):
        rows = [_shown(outcome) for outcome in outcomes if outcome["door_code"] == door]
        bad = [row for row in rows if row["state_code"] in ("failed", "error")]
        good = [row for row in rows if row not in bad]
        columns = {
            "state": "state", "suite": "suite_name", "expectation": "expectation_code",
            "allowed": "threshold", "#found": "found", "#of": "n_judged", "why": "reason",
            "kind": "kind", "severity": "severity",
        }  # fmt: skip
        parts.append(f"<h3>{_text(title)}</h3>")
        parts.append(_table("Not as expected", columns, bad))
        parts.append(
            f"<details><summary>{len(good)} others</summary>"
            + _table("Passed or not applicable", columns, good)
            + "</details>"
        )
    return "".join(parts)


def _shown(outcome: dict[str, Any]) -> dict[str, Any]:
    state = outcome["state_code"]
    trend = f" ({outcome['trend_code']})" if outcome["trend_code"] else ""
    accepted = ", accepted" if outcome["is_accepted"] else ""
    found = outcome["n_unexpected"]
    return outcome | {
        "state": f"{STATE_MARKS[state]} {STATE_WORDS[state]}{trend}{accepted}",
        "found": outcome["observed_value"] if found is None else found,
        "kind": f"{outcome['kahn_category_code']}, {outcome['kahn_context_code']}",
        "severity": outcome["severity_code"],
    }


def _trend(db: duckdb.DuckDBPyConnection) -> str:
    rows = _rows(
        db,
        "select build_number, count(*) filter (state_code = 'passed') as n_passed, "
        "count(*) filter (state_code in ('failed', 'error')) as n_bad, "
        "count(*) filter (trend_code = 'new') as n_new, "
        "count(*) filter (trend_code = 'persisting') as n_persisting, "
        "count(*) filter (trend_code = 'resolved') as n_resolved "
        "from quality.expectation_results group by build_number order by build_number desc "
        "limit 20",
    )
    columns = {
        "#version": "build_number", "#passed": "n_passed", "#failed": "n_bad", "#new": "n_new",
        "#persisting": "n_persisting", "#resolved": "n_resolved",
    }  # fmt: skip
    return "<h2>Trend</h2>" + _table("The newest 20 versions", columns, rows)


def _changes(db: duckdb.DuckDBPyConnection) -> str:
    rows = _rows(
        db,
        "select * from quality.changes "
        "order by comparison_code, table_name, column_name nulls first, change_code",
    )
    columns = {
        "where": "comparison_code", "table": "table_name", "column": "column_name",
        "change": "change_code", "#records": "n_records", "#patients": "n_patients",
    }  # fmt: skip
    results = _rows(db, "select * from quality.result_changes order by result_id limit 200")
    result_columns = {
        "result": "result_id", "what": "label", "change": "change_code",
        "#before": "value_before", "#now": "value_after", "#difference": "value_difference",
    }  # fmt: skip
    return (
        "<h2>What changed since the version before</h2>"
        + _table("Records", columns, rows)
        + _table("Results", result_columns, results)
    )
