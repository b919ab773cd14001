"""Files and folders that intake refuses, each with one line that names file and cause."""

from __future__ import annotations

import gzip
import os
import zipfile
from pathlib import Path

import duckdb
import pytest
from dbt.adapters.duckdb.utils import SourceConfig
from dbt_common.exceptions import DbtRuntimeError
from intake_deliveries import KEY, as_csv, judge, records, table, write_delivery

from intake.dbt_plugin import Plugin
from intake.delivery import open_delivery, plan_folder
from intake.judgement import judge_files
from intake.loader import load_delivery
from intake.mapping import MAPPINGS_FOLDER
from intake.refusals import DeliveryRefusedError, IntakeError


def refusals(folder: Path) -> dict[str, str]:
    """Load a delivery that must be refused; return the code of each refused file."""
    connection = duckdb.connect()
    with pytest.raises(DeliveryRefusedError) as caught:
        load_delivery(open_delivery(folder), KEY, connection)
    assert connection.sql("select count(*) from duckdb_tables()").fetchone() == (0,)
    message = str(caught.value)
    for refusal in caught.value.refusals:
        assert sum(refusal.file_name in line for line in message.splitlines()) == 1
        assert len(refusal.cause) > 5
        assert len(refusal.advice) > 5
    return {refusal.file_name: refusal.code for refusal in caught.value.refusals}


def workbook_bytes() -> bytes:
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return buffer.getvalue()


def zip_bytes() -> bytes:
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("visits.csv", as_csv(table("visits")))
    return buffer.getvalue()


VISITS = as_csv(table("visits"))

BAD_VISITS = {
    "0 bytes": (b"", "empty_file"),
    "header only": (VISITS.splitlines()[0].encode() + b"\n", "no_records"),
    "header only, without line end": (VISITS.splitlines()[0].encode(), "cut_file"),
    "only line ends": (b"\n\n\n", "no_header"),
    "gzip": (gzip.compress(VISITS.encode()), "wrong_kind"),
    "zip": (zip_bytes(), "wrong_kind"),
    "workbook": (workbook_bytes(), "wrong_kind"),
    "UTF-16 with mark": (VISITS.encode("utf-16"), "wrong_encoding"),
    "UTF-16 without mark": (VISITS.encode("utf-16-le"), "wrong_encoding"),
    "UTF-32": (VISITS.encode("utf-32"), "wrong_encoding"),
    "HTML": (b"<!DOCTYPE html>\n<html><body>Please log in</body></html>\n", "wrong_kind"),
    "JSON": (b'{"error": "session expired"}\n', "wrong_kind"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "wrong_kind"),
    "Parquet": (b"PAR1\x15\x04", "wrong_kind"),
    "cut in the last value": (VISITS.encode()[:-2], "cut_file"),
    "cut in mid-record": (VISITS.encode()[: len(VISITS) // 2], "cut_file"),
    "NUL padding": (VISITS.encode() + b"\x00" * 4096, "nul_padding"),
    "NUL padding inside": (VISITS.encode()[:-40] + b"\x00" * 4096, "nul_padding"),
    "no header": (VISITS.split("\n", 1)[1].encode(), "no_header"),
    "preamble": (b"Report of visits\nUser: x\n2020-12-31\n" + VISITS.encode(), "preamble"),
    "separator hint": (b"sep=,\n" + VISITS.encode(), "preamble"),
    "blank first line": (b"\n" + VISITS.encode(), "preamble"),
    "column renamed": (VISITS.replace("visit_date", "date_of_visit", 1).encode(), "column_missing"),
    "tab separated": (as_csv(table("visits"), "\t").encode(), "wrong_delimiter"),
    "semicolons": (as_csv(table("visits"), ";").encode(), "wrong_delimiter"),
    "mixed CR and LF": (VISITS.replace("\n", "\r").encode() + b"x\n", "mixed_line_ends"),
    "records that end in CR inside a file of LF": (
        VISITS.replace("\n", "\r").replace("\r", "\n", 5)[:-1].encode() + b"\n",
        "mixed_line_ends",
    ),
    "a quoted record that ends in CR": (
        VISITS.replace("P0002,", '"P0002",').replace("baseline,3.5", '"baseline",3.5').encode()
        + VISITS.splitlines()[1].encode()
        + b"\r"
        + VISITS.splitlines()[2].encode()
        + b'\r"\n',
        "mixed_line_ends",
    ),
    "header alone ends in CR": (VISITS.replace("\n", "\r", 1).encode(), "mixed_line_ends"),
}


@pytest.mark.parametrize("case", BAD_VISITS)
def test_a_file_that_cannot_be_trusted_is_refused(tmp_path, case):
    content, code = BAD_VISITS[case]
    (write_delivery(tmp_path) / "visits.csv").write_bytes(content)
    assert refusals(tmp_path) == {"visits.csv": code}


def test_every_refused_file_is_named_at_once(tmp_path):
    write_delivery(tmp_path)
    (tmp_path / "visits.csv").write_bytes(b"")
    (tmp_path / "patients.csv").unlink()
    assert refusals(tmp_path) == {"visits.csv": "empty_file", "patients": "missing_file"}


@pytest.mark.parametrize("export", ["patients", "visits", "prescriptions", "comorbidities"])
def test_a_missing_key_column_is_named_with_the_unexpected_one(tmp_path, export):
    write_delivery(tmp_path)
    rows = table(export)
    rows[0][rows[0].index("patient_id")] = "pid"
    (tmp_path / f"{export}.csv").write_text(as_csv(rows))
    refusal = judge(tmp_path)[f"{export}.csv"].refusal
    assert refusal.code == "column_missing"
    assert "missing: patient_id; unexpected: pid" in refusal.cause


def test_a_renamed_optional_column_refuses_the_file(tmp_path):
    write_delivery(tmp_path)
    rows = table("visits")
    rows[0][4] = "EASI_total"
    (tmp_path / "visits.csv").write_text(as_csv(rows))
    refusal = judge(tmp_path)["visits.csv"].refusal
    assert refusal.code == "column_missing"
    assert "columns are missing: easi_score; unexpected: EASI_total." in refusal.cause


def test_an_absence_that_the_mapping_declares_is_accepted_beside_extra_columns(tmp_path):
    write_delivery(tmp_path / "delivery")
    rows = table("visits")
    rows[0][4] = "ward"
    (tmp_path / "delivery" / "visits.csv").write_text(as_csv(rows))
    (tmp_path / "mappings").mkdir()
    clinic = (MAPPINGS_FOLDER / "clinic.yml").read_text()
    declared = clinic.replace(
        "file: visits", "file: visits\n        may_be_absent: [easi_score, poem_score]"
    )
    (tmp_path / "mappings" / "clinic.yml").write_text(declared)
    judged = judge(tmp_path / "delivery", mappings_folder=tmp_path / "mappings")["visits.csv"]
    assert judged.refusal is None
    assert judged.notices == [
        ("extra_column", "ward is not stored"),
        ("optional_column_absent", "visits.easi_score"),
    ]


def test_a_missing_header_does_not_show_the_first_patient(tmp_path):
    write_delivery(tmp_path)
    (tmp_path / "patients.csv").write_text(as_csv(records("patients")))
    refusal = judge(tmp_path)["patients.csv"].refusal
    assert refusal.code == "no_header"
    assert "P0001" not in str(refusal)


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    write_delivery(tmp_path)
    rows = [[*row, row[4]] for row in table("visits")]
    rows[0][-1] = " EASI_Score "
    (tmp_path / "visits.csv").write_text(as_csv(rows))
    refusal = judge(tmp_path)["visits.csv"].refusal
    assert (refusal.code, "easi_score" in refusal.cause) == ("column_twice", True)


def test_a_cut_archive_is_refused_whole(tmp_path):
    write_delivery(tmp_path, 400)
    whole = gzip.compress((tmp_path / "visits.csv").read_bytes())
    (tmp_path / "visits.csv").unlink()
    for share in (0.3, 0.7, 0.999):
        (tmp_path / "visits.csv.gz").write_bytes(whole[: int(len(whole) * share)])
        assert refusals(tmp_path) == {"visits.csv.gz": "cut_file"}
    (tmp_path / "visits.csv.gz").write_bytes(whole[:-8] + b"\x00" * 8)
    assert refusals(tmp_path) == {"visits.csv.gz": "damaged_archive"}


@pytest.mark.parametrize("kind", ["directory", "link", "dangling link", "pipe"])
def test_only_plain_files_are_read(tmp_path, kind):
    write_delivery(tmp_path / "delivery")
    path = tmp_path / "delivery" / "visits.csv"
    path.rename(tmp_path / "elsewhere.csv")
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / ("elsewhere.csv" if kind == "link" else "nowhere.csv"))
    expected = "symbolic_link" if "link" in kind else "not_a_file"
    assert refusals(tmp_path / "delivery") == {"visits.csv": expected}


@pytest.mark.parametrize(
    "name",
    [
        "visits_part2.csv",
        "visits (1).csv",
        "old.xlsx",
        "VISITS2.CSV",
        "all.zip",
        "x.csv.gz",
        "visits.txt",
        "Visits_2.dat",
        "patients-new.tab",
    ],
)
def test_a_data_file_that_no_export_uses_refuses_the_delivery(tmp_path, name):
    (write_delivery(tmp_path) / name).write_text("visit_id\n1\n")
    assert refusals(tmp_path) == {name: "unknown_file"}


def test_the_manifest_names_only_files_that_the_mapping_knows(tmp_path):
    write_delivery(tmp_path)
    (tmp_path / "Anna_Rossi_P00017.csv").write_text("a,b\n1,2\n")
    (tmp_path / "visits.csv").write_text("")
    with pytest.raises(DeliveryRefusedError) as refused:
        load_delivery(open_delivery(tmp_path), KEY, duckdb.connect())
    assert "Anna_Rossi" in str(refused.value)  # the data manager must find it
    assert sorted(refused.value.recorded_details) == ["unknown_file", "visits.csv: empty_file"]


def test_two_files_for_one_export_are_refused(tmp_path):
    write_delivery(tmp_path)
    (tmp_path / "VISITS.CSV").write_text(VISITS)
    assert refusals(tmp_path) == {"visits": "several_files"}


def test_a_file_name_in_other_case_is_found(tmp_path):
    (write_delivery(tmp_path) / "visits.csv").rename(tmp_path / "VISITS.CSV")
    assert judge(tmp_path)["VISITS.CSV"].refusal is None


def test_other_files_are_reported_and_not_read(tmp_path):
    write_delivery(tmp_path)
    names = ("README", "notes.txt", "visitsheet.txt", "visits.csv.bak", ".DS_Store")
    for name in (*names, "~$visits.xlsx", "evil\x1b[2J\nname"):
        (tmp_path / name).write_text("x")
    (tmp_path / "archive").mkdir()
    connection = duckdb.connect()
    load_delivery(open_delivery(tmp_path), KEY, connection)
    notices = connection.sql("select source_file, notice_code from raw.delivery_notices").fetchall()
    assert notices == [("(delivery folder)", "unknown_file")]
    details = connection.sql("select detail from raw.delivery_notices").fetchall()
    assert details == [("8 not read",)]
    for table_name in ("delivery_files", "delivery_notices"):
        shown = str(connection.sql(f"from raw.{table_name}").fetchall())
        assert not any(word in shown for word in ("README", "notes", "archive", "evil"))


@pytest.mark.parametrize(
    ("n_bad", "n", "is_refused"), [(5, 20, False), (6, 60, False), (6, 59, True)]
)
def test_too_many_faulty_records_refuse_the_file(tmp_path, n_bad, n, is_refused):
    write_delivery(tmp_path)
    rows = table("visits", n)
    for row in rows[1 : n_bad + 1]:
        row.append("x")
    (tmp_path / "visits.csv").write_text(as_csv(rows))
    judgement = judge(tmp_path)["visits.csv"]
    assert judgement.tally.faults["field_count"] == (n_bad, 2)
    if is_refused:
        assert judgement.refusal.code == "too_many_faults"
        assert "6 of 59 records" in judgement.refusal.cause
    else:
        assert judgement.refusal is None


def test_a_file_of_which_most_records_are_faulty_is_not_read_to_its_end(tmp_path, monkeypatch):
    """A small archive of line ends would otherwise be read for hours."""
    monkeypatch.setattr("intake.csv_blocks.MOST_FAULTY_READ", 50)
    monkeypatch.setattr("intake.records.MOST_FAULTY_READ", 50)
    write_delivery(tmp_path)
    text = as_csv(table("visits", 20)).encode()
    (tmp_path / "visits.csv").write_bytes(text + b"\n" * 9_999 + text.splitlines()[1] + b"\n")
    judgement = judge(tmp_path)["visits.csv"]
    assert judgement.refusal.code == "too_many_faults"
    assert "51 of the first 71 records" in judgement.refusal.cause


@pytest.mark.parametrize(
    ("header", "encoding", "code"),
    [
        ('"easi\nscore', "utf-8", "header_line_break"),
        ("sévérité", "cp1252", "wrong_encoding"),
    ],
)
def test_a_header_that_is_not_as_declared_says_so(tmp_path, header, encoding, code):
    """A quote that is not closed, or another encoding: not "columns are missing"."""
    write_delivery(tmp_path)
    text = as_csv(table("visits")).replace("easi_score", header, 1)
    (tmp_path / "visits.csv").write_bytes(text.encode(encoding))
    assert judge(tmp_path)["visits.csv"].refusal.code == code


def accented(n_accented: int) -> list[list[str]]:
    rows = table("prescriptions", 40)
    for row in rows[1 : n_accented + 1]:
        row[6] = "m\u00e0no \u20ac"
    return rows


def test_another_encoding_than_declared_is_refused(tmp_path):
    write_delivery(tmp_path)
    (tmp_path / "prescriptions.csv").write_bytes(as_csv(accented(3)).encode("cp1252"))
    assert refusals(tmp_path) == {"prescriptions.csv": "wrong_encoding"}


def test_single_undecodable_records_do_not_cost_the_file(tmp_path):
    write_delivery(tmp_path)
    content = as_csv(accented(5)).encode().replace(b"300 mg", b"300 \xff", 2)
    (tmp_path / "prescriptions.csv").write_bytes(content)
    judgement = judge(tmp_path)["prescriptions.csv"]
    assert judgement.refusal is None
    assert judgement.tally.faults == {"invalid_utf8": (2, 2)}


def test_a_line_without_end_is_refused_in_bounded_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("intake.csv_reader.LONGEST_LINE_BYTES", 1 << 20)
    write_delivery(tmp_path)
    with gzip.open(tmp_path / "visits.csv.gz", "wb") as archive:
        archive.write(VISITS.encode())
        for _ in range(8):
            archive.write(b"0" * (1 << 20))
    (tmp_path / "visits.csv").unlink()
    assert refusals(tmp_path) == {"visits.csv.gz": "line_too_long"}


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write("V9,P0001,2019-01-01,,,,,,,,\n")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (append, "grew while it was read"),
        (lambda path: os.utime(path, ns=(1, 1)), "changed while it was read"),
    ],
)
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, change, words):
    write_delivery(tmp_path)
    path = tmp_path / "visits.csv"

    def touch(name: str, _: int) -> None:
        if name == "visits.csv":
            change(path)

    delivery = open_delivery(tmp_path)
    judgements = judge_files(delivery, plan_folder(delivery), progress=touch)
    found = {each.planned.name: each.refusal for each in judgements if each.refusal}
    assert {name: refusal.code for name, refusal in found.items()} == {
        "visits.csv": "changed_while_read"
    }
    assert words in found["visits.csv"].cause


def test_a_delivery_that_changes_after_its_file_was_read_is_noticed(tmp_path, monkeypatch):
    """By the loader before it commits, and by dbt's hook at the end of a build."""
    write_delivery(tmp_path / "delivery")
    monkeypatch.setenv("REGISTRY_DELIVERY", str(tmp_path / "delivery"))
    monkeypatch.setenv("REGISTRY_KEY_FILE", str(tmp_path / "key"))
    loader, connection = Plugin("intake", {}), duckdb.connect()
    loader.configure_connection(connection)
    first = SourceConfig("intake", "delivery", "raw", None, {}, [])
    last = SourceConfig("intake", "delivery", "raw", None, {"is_after_build": True}, [])
    assert loader.load(first).equals(loader.load(last))
    delivery = open_delivery(tmp_path / "delivery")
    plan = plan_folder(delivery)
    append(tmp_path / "delivery" / "visits.csv")
    with pytest.raises(DbtRuntimeError, match=r"changed while .* built: visits\.csv"):
        loader.load(last)
    monkeypatch.setattr("intake.loader.plan_folder", lambda _: plan)
    with pytest.raises(IntakeError, match=r"changed while .* built: visits\.csv"):
        load_delivery(delivery, KEY, connection)
    assert connection.sql("select count(*) from raw.visits").fetchone() == (20,)


def test_a_refused_delivery_leaves_the_warehouse_as_it_was(tmp_path):
    write_delivery(tmp_path / "good")
    write_delivery(tmp_path / "bad", 30)
    (tmp_path / "bad" / "visits.csv").write_bytes(b"")
    connection = duckdb.connect(str(tmp_path / "w.duckdb"))
    load_delivery(open_delivery(tmp_path / "good"), KEY, connection)
    connection.execute("checkpoint")
    before = (tmp_path / "w.duckdb").read_bytes()
    with pytest.raises(DeliveryRefusedError):
        load_delivery(open_delivery(tmp_path / "bad"), KEY, connection)
    connection.close()
    assert (tmp_path / "w.duckdb").read_bytes() == before
    assert not (tmp_path / "w.duckdb.wal").exists()
