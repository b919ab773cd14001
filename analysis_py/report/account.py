"""The account of the records of a warehouse file, in counts, read from its tables.

A published file holds the counts in schema quality, a build in schema quarantine. No value of a
patient is read: of a refusal only the file, the column, the rule and how often.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import duckdb

from analysis_py.marts import schema_of
from core.duck import rows, scalar

Rows = list[dict[str, Any]]

UNRECOGNISED = {
    "quality": ("quality", "unmapped_terms"),
    "quarantine": ("cohort", "cohort_unmapped_records"),
}
"""Schema of the account -> where names that no code list knows are counted; older files lack it."""

FROM_QUALITY = {
    "ledger": """
        select source_file, n_records_read, n_records_staged, n_records_quarantined,
            n_records_deduplicated, balance, n_values_refused
        from {quality}.record_ledger order by export_name, source_file
    """,
    "refusals": """
        select rule_label, source_file, column_name, scope_code, n_records, n_records_read, hint,
            kahn_category
        from {quality}.refusals order by n_records desc, source_file, rule_label, column_name
    """,
    "unrecognised": """
        select term_kind, n_terms, n_records, n_records_staged, n_patients
        from {quality}.unmapped_terms order by term_kind
    """,
    "notices": "select source_file, notice_code, n_notices from {quality}.notices order by all",
    "expectations": """
        select * from {quality}.expectation_results
        qualify build_number = max(build_number) over ()
        order by subject_code, suite_name, expectation_code, column_name
    """,
    "trend": """
        select build_number, count(*) filter (state_code = 'passed') as n_passed,
            count(*) filter (state_code in ('failed', 'error')) as n_failed,
            count(*) filter (trend_code = 'new') as n_new,
            count(*) filter (trend_code = 'persisting') as n_persisting,
            count(*) filter (trend_code = 'resolved') as n_resolved
        from {quality}.expectation_results group by build_number order by build_number desc
        limit 20
    """,
    "changes": """
        select comparison_code, table_name, column_name, change_code, n_records, n_patients
        from {quality}.changes
        order by comparison_code, table_name, column_name nulls first, change_code
    """,
    "results": """
        select * from {quality}.result_changes order by result_id
    """,
}
FROM_QUARANTINE = {
    "ledger": """
        select source_file, n_records_read, n_staged as n_records_staged,
            n_quarantined as n_records_quarantined, n_deduplicated as n_records_deduplicated,
            balance, n_values_refused
        from {quarantine}.record_ledger order by export_name, source_file
    """,
    "refusals": """
        select rule_label, source_file, column_name, scope_code,
            count(distinct record_number) as n_records, any_value(n_records_read) as n_records_read,
            hint, kahn_category
        from {quarantine}.rejected_records
        left join {quarantine}.record_ledger using (export_name, source_file)
        group by all order by n_records desc, source_file, rule_label, column_name
    """,
    "unrecognised": """
        select term_kind, count(distinct term) as n_terms, count(*) as n_records,
            null as n_records_staged, count(distinct patient_id) as n_patients
        from {cohort}.cohort_unmapped_records group by term_kind order by term_kind
    """,
    "notices": """
        select source_file, notice_code, count(*) as n_notices
        from {raw}.delivery_notices group by all order by all
    """,
}


@dataclass(frozen=True)
class Quality:
    """Rows of the queries above by their names, and how many expectations there should be.

    `tables` is None where the file has no account of the records.
    """

    tables: dict[str, Rows] | None
    n_expected: int | None = None

    def __getitem__(self, name: str) -> Rows:
        """Return the rows of a query; none where the file does not have them."""
        return (self.tables or {}).get(name, [])


def read_quality(db: duckdb.DuckDBPyConnection) -> Quality:
    """Read the account of the records of an open warehouse file."""
    names = ("quality", "quarantine", "raw", "cohort")
    schemas = {name: schema_of(db, name) for name in names}
    for schema, queries in (("quality", FROM_QUALITY), ("quarantine", FROM_QUARANTINE)):
        if has_table(db, schema, "record_ledger"):
            tables = {
                name: rows(db, query.format(**schemas))
                for name, query in queries.items()
                if name != "unrecognised" or has_table(db, *UNRECOGNISED[schema])
            }
            return Quality(tables, manifest_entry(db).get("expectations", {}).get("n_expected"))
    return Quality(None)


def has_table(db: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    """Whether the file has this table or view."""
    query = "select 1 from information_schema.tables where table_schema = ? and table_name = ?"
    return scalar(db, query, [schema, table]) is not None


def manifest_entry(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Return the manifest line of a published file; empty for a build."""
    if not has_table(db, "metadata", "build"):
        return {}
    text = scalar(db, f"select manifest_entry from {schema_of(db, 'metadata')}.build")
    entry: dict[str, Any] = json.loads(text)
    return entry
