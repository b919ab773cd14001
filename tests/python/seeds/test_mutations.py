"""Change one value of a seed: every mart agrees about it, or the build fails.

dbt takes ten seconds to start; the SQL that it wrote for the demo takes two. So a value is changed
in the table of the seed, in a copy of the demo's warehouse, and the SQL of that build runs again.
One change goes through dbt itself, from the file of the seed.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
import short_road
from builds import ROOT, Build, run_dbt
from seed_files import seed_paths
from short_road import ShortRoad

from intake.mapping import load_mapping


def update(seed: str, where: str, **values: str) -> str:
    """SQL that sets columns of the rows of a seed; values are SQL expressions."""
    changes = ", ".join(f"{column} = {value}" for column, value in values.items())
    return f"update reference.{seed} set {changes} where {where};"


def move_ciclosporin(level: str) -> str:
    """Add a systemic class and move the code of ciclosporin to it."""
    return (
        "insert into reference.treatment_classes values ('calcineurin_inhibitor', "
        f"'Calcineurin inhibitor', false, false, true, '{level}', null, 'Synthetic');"
    ) + update(
        "atc_codes",
        "substance_code = 'ciclosporin' and treatment_class_code = 'systemic_immunosuppressant'",
        treatment_class_code="'calcineurin_inhibitor'",
    )


@pytest.fixture(scope="module")
def road(demo_build: Build) -> ShortRoad:
    """The statements of the demo's build; what no change reaches is copied from it."""
    return replace(short_road.from_build(demo_build), earlier=demo_build.warehouse)


@pytest.fixture
def changed(warehouse: Path, tmp_path: Path):
    """Return a function: SQL -> a connection to a copy of the demo's warehouse, changed by it."""
    copy = shutil.copyfile(warehouse, tmp_path / warehouse.name)
    with duckdb.connect(str(copy)) as db:
        db.execute("set timezone = 'UTC'")

        def change(sql: str) -> duckdb.DuckDBPyConnection:
            db.execute(sql)
            return db

        yield change


def value(db: duckdb.DuckDBPyConnection, sql: str) -> object:
    return db.execute(sql).fetchall()[0][0]


def responses(score: str, column: str) -> str:
    """Rows in which the long and the wide mart disagree about the response in a score."""
    return f"""
        select count(*) from marts.fct_scores
        inner join marts.fct_patient_timepoints using (patient_id, timepoint_code)
        where score_code = '{score}' and has_response is distinct from {column}
    """


def n_true(table: str, condition: str) -> str:
    return f"select count(*) from marts.{table} where {condition}"


LAST_STEP_IS_DIM_PATIENTS = """
    select count(*) from marts.fct_cohort_attrition
    where criterion_code = 'has_no_concomitant_systemic'
        and n_patients != (select count(*) from marts.dim_patients)
"""

# Name: seed, change, queries that count disagreements (0 afterwards), a number that must change.
AGREEING = {
    "primary_response_of_easi": (
        "score_responses",
        update("score_responses", "score_code = 'easi'", is_primary="response_code = 'easi_90'"),
        [
            responses("easi", "has_easi_90_response"),
            n_true("dim_scores", "score_code = 'easi' and response_threshold != 90"),
        ],
        n_true("fct_scores", "score_code = 'easi' and has_response"),
    ),
    "points_of_the_itch_response": (
        "score_responses",
        update(
            "score_responses",
            "score_code = 'itch_nrs'",
            threshold_value="3",
            response_code="'itch_nrs_3_points'",
            response_label="'Itch NRS lower by 3 points'",
        ),
        [
            responses("itch_nrs", "has_itch_response"),
            n_true("dim_scores", "score_code = 'itch_nrs' and response_threshold != 3"),
            n_true(
                "fct_patient_timepoints",
                "has_itch_response != (itch_nrs_change_from_baseline <= -3)",
            ),
        ],
        n_true("fct_patient_timepoints", "has_itch_response"),
    ),
    "range_of_a_score": (
        "score_definitions",
        update("score_definitions", "score_code = 'dlqi'", max_value="25"),
        [
            n_true("fct_scores", "score_code = 'dlqi' and score_value > 25"),
            n_true("fct_patient_timepoints", "dlqi_score > 25 or dlqi_baseline_score > 25"),
            n_true("fct_tacrolimus_initiation", "dlqi_baseline_score > 25"),
            n_true("dim_scores", "score_code = 'dlqi' and max_value != 25"),
        ],
        n_true("fct_scores", "score_code = 'dlqi'"),
    ),
    "edge_of_a_band": (
        "score_bands",
        update("score_bands", "scheme_code = 'leshem' and band_code = 'severe'", upper_value="45")
        + update(
            "score_bands",
            "scheme_code = 'leshem' and band_code = 'very_severe'",
            lower_value="45.1",
        ),
        [
            """
            select count(*) from marts.fct_scores
            inner join marts.fct_patient_timepoints using (patient_id, timepoint_code)
            where score_code = 'easi'
                and instrument_band_code is distinct from easi_leshem_band_code
            """,
            """
            select count(*) from marts.fct_scores
            inner join marts.dim_score_bands using (score_code)
            where scheme_code = 'leshem' and score_value between lower_value and upper_value
                and instrument_band_code != band_code
            """,
        ],
        n_true("fct_scores", "instrument_band_code = 'very_severe'"),
    ),
    "first_day_of_a_window": (
        "visit_windows",
        update("visit_windows", "timepoint_code = 'week_52'", first_day="362"),
        [
            """
            select count(*) from marts.fct_patient_timepoints
            inner join marts.dim_timepoints using (timepoint_code)
            where visit_day not between first_day and last_day
            """,
            """
            select count(*) from marts.fct_scores
            anti join (from marts.fct_patient_timepoints where is_attended)
                using (patient_id, timepoint_code)
            """,
        ],
        n_true("fct_patient_timepoints", "is_attended"),
    ),
    "baseline_window": (
        "visit_windows",
        update("visit_windows", "timepoint_code = 'baseline'", first_day="-1"),
        [
            n_true(
                "dim_eligibility_criteria",
                "criterion_code = 'has_baseline_visit' and first_day != -1",
            ),
            n_true("fct_patient_timepoints", "timepoint_code = 'baseline' and not is_attended"),
            LAST_STEP_IS_DIM_PATIENTS,
        ],
        "select max(n_failing) from marts.fct_cohort_attrition "
        "where criterion_code = 'has_baseline_visit'",
    ),
    "threshold_of_a_criterion": (
        "eligibility_criteria",
        update(
            "eligibility_criteria", "criterion_code = 'has_severe_disease'", threshold_value="30"
        ),
        [
            n_true(
                "dim_eligibility_criteria",
                "criterion_code = 'has_severe_disease' and threshold_value != 30",
            ),
            LAST_STEP_IS_DIM_PATIENTS,
        ],
        "select count(*) from marts.dim_patients",
    ),
    "iga_of_a_recommendation": (
        "treatment_algorithm",
        update("treatment_algorithm", "rule_number = 2", upper_iga_score="3")
        + update("treatment_algorithm", "rule_number = 3", lower_iga_score="4"),
        [
            n_true(
                "fct_treatment_algorithm",
                "iga_score = 3 and recommended_topical_regimen_code != 'tacrolimus'",
            ),
            n_true(
                "fct_treatment_algorithm",
                "is_agreed != (topical_regimen_code = recommended_topical_regimen_code)",
            ),
        ],
        n_true("fct_treatment_algorithm", "recommended_topical_regimen_code = 'tacrolimus'"),
    ),
    "month_of_a_season": (
        "seasons",
        update("seasons", "month_number = 9", season_code="'summer'", season_label="'Summer'")
        + update("seasons", "season_code = 'summer'", first_month_number="6", last_month_number="9")
        + update("seasons", "season_code = 'autumn'", first_month_number="10"),
        [
            n_true(
                "fct_treatment_algorithm",
                "index_season_code = 'summer' and recommendation_code is not null",
            ),
            n_true("dim_patients", "month(index_season_start_date) not in (3, 6, 10, 12)"),
        ],
        n_true("fct_treatment_algorithm", "index_season_code = 'summer'"),
    ),
    "threshold_of_an_indication": (
        "systemic_indications",
        update(
            "systemic_indications",
            "score_code = 'easi'",
            threshold_value="12",
            indication_code="'easi_above_12'",
            indication_label="'EASI above 12'",
        ),
        [
            """
            select count(*) from marts.fct_treatment_algorithm
            inner join marts.fct_patient_timepoints using (patient_id, timepoint_code)
            where easi_score > 12 and is_systemic_indicated is not true
            """
        ],
        n_true("fct_treatment_algorithm", "is_systemic_indicated"),
    ),
    "class_of_a_regimen": (
        "treatment_classes",
        update(
            "treatment_classes",
            "treatment_class_code = 'emollient'",
            topical_regimen_code="'tacrolimus'",
        ),
        [
            """
            select count(*) from marts.fct_topical_regimens as regimens
            inner join marts.fct_patient_timepoints as timepoints
                using (patient_id, timepoint_code)
            where regimens.is_on_tacrolimus is distinct from timepoints.is_on_tacrolimus
            """,
            """
            select count(*) from marts.fct_tacrolimus_initiation
            where is_event != (
                patient_id in (
                    select patient_id from marts.fct_topical_regimens where is_on_tacrolimus
                )
            )
            """,
        ],
        n_true("fct_topical_regimens", "is_on_tacrolimus"),
    ),
}

# Name: seed, change, the data test that stops the build, and the rule and column that it names.
FAILING = {
    "threshold_that_its_code_contradicts": (
        "score_responses",
        update("score_responses", "response_code = 'easi_75'", threshold_value="80"),
        ("rows_of_score_responses", "number in the name", "response_code"),
    ),
    "response_that_a_column_is_named_after": (
        "score_responses",
        update(
            "score_responses",
            "response_code = 'easi_75'",
            threshold_value="80",
            response_code="'easi_80'",
            response_label="'EASI-80'",
        ),
        ("rows_of_score_responses", "named", "response_code"),
    ),
    "two_primary_responses": (
        "score_responses",
        update("score_responses", "response_code = 'easi_50'", is_primary="true"),
        "score_seeds_agree",
    ),
    "score_without_columns": (
        "score_definitions",
        "insert into reference.score_definitions "
        "select * replace ('adct' as score_code, 'ADCT' as score_label) "
        "from reference.score_definitions where score_code = 'poem'",
        "score_seeds_agree",
    ),
    "gap_between_bands": (
        "score_bands",
        update(
            "score_bands",
            "scheme_code = 'study' and score_code = 'easi' and band_code = 'moderate'",
            lower_value="8",
        ),
        "bands_cover_each_value_once",
    ),
    "study_cut_other_than_the_level": (
        "score_bands",
        update(
            "score_bands",
            "scheme_code = 'study' and score_code = 'easi' and band_code = 'mild'",
            upper_value="8",
        )
        + update(
            "score_bands",
            "scheme_code = 'study' and score_code = 'easi' and band_code = 'moderate'",
            lower_value="8",
        ),
        "cuts_agree_between_seeds",
    ),
    "overlapping_windows": (
        "visit_windows",
        update("visit_windows", "timepoint_code = 'week_04'", last_day="90"),
        "visit_windows_are_apart",
    ),
    "target_outside_its_window": (
        "visit_windows",
        update("visit_windows", "timepoint_code = 'week_16'", first_day="120"),
        "visit_windows_are_apart",
    ),
    "week_that_its_code_contradicts": (
        "visit_windows",
        update("visit_windows", "timepoint_code = 'week_04'", nominal_week="5", target_day="35"),
        ("rows_of_visit_windows", "number in the name", "timepoint_code"),
    ),
    "criterion_without_a_boolean": (
        "eligibility_criteria",
        "insert into reference.eligibility_criteria select * replace ("
        "7 as criterion_number, 'is_in_milan' as criterion_code, 'In Milan' as criterion_label"
        ") from reference.eligibility_criteria where criterion_number = 1",
        "cohort_eligibility_has_a_boolean_for_each_criterion",
    ),
    "age_that_its_description_contradicts": (
        "eligibility_criteria",
        update("eligibility_criteria", "criterion_code = 'is_adult'", threshold_value="16"),
        ("rows_of_eligibility_criteria", "number in the name", "description"),
    ),
    "criterion_without_its_days": (
        "eligibility_criteria",
        update(
            "eligibility_criteria",
            "criterion_code = 'has_no_concomitant_systemic'",
            last_day="null",
        ),
        "eligibility_criteria_agree",
    ),
    "two_rules_for_one_iga": (
        "treatment_algorithm",
        update("treatment_algorithm", "rule_number = 3", lower_iga_score="2"),
        "treatment_algorithm_has_one_rule_each",
    ),
    "month_without_a_season": (
        "seasons",
        "delete from reference.seasons where month_number = 6",
        "treatment_algorithm_has_one_rule_each",
    ),
    "month_that_its_season_leaves_out": (
        "seasons",
        update("seasons", "season_code = 'winter'", last_month_number="1"),
        "seasons_are_whole",
    ),
    "indication_that_its_code_contradicts": (
        "systemic_indications",
        update("systemic_indications", "score_code = 'easi'", threshold_value="20"),
        ("rows_of_systemic_indications", "number in the name", "indication_code"),
    ),
    "indication_other_than_the_study_band": (
        "systemic_indications",
        update(
            "systemic_indications",
            "score_code = 'itch_nrs'",
            threshold_value="8",
            indication_code="'itch_nrs_at_least_8'",
            indication_label="'Itch NRS of 8 or more'",
        ),
        "cuts_agree_between_seeds",
    ),
    "new_systemic_class_that_is_no_prior_treatment": (
        "treatment_classes",
        move_ciclosporin("none"),
        "treatment_classes_agree",
    ),
    "new_class_that_hides_a_substance_with_a_column": (
        "treatment_classes",
        move_ciclosporin("class"),
        "treatment_classes_agree",
    ),
    "no_index_treatment": (
        "treatment_classes",
        update("treatment_classes", "true", is_index_treatment="false"),
        "treatment_classes_agree",
    ),
}


@pytest.mark.parametrize("name", AGREEING)
def test_every_mart_agrees_after_a_change(
    name: str, warehouse: Path, changed, road: ShortRoad
) -> None:
    _, change, disagreements, moved = AGREEING[name]
    with duckdb.connect(str(warehouse), read_only=True) as before:
        number_before = value(before, moved)
    db = changed(change)
    assert road.run(db) == {}
    assert [value(db, query) for query in disagreements] == [0] * len(disagreements)
    assert value(db, moved) != number_before


@pytest.mark.parametrize("name", FAILING)
def test_the_build_fails_after_a_contradiction(name: str, changed, road: ShortRoad) -> None:
    _, change, stops = FAILING[name]
    test, *broken = (stops,) if isinstance(stops, str) else stops
    query = next(each.sql for each in road.tests if each.relation[1] == test)
    db = changed("select 1")
    assert value(db, query) == 0
    changed(change)
    assert value(db, query) > 0
    if broken:
        rules = query.replace("count(*)", "broken_rule, column_name", 1)
        assert tuple(broken) in db.execute(rules).fetchall()


def test_a_new_class_of_ciclosporin_changes_no_number(
    warehouse: Path, changed, road: ShortRoad
) -> None:
    columns = ("has_prior_ciclosporin", "has_prior_methotrexate", "has_prior_phototherapy")
    counts = ", ".join(f"count(*) filter ({column})" for column in columns)
    queries = (
        f"select {counts} from marts.dim_patients",
        "select n_patients from marts.fct_cohort_attrition order by step_number",
    )
    with duckdb.connect(str(warehouse), read_only=True) as before:
        numbers = [before.execute(query).fetchall() for query in queries]
    assert numbers[0][0][0] > 200
    db = changed(move_ciclosporin("substance"))
    assert road.run(db) == {}
    classes = {
        row[0]
        for row in db.execute("select treatment_class_code from cohort.cohort_drugs").fetchall()
    }
    assert "calcineurin_inhibitor" in classes
    assert [db.execute(query).fetchall() for query in queries] == numbers


def test_every_protocol_seed_is_changed() -> None:
    changed_seeds = {row[0] for row in (*AGREEING.values(), *FAILING.values())}
    protocol = {path.stem for path in seed_paths() if path.parent.name == "protocol"}
    # The gates of a study change no mart; tests of the expectations change them.
    assert changed_seeds == (protocol - {"study_gates"}) | {"treatment_classes"}


def test_dbt_itself_stops_at_a_contradiction(
    demo_build: Build, warehouse: Path, tmp_path: Path
) -> None:
    """The threshold of EASI-75 is 80 in the file of the seed: no mart is built from it."""
    project = tmp_path / "project"
    for folder in ("models", "macros", "seeds", "tests/dbt"):
        shutil.copytree(ROOT / folder, project / folder)
    for file in ("dbt_project.yml", "profiles.yml", "selectors.yml"):
        shutil.copyfile(ROOT / file, project / file)
    seed = project / "seeds" / "protocol" / "score_responses.csv"
    text = seed.read_text("utf-8")
    assert "easi_75,EASI-75,percent,75," in text
    seed.write_text(
        text.replace("easi_75,EASI-75,percent,75,", "easi_75,EASI-75,percent,80,"), "utf-8"
    )
    build = run_dbt(
        tmp_path / "run",
        *("build", "--select", "score_responses+", "--exclude-resource-type", "unit_test"),
        before=warehouse,
        project=project,
        parsed=demo_build,
    )
    assert build.returncode != 0
    assert "FAIL 2 rows_of_score_responses" in build.output
    for mart in ("fct_scores", "fct_patient_timepoints", "dim_scores"):
        assert f"SKIP relation marts.{mart}" in build.output


def test_a_later_day_of_a_season_ages_everybody_at_new_year_and_changes_nothing_else(
    warehouse: Path, changed, road: ShortRoad
) -> None:
    """Nobody learns a date of a patient by comparing two deliveries."""
    db = changed("update raw.delivery set extraction_date = date '2021-02-28'")
    road.run(db)
    db.execute(f"attach '{warehouse}' as before (read_only)")
    tables = db.execute("select table_name from duckdb_tables() where schema_name = 'marts'")
    differing = {
        table
        for table in {name for (name,) in tables.fetchall()}
        if value(
            db,
            f"select count(*) from (from marts.{table} except all from before.marts.{table})",
        )
    }
    assert differing == {"dim_delivery", "dim_patients"}
    ages = "select * replace (age_at_data_collection_years + 1 as age_at_data_collection_years)"
    assert (
        value(
            db,
            f"select count(*) from ({ages} from before.marts.dim_patients "
            "except all from marts.dim_patients)",
        )
        == 0
    )


TRALOKINUMAB = """
version: 1
source_system: tralokinumab
label: A cohort on another index treatment
words:
  drug: {adtralza: index_treatment, dupilumab: other_biologic}
exports:
  patients: {files: [{file: patients}]}
"""


def test_the_words_of_a_mapping_make_another_drug_the_index_treatment(
    warehouse: Path, tmp_path: Path, changed, road: ShortRoad
) -> None:
    """The demo's dupilumab is renamed, code and all: with two words the same patients come out."""
    (tmp_path / "tralokinumab.yml").write_text(TRALOKINUMAB)
    words = load_mapping("tralokinumab", tmp_path).content.words["drug"]
    rows = ", ".join(f"('drug', '{word}', '{code}')" for word, code in words.items())
    renamed = (
        "update raw.prescriptions set drug_name = 'Adtralza 150 mg', "
        "atc_code = if(atc_code is null, null, 'D11AH07') where drug_name ilike 'dup%'"
    )
    db = changed(f"{renamed}; insert into raw.source_words values {rows}")
    road.run(db)
    db.execute(f"attach '{warehouse}' as before (read_only)")
    for one, other in (("marts", "before.marts"), ("before.marts", "marts")):
        unlike = f"from {one}.dim_patients except all from {other}.dim_patients"
        assert value(db, f"select count(*) from ({unlike})") == 0
    assert value(db, "select count(*) from marts.dim_patients") == 342
    assert value(db, "select index_treatment_label from marts.dim_delivery") == "tralokinumab"
