"""Mappings proposed for clinics' sheets of many shapes, and what a second run adds."""

from __future__ import annotations

from pathlib import Path

import duckdb
import propose_sources as sources
import pytest
from intake_deliveries import KEY

from intake.check import check
from intake.contract import EXPORTS, known_words
from intake.delivery import open_delivery
from intake.loader import load_delivery
from intake.mapping import load_mapping
from intake.propose.draft import ProposeReport, mapping_path, propose, questions_of
from intake.propose.proposal import Setting, flow
from intake.refusals import IntakeError, MappingError

ROOT = Path(__file__).resolve().parents[3]
REVIEWED = "was topical therapy reviewed at every visit? Only then remove the #"


def proposed(folder: Path, make) -> tuple[ProposeReport, str]:
    report = propose(make(folder / "delivery"), str(folder / "ours.yml"))
    return report, report.path.read_text()


def lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if not line.strip().startswith("#")]


def test_an_italian_wide_sheet_needs_few_answers_and_can_be_loaded(tmp_path):
    report, text = proposed(tmp_path, sources.italian_wide)
    assert len(report.questions) <= 10
    for line in (
        "encoding: cp1252",
        'delimiter: ";"',
        "preamble_lines: 2",
        'decimal_mark: ","',
        "date_format: dmy/",
        "two_digit_years: 21",
        "skip_records: {N°: [Totale]}",
        "timepoints: {T0: baseline, T4: week_04, T16: week_16, T52: week_52}",
        'easi_score: "EASI_{t}"',
        "drug_name: {column: Dupixent, remarks: true}",
        "start_date: Data inizio Dupixent",
        'comorbidity_term: {column: Comorbilità, split: [","]}',
        'involves_face: {column: Viso/mani (sì/no), words: {sì (viso): "yes"}}',
    ):
        assert line in lines_of(text)
    assert not check(tmp_path / "delivery", str(report.path)).is_refused


def test_no_name_and_no_identifier_is_written_or_shown(tmp_path):
    for make in (sources.italian_wide, sources.german_sheet, sources.two_sheets):
        folder = tmp_path / make.__name__
        folder.mkdir()
        report, text = proposed(folder, make)
        everything = text + str(report)
        for secret in ("Inventata", "Erfunden", "erfundene", "DA001", "K-001", "12/05"):
            assert secret not in everything


def test_a_workbook_of_two_sheets_is_read_by_one_mapping(tmp_path):
    report, text = proposed(tmp_path, sources.two_sheets)
    assert [question for _, question, _ in report.questions] == [REVIEWED]
    assert (
        "nominal_timepoint: {column: Tempo, words: {T4: week_04, T16: week_16, T52: week_52}}"
        in (lines_of(text))
    )
    assert {"sheet: Anagrafica", "sheet: Visite"} <= set(lines_of(text))
    assert not check(tmp_path / "delivery", str(report.path)).is_refused


def test_a_german_sheet_with_two_header_lines(tmp_path):
    _, text = proposed(tmp_path, sources.german_sheet)
    for line in (
        "date_format: dmy.",
        "header_lines: 2",
        "timepoints: {Baseline: baseline, Woche 4: week_04, Woche 16: week_16, Woche 52: week_52}",
        'itch_nrs_score: "Juckreiz {t}"',
        "missing_codes: [k.A.]",
        'comorbidity_term: {column: Begleiterkrankungen, split: [";"]}',
    ):
        assert line in lines_of(text)


def test_days_in_place_of_dates_leave_out_the_study_period(tmp_path):
    report, text = proposed(tmp_path, sources.ages_and_days)
    assert "date_format: study_day" in lines_of(text)
    (criteria,) = [line for line in lines_of(text) if line.startswith("criteria:")]
    assert "is_adult" in criteria
    assert "is_index_date_in_study_period" not in criteria
    assert "age_at_index_years: age" in lines_of(text)
    assert "bsa_score: BSA" in lines_of(text)
    assert not check(tmp_path / "delivery", str(report.path)).is_refused


def test_one_row_per_measurement_becomes_one_use_per_score(tmp_path):
    report, text = proposed(tmp_path, sources.long_scores)
    for line in (
        "records: {parameter: [EASI]}",
        "easi_score: value",
        "dlqi_score: value",
        "records: {parameter: [SCORAD]}",
        "score: {column: parameter, words: {SCORAD: scorad}}",
        "value: value",
    ):
        assert line in lines_of(text)
    assert not check(tmp_path / "delivery", str(report.path)).is_refused


def test_scores_that_the_registry_does_not_have_are_named_with_their_records(tmp_path):
    folder = sources.long_scores(tmp_path / "delivery")
    with (folder / "measurements.csv").open("a", newline="") as file:
        for patient in range(1, 13):
            file.write(f"M{patient:03d},{sources.start_of(patient)},HADS,12\r\n")
        file.write(f"M001,{sources.start_of(1)},told by Rossi,1\r\n")
    report = propose(folder, str(tmp_path / "ours.yml"))
    name = "measurements.csv: parameter that no use selects (records): HADS (12), 1 other word"
    assert name in report.lost
    (line,) = [
        line.words
        for line in check(folder, str(report.path)).lines
        if line.words.startswith("unselected_word")
    ]
    assert line == (
        "unselected_word: parameter: HADS (12 records), parameter: 1 other word (1 record)"
    )


def test_the_demo_proposes_the_clinic_s_own_columns(tmp_path):
    report = propose(ROOT / "exports" / "demo", str(tmp_path / "ours.yml"))
    ours, clinic = load_mapping(str(report.path)), load_mapping("clinic")
    for use, plain in zip(ours.content.uses, clinic.content.uses, strict=True):
        assert use.export_name == plain.export_name
        assert use.columns == {name: plain.columns[name] for name in use.columns}
        with (ROOT / "exports" / "demo" / use.source.file).open() as file:
            assert set(use.columns) == set(file.readline().strip().split(","))
        assert (use.file_form, use.cell_form.date_format) == (
            plain.file_form,
            plain.cell_form.date_format,
        )
    assert report.questions == []


def test_a_redcap_project_is_read_with_its_dictionary(tmp_path):
    report, text = proposed(tmp_path, sources.redcap_project)
    for line in (
        "centre: redcap_data_access_group",
        'sex: {column: gender_c, words: {"1": female, "1.0": female, "2": male, "2.0": male}}',
        "birth_date: dob",
        "involves_face: areas___1",
        "involves_hands: areas___2",
        "visit_id: {join: [record_id, redcap_event_name, redcap_repeat_instance]}",
        "records: {redcap_repeat_instrument: [treatment]}",
        "drug_name: drug",
        'records: {como___1: ["1", "1.0", Checked], redcap_repeat_instrument: empty}',
        "comorbidity_term: {constant: Asthma}",
        "missing_codes: [UNK]",
        "ignored_files: [dictionary.csv]",
    ):
        assert line in lines_of(text), line
    assert any(
        line.startswith("nominal_timepoint: {column: redcap_event_name") for line in lines_of(text)
    )
    assert any("bmi (" in line for line in report.lost)
    assert any("name a person" in line and "surname" in line for line in report.lost)
    assert "Inventata" not in text
    assert [question for _, question, _ in report.questions] == [REVIEWED]
    assert not check(tmp_path / "delivery", str(report.path)).is_refused


def test_the_shipped_redcap_mapping_is_the_proposal_for_its_project(tmp_path):
    """``registry propose exports/redcap_project --out redcap`` writes it."""
    report = propose(sources.REDCAP, str(tmp_path / "redcap.yml"))
    assert report.path.read_text() == mapping_path("redcap").read_text()
    assert report.questions == []


@pytest.fixture(scope="module")
def raw_facts(tmp_path_factory) -> dict[str, list[tuple]]:
    return facts_of(sources.REDCAP, tmp_path_factory.mktemp("raw"))


@pytest.mark.parametrize("form", ["decimals", "labels", "two arms with labels"])
def test_a_redcap_export_in_another_form_holds_the_same(raw_facts, tmp_path, form):
    assert len(raw_facts["visits"]) == 33
    assert facts_of(sources.redcap_in_form(tmp_path / "delivery", form), tmp_path) == raw_facts


def facts_of(folder: Path, scratch: Path) -> dict[str, list[tuple]]:
    """Return what a proposed mapping loads, by export: known words as codes, no keys."""
    report = propose(folder, str(scratch / f"{folder.name}.yml"))
    assert report.questions == []
    connection = duckdb.connect()
    load_delivery(open_delivery(folder, str(report.path)), KEY, connection)
    words = dict(
        connection.sql("select (word_kind, source_word), code from raw.source_words").fetchall()
    )
    found = {}
    for export, columns in EXPORTS.items():
        kinds = {c.name: c.word_kind for c in columns if not c.name.endswith("_id")}
        kinds["patient_id"] = ""
        rows = connection.sql(f"select {', '.join(kinds)} from raw.{export}").fetchall()
        found[export] = sorted(
            tuple(_code(kind, text, words) for kind, text in zip(kinds.values(), row, strict=True))
            for row in rows
        )
    return found


def _code(kind: str, text: str | None, words: dict) -> str:
    word = (text or "").lower()
    return words.get((kind, word)) or known_words(kind).get(word, word)


def test_real_redcap_projects_are_described_and_what_cannot_be_held_is_named(shared, tmp_path):
    for folder in sorted((shared / "real" / "redcap").iterdir()):
        report = propose(folder, str(tmp_path / f"p_{folder.name.replace('-', '_')}.yml"))
        assert any("columns not read" in line for line in report.lost), folder.name
        assert not check(folder, str(report.path)).is_refused, folder.name
        everything = report.path.read_text() + str(report.lost)
        assert "Lenox" not in everything
        assert "Valdez" not in everything


def test_dates_that_two_orders_allow_are_a_question_that_stops_the_loader(tmp_path):
    (tmp_path / "delivery").mkdir()
    path = tmp_path / "delivery" / "subjects.csv"
    path.write_text("patient_id,sex,birth_date\nP1,F,03/04/1950\nP2,M,05/06/1960\n")
    report = propose(tmp_path / "delivery", str(tmp_path / "ours.yml"))
    (line, question, is_open), *others = report.questions
    assert "two orders" in question
    assert is_open
    assert ["no patient can be enrolled" in each for _, each, _ in others] == [True]
    assert 'date_format: "?"' in report.path.read_text().splitlines()[line - 1]
    with pytest.raises(MappingError, match=f"line {line}: date_format: the question"):
        load_mapping(str(report.path))


def test_a_number_that_a_score_cannot_have_is_asked_about(tmp_path):
    folder = sources.ages_and_days(tmp_path / "delivery")
    visits = folder / "visits.csv"
    rows = visits.read_text().splitlines()
    rows[1:4] = [row.rsplit(",", 2)[0] + ",-99,60" for row in rows[1:4]]
    visits.write_text("\n".join(rows) + "\n")
    report = propose(folder, str(tmp_path / "ours.yml"))
    assert [(question, is_open) for _, question, is_open in report.questions] == [
        ('does -99 (3) mean "not recorded" here?', False),
        (REVIEWED, False),
    ]
    text = report.path.read_text()
    assert 'itch_nrs_score: {column: itch, missing_codes: ["-99"]}' in lines_of(text)


def test_a_day_in_the_name_of_a_file_is_any_day(tmp_path):
    folder = sources.long_scores(tmp_path / "delivery")
    (folder / "subjects.csv").rename(folder / "subjects_2024-06-30.csv")
    report = propose(folder, str(tmp_path / "ours.yml"))
    text = report.path.read_text()
    assert '- file: "subjects_*.csv"' in lines_of(text)
    (folder / "subjects_2024-06-30.csv").rename(folder / "subjects_2024-07-31.csv")
    assert propose(folder, str(report.path)).added == []
    assert not check(folder, str(report.path)).is_refused


def test_an_answer_stays_and_only_new_columns_are_added(tmp_path):
    report, text = proposed(tmp_path, sources.italian_wide)
    answered = text.replace("# involves_hands:", "involves_hands:").replace(
        "two_digit_years: 21", "two_digit_years: 15"
    )
    answered = answered.replace("label: ", "label: Our sheet, ")
    report.path.write_text(answered)
    again = propose(tmp_path / "delivery", str(report.path))
    assert not again.is_new
    assert again.added == []
    assert report.path.read_text() == answered

    file = tmp_path / "delivery" / "dermatite.csv"
    rows = file.read_bytes().decode("cp1252").split("\r\n")
    rows = (
        [f"{row};" for row in rows[:2]]
        + [f"{rows[2]};EASI_T24;Decorso"]
        + [
            f"{row};4,0;recidivante" if row and not row.startswith("Totale") else row
            for row in rows[3:]
        ]
    )
    file.write_bytes("\r\n".join(rows).encode("cp1252"))
    more = propose(tmp_path / "delivery", str(report.path))
    assert more.added == [
        "patients: disease_course: dermatite.csv",
        "visits: timepoint T24",
    ]
    revised = report.path.read_text()
    assert "disease_course: Decorso" in lines_of(revised)
    assert "two_digit_years: 15" in lines_of(revised)
    kept = [line for line in answered.splitlines() if not line.startswith("#")]
    assert [line for line in kept if line not in revised.splitlines()] == [
        "        timepoints: {T0: baseline, T4: week_04, T16: week_16, T52: week_52}"
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("date_format: dmy/", "date_format: mdy/", "date_format: mdy/ reads"),
        ('decimal_mark: ","', 'decimal_mark: "."', "decimal_mark:"),
        ("sex: Sesso", "sex: Sex", "sex: dermatite.csv has no column sex"),
        ("preamble_lines: 2", "preamble_lines: 1", "preamble_lines: 1 is declared"),
        ('delimiter: ";"', 'delimiter: ","', "delimiter: , is declared"),
        ("T52: week_52", "T53: week_52", "has no column at T53"),
        ("{N°: [Totale]}", "{Nr: [Totale]}", "skip_records: dermatite.csv has no column Nr"),
    ],
)
def test_an_answer_that_the_files_contradict_is_an_error_with_its_line(tmp_path, old, new, problem):
    report, text = proposed(tmp_path, sources.italian_wide)
    report.path.write_text(text.replace(old, new, 1))
    line = next(n for n, row in enumerate(text.splitlines(), 1) if old in row)
    with pytest.raises(MappingError) as error:
        propose(tmp_path / "delivery", str(report.path))
    assert f"ours.yml line {line}: " in str(error.value)
    assert problem in str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"letter.txt": b"Dear"},
        {"plan.csv": b"a,b\n1.5,x\n2.5,\n"},
        {"patients.csv": b"patient_id,sex\n"},
        {"broken.xlsx": b"PK"},
    ],
)
def test_a_folder_without_anything_usable_says_so_in_one_line(tmp_path, content):
    folder = tmp_path / "delivery"
    folder.mkdir()
    for name, text in content.items():
        (folder / name).write_bytes(text)
    with pytest.raises(IntakeError, match="Nothing in delivery can feed the registry") as error:
        propose(folder, str(tmp_path / "ours.yml"))
    assert error.value.details == ()
    assert not (tmp_path / "ours.yml").exists()


@pytest.mark.parametrize("out", ["Our Clinic", "ours.yaml", "../Ours.yml"])
def test_the_name_of_a_mapping_is_checked(out):
    with pytest.raises(MappingError):
        mapping_path(out)
    assert mapping_path("ours").name == "ours.yml"


def test_yaml_is_quoted_where_it_would_be_read_otherwise():
    assert flow({"a b": ["yes", "1", "x: y", "N°", True]}) == (
        '{a b: ["yes", "1", "x: y", N°, true]}'
    )


def test_a_question_names_the_line_to_edit():
    text = 'a: 1\n# QUESTION 1: which?\n#   candidate: x\nb: "?"\n  # QUESTION 2: ok?\n  c: 2\n'
    assert questions_of(text) == [(4, "which?", True), (6, "ok?", False)]
    assert Setting("x").question == ""
