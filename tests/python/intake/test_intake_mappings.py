"""Mappings and delivery.yml: what they may say, and errors that help."""

from __future__ import annotations

import datetime
from pathlib import Path

import duckdb
import pytest
from intake_deliveries import KEY, as_csv, judge, table, write_delivery

from intake.delivery import open_delivery
from intake.loader import load_delivery
from intake.mapping import MAPPINGS_FOLDER, MappingContent, load_mapping
from intake.refusals import IntakeError, MappingError

GOOD = """\
version: 1
source_system: ward
label: A ward
exports:
  patients:
    files:
      - file: people
        columns:
          patient_id: PID
          sex: GENDER
          birth_date: BORN
"""


def mapping(folder: Path, text: str, name: str = "ward") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yml").write_text(text)
    return folder


@pytest.mark.parametrize("path", sorted(MAPPINGS_FOLDER.glob("*.yml")), ids=lambda p: p.stem)
def test_every_mapping_of_the_project_is_valid(path):
    assert load_mapping(path.stem).content.label


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "label:",
            "lable: x\nlabel:",
            ["line 3", "lable: unknown key", "allowed: version, source"],
        ),
        (
            "    files:",
            "    encodin: x\n    files:",
            ["line 6", "encodin: unknown key", "delimiter"],
        ),
        (
            "file: people",
            "file: people\n        reqired: true",
            ["reqired", "unknown key", "required"],
        ),
        ("GENDER", "{constan: x}", ["sex: constan: unknown key", "join, constant, by_timepoint"]),
        (
            "    files:",
            "    encoding: ebcdic\n    files:",
            ["line 6", "must be one of utf-8, cp1252"],
        ),
        ("    files:", '    delimiter: "#"\n    files:', ["must be one of , ; | tab auto"]),
        ("    files:", "    date_format: ydm\n    files:", ["must be one of ymd-, ymd/"]),
        ("    files:", '    decimal_mark: "x"\n    files:', ["line 6", "'.' or ','"]),
        ("version: 1\n", "", ["version: is missing"]),
        ("version: 1", "version: one", ["line 1", "version", "integer"]),
        ("version: 1", "version: 0", ["line 1", "version"]),
        ("patients:", "pateints:", ["'pateints' is no export; allowed: patients, visits"]),
        (
            "sex: GENDER",
            "gender: GENDER",
            ["'gender' is no column of patients; allowed: patient_id"],
        ),
        ("          patient_id: PID\n", "", ["required and not mapped: patient_id"]),
        (
            "  patients:\n",
            "  visits: {files: [{file: v, columns: {visit_id: A, patient_id: B}}]}\n  patients:\n",
            ["required and not mapped: visit_date or nominal_timepoint"],
        ),
        (
            "file: people",
            "file: people\n        may_be_absent: [ward]",
            ["'ward' is no column of patients; allowed: patient_id"],
        ),
        (
            "file: people",
            "file: people\n        may_be_absent: [patient_id]",
            ["may_be_absent: required: patient_id"],
        ),
        ("file: people", "file: ../people", ["line 7", "name of a file in the delivery folder"]),
        ("file: people", "file: /etc/passwd", ["name of a file in the delivery folder"]),
        ("file: people", "file: a/../../b", ["name of a file in the delivery folder"]),
        ("source_system: ward", 'source_system: "w\'); drop table x; --"', ["lower snake case"]),
        ("exports:", "words:\n  colour:\n    red: rot\nexports:", ["'colour' is no word kind"]),
        (
            "exports:",
            "words:\n  sex:\n    f: femal\nexports:",
            ["sex: femal is no code of ours; allowed: female, male"],
        ),
        (
            "version: 1",
            "version: 1\ncriteria: [is_adult, is_tall]",
            ["criterion: is_tall is no code of ours; allowed: has_index_treatment"],
        ),
        (
            "version: 1",
            "version: 1\nstudy: another_2022",
            ["study: another_2022 is no code of ours; allowed: ferrucci_2022"],
        ),
        ("exports:", "words:\n  sex:\n    f: Female!\nexports:", ["lower snake case"]),
        ("exports:", "words:\n  sex:\n    f: female\n    F: female\nexports:", ["is there twice"]),
        ("GENDER", "{join: [A], constant: x}", ["a header, or {join"]),
        ("GENDER", "GENDER\n          sex: OTHER", ["line 11", "'sex' is there twice"]),
        ("label: A ward", "label: &a x\nlabel2: *a", ["anchors and aliases"]),
        ("exports:", "exports: [", ["line"]),
        ("version: 1", "- a\n- b", ["line"]),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_is_allowed(tmp_path, old, new, words):
    with pytest.raises(MappingError) as caught:
        load_mapping("ward", mapping(tmp_path, GOOD.replace(old, new, 1)))
    message = str(caught.value)
    assert message.startswith("ward.yml")
    for word in words:
        assert word in message


def test_the_mapping_that_the_mistakes_are_made_in_is_good(tmp_path):
    assert load_mapping("ward", mapping(tmp_path, GOOD)).content.source_system == "ward"


@pytest.mark.parametrize("name", ["nobody", "../clinic", "/etc/passwd", ""])
def test_a_mapping_is_chosen_by_name_among_those_there_are(tmp_path, name):
    with pytest.raises(MappingError, match=r"(?s)no mapping named .* Known: ward"):
        load_mapping(name, mapping(tmp_path, GOOD))


def test_a_mapping_may_be_given_as_a_path(tmp_path):
    mapping(tmp_path, GOOD)
    assert load_mapping(str(tmp_path / "ward.yml")).name == "ward"
    with pytest.raises(MappingError, match=r"There is no mapping .*other\.yml"):
        load_mapping(str(tmp_path / "other.yml"))


def test_a_mapping_that_is_not_text_is_refused(tmp_path):
    mapping(tmp_path, "")
    (tmp_path / "ward.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(MappingError, match="not UTF-8"):
        load_mapping("ward", tmp_path)


def test_words_that_look_like_yaml_values_stay_words(tmp_path):
    words = (
        "words:\n  yes_no:\n    no: 'no'\n    1: yes\n    NA: no\n  sex:\n    0: female\nexports:"
    )
    content = load_mapping("ward", mapping(tmp_path, GOOD.replace("exports:", words))).content
    assert content.words == {
        "yes_no": {"no": "no", "1": "yes", "NA": "no"},
        "sex": {"0": "female"},
    }


def test_one_file_with_two_uses_needs_parts_that_agree(tmp_path):
    twice = GOOD + GOOD.split("files:\n")[1]
    with pytest.raises(MappingError, match="people is used 2 times; give each use a 'part'"):
        load_mapping("ward", mapping(tmp_path, twice))
    parts = twice.replace("file: people", "file: people\n        part: one", 1)
    parts = parts.replace(
        "file: people\n        columns", "file: people\n        part: two\n        columns"
    )
    assert load_mapping("ward", mapping(tmp_path, parts))
    once = parts.replace("part: two", "part: two\n        preamble_lines: 1")
    both = load_mapping("ward", mapping(tmp_path, once)).content.uses
    assert [use.file_form.preamble_lines for use in both] == [1, 1]
    other = once.replace("part: one", "part: one\n        preamble_lines: 2")
    with pytest.raises(MappingError, match=r"line \d+: .* people declare different preamble_lines"):
        load_mapping("ward", mapping(tmp_path, other))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sourcesystem: clinic\n", ["delivery.yml line 1", "unknown key", "source_system"]),
        ("extraction_date: 31/12/2020\n", ["delivery.yml line 1", "extraction_date"]),
        ("extraction_date: 2999-01-01\n", ["delivery.yml", "2999-01-01", "has not come yet"]),
        ("is_synthetic: perhaps\n", ["is_synthetic"]),
        ("source_system: ../x\n", ["lower snake case"]),
        ("label: a\nlabel: b\n", ["line 2", "is there twice"]),
        ("just words\n", ["key: value"]),
    ],
)
def test_a_mistake_in_delivery_yml_is_named(tmp_path, text, words):
    (write_delivery(tmp_path) / "delivery.yml").write_text(text)
    with pytest.raises(MappingError) as caught:
        open_delivery(tmp_path)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("days", [0, 1])
def test_an_extraction_may_be_of_today_or_of_another_time_zone(tmp_path, days):
    day = datetime.date.today() + datetime.timedelta(days=days)
    (write_delivery(tmp_path) / "delivery.yml").write_text(f"extraction_date: {day}\n")
    assert open_delivery(tmp_path).extraction_date == day


def test_delivery_yml_must_be_a_plain_file(tmp_path):
    write_delivery(tmp_path / "delivery")
    (tmp_path / "delivery" / "delivery.yml").rename(tmp_path / "about.yml")
    (tmp_path / "delivery" / "delivery.yml").symlink_to(tmp_path / "about.yml")
    with pytest.raises(MappingError, match="plain file"):
        open_delivery(tmp_path / "delivery")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(IntakeError, match="nowhere is not there") as caught:
        open_delivery(tmp_path / "nowhere")
    assert "REGISTRY_DELIVERY" in caught.value.todo


def test_the_mapping_comes_from_the_caller_then_delivery_yml_then_the_clinic(tmp_path):
    folder = mapping(tmp_path / "mappings", GOOD)
    clinic = (MAPPINGS_FOLDER / "clinic.yml").read_text()
    mapping(folder, clinic, "clinic")
    delivery = write_delivery(tmp_path / "delivery")
    assert open_delivery(delivery, "", folder).mapping.name == "clinic"
    (delivery / "delivery.yml").write_text("source_system: ward\n")
    assert open_delivery(delivery, "", folder).mapping.name == "ward"
    assert open_delivery(delivery, "clinic", folder).mapping.name == "clinic"


def test_foreign_headers_words_joins_and_constants_reach_the_raw_tables(tmp_path):
    text = (
        GOOD.replace(
            "exports:",
            "criteria: [has_index_treatment]\nextraction_date: 2021-02-03\n"
            "words:\n  sex:\n    ' Donna ': female\nexports:",
        )
        + """\
  prescriptions:
    encoding: windows-1252
    delimiter: ";"
    decimal_mark: ","
    date_format: dmy/
    partial_dates: true
    missing_codes: [NA, "-99"]
    repeated_records: keep_first
    files:
      - file: drugs
        columns:
          prescription_id: {join: [PID, Farmaco], separator: "/"}
          patient_id: PID
          drug_name: " FARMACO "
          route: {constant: topical}
          start_date: Inizio
          end_date: Fine
      - file: later
        required: false
        columns: {prescription_id: A, patient_id: B, drug_name: C, start_date: D}
ignored_files: [other]
"""
    )
    folder = tmp_path / "delivery"
    folder.mkdir()
    (folder / "people.csv").write_text("GENDER,BORN,PID\nDonna,1970,1\n")
    drugs = "Farmaco;PID;Inizio\nProtopic \u20ac;1;03/04/2020\nElidel;2;03/04/2020;x\n"
    (folder / "drugs.csv").write_bytes(drugs.encode("cp1252"))
    (folder / "other.csv").write_text("x\n")
    delivery = open_delivery(folder, "ward", mapping(tmp_path / "mappings", text))
    connection = duckdb.connect()
    row = load_delivery(delivery, KEY, connection)
    assert (row["mapping_name"], row["mapping_version"], row["n_files"]) == ("ward", 1, 2)
    assert str(row["extraction_date"]) == "2021-02-03"
    columns = "* exclude (centre_code, line_number)"
    query = f"select {columns} from raw.prescriptions order by record_number"
    assert connection.sql(query).fetchall() == [
        (
            "1/Protopic \u20ac",
            "1",
            "Protopic \u20ac",
            None,
            "topical",
            None,
            None,
            "03/04/2020",
            *[None] * 4,
            "drugs.csv",
            1,
            None,
            None,
        ),
        (*[None] * 12, "drugs.csv", 2, "field_count", "4 fields where 3 are declared"),
    ]
    formats = connection.sql(
        "from raw.source_formats where export_name = 'prescriptions'"
    ).fetchone()
    assert formats == ("prescriptions", ",", "dmy", "/", True, ["NA", "-99"], "keep_first")
    assert connection.sql("from raw.source_words order by word_kind").fetchall() == [
        ("criterion", "has_index_treatment", "has_index_treatment"),
        ("sex", "donna", "female"),
    ]
    notices = connection.sql("from raw.delivery_notices order by all").fetchall()
    assert notices == [
        ("drugs.csv", "optional_column_absent", "prescriptions.end_date"),
        ("later", "optional_file_absent", "prescriptions"),
        ("other.csv", "ignored_file", "the mapping ignores it"),
    ]
    assert connection.sql("select count(*) from raw.visits").fetchone() == (0,)


def test_delimiters_may_be_left_to_the_header(tmp_path):
    text = GOOD.replace("    files:", "    delimiter: auto\n    files:")
    mappings = mapping(tmp_path / "mappings", text)
    rows = [["GENDER", "BORN", "PID"], ["f, x", "1970", "1"], ["m", "1980", "2"]]
    for number, mark in enumerate(",;\t|"):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "people.csv").write_text(as_csv(rows, mark))
        judgement = judge(folder, "ward", mappings_folder=mappings)["people.csv"]
        assert (judgement.refusal, judgement.tally.n_records) == (None, 2)


def test_declared_lines_above_the_header_are_skipped(tmp_path):
    text = GOOD.replace("file: people", "file: people\n        preamble_lines: 2")
    (tmp_path / "people.csv").write_text('Report\n"user ""x""\nPID,GENDER,BORN\n1,f,1970\n')
    mappings = mapping(tmp_path / "mappings", text)
    connection = duckdb.connect()
    load_delivery(open_delivery(tmp_path, "ward", mappings), KEY, connection)
    found = connection.sql("select patient_id, record_number, line_number from raw.patients")
    assert found.fetchall() == [("1", 1, 4)]


def test_columns_are_bound_by_name_in_any_order_and_case(tmp_path):
    write_delivery(tmp_path)
    rows = [row[::-1] for row in table("visits")]
    rows[0] = [f" {name.upper()} " for name in rows[0]]
    (tmp_path / "visits.csv").write_text(as_csv(rows))
    connection = duckdb.connect()
    load_delivery(open_delivery(tmp_path), KEY, connection)
    columns = ", ".join(table("visits")[0])
    found = connection.sql(f"select {columns} from raw.visits order by record_number").fetchall()
    assert [list(row) for row in found] == table("visits")[1:]


def test_a_delivery_file_of_many_megabytes_is_refused_unread(tmp_path):
    (tmp_path / "delivery.yml").write_text("label: " + "x" * (1 << 20) + "\n")
    with pytest.raises(MappingError, match=r"delivery.yml: has more than 1 MiB"):
        open_delivery(tmp_path)


def test_two_scores_from_one_column_are_refused():
    columns = {name: name for name in ("visit_id", "patient_id", "visit_date")}
    columns |= {"easi_score": "score", "poem_score": "Score "}
    exports = {
        "patients": {"files": [{"file": "patients"}]},
        "visits": {"files": [{"file": "visits", "columns": columns}]},
    }
    given = {"version": 1, "source_system": "x", "label": "x", "exports": exports}
    with pytest.raises(ValueError, match="easi_score and poem_score have the same source"):
        MappingContent.model_validate(given)
    columns["poem_score"] = "poem"
    MappingContent.model_validate(given)
