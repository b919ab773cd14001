"""The mapping language: what short ways of writing mean, and contradictions that are named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from intake.mapping import Mapping, load_mapping
from intake.mapping_schema import RecordFilter
from intake.refusals import MappingError
from intake.uses import FileUse

WIDE = """\
version: 1
source_system: ward
label: One wide sheet
study: ferrucci_2022
defaults:
  {encoding: cp1252, delimiter: ";", decimal_mark: ",", date_format: dmy/, missing_codes: [n.d.]}
exports:
  patients:
    files:
      - file: Elenco (è nuovo) *
        part: patients
        preamble_lines: 2
        skip_records: {"N°": [Totale]}
        columns:
          patient_id: N°
          sex: Sesso
          birth_date: {column: Nato, two_digit_years: 24, missing_codes: []}
          involves_face: {column: Viso/mani, words: {sì (viso): "yes"}}
  visits:
    decimal_mark: "."
    files:
      - file: elenco (è nuovo) *.csv
        part: visits
        timepoints: {T0: baseline, W 4: week_04}
        records: {"Fatto_{t}": ["sì"]}
        columns:
          visit_id: {join: [N°, {constant: "{t}"}]}
          patient_id: N°
          visit_date: Data_{t}
          easi_score: EASI_{t}
          itch_nrs_score: {by_timepoint: {T0: NRS base}}
  comorbidities:
    files:
      - file: elenco (è nuovo) *
        part: comorbidities
        records: {Altro: not_empty, Fase: {none_of: ["0", ""]}}
        columns:
          patient_id: N°
          comorbidity_term: {column: Altro, split: [";"]}
"""


def load(folder: Path, text: str = WIDE) -> Mapping:
    folder.mkdir(exist_ok=True)
    (folder / "ward.yml").write_text(text, encoding="utf-8")
    return load_mapping("ward", folder)


def by_part(mapping: Mapping) -> dict[str | None, FileUse]:
    return {use.source.part: use for use in mapping.content.uses}


def test_a_use_with_timepoints_becomes_one_use_for_each(tmp_path):
    uses = by_part(load(tmp_path))
    assert list(uses) == ["patients", "visits_t0", "visits_w_4", "comorbidities"]
    first, second = uses["visits_t0"], uses["visits_w_4"]
    assert first.source.columns["visit_date"].column == "Data_T0"
    assert first.source.columns["visit_id"].join[1].constant == "T0"
    assert first.source.columns["nominal_timepoint"].constant == "baseline"
    assert second.source.columns["nominal_timepoint"].constant == "week_04"
    assert first.source.columns["itch_nrs_score"].column == "NRS base"
    assert "itch_nrs_score" not in second.source.columns
    assert first.slot_headers == ("Data_T0", "EASI_T0", "NRS base")
    assert second.slot_headers == ("Data_W 4", "EASI_W 4")
    assert list(second.source.records) == ["Fatto_W 4"]


def test_the_more_specific_key_wins_and_one_file_is_read_one_way(tmp_path):
    uses = by_part(load(tmp_path))
    for use in uses.values():
        assert (use.file_form.encoding, use.file_form.delimiter) == ("cp1252", ";")
        assert use.file_form.preamble_lines == 2
        assert use.source.skip_records == {"N°": RecordFilter(one_of=("Totale",))}
    birth = uses["patients"].form_of("birth_date")
    assert (birth.date_format, birth.two_digit_years, birth.missing_codes) == ("dmy/", 24, ())
    other = uses["patients"].form_of("ad_diagnosis_date")
    assert (other.two_digit_years, other.missing_codes) == (None, ("n.d.",))
    assert uses["patients"].form_of("sex").decimal_mark == ","
    assert uses["visits_t0"].form_of("easi_score").decimal_mark == "."


def test_filters_in_their_short_forms(tmp_path):
    records = by_part(load(tmp_path))["comorbidities"].source.records
    assert records == {
        "Altro": RecordFilter(is_empty=False),
        "Fase": RecordFilter(none_of=("0", "")),
    }


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("date_format: dmy/", "date_format: dmj/", ["line 6", "must be one of ymd-"]),
        ("delimiter: ", "time_zone: Rome/Europe, delimiter: ", ["line 6", "Europe/Rome"]),
        ("delimiter: ", "delimeter: ", ["line 6: defaults: delimeter: unknown key", "encoding"]),
        ("[Totale]", "sometimes", ["line 13", "N°", "not_empty or empty"]),
        ("[Totale]", "{one_of: [a], none_of: [b]}", ["line 13", "must have one_of or none_of"]),
        ("Elenco (è", "../Elenco (è", ["line 10", "name of a file in the delivery folder"]),
        ("part: visits", "part: visits\n        preamble_lines: 1", ["different preamble_lines"]),
        ("part: comorbidities", "part: patients", ["used 4 times", "'part' of its own"]),
        ("W 4: week_04", "T0.: week_04", ["line 24", "two timepoints are visits_t0"]),
        ("W 4: week_04", "W 4: week_4", ["line 24", "week_4 is no code of ours"]),
        ("{T0: NRS base}", "{T9: NRS}", ["line 31", "T9 is not among the timepoints"]),
        ("        timepoints: {T0: baseline, W 4: week_04}\n", "",
         ["line 26", "need 'timepoints'"]),
        ("split: [\";\"]", "remarks: true", ["line 39", "behind drug_name only"]),
        ("N°\n          comorbidity_term",
         "{join: [N°, {piece: false}]}\n          comorbidity_term", ["line 38", "piece"]),
        ("join: [N°, {constant", "join: [N°, {piece: true}, {constant",
         ["line 27", "no column of this file is split"]),
        ("N°\n          comorbidity_term",
         "{column: N°, split: [/]}\n          comorbidity_term",
         ["patient_id and comorbidity_term: only one column may be split"]),
        ("yes\"}", "perhaps\"}",
         ["line 18", "yes_no: perhaps is no code of ours; allowed: no, yes"]),
        ("sex: Sesso", "sex: {column: Sesso, words: {m: male}}\n          patient_id2: x",
         ["line 17", "'patient_id2' is no column of patients"]),
        ("N°\n          sex", "{column: N°, words: {x: female}}\n          sex",
         ["line 15", "patient_id: has no words"]),
        ("Data_{t}", "{column: \"Data_{t}\", date_format: day}",
         ["all date columns of a mapping"]),
        ("EASI_{t}", "{column: \"EASI_{t}\", decimal_mark: \",\"}\n          dlqi_score: easi_T0",
         ["is read with decimal_mark , and ."]),
        ("date_format: dmy/", "date_format: day", ["criteria", "is_index_date_in_study_period"]),
        ("version: 1", "version: 1\nwords_file: ../words.csv", ["line 2", "words_file"]),
        ("version: 1", "version: 1\nwords_file: words.csv", ["words.csv: cannot be read"]),
    ],
)  # fmt: skip
def test_a_contradiction_is_named_with_its_line(tmp_path, old, new, words):
    text = WIDE.replace(old, new, 1)
    assert text != WIDE
    with pytest.raises(MappingError) as caught:
        load(tmp_path, text)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("form", ["day", "study_day"])
def test_relative_days_need_criteria_without_the_study_period(tmp_path, form):
    text = WIDE.replace("date_format: dmy/", f"date_format: {form}").replace(
        "exports:", "criteria: [has_index_treatment, is_adult]\nexports:"
    )
    mapping = load(tmp_path, text)
    assert mapping.content.are_dates_relative
    assert by_part(mapping)["visits_t0"].form_of("visit_date").date_format == form
    assert not load(tmp_path).content.are_dates_relative


def test_words_of_a_worklist_are_read_and_those_of_the_mapping_win(tmp_path):
    tmp_path.joinpath("words.csv").write_text(
        "kind,word,n_records,code\nsex,M,3,male\nsex,X,1,female\nsex,?,2,\ndrug,Dupi,9,index_treatment\n"
    )
    text = WIDE.replace("exports:", "words_file: words.csv\nwords: {sex: {' X': male}}\nexports:")
    mapping = load(tmp_path, text)
    assert mapping.words == {
        "sex": {"m": "male", "x": "male"},
        "drug": {"dupi": "index_treatment"},
    }
    before = mapping.sha256
    tmp_path.joinpath("words.csv").write_text("kind,word,code\nsex,M,male\nsex,F,woman\n")
    problem = "words_file: words.csv line 3: sex: woman is no code of ours"
    with pytest.raises(MappingError, match=re.escape(problem)):
        load(tmp_path, text)
    tmp_path.joinpath("words.csv").write_text("kind,word,code\nsex,M,male\n")
    assert load(tmp_path, text).sha256 != before


def test_an_additional_score_of_a_visit_becomes_a_use_of_the_scores(tmp_path):
    text = WIDE.replace(
        "EASI_{t}", "EASI_{t}\n          scorad_score: {by_timepoint: {T0: SCORAD}}"
    )
    uses = by_part(load(tmp_path, text))
    use = uses["visits_scorad_t0"]
    assert "visits_scorad_w_4" not in uses
    assert "scorad_score" not in uses["visits_t0"].columns
    assert use.export_name == "scores"
    assert list(use.columns) == ["patient_id", "visit_date", "score", "value", "nominal_timepoint"]
    assert use.columns["score"].constant == "scorad"
    assert use.columns["nominal_timepoint"].constant == "baseline"
    assert (use.columns["visit_date"].column, use.columns["value"].column) == ("Data_T0", "SCORAD")
    assert use.slot_headers == ("SCORAD",)
    assert use.cell_form.decimal_mark == "."
