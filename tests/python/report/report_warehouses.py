"""Warehouse files with synthetic patients, a build and a published version, for the report."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pandas as pd

from analysis_py.report.source import ReportSource
from analysis_py.store import write_results
from refresh import quality

ROOT = Path(__file__).parents[3]
LEDGER = ROOT / "seeds" / "publication" / "published_results.csv"
LOAD_ID = "5eed" * 16
HOSTILE = "<script>alert('label')</script> & \"quotes\""
SECRET = "Rossi Mario 31/12/1999"


def twin_marts(frames: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The twin's marts with a full dim_delivery, whose label contains markup."""
    printed = pd.read_csv(LEDGER, dtype=str, keep_default_na=False)
    printed = printed.where(printed != "", None)
    printed["decimals"] = pd.to_numeric(printed["decimals"])
    delivery = pd.DataFrame(
        {
            "load_id": [LOAD_ID],
            "source_system": ["clinic"],
            "mapping_version": [1],
            "delivery_label": [HOSTILE],
            "extraction_year": [2020],
            "n_files": [2],
            "is_synthetic": [True],
        }
    )
    return {**frames, "fct_published_results": printed, "dim_delivery": delivery}


def add_quarantine(db: duckdb.DuckDBPyConnection) -> None:
    """The vault's account of two files; one refused cell holds a name."""
    db.execute("create schema quarantine")
    db.execute(
        """
        create table quarantine.record_ledger as
        select * from (values
            ('patients', 'patients.csv', 342, 341, 1, 0, 0, 0),
            ('visits', 'visits.csv', 1200, 1196, 3, 1, 2, 0)
        ) as ledger (export_name, source_file, n_records_read, n_staged, n_quarantined,
            n_deduplicated, n_values_refused, balance)
        """
    )
    db.execute(
        """
        create table quarantine.rejected_records (
            export_name varchar, source_file varchar, record_number bigint, column_name varchar,
            rule_code varchar, scope_code varchar, rule_label varchar, kahn_category varchar,
            value_shown varchar, hint varchar)
        """
    )
    refused = [
        ("visits", "visits.csv", 7, "visit_date", "date_format", "record", "No date", SECRET),
        ("visits", "visits.csv", 9, "visit_date", "date_format", "record", "No date", SECRET),
        (
            "visits",
            "visits.csv",
            9,
            "easi_score",
            "out_of_range",
            "value",
            "Out \x1b[2J of range",
            "99",
        ),
        ("patients", "patients.csv", 3, "sex", "unknown_code", "record", "<b>Unknown</b>", "x"),
    ]
    db.executemany(
        "insert into quarantine.rejected_records values "
        "(?, ?, ?, ?, ?, ?, ?, 'value conformance', ?, 'Correct it & deliver again.')",
        refused,
    )
    db.execute("create schema cohort")
    db.execute(
        "create view cohort.cohort_unmapped_records as select 'drug' as term_kind, "
        "'Rossi''s own ointment' as term, 'P1' as patient_id where false"
    )
    db.execute("create schema raw")
    db.execute(
        "create table raw.delivery_notices as select * from (values "
        "('visits.csv', 'extra_column', 'remarks'), ('visits.csv', 'extra_column', 'initials')) "
        "as notices (source_file, notice_code, detail)"
    )


def publish(build: Path, path: Path, source: ReportSource) -> Path:
    """A file like a published version: marts, results and quality, nothing of the vault."""
    work = path.with_name("work.duckdb")
    work.write_bytes(build.read_bytes())
    write_results(work, source.study)
    with duckdb.connect(str(work)) as db:
        quality.create_all(db)
        quality.fill_from_vault(db)
        for state in ("passed", "failed", "error", "not_applicable"):
            db.execute(
                "insert into quality.expectation_results by name "
                "select 1 as build_number, 'visits' as suite_name, 'export' as subject_code, "
                "'enough_visits_' || $1 as expectation_code, $1 as state_code, "
                "case when $1 = 'failed' then 'new' end as trend_code, "
                "'completeness' as kahn_category_code, 'verification' as kahn_context_code, "
                "'warning' as severity_code, 12 as n_unexpected, 1200 as n_judged, "
                "'at most 1%' as threshold, $2 as reason, false as is_accepted",
                [state, HOSTILE],
            )
        db.execute(
            "insert into quality.changes by name select 'mart' as comparison_code, "
            "'fct_scores' as table_name, 'changed' as change_code, 3 as n_records, 2 as n_patients"
        )
        entry = json.dumps({"expectations": {"n_expected": 121}})
        db.execute("create schema metadata")
        db.execute("create table metadata.build as select ? as manifest_entry", [entry])
        db.execute(
            "insert into quality.result_changes by name "
            "select 'a04.x' as result_id, 'EASI at week 4' as label, 'points' as unit, "
            "'changed' as change_code, 8.5 as value_before, 8.4 as value_after"
        )
        db.execute(
            "insert into quality.unmapped_terms values "
            "('drug', 3, 194, 65, 4325), ('comorbidity', 0, 0, 0, 706)"
        )
        db.execute("drop schema cohort cascade")
        db.execute("drop schema quarantine cascade")
        db.execute("drop schema raw cascade")
    return work.rename(path)
