"""Patients, scores and regimens for cohort.R: of the twin, or of a warehouse file.

    python cohort_inputs.py FOLDER [WAREHOUSE]

writes patients.csv, visits.csv and evaluable.csv: raw columns only, none of our derived flags.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from analysis_py.catalogue import ANALYSES, required_columns
from analysis_py.marts import Marts

sys.path.insert(0, str(Path(__file__).parents[1] / "python" / "analyses"))

from twin_frames import build_frames

HISTORY = [
    "has_comorbidity",
    "has_rhinitis",
    "has_conjunctivitis",
    "has_asthma",
    "has_food_allergy",
    "has_prior_ciclosporin",
    "has_prior_systemic_corticosteroids",
    "has_prior_phototherapy",
    "has_prior_methotrexate",
    "has_prior_alitretinoin",
    "has_prior_azathioprine",
]
TABLES = {
    "patients": (
        "dim_patients",
        [
            "patient_id",
            "sex_code",
            "disease_course_code",
            "clinical_phenotype_code",
            "critical_area_code",
            "age_at_index_years",
            "age_at_data_collection_years",
            "age_at_diagnosis_years",
            "is_evaluable",
            *HISTORY,
        ],
    ),
    "visits": (
        "fct_patient_timepoints",
        [
            "patient_id",
            "timepoint_code",
            "topical_regimen_code",
            "easi_score",
            "itch_nrs_score",
            "sleep_nrs_score",
            "dlqi_score",
        ],
    ),
    "evaluable": (
        "fct_tacrolimus_initiation",
        [
            "patient_id",
            "dlqi_baseline_score",
            "age_at_index_years",
            "is_female",
            "is_relapsing",
            "is_generalized",
        ],
    ),
}


def frames_of(warehouse: Path | None) -> dict[str, pd.DataFrame]:
    """Frames of the analyses, from a warehouse file or of the twin."""
    if warehouse is None:
        return build_frames()
    with Marts(warehouse) as marts:
        wanted = required_columns(ANALYSES)
        wanted["dim_patients"] = list(dict.fromkeys([*wanted["dim_patients"], "patient_id"]))
        return marts.frames(wanted)


def write(folder: Path, frames: dict[str, pd.DataFrame]) -> None:
    """Write the three tables; booleans as 0 and 1, missing as an empty cell."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (mart, columns) in TABLES.items():
        table = frames[mart][columns].copy()
        for column in table:
            if table[column].dtype in ("bool", "boolean"):
                table[column] = table[column].astype("Int64")
        table.to_csv(folder / f"{name}.csv", index=False)


if __name__ == "__main__":
    write(Path(sys.argv[1]), frames_of(Path(sys.argv[2]) if len(sys.argv) > 2 else None))
