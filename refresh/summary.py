"""The summary at the end of a refresh, read from the published file."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

import duckdb
from rich import box
from rich.console import Console
from rich.table import Table

from core import duck
from core.settings import Settings
from refresh.store import versions
from refresh.store.manifest import Entry

SHOWN_REFUSALS = 20
SHOWN_RESULTS = 5
SHOWN_COLUMNS = 4
CHANGES = """
    select whole.* exclude (columns),
        case when whole.change_code = 'changed' then columns else [] end as columns
    from (
        select changes.*, (
            select list(struct_pack(name := of_column.column_name, n := of_column.n_records)
                order by of_column.n_records desc, of_column.column_name)
            from quality.changes as of_column
            where of_column.comparison_code = changes.comparison_code
                and of_column.table_name = changes.table_name
                and of_column.change_code = 'changed' and of_column.column_name is not null
        ) as columns
        from quality.changes
        where column_name is null
    ) as whole
    order by all
"""
"""Whole records per table and kind of change; of changed ones also which columns, most first."""


@dataclass
class Summary:
    """Result of a finished refresh, for a person and for a script.

    Attributes
    ----------
    status : str
        ``published``, ``already_loaded`` or ``rolled_back``.
    notes : list of str
        Repairs that were made and rules that were accepted.
    """

    status: str
    entry: Entry
    ledger: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    result_changes: list[dict[str, Any]] = field(default_factory=list)
    unmapped: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def read_summary(settings: Settings, status: str, entry: Entry) -> Summary:
    """Collect ledger, refusals, changes and warnings of the version that is being served."""
    served = versions.served(settings)
    with duckdb.connect(str(served), read_only=True) as db:
        summary = Summary(
            status,
            entry,
            ledger=duck.rows(db, "select * from quality.record_ledger order by export_name"),
            refusals=duck.rows(
                db, "select * from quality.refusals order by n_records desc, source_file, rule_code"
            ),
            changes=duck.rows(db, CHANGES),
            result_changes=duck.rows(db, "select * from quality.result_changes order by result_id"),
            unmapped=duck.rows(
                db, "select * from quality.unmapped_terms where n_records > 0 order by term_kind"
            )
            if _has_unmapped_terms(db)
            else [],
            warnings=[
                row["warning"]
                for row in duck.rows(
                    db,
                    "select suite_name || '.' || expectation_code || ': ' || "
                    "coalesce(n_unexpected || ' of ' || n_judged || ' rows', "
                    "'observed ' || round(observed_value, 3), 'not as expected') || '. ' || reason "
                    "as warning from quality.expectation_results where state_code = 'failed' "
                    "and build_number = ?",
                    [entry.get("seq")],
                )
            ],
        )
        n_other_people = duck.scalar(
            db, "select count(*) from quality.patient_changes where is_identity_changed"
        )
    if n_other_people:
        summary.warnings.append(
            f"{n_other_people} patients have another sex and another birth date than before "
            "(quality.patient_changes, is_identity_changed): was the number given to somebody else?"
        )
    summary.places = {
        "published file": str(settings.current),
        "vault, with every refused value": str(settings.vault_current / "warehouse.duckdb"),
    }
    return summary


def show(summary: Summary) -> None:
    """Print the summary for a person on standard output."""
    console = Console(width=None if sys.stdout.isatty() else 110, highlight=False, markup=False)
    entry = summary.entry
    label = entry.get("delivery_label") or entry.get("source_system") or "the delivery"
    data = "synthetic data" if entry.get("is_synthetic") else "real data"
    if summary.status == "published":
        console.print(f"Published version {entry['seq']} ({label}, {data}).")
    elif summary.status == "rolled_back":
        console.print(f"Nothing was done; version {entry['seq']} ({label}, {data}) is served.")
    else:
        console.print(
            f"Already published as version {entry['seq']} ({label}, {data}): same delivery, same "
            "code; nothing was done."
        )
    tests, checks = entry.get("tests", {}), entry.get("expectations", {})
    console.print(
        f"{tests.get('n_run', 0)} dbt tests and {checks.get('n_run', 0)} expectations ran; "
        f"{checks.get('n_failed', 0)} expectations failed."
    )
    console.print(_ledger_table(summary))
    _show_refusals(console, summary)
    _show_unmapped(console, summary)
    _show_changes(console, summary)
    for warning in summary.warnings:
        console.print(f"Warning: {warning}", soft_wrap=True)
    for note in summary.notes:
        console.print(f"Note: {note}", soft_wrap=True)
    console.print("Where to look:")
    for name, place in summary.places.items():
        console.print(f"  {name}: {place}", soft_wrap=True)
    spent = ", ".join(f"{step.lower()} {seconds:.1f}" for step, seconds in summary.seconds.items())
    console.print(f"Seconds: {sum(summary.seconds.values()):.1f} ({spent}).", soft_wrap=True)


def _ledger_table(summary: Summary) -> Table:
    table = Table("file", "read", "staged", "quarantined", "deduplicated", "values refused",
                  title="Records", title_justify="left", box=box.SIMPLE)  # fmt: skip
    for column in table.columns[1:]:
        column.justify = "right"
    for line in summary.ledger:
        table.add_row(
            line["source_file"],
            *(
                f"{line[name]:,}"
                for name in (
                    "n_records_read",
                    "n_records_staged",
                    "n_records_quarantined",
                    "n_records_deduplicated",
                    "n_values_refused",
                )
            ),
        )
    return table


def _show_refusals(console: Console, summary: Summary) -> None:
    """Print one refusal on two lines: where and how many, then what to do."""
    if not summary.refusals:
        return
    console.print("Refused:")
    for line in summary.refusals[:SHOWN_REFUSALS]:
        where = f"{line['source_file']}, {line['column_name'] or 'whole record'}"
        console.print(
            f"  {line['n_records']:>5,}  {where}: {line['rule_label'] or line['rule_code']}"
        )
        if line["hint"]:
            console.print(f"         {line['hint']}", style="dim", soft_wrap=True)
    if len(summary.refusals) > SHOWN_REFUSALS:
        console.print(f"  and {len(summary.refusals) - SHOWN_REFUSALS} more (quality.refusals)")


def _has_unmapped_terms(db: duckdb.DuckDBPyConnection) -> bool:
    """Whether the version counts unknown terms; one of before this table does not."""
    return bool(
        duck.scalar(
            db,
            "select count(*) from duckdb_tables() "
            "where schema_name = 'quality' and table_name = 'unmapped_terms'",
        )
    )


def _show_unmapped(console: Console, summary: Summary) -> None:
    """Print per kind how many records have a name that no list knows."""
    if not summary.unmapped:
        return
    console.print(
        "Not recognised (each name: cohort.cohort_unmapped_terms in the vault's warehouse):"
    )
    for row in summary.unmapped:
        kind = row["term_kind"].replace("_", " ")
        console.print(
            f"  {kind}: {row['n_records']:,} of {row['n_records_staged']:,} records, "
            f"{row['n_patients']:,} patients, {row['n_terms']:,} different names",
            soft_wrap=True,
        )


def _show_changes(console: Console, summary: Summary) -> None:
    if not summary.changes and not summary.result_changes:
        return
    console.print("Changed since the previous version:")
    for line in summary.changes:
        people = f", {line['n_patients']:,} patients" if line["n_patients"] else ""
        console.print(
            f"  {line['comparison_code']} {line['table_name']}: {line['n_records']:,} "
            f"{line['change_code']}{people}{_columns_of(line)}",
            soft_wrap=True,
        )
    moved = [row for row in summary.result_changes if row["change_code"] == "changed"]
    console.print(
        f"  {len(moved)} results moved, {len(summary.result_changes) - len(moved)} are new or gone"
        " (quality.result_changes)"
    )
    for row in sorted(moved, key=_movement, reverse=True)[:SHOWN_RESULTS]:
        if None not in (row["value_before"], row["value_after"]):
            console.print(f"    {describe_move(row)}", soft_wrap=True)


def _columns_of(line: dict[str, Any]) -> str:
    """Return which columns of changed records changed, the most frequent by name."""
    columns = line["columns"] or []
    if not columns:
        return ""
    shown = [f"{column['name']} {column['n']:,}" for column in columns[:SHOWN_COLUMNS]]
    more = len(columns) - len(shown)
    return f" ({', '.join(shown)}{f' and {more} more' if more else ''})"


def describe_move(row: dict[str, Any]) -> str:
    """Return one line about a result that moved, with its denominator where that moved too."""
    from analysis_py.phrases import move_phrases  # noqa: PLC0415 - heavy

    unit = row["unit"] or ""
    before, after = move_phrases(row["value_before"], row["value_after"], unit)
    line = f"{row['label'] or row['result_id']} {before} -> {after} {unit}".rstrip()
    counts = row["n_before"], row["n_after"]
    if None in counts or counts[0] == counts[1] or unit == "patients":
        return line
    return f"{line} (n {counts[0]:,} -> {counts[1]:,})"


def _movement(row: dict[str, Any]) -> float:
    """Return by which share of itself a result moved; the largest are shown."""
    before, after = row["value_before"], row["value_after"]
    if before is None or after is None:
        return 0.0
    return abs(after - before) / max(abs(before), abs(after), 1e-12)
