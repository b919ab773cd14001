"""Two centres that number their patients alike, from their exports to the marts."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pytest

from intake.delivery import open_delivery
from intake.mapping import MAPPINGS_FOLDER
from privacy.pseudonyms import PseudonymKey
from refresh import load as refresh_load
from simulator.cohort.write import write_cohort

KEY = PseudonymKey(bytes(range(32)))
EXPORTS = ("patients", "visits", "prescriptions", "comorbidities", "adverse_events")
N_PATIENTS = 60


@pytest.fixture(scope="module")
def centres(tmp_path_factory) -> dict[str, Path]:
    """One folder per centre, and one that holds both, with the centre in a column of every file."""
    folder = tmp_path_factory.mktemp("centres")
    both = folder / "both"
    both.mkdir()
    for seed, name in enumerate(("rome", "milan")):
        write_cohort(N_PATIENTS, seed, None, folder / name, file_format="csv", overwrite=False)
        for export in EXPORTS:
            with (folder / name / f"{export}.csv").open(newline="") as file:
                header, *rows = csv.reader(file)
            with (both / f"{export}.csv").open("a", newline="") as file:
                lines = [[*header, "site"]] if seed == 0 else []
                csv.writer(file).writerows([*lines, *([*row, name.upper()] for row in rows)])
    about = (folder / "rome" / "delivery.yml").read_text()
    (both / "delivery.yml").write_text(about)
    (folder / "rome" / "delivery.yml").write_text(f"{about}\ncentre: rome\n")
    lines = ["version: 1", "source_system: two", "label: Two centres", "exports:"]
    lines += [f"  {export}: {{files: [{{file: {export}, centre: site}}]}}" for export in EXPORTS]
    (folder / "two.yml").write_text("\n".join(lines) + "\n")
    return {"rome": folder / "rome", "both": both, "mappings": folder}


@pytest.fixture(scope="module")
def built(centres, road, tmp_path_factory) -> dict[str, Path]:
    """The warehouse of Rome alone and of both: intake, then the statements that dbt wrote."""
    files = {}
    for name, mapping in (("rome", ""), ("both", "two")):
        mappings = centres["mappings"] if mapping else MAPPINGS_FOLDER
        delivery = open_delivery(centres[name], mapping, mappings)
        file = tmp_path_factory.mktemp(name) / "warehouse.duckdb"
        files[name] = road.build_delivery(delivery, KEY, file)
    return files


def query(file: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(file), read_only=True) as db:
        return db.execute(sql).fetchall()


def test_equal_numbers_of_two_centres_are_two_people(built):
    numbers, people, registered = query(
        built["both"],
        "select count(distinct patient_id), count(*), "
        "(select count(*) from staging.stg_clinic__patients) from raw.patients",
    )[0]
    assert (numbers, people, registered) == (N_PATIENTS, 2 * N_PATIENTS, 2 * N_PATIENTS)
    rules = query(built["both"], "select distinct rule_code from quarantine.rejected_records")
    assert not {rule for (rule,) in rules} & {"duplicate_exact", "conflicting_duplicate", "orphan"}


def test_the_patients_of_a_centre_are_the_same_with_and_without_the_other(built):
    """Every row of the marts of Rome alone is in those of both, pseudonym and numbers included."""
    with duckdb.connect(str(built["both"]), read_only=True) as db:
        db.execute(f"attach '{built['rome']}' as rome (read_only)")
        marts = db.execute(
            "select distinct table_name from duckdb_columns() where database_name = 'rome' "
            "and schema_name = 'marts' and column_name = 'patient_id'"
        ).fetchall()
        assert len(marts) >= 7
        for (mart,) in marts:
            columns = "columns(c -> c <> 'record_reference')"
            n_rows, n_missing, n_all = db.execute(
                f"select (select count(*) from rome.marts.{mart}), "
                f"(select count(*) from (select {columns} from rome.marts.{mart} "
                f"except all select {columns} from marts.{mart})), "
                f"(select count(*) from marts.{mart})"
            ).fetchone()
            assert n_missing == 0, mart
            assert n_all > n_rows > 0, mart


def test_the_ledger_accounts_for_each_centre_of_a_file(built):
    lines = query(
        built["both"],
        "select centre_code, source_file, n_records_read, n_staged, balance "
        "from quarantine.record_ledger where export_name = 'patients' order by 1",
    )
    assert lines == [
        ("milan", "patients.csv@milan", N_PATIENTS, N_PATIENTS, 0),
        ("rome", "patients.csv@rome", N_PATIENTS, N_PATIENTS, 0),
    ]
    with duckdb.connect(str(built["both"]), read_only=True) as db:
        assert len(refresh_load.ledger_of(db)) == 2 * len(EXPORTS)
