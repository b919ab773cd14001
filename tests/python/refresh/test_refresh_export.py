"""The tables that leave: a fixed list in the release form, the same bytes each time."""

from __future__ import annotations

import csv
import dataclasses
import re

import duckdb
import invented
import openpyxl
import pytest

from core.progress import Progress
from core.settings import PROJECT_ROOT
from core.stop import ExitCode, Stop
from privacy.release import FORM, HIDDEN_COUNT
from refresh import run as refresh_run
from refresh.store import export
from registry.main import main

EXTRA = """
alter table marts.dim_patients add column critical_area_code varchar;
update marts.dim_patients set critical_area_code =
    case when n <= 2 then 'face' when n > 5 then 'none' end
from (select pseudonym, record_number as n from raw.patients) as person
where person.pseudonym = dim_patients.patient_id;
alter table marts.fct_patient_timepoints add column easi_study_band_code varchar;
alter table marts.fct_patient_timepoints add column has_easi_75_response boolean;
alter table marts.fct_patient_timepoints add column is_regimen_evaluable boolean;
update marts.fct_patient_timepoints set is_regimen_evaluable = true,
    has_easi_75_response = easi_score < 10,
    easi_study_band_code = case when easi_score < 7 then 'mild' else 'moderate' end;
create table marts.fct_scores as
select patient_id, timepoint_code, 'easi' as score_code, easi_score as score_value
from marts.fct_patient_timepoints;
create table marts.dim_scores as select 'easi' as score_code, 'EASI' as score_label,
    0 as min_value, 72 as max_value;
create table marts.dim_timepoints as select 'baseline' as timepoint_code,
    'Baseline' as timepoint_label, 0 as timepoint_number
union all select 'week_04', 'Week 4', 1 union all select 'week_16', 'Week 16', 2
union all select 'week_52', 'Week 52', 3;
create table marts.dim_score_bands as select 'study' as scheme_code, 'easi' as score_code,
    unnest(['mild', 'moderate', 'severe']) as band_code,
    unnest(['=Mild', 'Moderate', 'Severe']) as band_label, unnest([1, 2, 3]) as band_number;
create table marts.dim_eligibility_criteria as
select '2018-06' as first_month, '2020-12' as last_month;
alter table marts.fct_cohort_attrition add column criterion_label varchar;
update marts.fct_cohort_attrition set criterion_label = 'Received the index treatment'
"""
"""Columns and tables that exports count; one label begins like a formula."""


def publish(settings, n_patients):
    """Publish invented patients and what exports need of them."""

    def load(given):
        shape = invented.Shape(n_patients=n_patients, load_id=f"of {n_patients}")
        invented.write_warehouse(given.work_file, shape)
        with duckdb.connect(str(given.work_file)) as db:
            db.execute(EXTRA)

    (settings.delivery / "visits.csv").write_text(f"{n_patients} patients")
    steps = dataclasses.replace(invented.steps(invented.Shape()), load=load)
    settings = dataclasses.replace(settings, root=PROJECT_ROOT, accepted=frozenset({"volume"}))
    with Progress(is_quiet=True) as progress:
        refresh_run.run(settings, steps, progress)
    return settings


@pytest.fixture
def registry(settings):
    return publish(settings, 60)


def cells_of(path):
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.fault("P245")
def test_every_count_has_the_release_form_and_nothing_points_at_a_patient(registry, tmp_path):
    written = export.write(registry, tmp_path / "out")
    names = {path.name for path in written}
    assert names == {path.name for path in (tmp_path / "out").iterdir()}
    assert {f"{table.name}.csv" for table in export.TABLES} < names
    for path in (path for path in written if path.suffix == ".csv"):
        text = path.read_text(encoding="utf-8-sig")
        assert invented.pseudonym(1) not in text
        assert not re.search(r"minimum|maximum|\d{4}-\d{2}-\d{2}", text, re.I)
        for line in cells_of(path):
            counts = {line["n"], line.get("denominator", "")} - {"", HIDDEN_COUNT}
            assert all(int(n) % 5 == 0 and int(n) >= 10 for n in counts), (path.name, line)
            assert line.get("share_pct") not in ("0.0", "100.0")


def test_the_rows_do_not_depend_on_who_is_in_the_registry(registry, tmp_path):
    """A level without patients has its row: a missing row would say that there are none."""
    export.write(registry, tmp_path / "out")
    lines = cells_of(tmp_path / "out" / "sex_by_critical_area.csv")
    assert len(lines) == (8 + 2) * (2 + 2)
    hidden = {
        line["critical_area"]
        for line in lines
        if line["sex"] == "All" and line["n"] == HIDDEN_COUNT
    }
    assert {"Face", "Hands", "Not recorded"} < hidden
    assert "No critical area" not in hidden
    lines = cells_of(tmp_path / "out" / "sex_by_index_season.csv")
    seasons = [line["index_season"] for line in lines]
    assert list(dict.fromkeys(seasons)) == [
        "Summer from 2018-06", "Autumn from 2018-09", "Winter from 2018-12",
        "Spring from 2019-03", "Summer from 2019-06", "Autumn from 2019-09", "Winter from 2019-12",
        "Spring from 2020-03", "Summer from 2020-06", "Autumn from 2020-09", "Winter from 2020-12",
        "Not recorded", "All",
    ]  # fmt: skip


def test_totals_are_rounded_by_themselves(registry, tmp_path):
    export.write(publish(registry, 64), tmp_path / "out")
    lines = cells_of(tmp_path / "out" / "sex_by_course.csv")
    of = {(line["disease_course"], line["sex"]): line["n"] for line in lines}
    assert (of["All", "Female"], of["All", "Male"], of["All", "All"]) == ("20", "45", "65")
    assert of["Persistent disease", "All"] == "65"


def test_one_patient_more_changes_no_file_where_no_count_crosses_a_step(registry, tmp_path):
    """60 and 61 patients: the two releases differ in the number of the version alone."""
    export.write(registry, tmp_path / "before")
    export.write(publish(registry, 61), tmp_path / "after")
    for path in (tmp_path / "before").glob("*.csv"):
        if path.stem != "scores_by_timepoint":  # means may move by one decimal, docs/privacy.md
            assert path.read_bytes() == (tmp_path / "after" / path.name).read_bytes(), path.name


def test_tables_cross_at_most_two_dimensions_beside_the_timepoint(registry, tmp_path):
    export.write(registry, tmp_path / "out")
    for path in (tmp_path / "out").glob("*.csv"):
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header = next(csv.reader(stream))
        assert len(header[: header.index("n")]) <= 2 + ("timepoint" in header), path.name


def test_a_release_is_the_same_bytes_each_time(registry, tmp_path):
    for once, again in zip(
        export.write(registry, tmp_path / "a"), export.write(registry, tmp_path / "b"), strict=True
    ):
        assert once.read_bytes() == again.read_bytes(), once.name


def test_the_workbook_and_the_readme_say_the_form_and_that_the_data_are_synthetic(
    registry, tmp_path
):
    export.write(registry, tmp_path / "out")
    text = (tmp_path / "out" / export.READ_ME).read_text()
    assert text.startswith("Synthetic data")
    assert all(line in text for line in FORM)
    book = openpyxl.load_workbook(tmp_path / "out" / export.WORKBOOK)
    assert book.sheetnames == ["README", "flow_chart", *(table.name for table in export.TABLES)]
    assert {cell.value for cell in book["README"]["A"]} >= set(FORM)
    for sheet in book.worksheets:
        assert "Synthetic data" in {cell.value for cell in sheet["A"]} | {
            str(cell.value).split(":", maxsplit=1)[0] for cell in sheet["A"]
        }


def test_no_text_becomes_a_formula(registry, tmp_path):
    export.write(registry, tmp_path / "out")
    bands = {line["easi_study_band"] for line in cells_of(tmp_path / "out/severity_by_regimen.csv")}
    assert "'=Mild" in bands
    sheet = openpyxl.load_workbook(tmp_path / "out" / export.WORKBOOK)["severity_by_regimen"]
    found = [cell for row in sheet.iter_rows() for cell in row if "Mild" in str(cell.value)]
    assert {(cell.value, cell.data_type) for cell in found} == {("'=Mild", "s")}


def test_a_code_that_is_in_no_code_list_stops_the_export(registry, tmp_path):
    with export.open_published(registry.published) as db:
        labels = export.code_labels(PROJECT_ROOT)
        del labels["sex"]["male"]
        with pytest.raises(Stop) as stopped:
            export.released_tables(db, labels)
    assert stopped.value.rule == "unknown_code"


def test_the_export_is_recorded_without_a_count(registry, tmp_path):
    export.write(registry, tmp_path / "out")
    line = registry.manifest.read_text().splitlines()[-1]
    assert '"event": "exported"' in line
    assert '"released": "Version 1"' in line


def test_an_export_does_not_write_into_the_vault_or_the_published_folder(registry):
    for folder in (registry.published / "out", registry.vault):
        with pytest.raises(Stop) as stopped:
            export.write(registry, folder)
        assert stopped.value.code == ExitCode.ENVIRONMENT


def test_nothing_published_means_nothing_to_export(settings, tmp_path):
    with pytest.raises(Stop):
        export.write(settings, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_names_the_folder(registry, tmp_path, capsys):
    folders = ["--vault", str(registry.vault), "--published", str(registry.published)]
    assert main(["export", "--allow-outside", "--out", str(tmp_path / "out"), *folders]) == 0
    assert str(tmp_path / "out") in capsys.readouterr().out


def test_the_demo_has_every_table_and_no_small_number(demo_build):
    """Every code of the real marts has its level; 342 simulated patients, no real ones."""
    with duckdb.connect(str(demo_build.warehouse), read_only=True) as db:
        tables = export.released_tables(db, export.code_labels(PROJECT_ROOT))
    assert len(tables) == 9
    by_name = {table.name: table for table in tables}
    enrolled = by_name["sex_by_course"].lines[-1]
    assert enrolled == ("All", "All", 340, None, None, None, None)
    assert ("Baseline", "Eczema Area and Severity Index", 340, 29.5, 26.6) in (
        by_name["scores_by_timepoint"].lines
    )
