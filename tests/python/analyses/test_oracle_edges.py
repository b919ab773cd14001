"""Results of cohorts at the edge agree with R, which derives them from the exports themselves.

What R cannot estimate, we do not estimate either, and say why.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from edge_delivery import MAPPINGS, write_edge_delivery
from oracle_agreement import agrees, read_output
from short_road import ShortRoad

from analysis_py.catalogue import ANALYSES, required_columns
from analysis_py.frames import at, is_code, is_known, is_true
from analysis_py.marts import Marts
from analysis_py.results import Results
from analysis_py.study import run_analyses
from intake.delivery import open_delivery
from privacy.pseudonyms import load_key

ORACLE = read_output("edges.csv")
MORE_COLUMNS = {
    "dim_patients": ["patient_id"],
    "fct_patient_timepoints": ["is_on_tacrolimus"],
}


@pytest.fixture(scope="module")
def everybody(road: ShortRoad, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """Frames of the edge delivery: intake, then the statements that dbt wrote for the demo."""
    folder = tmp_path_factory.mktemp("edges")
    delivery = write_edge_delivery(folder / "delivery")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGISTRY_KEY_FILE", str(folder / "test.key"))
        key = load_key(is_synthetic=True)
    opened = open_delivery(delivery, "", folder / MAPPINGS)
    warehouse = road.build_delivery(opened, key, folder / "warehouse.duckdb")
    wanted = required_columns(ANALYSES)
    for mart, columns in MORE_COLUMNS.items():
        wanted[mart] = list(dict.fromkeys([*wanted[mart], *columns]))
    with Marts(warehouse) as marts:
        return marts.frames(wanted)


def patients_of(frame: pd.DataFrame, members: Any) -> set[str]:
    """Patients of the rows that are chosen."""
    return set(frame["patient_id"][members].astype(str))


@pytest.fixture(scope="module")
def cohorts(everybody: dict[str, pd.DataFrame]) -> dict[str, set[str]]:
    """Cohorts of exports.R: each a part of the patients."""
    people, visits = everybody["dim_patients"], everybody["fct_patient_timepoints"]
    follow_up = everybody["fct_tacrolimus_initiation"]
    all_of_them = patients_of(people, people["patient_id"].notna())
    evaluable = patients_of(people, is_true(people["is_evaluable"]))
    female = patients_of(people, is_code(people["sex_code"], "female"))
    using = patients_of(visits, is_true(visits["is_on_tacrolimus"]))
    generalized = patients_of(people, is_code(people["clinical_phenotype_code"], "generalized"))
    use = follow_up["is_on_tacrolimus_at_baseline"]
    at_month_0 = patients_of(follow_up, is_true(use))
    known_later = visits[is_known(visits["is_on_tacrolimus"])]
    known_later = known_later[~is_code(known_later["timepoint_code"], "baseline")]
    left_at_once = patients_of(follow_up, is_known(use) & ~is_true(use))
    left_at_once -= patients_of(known_later, known_later["patient_id"].notna())
    week_52 = at(visits, "week_52")
    return {
        "everybody": all_of_them,
        "women": female,
        "nobody_starts": evaluable - using,
        "no_generalized_start": all_of_them - (generalized & using),
        "all_start_at_month_0": at_month_0,
        "nobody_after_day_200": all_of_them - patients_of(week_52, is_true(week_52["is_attended"])),
        "women_leave_early": evaluable
        & ((female & left_at_once) | (all_of_them - female - at_month_0)),
    }


@pytest.fixture(scope="module")
def edge_results(
    everybody: dict[str, pd.DataFrame], cohorts: dict[str, set[str]]
) -> dict[str, Results]:
    return {
        cohort: run_analyses(
            {
                mart: frame[frame["patient_id"].astype(str).isin(members)].reset_index(drop=True)
                if "patient_id" in frame
                else frame
                for mart, frame in everybody.items()
            }
        )
        for cohort, members in cohorts.items()
    }


@pytest.mark.parametrize("cohort", sorted(ORACLE["cohort"].unique()))
def test_results_agree_with_r(edge_results: dict[str, Results], cohort: str) -> None:
    results, apart = edge_results[cohort], {}
    for row in ORACLE[ORACLE["cohort"] == cohort].itertuples():
        ours = results.get(row.result_id)
        if ours is None or not agrees(getattr(ours, row.field), row.value, ours.statistic):
            apart[row.result_id, row.field] = (ours and getattr(ours, row.field), row.value)
    assert not apart


def test_what_r_cannot_estimate_says_why(edge_results: dict[str, Results]) -> None:
    missing = ORACLE[ORACLE["value"].isna()]
    assert set(missing["cohort"]) == set(edge_results) - {"everybody"}
    silent = [
        (row.cohort, row.result_id, row.field)
        for row in missing.itertuples()
        if not edge_results[row.cohort][row.result_id].warning
    ]
    assert silent == []


def test_the_edges_are_there(
    everybody: dict[str, pd.DataFrame], cohorts: dict[str, set[str]]
) -> None:
    people, follow_up = everybody["dim_patients"], everybody["fct_tacrolimus_initiation"]
    assert set(cohorts) == set(ORACLE["cohort"])
    assert min(map(len, cohorts.values())) > 40
    assert follow_up["is_on_tacrolimus_at_baseline"].isna().sum() > 40
    assert everybody["fct_adverse_events"]["is_treatment_emergent"].isna().sum() > 5
    assert people["has_asthma"].isna().any()
    assert people["has_prior_phototherapy"].isna().any()
