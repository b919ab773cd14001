"""`dbt build` on the demo delivery, looked at as the data manager and the analyst would."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
from builds import ROOT, Build, run_dbt

DEMO = ROOT / "exports" / "demo"


def query(warehouse: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_the_build_says_how_many_tests_it_ran(demo_build: Build):
    done = re.search(r"Done\. PASS=(\d+) WARN=0 ERROR=0 SKIP=0", demo_build.output)
    assert done, demo_build.output[-2000:]
    assert int(done.group(1)) > 200
    print(f"dbt build: {done.group(1)} nodes passed")


def test_one_source_loads_the_delivery(demo_build: Build):
    """Two that load would meet in schema raw; the second looks at the folder after a build."""
    loading = [
        source["name"]
        for source in demo_build.manifest["sources"].values()
        if "plugin" in source["meta"]
    ]
    assert loading == ["incoming_delivery", "delivery_after_build"]


def test_every_ledger_line_balances_and_counts_the_file(warehouse):
    lines = query(
        warehouse,
        "select source_file, n_records_read, n_staged + n_quarantined + n_deduplicated, balance "
        "from quarantine.record_ledger order by source_file",
    )
    assert [line[0] for line in lines] == [
        "adverse_events.csv",
        "comorbidities.csv",
        "patients.csv",
        "prescriptions.csv",
        "visits.csv",
    ]
    for source_file, n_read, n_accounted, balance in lines:
        text_lines = (DEMO / source_file).read_text().count("\n") - 1
        assert n_read == n_accounted == text_lines, source_file
        assert balance == 0


def test_every_refusal_has_a_reason_and_a_hint(warehouse):
    refusals = query(warehouse, "select rule_code, hint from quarantine.rejected_records")
    assert len({rule for rule, _ in refusals}) >= 9
    assert all(hint for _, hint in refusals)


def test_the_study_has_its_size(warehouse):
    steps = dict(
        query(warehouse, "select criterion_code, n_patients from marts.fct_cohort_attrition")
    )
    assert steps["has_no_concomitant_systemic"] == 342
    assert steps["is_evaluable"] == 307
    assert query(warehouse, "select count(*) from marts.fct_patient_timepoints") == [(342 * 4,)]


def test_a_refused_delivery_leaves_the_warehouse_as_it_was(demo_build, tmp_path):
    delivery = tmp_path / "delivery"
    shutil.copytree(DEMO, delivery)
    (delivery / "patients.csv").unlink()
    (delivery / "visits.csv").write_text("<!DOCTYPE html><html><body>Log in</body></html>\n")
    (delivery / "prescriptions.csv").write_bytes(b"")
    build = run_dbt(
        tmp_path / "run",
        *("build", "--exclude-resource-type", "test"),
        delivery=delivery,
        before=demo_build.warehouse,
        parsed=demo_build,
    )
    assert build.returncode != 0
    assert build.warehouse.read_bytes() == demo_build.warehouse.read_bytes()
    for name, cause in (
        ("patients", "is missing"),
        ("visits", "HTML"),
        ("prescriptions", "0 bytes"),
    ):
        lines = [line for line in build.output.splitlines() if cause.lower() in line.lower()]
        assert len(lines) == 1, build.output
        assert name in lines[0]
    assert "Traceback" not in build.output
