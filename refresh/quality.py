"""The tables of schema quality: what was refused, what was checked, what changed.

They are written into the work file and published with the marts. They contain counts, codes and
pseudonyms, never a cell of an export. The descriptions below become comments in the file.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import asdict
from pathlib import Path

import duckdb

from core import duck
from core.duck import DescribedTable, create_tables
from expectations.rules import CheckOutcome, CheckReport

EARLIER_BUILDS = 60
"""Builds whose expectation results are copied into the next version."""

EXPORT_OF_KIND = {
    "drug": "prescriptions",
    "comorbidity": "comorbidities",
    "adverse_event": "adverse_events",
}
"""Kind of term to the export whose records have it."""

_EXPORT = (
    "varchar",
    "Export: patients, visits, scores, prescriptions, comorbidities, adverse_events.",
)
_FILE = ("varchar", "Name of the file in the delivery.")
_BUILD = ("integer", "Number of the build; the same as in metadata.build.")

TABLES: dict[str, DescribedTable] = {
    "record_ledger": DescribedTable(
        "One row per export file: every record read was staged, quarantined or deduplicated.",
        {
            "export_name": _EXPORT,
            "source_file": _FILE,
            "n_records_read": ("bigint", "Records in the file, counted by the record reader."),
            "n_records_staged": ("bigint", "Records that passed into staging."),
            "n_records_quarantined": ("bigint", "Records refused as a whole."),
            "n_records_deduplicated": ("bigint", "Surplus copies of a record."),
            "n_values_refused": ("bigint", "Single values refused; their records stayed."),
            "balance": ("bigint", "Read minus staged, quarantined and deduplicated; 0 is right."),
        },
    ),
    "refusals": DescribedTable(
        "One row per file, column and rule: how many records or values were refused, and what to "
        "do. The values themselves stay in the vault.",
        {
            "export_name": _EXPORT,
            "source_file": _FILE,
            "column_name": ("varchar", "Column of the export; empty when the record itself."),
            "rule_code": ("varchar", "The rule that was broken."),
            "rule_label": ("varchar", "The rule in words."),
            "scope_code": ("varchar", "What was refused: value, record or duplicate."),
            "kahn_category": ("varchar", "Kind of check after Kahn et al. 2016."),
            "hint": ("varchar", "What the data manager can do."),
            "n_records": ("bigint", "Records concerned."),
            "n_records_read": ("bigint", "Records in the file: the denominator."),
        },
    ),
    "notices": DescribedTable(
        "One row per file and kind of notice: observations about a delivery that refused nothing.",
        {
            "source_file": _FILE,
            "notice_code": ("varchar", "Kind of notice, for example extra_column."),
            "n_notices": ("bigint", "How many."),
        },
    ),
    "unmapped_terms": DescribedTable(
        "One row per kind of term: records whose drug, comorbidity or adverse event no code list "
        "knows. The terms stay in the vault (cohort.cohort_unmapped_terms): free text may name a "
        "person, however many patients share it.",
        {
            "term_kind": ("varchar", "drug, comorbidity or adverse_event."),
            "n_terms": ("bigint", "Different terms."),
            "n_records": ("bigint", "Records with them."),
            "n_patients": ("bigint", "Patients with such a record."),
            "n_records_staged": ("bigint", "Records of the export in staging: the denominator."),
        },
    ),
    "expectation_results": DescribedTable(
        "One row per build and expectation: state, count, denominator and threshold. Earlier "
        "builds are kept, so that a trend can be drawn.",
        {
            "build_number": _BUILD,
            "suite_name": ("varchar", "Suite: one per export and one per mart."),
            "expectation_code": ("varchar", "Name of the expectation within its suite."),
            "column_name": ("varchar", "Column judged; empty when the table."),
            "state_code": ("varchar", "passed, failed, error or not_applicable."),
            "trend_code": ("varchar", "new, persisting or resolved; empty when never failed."),
            "severity_code": ("varchar", "critical stops the publish; warning is shown."),
            "subject_code": ("varchar", "What was judged: export (a delivery) or mart."),
            "kahn_category_code": ("varchar", "conformance, completeness or plausibility."),
            "kahn_context_code": ("varchar", "verification or validation."),
            "reason": ("varchar", "Why this is expected."),
            "n_unexpected": ("bigint", "Rows that broke the expectation."),
            "n_judged": ("bigint", "Rows judged: the denominator."),
            "observed_value": ("double", "Observed aggregate, where the expectation is on one."),
            "threshold": ("varchar", "What was allowed, in words."),
            "is_accepted": ("boolean", "A failure that a person accepted for this build."),
        },
    ),
    "changes": DescribedTable(
        "One row per table, column and kind of change against the previous version.",
        {
            "comparison_code": ("varchar", "export (raw records) or mart (published rows)."),
            "table_name": ("varchar", "Export or mart."),
            "column_name": ("varchar", "Column; empty for whole records."),
            "change_code": (
                "varchar",
                "added, vanished, changed, recoded (no value missing), replaced (recoded from "
                "a code that is not none or a flag that was set), or emptied (became missing).",
            ),
            "n_records": ("bigint", "Records concerned."),
            "n_patients": ("bigint", "Patients concerned."),
            "n_patients_compared": (
                "bigint",
                "Patients in both versions; for replaced and emptied, those who had such a value "
                "before.",
            ),
        },
    ),
    "patient_changes": DescribedTable(
        "One row per patient whose published rows differ from the previous version.",
        {
            "patient_id": ("varchar", "Pseudonym of the patient."),
            "change_code": ("varchar", "added, vanished or changed."),
            "n_rows_added": ("bigint", "Rows in all marts."),
            "n_rows_vanished": ("bigint", "Rows in all marts."),
            "n_rows_changed": ("bigint", "Rows in all marts."),
            "is_identity_changed": ("boolean", "Sex and birth date both differ from before."),
        },
    ),
    "result_changes": DescribedTable(
        "One row per result that differs from the previous version.",
        {
            "result_id": ("varchar", "Identifier of the result in results.estimates."),
            "analysis_id": ("varchar", "Analysis that made it."),
            "label": ("varchar", "What the number is, in words."),
            "unit": ("varchar", "Unit of the values; empty: none."),
            "change_code": ("varchar", "added, vanished or changed."),
            "value_before": ("double", "Value in the previous version, in the result's unit."),
            "value_after": ("double", "Value now."),
            "value_difference": ("double", "Value now minus value before."),
            "p_value_before": ("double", "p-value in the previous version."),
            "p_value_after": ("double", "p-value now."),
            "n_before": ("bigint", "Number of patients or rows in the previous version."),
            "n_after": ("bigint", "Number of patients or rows now."),
        },
    ),
}  # fmt: skip


def create_all(db: duckdb.DuckDBPyConnection) -> None:
    """Create every quality table anew, empty and described, in the open work file."""
    db.execute("begin")
    db.execute("create schema if not exists quality")
    create_tables(db, "quality", TABLES)
    db.execute("commit")


def fill_from_vault(db: duckdb.DuckDBPyConnection) -> None:
    """Fill ledger, refusals and notices with counts from the vault's own tables.

    Values, record numbers and details are not copied.
    """
    db.execute(
        """
        insert into quality.record_ledger
        select export_name, source_file, n_records_read, n_staged, n_quarantined, n_deduplicated,
            n_values_refused, balance
        from quarantine.record_ledger
        order by export_name, source_file
        """
    )
    db.execute(
        """
        insert into quality.refusals
        select rejected.export_name, rejected.source_file, rejected.column_name,
            rejected.rule_code, rejected.rule_label, rejected.scope_code,
            rejected.kahn_category, rejected.hint,
            count(distinct rejected.record_number), any_value(ledger.n_records_read)
        from quarantine.rejected_records as rejected
        left join quarantine.record_ledger as ledger using (export_name, source_file)
        group by all
        order by all
        """
    )
    db.execute(
        """
        insert into quality.notices
        select source_file, notice_code, count(*)
        from raw.delivery_notices
        group by all
        order by all
        """
    )


def count_unmapped_terms(db: duckdb.DuckDBPyConnection) -> dict[str, dict[str, int]]:
    """Fill quality.unmapped_terms of the open work file and return its totals.

    Returns
    -------
    dict
        Kind of term to n_terms, n_records, n_patients and n_records_staged; a kind without any
        unknown term has zeros.
    """
    for kind, export in EXPORT_OF_KIND.items():
        db.execute(
            """
            insert into quality.unmapped_terms
            with unmapped as (
                select term, patient_id
                from cohort.cohort_unmapped_records
                where term_kind = $kind
            ),
            staged as (
                select coalesce(sum(n_staged), 0)::bigint as n_records
                from quarantine.record_ledger
                where export_name = $export
            )
            select $kind, count(distinct unmapped.term), count(*),
                count(distinct unmapped.patient_id), (select n_records from staged)
            from unmapped
            """,
            {"kind": kind, "export": export},
        )
    totals = duck.rows(db, "from quality.unmapped_terms")
    return {
        row["term_kind"]: {name: row[name] for name in row if name.startswith("n_")}
        for row in totals
    }


def record_expectations(
    db: duckdb.DuckDBPyConnection,
    report: CheckReport,
    build_number: int,
    previous: Path | None,
    accepted: Set[str],
) -> None:
    """Write the outcomes of this build and copy those of earlier builds.

    Parameters
    ----------
    db : duckdb.DuckDBPyConnection
        The work file, writable; quality.expectation_results exists and is empty.
    previous : Path or None
        The file of the previous version.
    accepted : set of str
        Names that were accepted for this run.
    """
    if previous is not None:
        db.execute(f"attach {duck.literal(previous)} as previous_version (read_only)")
        # A version of an earlier release may lack a column, or have another.
        earlier = db.table("previous_version.quality.expectation_results").columns
        shared = [duck.quote(c) for c in TABLES["expectation_results"].columns if c in earlier]
        db.execute(
            f"insert into quality.expectation_results by name select {', '.join(shared)} "
            "from previous_version.quality.expectation_results where build_number > ? - ?",
            [build_number, EARLIER_BUILDS],
        )
        db.execute("detach previous_version")
    before = {
        (suite, code): state
        for suite, code, state in db.execute(
            "select suite_name, expectation_code, state_code from quality.expectation_results "
            "qualify build_number = max(build_number) over ()"
        ).fetchall()
    }
    columns = TABLES["expectation_results"].columns
    marks = ", ".join("?" * len(columns))
    db.begin()
    for outcome in report.outcomes:
        values = {
            **asdict(outcome),
            "build_number": build_number,
            "trend_code": _trend(
                outcome, before.get((outcome.suite_name, outcome.expectation_code))
            ),
            "is_accepted": is_accepted(outcome, accepted),
        }
        db.execute(
            f"insert into quality.expectation_results values ({marks})",
            [values[name] for name in columns],
        )
    db.commit()


def _trend(outcome: CheckOutcome, before: str | None) -> str | None:
    """Return new, persisting or resolved for an expectation that fails or failed."""
    if outcome.state_code in ("failed", "error"):
        return "persisting" if before in ("failed", "error") else "new"
    return "resolved" if before in ("failed", "error") else None


def is_accepted(outcome: CheckOutcome, accepted: Set[str]) -> bool:
    """Whether a failure was accepted by the name of the expectation, with or without its suite."""
    return outcome.state_code == "failed" and bool(
        {outcome.name, outcome.expectation_code} & accepted
    )
