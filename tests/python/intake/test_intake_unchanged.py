"""Exports that did not change are taken over; the raw tables are those of a load from nothing."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb
import pytest
from intake_deliveries import HEADERS, KEY, as_csv, records, table, write_delivery

from intake.delivery import open_delivery
from intake.errors import DeliveryRefusedError
from intake.loader import load_delivery
from intake.raw_tables import table_schemas
from intake.source_bytes import SourceBytes
from privacy.pseudonyms import PseudonymKey

TWO_FROM_ONE = """\
version: 1
source_system: ward
label: A ward
exports:
  patients:
    files:
      - file: people
        part: patients
        records: {KIND: [p]}
        columns: {patient_id: PID, sex: GENDER, birth_date: BORN}
  comorbidities:
    files:
      - file: people
        part: asthma
        records: {KIND: [a]}
        columns: {patient_id: PID, comorbidity_term: {constant: asthma}}
  visits:
    files:
      - file: visits
"""


@pytest.fixture
def read_names(monkeypatch) -> list[str]:
    """Names of the files that were judged, in order; reading for a hash does not count."""
    names: list[str] = []
    from intake import loader

    judged_rows = loader.judged_rows

    def noting(judgement, *rest):
        names.append(judgement.planned.name)
        return judged_rows(judgement, *rest)

    monkeypatch.setattr(loader, "judged_rows", noting)
    return names


def raw(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple]]:
    return {
        name: sorted(connection.sql(f'from raw."{name}"').fetchall(), key=repr)
        for name in table_schemas()
    }


def fresh(delivery) -> dict[str, list[tuple]]:
    connection = duckdb.connect()
    load_delivery(delivery, KEY, connection)
    return raw(connection)


def test_only_the_changed_export_is_read(tmp_path, read_names):
    connection = duckdb.connect()
    load_delivery(open_delivery(write_delivery(tmp_path)), KEY, connection)
    rows = table("comorbidities")
    rows[3].append("too many")
    (tmp_path / "comorbidities.csv").write_text(as_csv([*rows, *records("comorbidities", 1)]))
    read_names.clear()
    load_delivery(open_delivery(tmp_path), KEY, connection)
    assert read_names == ["comorbidities.csv"]
    assert raw(connection) == fresh(open_delivery(tmp_path))


def test_notices_of_an_unchanged_file_are_told_again(tmp_path):
    connection = duckdb.connect()
    write_delivery(tmp_path)
    (tmp_path / "visits.csv").write_text(as_csv([row[:-1] for row in table("visits")]))
    load_delivery(open_delivery(tmp_path), KEY, connection)
    (tmp_path / "prescriptions.csv").write_text(as_csv(table("prescriptions", 9)))
    load_delivery(open_delivery(tmp_path), KEY, connection)
    notices = connection.sql("from raw.delivery_notices").fetchall()
    assert notices == [("visits.csv", "optional_column_absent", "visits.topical_adherence")]


def test_another_extraction_date_reads_nothing_again(tmp_path, read_names):
    connection = duckdb.connect()
    load_delivery(open_delivery(write_delivery(tmp_path)), KEY, connection)
    (tmp_path / "delivery.yml").write_text("is_synthetic: true\nextraction_date: 2021-01-31\n")
    read_names.clear()
    load_delivery(open_delivery(tmp_path), KEY, connection)
    assert read_names == []
    assert raw(connection) == fresh(open_delivery(tmp_path))


@pytest.mark.parametrize("same_size", [True, False])
def test_bytes_decide_and_not_the_size(tmp_path, read_names, same_size):
    connection = duckdb.connect()
    load_delivery(open_delivery(write_delivery(tmp_path)), KEY, connection)
    text = (tmp_path / "visits.csv").read_text()
    (tmp_path / "visits.csv").write_text(text.replace("1.5,8", "1.6,8" if same_size else "1.65,8"))
    read_names.clear()
    load_delivery(open_delivery(tmp_path), KEY, connection)
    assert read_names == ["visits.csv"]
    assert raw(connection) == fresh(open_delivery(tmp_path))


def test_another_key_reads_everything(tmp_path, read_names):
    connection = duckdb.connect()
    load_delivery(open_delivery(write_delivery(tmp_path)), KEY, connection)
    (tmp_path / "visits.csv").write_text(as_csv(table("visits", 9)))
    read_names.clear()
    load_delivery(open_delivery(tmp_path), PseudonymKey(bytes(range(1, 33))), connection)
    assert len(read_names) == len(HEADERS)


def test_a_raw_table_that_lost_rows_is_read_again(tmp_path, read_names):
    connection = duckdb.connect()
    load_delivery(open_delivery(write_delivery(tmp_path)), KEY, connection)
    connection.execute("delete from raw.visits where record_number = 3")
    read_names.clear()
    load_delivery(open_delivery(tmp_path), KEY, connection)
    assert read_names == ["visits.csv"]
    assert raw(connection) == fresh(open_delivery(tmp_path))


def test_exports_that_share_a_changed_file_are_read_together(tmp_path, read_names):
    mappings = tmp_path / "mappings"
    mappings.mkdir()
    (mappings / "ward.yml").write_text(TWO_FROM_ONE)
    folder = tmp_path / "delivery"
    folder.mkdir()
    (folder / "visits.csv").write_text(as_csv(table("visits")))
    people = [["PID", "GENDER", "BORN", "KIND"], ["1", "f", "1970", "p"], ["1", "f", "1970", "a"]]
    (folder / "people.csv").write_text(as_csv(people))
    connection = duckdb.connect()
    load_delivery(open_delivery(folder, "ward", mappings), KEY, connection)
    (folder / "people.csv").write_text(as_csv([*people, ["2", "m", "1980", "p"]]))
    read_names.clear()
    load_delivery(open_delivery(folder, "ward", mappings), KEY, connection)
    assert read_names == ["people.csv"]
    assert raw(connection) == fresh(open_delivery(folder, "ward", mappings))
    assert connection.sql("select patient_id from raw.comorbidities").fetchall() == [("1",)]


def test_unchanged_exports_come_from_another_database(tmp_path, read_names):
    write_delivery(tmp_path / "delivery")
    with duckdb.connect(str(tmp_path / "before.duckdb")) as before:
        load_delivery(open_delivery(tmp_path / "delivery"), KEY, before)
    (tmp_path / "delivery" / "visits.csv").write_text(as_csv(table("visits", 9)))
    connection = duckdb.connect()
    connection.execute(f"attach '{tmp_path / 'before.duckdb'}' as before (read_only)")
    read_names.clear()
    delivery = open_delivery(tmp_path / "delivery")
    load_delivery(delivery, KEY, connection, earlier_database="before")
    assert read_names == ["visits.csv"]
    assert raw(connection) == fresh(delivery)


def test_a_refused_file_takes_back_what_was_written_before_it(tmp_path):
    connection = duckdb.connect()
    load_delivery(open_delivery(write_delivery(tmp_path)), KEY, connection)
    before = raw(connection)
    (tmp_path / "patients.csv").write_text(as_csv(table("patients", 9)))
    (tmp_path / "prescriptions.csv").write_text("x\n")
    with pytest.raises(DeliveryRefusedError):
        load_delivery(open_delivery(tmp_path), KEY, connection)
    assert raw(connection) == before


def test_an_error_while_reading_is_raised_as_itself(tmp_path, monkeypatch):
    connection = duckdb.connect()
    load_delivery(open_delivery(write_delivery(tmp_path)), KEY, connection)
    before = raw(connection)
    (tmp_path / "visits.csv").write_text(as_csv(table("visits", 9)))

    def stopping(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(SourceBytes, "sha256", property(stopping))
    monkeypatch.setattr("intake.unchanged._hash", lambda *_: "")
    with pytest.raises(KeyboardInterrupt):
        load_delivery(open_delivery(tmp_path), KEY, connection)
    monkeypatch.undo()
    assert raw(connection) == before


def _next_delivery(folder: Path, chance: random.Random, state: dict[str, list[list[str]]]) -> None:
    """Change some exports at random: additions, corrections, late records and deletions."""
    for export_name in chance.sample(list(HEADERS), chance.randint(0, 3)):
        rows = state[export_name]
        kind = chance.choice(["add", "correct", "late", "delete", "fault"])
        if kind == "add":
            rows.append([f"N{chance.random()}", *records(export_name, 1)[0][1:]])
        elif kind == "correct":
            chance.choice(rows)[-1] = f"corrected {chance.random()}"
        elif kind == "late":
            rows.insert(chance.randrange(len(rows)), [*rows[0][:-1], "late"])
        elif kind == "delete" and len(rows) > 10:
            del rows[chance.randrange(len(rows))]
        else:
            chance.choice(rows)[0] = ""
        (folder / f"{export_name}.csv").write_text(
            as_csv([HEADERS[export_name].split(","), *rows]), newline=""
        )
    if chance.random() < 0.5:
        day = chance.randint(1, 28)
        (folder / "delivery.yml").write_text(
            f"is_synthetic: true\nextraction_date: 2021-01-{day:02d}\n"
        )


@pytest.mark.parametrize("seed", range(3))
def test_a_chain_of_ten_random_refreshes_equals_ten_loads_from_nothing(tmp_path, seed, read_names):
    chance = random.Random(seed)
    state = {name: records(name, 40) for name in HEADERS}
    write_delivery(tmp_path, 40)
    connection = duckdb.connect()
    n_read = []
    for _ in range(10):
        delivery = open_delivery(tmp_path)
        read_names.clear()
        load_delivery(delivery, KEY, connection)
        n_read.append(len(read_names))
        assert raw(connection) == fresh(delivery)
        _next_delivery(tmp_path, chance, state)
    assert n_read[0] == len(HEADERS)
    assert 0 < sum(n_read[1:]) < 9 * len(HEADERS)
