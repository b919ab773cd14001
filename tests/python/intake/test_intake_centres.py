"""Two centres in one delivery: every record has its centre, and equal numbers stay two people."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from intake_deliveries import HEADERS, KEY, as_csv, judge, records, write_delivery

from intake.delivery import open_delivery
from intake.loader import load_delivery
from intake.refusals import MappingError
from privacy.pseudonyms import qualified

N_PER_CENTRE = 20


def write_mapping(folder: Path, **more: str) -> Path:
    """Write mapping `two`: our own headers, and the centre of a record in column Site."""
    folder.mkdir(exist_ok=True)
    lines = ["version: 1", "source_system: two", "label: Two wards", "exports:"]
    for export in HEADERS:
        centre = more.get(export, "centre: Site")
        lines.append(
            f"  {export}: {{files: [{{{', '.join(filter(None, [f'file: {export}', centre]))}}}]}}"
        )
    (folder / "two.yml").write_text("\n".join(lines) + "\n")
    return folder


def write_two_centres(folder: Path, **sites: str) -> Path:
    """Write a delivery in which Rome and Milan number their patients alike."""
    write_delivery(folder)
    for export, header in HEADERS.items():
        rows = [
            [*record, site]
            for site in (sites.get("rome", " Rome "), "milan")
            for record in records(export, N_PER_CENTRE)
        ]
        (folder / f"{export}.csv").write_text(as_csv([[*header.split(","), "Site"], *rows]))
    return folder


def load(folder: Path, mappings: Path, connection: duckdb.DuckDBPyConnection) -> dict:
    return load_delivery(open_delivery(folder, "two", mappings), KEY, connection)


@pytest.fixture
def connection():
    with duckdb.connect() as db:
        yield db


def test_a_column_of_centres_makes_two_people_of_one_number(tmp_path, connection):
    mappings = write_mapping(tmp_path / "mappings")
    load(write_two_centres(tmp_path / "in"), mappings, connection)
    people = connection.execute(
        "select centre_code, patient_id, pseudonym, source_file from raw.patients "
        "where patient_id = 'P0003' order by centre_code"
    ).fetchall()
    assert people == [
        (code, "P0003", KEY.pseudonym(qualified("P0003", code)), f"patients.csv@{code}")
        for code in ("milan", "rome")
    ]
    n, n_names = connection.execute(
        "select count(*), count(distinct pseudonym) from raw.patients"
    ).fetchone()
    assert n == n_names == 2 * N_PER_CENTRE
    files = connection.execute(
        "select centre_code, source_file, n_records_read, n_records_faulty "
        "from raw.delivery_files where export_name = 'visits' order by 1"
    ).fetchall()
    assert files == [
        ("milan", "visits.csv@milan", N_PER_CENTRE, 0),
        ("rome", "visits.csv@rome", N_PER_CENTRE, 0),
    ]


def test_a_record_without_a_known_centre_is_faulty_and_has_no_pseudonym(tmp_path, connection):
    folder = write_two_centres(tmp_path / "in")
    text = (folder / "patients.csv").read_text().splitlines()
    text[2] = text[2].replace(" Rome ", "")
    text[4] = text[4].replace(" Rome ", "Ward 7; Rome")
    (folder / "patients.csv").write_text("\n".join(text) + "\n")
    load(folder, write_mapping(tmp_path / "mappings"), connection)
    faulty = connection.execute(
        "select record_number, centre_code, source_file, patient_id, pseudonym, record_fault, "
        "record_fault_detail from raw.patients where record_fault is not null order by 1"
    ).fetchall()
    assert faulty == [
        (2, "", "patients.csv", None, None, "unknown_centre", ""),
        (4, "", "patients.csv", None, None, "unknown_centre", "Ward 7; Rome"),
    ]
    counts = connection.execute(
        "select centre_code, n_records_read, n_records_faulty from raw.delivery_files "
        "where export_name = 'patients' order by 1"
    ).fetchall()
    assert counts == [("", 2, 2), ("milan", 20, 0), ("rome", 18, 0)]


def test_a_file_whose_records_mostly_lack_their_centre_is_refused(tmp_path):
    folder = write_two_centres(tmp_path / "in", rome="")
    mappings = write_mapping(tmp_path / "mappings")
    refusal = judge(folder, "two", mappings_folder=mappings)["visits.csv"].refusal
    assert refusal is not None
    assert refusal.code == "too_many_faults"
    assert "20 unknown_centre (first on line 2)" in refusal.cause


def test_a_delivery_with_centres_is_not_loaded_again(tmp_path, connection):
    folder, mappings = write_two_centres(tmp_path / "in"), write_mapping(tmp_path / "mappings")
    row = load(folder, mappings, connection)
    connection.execute("create table raw.mark as select 1 as n")
    connection.execute("update raw.patients set sex = 'kept' where record_number = 1")
    assert load(folder, mappings, connection) == row
    kept = connection.execute("select count(*) from raw.patients where sex = 'kept'").fetchone()
    assert kept == (1,)


def test_the_centre_of_a_whole_delivery_gives_the_same_pseudonyms(tmp_path, connection):
    folder = write_delivery(tmp_path / "rome")
    without = load_delivery(open_delivery(folder), KEY, connection)
    plain = connection.execute("select pseudonym from raw.patients order by all").fetchall()
    assert plain == sorted((KEY.pseudonym(record[0]),) for record in records("patients"))
    assert connection.execute("select distinct centre_code from raw.visits").fetchall() == [("",)]
    with (folder / "delivery.yml").open("a") as file:
        file.write("centre: rome\n")
    row = load_delivery(open_delivery(folder), KEY, connection)
    assert row["load_id"] != without["load_id"]
    found = connection.execute("select distinct centre_code, source_file from raw.patients")
    assert found.fetchall() == [("rome", "patients.csv")]
    names = connection.execute("select pseudonym from raw.patients").fetchall()
    assert sorted(names) == sorted(
        (KEY.pseudonym(qualified(record[0], "rome")),) for record in records("patients")
    )
    assert not {*names} & {*plain}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"visits": ""}, "every file names its centre, or none does"),
        ({"visits": "centre: {constant: Rome!}"}, "must be the code of a centre"),
    ],
)
def test_a_mapping_names_the_centre_of_every_file_or_of_none(tmp_path, more, words):
    mappings = write_mapping(tmp_path / "mappings", **more)
    with pytest.raises(MappingError, match=words):
        open_delivery(write_delivery(tmp_path / "in"), "two", mappings)


def test_the_centre_is_named_in_one_place_only(tmp_path):
    folder = write_two_centres(tmp_path / "in")
    with (folder / "delivery.yml").open("a") as file:
        file.write("centre: rome\n")
    with pytest.raises(MappingError, match="name it in one place only"):
        open_delivery(folder, "two", write_mapping(tmp_path / "mappings"))


def test_the_centre_of_a_delivery_is_a_code(tmp_path):
    (write_delivery(tmp_path) / "delivery.yml").write_text("centre: Rome, ward 7\n")
    with pytest.raises(MappingError, match="must be the code of a centre"):
        open_delivery(tmp_path)


def test_a_file_without_the_column_of_centres_is_refused(tmp_path):
    folder = write_two_centres(tmp_path / "in")
    write_delivery(tmp_path / "plain")
    (folder / "visits.csv").write_text((tmp_path / "plain" / "visits.csv").read_text())
    mappings = write_mapping(tmp_path / "mappings")
    refusal = judge(folder, "two", mappings_folder=mappings)["visits.csv"].refusal
    assert refusal is not None
    assert (refusal.code, "site" in refusal.cause) == ("column_missing", True)
