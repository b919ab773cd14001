"""Writing a judged delivery: the raw tables, all or nothing, once."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from intake_deliveries import HEADERS, KEY, as_csv, table, write_delivery

from intake import raw_tables
from intake.contract import EXPORTS, column_names, unexpected_columns
from intake.delivery import open_delivery
from intake.file_bytes import SourceBytes
from intake.loader import load_delivery
from intake.refusals import DeliveryRefusedError
from privacy.pseudonyms import PseudonymKey

PLACE = [
    "centre_code",
    "source_file",
    "record_number",
    "line_number",
    "record_fault",
    "record_fault_detail",
]


def load(folder: Path, connection: duckdb.DuckDBPyConnection, key: PseudonymKey = KEY) -> dict:
    return load_delivery(open_delivery(folder), key, connection.cursor())


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def test_raw_tables_hold_the_contract_as_text_with_place_and_fault(tmp_path, connection):
    load(write_delivery(tmp_path), connection)
    for export, header in HEADERS.items():
        columns = connection.sql(f"from raw.{export} limit 0")
        own = ["pseudonym"] if export == "patients" else []
        assert columns.columns == [*column_names(export), *PLACE, *own]
        missing = set(header.split(",")).symmetric_difference(column_names(export))
        assert missing == set(unexpected_columns(export))
        types = dict(zip(columns.columns, map(str, columns.types), strict=True))
        numbers = {name for name, kind in types.items() if kind == "BIGINT"}
        assert numbers == {"record_number", "line_number"}
        assert {types[name] for name in set(types) - numbers} == {"VARCHAR"}


def test_text_is_exactly_that_of_the_file(tmp_path, connection):
    write_delivery(tmp_path)
    cells = [" 0012 ", "1E5", "=cmd|' /C calc'!A0", "{{ env_var('HOME') }}", "'); DROP TABLE x; --"]
    rows = table("prescriptions")
    for row, cell in zip(rows[1:], cells, strict=False):
        row[2] = cell
    (tmp_path / "prescriptions.csv").write_text(as_csv(rows))
    load(tmp_path, connection)
    found = connection.sql("select drug_name from raw.prescriptions order by record_number limit 5")
    assert [row[0] for row in found.fetchall()] == cells
    empty = connection.sql("select count(*) from raw.prescriptions where end_date = ''").fetchone()
    assert empty == (20,)


def test_a_column_that_the_file_does_not_have_is_null(tmp_path, connection):
    write_delivery(tmp_path)
    (tmp_path / "visits.csv").write_text(as_csv([row[:-1] for row in table("visits")]))
    load(tmp_path, connection)
    found = connection.sql("select distinct topical_adherence from raw.visits").fetchall()
    assert found == [(None,)]
    assert connection.sql("from raw.delivery_notices").fetchall() == [
        ("visits.csv", "optional_column_absent", "visits.topical_adherence")
    ]


def test_extra_columns_are_noted_by_name_and_never_stored(tmp_path, connection):
    write_delivery(tmp_path)
    rows = [[row[0], "Rossi", *row[1:]] for row in table("visits")]
    rows[0][1] = 'surname"); DROP TABLE raw.patients; --\x1b[2J' + "x" * 100
    (tmp_path / "visits.csv").write_text(as_csv(rows))
    load(tmp_path, connection)
    ((file, code, detail),) = connection.sql("from raw.delivery_notices").fetchall()
    assert (file, code) == ("visits.csv", "extra_column")
    assert detail.startswith('surname"); DROP TABLE raw.patients; --\\x1b[2Jx')
    assert len(detail) < 90
    columns = ", ".join(table("visits")[0])
    found = connection.sql(f"select {columns} from raw.visits order by record_number").fetchall()
    assert [list(row) for row in found] == table("visits")[1:]
    dump = " ".join(str(connection.sql(f"from raw.{name}").fetchall()) for name in EXPORTS)
    assert "Rossi" not in dump


def test_the_delivery_and_its_files_are_written_down(tmp_path, connection):
    write_delivery(tmp_path)
    (tmp_path / "delivery.yml").write_text(
        "source_system: clinic\nextraction_date: 2020-12-31\nis_synthetic: true\nlabel: a, b\n"
    )
    rows = table("visits")
    rows[3].append("x")
    (tmp_path / "visits.csv").write_text(as_csv(rows))
    row = load(tmp_path, connection)
    assert row.pop("reference_key") == KEY.reference_key(row["load_id"])
    assert re.fullmatch("[0-9a-f]{64}", row.pop("load_id"))
    assert re.fullmatch("[0-9a-f]{64}", row.pop("reading_id"))
    assert str(row.pop("extraction_date")) == "2020-12-31"
    assert row == {
        "source_system": "clinic",
        "mapping_name": "clinic",
        "mapping_version": 1,
        "is_synthetic": True,
        "are_dates_relative": False,
        "study_code": "ferrucci_2022",
        "delivery_label": "a, b",
        "n_files": 5,
        "key_fingerprint": KEY.fingerprint,
    }
    files = connection.sql(
        "select * exclude (load_id, centre_code) from raw.delivery_files"
    ).fetchall()
    by_name = {row[1]: row for row in files}
    content = (tmp_path / "visits.csv").read_bytes()
    sha256 = (
        subprocess.run(
            [
                sys.executable,
                "-c",
                "import hashlib,sys;print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())",
            ],
            input=content,
            capture_output=True,
            check=True,
        )
        .stdout.decode()
        .strip()
    )
    assert by_name["visits.csv"] == (
        "visits",
        "visits.csv",
        sha256,
        len(content),
        "csv",
        "utf-8",
        20,
        1,
        1,
    )
    assert len(files) == 5


def test_the_same_delivery_is_not_loaded_again(tmp_path, connection):
    write_delivery(tmp_path)
    first = load(tmp_path, connection)
    connection.execute("update raw.visits set easi_score = 'mark'")
    assert load(tmp_path, connection) == first
    assert connection.sql("select distinct easi_score from raw.visits").fetchall() == [("mark",)]


def other_bytes(folder: Path) -> None:
    (folder / "visits.csv").write_text(as_csv(table("visits", 21)))


def test_another_delivery_replaces_the_raw_tables(tmp_path, connection):
    write_delivery(tmp_path)
    first = load(tmp_path, connection)
    connection.execute("update raw.visits set easi_score = 'mark'")
    other_bytes(tmp_path)
    assert load(tmp_path, connection)["load_id"] != first["load_id"]
    assert ("mark",) not in connection.sql("select distinct easi_score from raw.visits").fetchall()


def test_another_key_makes_other_pseudonyms(tmp_path, connection):
    write_delivery(tmp_path)
    load(tmp_path, connection)
    query = "select patient_id, pseudonym from raw.patients order by all"
    first = connection.sql(query).fetchall()
    load(tmp_path, connection, PseudonymKey(bytes(range(1, 33))))
    second = connection.sql(query).fetchall()
    assert [row[0] for row in first] == [row[0] for row in second]
    assert not {row[1] for row in first} & {row[1] for row in second}


def test_a_damaged_or_older_raw_schema_is_loaded_anew(tmp_path, connection):
    write_delivery(tmp_path)
    load(tmp_path, connection)
    connection.execute("alter table raw.visits drop column line_number")
    load(tmp_path, connection)
    assert connection.sql("select count(line_number) from raw.visits").fetchone() == (20,)


def test_a_raw_table_that_lost_records_is_loaded_again(tmp_path, connection):
    write_delivery(tmp_path)
    load(tmp_path, connection)
    connection.execute("delete from raw.visits where record_number = 3")
    load(tmp_path, connection)
    assert connection.sql("select count(*) from raw.visits").fetchone() == (20,)


def test_the_same_files_with_another_label_are_loaded_again(tmp_path, connection):
    first = load(write_delivery(tmp_path), connection)
    (tmp_path / "delivery.yml").write_text(
        "is_synthetic: true\nextraction_date: 2020-12-31\nlabel: b\n"
    )
    second = load(tmp_path, connection)
    assert second == {**first, "delivery_label": "b"}
    assert connection.sql("select delivery_label from raw.delivery").fetchall() == [("b",)]


def test_a_refused_file_rolls_back_the_files_written_before_it(tmp_path, connection):
    load(write_delivery(tmp_path), connection)
    (tmp_path / "patients.csv").write_text(as_csv(table("patients", 9)))
    (tmp_path / "prescriptions.csv").write_text("x\n")
    with pytest.raises(DeliveryRefusedError):
        load(tmp_path, connection)
    assert connection.sql("select count(*) from raw.patients").fetchone() == (20,)


def test_an_error_while_reading_is_raised_as_itself(tmp_path, connection, monkeypatch):
    load(write_delivery(tmp_path), connection)
    other_bytes(tmp_path)

    def stopping(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(SourceBytes, "sha256", property(stopping))
    with pytest.raises(KeyboardInterrupt):
        load(tmp_path, connection)
    monkeypatch.undo()
    assert connection.sql("select count(*) from raw.visits").fetchone() == (20,)


def test_a_failure_while_writing_leaves_the_earlier_tables(tmp_path, connection, monkeypatch):
    write_delivery(tmp_path)
    first = load(tmp_path, connection)
    other_bytes(tmp_path)
    write = raw_tables.RawWriter.write

    def failing(writer, name, rows):
        if name == "delivery_files":
            raise RuntimeError("stop")
        write(writer, name, rows)

    monkeypatch.setattr(raw_tables.RawWriter, "write", failing)
    with pytest.raises(RuntimeError):
        load(tmp_path, connection)
    assert connection.sql("select count(*) from raw.visits").fetchone() == (20,)
    assert connection.sql("select load_id from raw.delivery").fetchone() == (first["load_id"],)


def test_only_sound_patients_have_a_pseudonym(tmp_path, connection):
    write_delivery(tmp_path)
    rows = table("patients")
    rows[1][0] = " P0001 "
    rows[2][0] = "  "
    rows[3].append("x")
    (tmp_path / "patients.csv").write_text(as_csv(rows))
    load(tmp_path, connection)
    found = connection.sql("select pseudonym from raw.patients order by record_number").fetchall()
    assert [row[0] for row in found[:4]] == [
        KEY.pseudonym("P0001"),
        None,
        None,
        KEY.pseudonym("P0004"),
    ]


@pytest.mark.parametrize("n_columns", [2000])
def test_two_thousand_extra_columns_cost_little(tmp_path, connection, n_columns):
    write_delivery(tmp_path)
    rows = [[*row, *["x"] * n_columns] for row in table("visits", 120)]
    rows[0][-n_columns:] = [f"extra {number}" for number in range(n_columns)]
    (tmp_path / "visits.csv").write_text(as_csv(rows))
    load(tmp_path, connection)
    assert connection.sql("select count(*) from raw.visits").fetchone() == (120,)
    notices = connection.sql("select detail from raw.delivery_notices").fetchall()
    assert len(notices) == 51
    assert notices[-1] == ("1950 more columns are not stored",)


def test_a_cell_of_ten_megabytes_costs_its_record_only(tmp_path, connection):
    write_delivery(tmp_path)
    rows = table("visits")
    rows[2][3] = "x" * 10_000_000
    (tmp_path / "visits.csv").write_text(as_csv(rows))
    load(tmp_path, connection)
    found = connection.sql(
        "select record_number, record_fault, record_fault_detail from raw.visits "
        "where record_fault is not null"
    ).fetchall()
    assert found == [
        (2, "cell_too_long", "nominal_timepoint holds 10000000 characters, 4000 are allowed")
    ]


def test_a_file_of_bad_records_is_refused_with_its_counts(tmp_path, connection):
    write_delivery(tmp_path)
    header = HEADERS["visits"]
    (tmp_path / "visits.csv").write_text(header + "\n" + "a,b\n" * 2_000)
    with pytest.raises(Exception, match="2000 of 2000 records are faulty") as caught:
        load(tmp_path, connection)
    assert "2000 field_count (first on line 2)" in str(caught.value)


def test_more_records_than_one_row_group_are_all_there_at_once(tmp_path: Path) -> None:
    """122,880 rows are one row group of DuckDB; the records behind it are read like the others."""
    n_records = 150_000
    delivery = write_delivery(tmp_path / "delivery")
    with (delivery / "comorbidities.csv").open("w") as file:
        file.write("patient_id,comorbidity_term,onset_date\n")
        file.writelines(f"P{number:06d},asthma,2001-01-01\n" for number in range(n_records))
    database = duckdb.connect(str(tmp_path / "warehouse.duckdb"))
    load(delivery, database)
    found = database.execute("select count(*), max(record_number) from raw.comorbidities")
    assert found.fetchone() == (n_records, n_records)


def test_a_table_that_lost_records_while_loading_stops_the_build(connection) -> None:
    rows = [{"visit_id": str(number)} for number in range(20)]
    with raw_tables.RawWriter(connection) as writer:
        writer.write("visits", pa.Table.from_pylist(rows, raw_tables.export_schema("visits")))
        writer._n_written["visits"] += 1
        with pytest.raises(RuntimeError, match=r"raw\.visits holds 20 of 21 records"):
            writer.finish({"delivery": raw_tables.DELIVERY.empty_table()})
    assert connection.execute("select count(*) from raw.delivery").fetchone() == (0,)
