"""Real exports of another trial: they build with a mapping and nothing else."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pytest
from short_road import ShortRoad

from expectations import facts, gate
from intake.delivery import open_delivery
from privacy.pseudonyms import PseudonymKey


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    return shared / "real" / "cdisc_pilot"


@pytest.fixture(scope="module")
def trial(folder: Path, road: ShortRoad, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse of the trial: intake, then the statements that dbt wrote for the demo."""
    delivery = open_delivery(folder, "cdisc_pilot")
    file = tmp_path_factory.mktemp("cdisc") / "warehouse.duckdb"
    return road.build_delivery(delivery, PseudonymKey(bytes(range(32))), file)


def query(trial: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(trial), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def records(folder: Path, name: str) -> list[dict]:
    with (folder / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_flow_chart_starts_with_306_and_254_were_treated(trial):
    steps = query(
        trial,
        "select criterion_code, n_patients, n_excluded from marts.fct_cohort_attrition "
        "order by step_number",
    )
    assert steps[0] == ("in_register", 306, 0)
    assert steps[1] == ("has_index_treatment", 254, 52)


def test_the_index_date_is_the_first_dose_of_the_trial(trial, folder):
    ours = dict(
        query(
            trial, "select patient_id, cast(index_date as varchar) from cohort.cohort_index_dates"
        )
    )
    theirs = {r["USUBJID"]: r["RFSTDTC"] for r in records(folder, "dm") if r["RFSTDTC"] != "NA"}
    assert len(theirs) == 254
    assert ours == theirs


def test_repeats_are_set_aside_with_a_reason_and_rows_without_start_are_kept(trial, folder):
    rows = records(folder, "cm")
    distinct = {(r["USUBJID"], r["CMTRT"], r["CMSTDTC"]) for r in rows}
    assert (len(rows), len(distinct)) == (7510, 1081)
    without_start = {k for k in distinct if k[2] == "NA"}
    assert len(without_start) == 3
    ledger = query(
        trial,
        "select n_records_read, n_staged, n_quarantined, n_deduplicated "
        "from quarantine.record_ledger where source_file = 'cm.csv'",
    )
    assert ledger == [(7510, len(distinct), 0, 7510 - len(distinct))]
    undated = query(
        trial,
        "select count(*) from staging.stg_pharmacy__prescriptions "
        "where source_file = 'cm.csv' and start_date is null",
    )
    assert undated == [(len(without_start),)]
    reasons = query(
        trial,
        "select rule_code, scope_code, count(*) from quarantine.rejected_records "
        "where source_file = 'cm.csv' group by all order by all",
    )
    assert reasons == [("duplicate_exact", "duplicate", 7510 - len(distinct))]


def test_partial_dates_are_completed_to_the_middle_and_flagged(trial):
    wrong = query(
        trial,
        """
        select count(*)
        from raw.prescriptions as raw
        inner join staging.stg_pharmacy__prescriptions as staged
            on raw.source_file = staged.source_file and raw.record_number = staged.record_number
        where raw.start_date != 'NA'
            and (
                cast(staged.start_date as varchar) != case length(raw.start_date)
                    when 4 then raw.start_date || '-07-01'
                    when 7 then raw.start_date || '-15'
                    else raw.start_date
                end
                or staged.is_start_date_partial != (length(raw.start_date) < 10)
            )
        """,
    )
    partial = query(
        trial,
        "select count(*) from staging.stg_pharmacy__prescriptions where is_start_date_partial",
    )
    assert wrong == [(0,)]
    assert partial[0][0] > 500


def test_topical_corticosteroids_are_known_by_their_names(trial):
    names = query(
        trial,
        "select count(distinct drug_name) from cohort.cohort_drugs "
        "where treatment_class_code = 'topical_corticosteroid' and class_source_code = 'drug_name'",
    )
    assert names[0][0] >= 12


def test_every_ledger_line_balances(trial):
    lines = query(trial, "select source_file, balance from quarantine.record_ledger order by all")
    assert lines == [(f"{name}.csv", 0) for name in ("ae", "cm", "dm", "ex", "sv")]


def test_it_passes_the_gate_because_it_follows_no_study_of_ours(trial):
    report = gate.run(trial, facts.gather(trial, None, {}, None))
    stopped = [
        each for each in report.of_state("failed", "error") if each.severity_code != "warning"
    ]
    assert stopped == []
