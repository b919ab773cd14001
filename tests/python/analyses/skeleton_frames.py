"""Frames of the marts' shape, built from a synthetic cohort that fits the printed associations.

The 307 rows of tests/oracle/data/skeleton_307.csv (topical path, covariates; no real patient) are
an existence proof that every topical count and association of the paper can hold at once. Scores
after baseline and the 35 patients who are not evaluable are drawn here with a fixed seed; only the
counts that the tests assert are set on purpose.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

SKELETON = Path(__file__).parents[2] / "oracle" / "data" / "skeleton_307.csv"
TIMEPOINTS = ("baseline", "week_04", "week_16", "week_52")
MONTHS = (0, 1, 4, 12)
DAYS = (0, 28, 112, 364)
REGIMEN = {
    "N": "none",
    "C": "corticosteroids",
    "T": "tacrolimus",
    "B": "corticosteroids_and_tacrolimus",
    "X": None,
}
LESHEM = {
    "clear": 0.0,
    "almost_clear": 1.0,
    "mild": 7.0,
    "moderate": 21.0,
    "severe": 50.0,
    "very_severe": 72.0,
}
ATTRITION = (
    ("has_index_treatment", "Received the index treatment", 352, 0, 0),
    ("is_index_date_in_study_period", "Started in the study period", 349, 3, 3),
    ("is_adult", "Adult", 346, 3, 4),
    ("has_baseline_visit", "Seen at baseline", 345, 1, 2),
    ("has_severe_disease", "Severe disease", 343, 2, 5),
    ("has_no_concomitant_systemic", "No other systemic treatment", 342, 1, 3),
)
N_EVALUABLE, N_OTHERS = 307, 35


def build_frames(seed: int = 307) -> dict[str, pd.DataFrame]:
    """Build every frame that the analyses read.

    Parameters
    ----------
    seed : int
        Of the scores and of the patients who are not evaluable.
    """
    rng = np.random.default_rng(seed)
    skeleton = pd.read_csv(SKELETON)
    patients = _patients(skeleton, rng)
    visits = _visits(skeleton, patients, rng)
    return {
        "dim_patients": patients,
        "dim_timepoints": _timepoints(),
        "dim_scores": _scores(),
        "dim_delivery": pd.DataFrame(
            {
                "load_id": ["0000000000000000"],
                "is_synthetic": [True],
                "delivery_label": ["skeleton cohort"],
            }
        ),
        "fct_patient_timepoints": visits,
        "fct_tacrolimus_initiation": _starts(skeleton, patients),
        "fct_cohort_attrition": _attrition(),
    }


def _patients(skeleton: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    n = N_EVALUABLE + N_OTHERS
    others = rng.permutation(N_OTHERS)
    female = np.concatenate([skeleton["female"], others < 18]).astype(bool)
    relapsing = np.concatenate([skeleton["relapsing"], others % 4 == 0]).astype(bool)
    generalized = np.concatenate([skeleton["generalized"], others % 3 == 0]).astype(bool)
    age = np.concatenate([skeleton["age_init"], rng.integers(18, 70, N_OTHERS)])
    late = ~relapsing & (age > 55)
    course = np.select([relapsing, late], ["relapsing", "late_onset"], "persistent")
    phenotype = np.where(generalized, "generalized", rng.choice(["classic", "nummular"], n))
    area = rng.choice(["face", "hands", "face_and_hands"], n).astype(object)
    area[:4] = None
    evaluable = np.arange(n) < N_EVALUABLE
    reason = np.where(evaluable, None, "non_adherent_to_topical_therapy").astype(object)
    frame = pd.DataFrame(
        {
            "patient_id": [f"p{i:016d}" for i in range(1, n + 1)],
            "sex_code": np.where(female, "female", "male"),
            "disease_course_code": course,
            "clinical_phenotype_code": phenotype,
            "critical_area_code": area,
            "age_at_index_years": age,
            "age_at_data_collection_years": age + rng.integers(0, 3, n),
            "age_at_diagnosis_years": np.where(late, age - 5, rng.integers(0, 5, n)),
            "is_evaluable": evaluable,
            "not_evaluable_reason_code": reason,
        }
    )
    for code in ("disease_course", "clinical_phenotype", "critical_area"):
        frame[f"{code}_label"] = [
            None if value is None else value.replace("_", " ").capitalize()
            for value in frame[f"{code}_code"]
        ]
    for i, flag in enumerate(
        (
            *("has_comorbidity", "has_rhinitis", "has_conjunctivitis", "has_asthma"),
            *("has_food_allergy", "has_prior_ciclosporin", "has_prior_systemic_corticosteroids"),
            *("has_prior_phototherapy", "has_prior_methotrexate", "has_prior_alitretinoin"),
            "has_prior_azathioprine",
        )
    ):
        frame[flag] = rng.random(n) < 0.9 / (i + 1)
    return frame


def _visits(
    skeleton: pd.DataFrame, patients: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    n = len(patients)
    regimens = np.full((n, 4), None, dtype=object)
    regimens[:N_EVALUABLE] = [[REGIMEN[letter] for letter in path] for path in skeleton["path"]]
    attended = np.array([[cell is not None for cell in row] for row in regimens])
    attended[N_EVALUABLE:] = np.arange(N_OTHERS)[:, None] < np.array([35, 32, 30, 20])
    user = np.concatenate([skeleton["baseline_any_tac"] == 1, np.full(N_OTHERS, False)])
    unreviewed = np.flatnonzero(~user[:N_EVALUABLE] & ~attended[:N_EVALUABLE, 1])[:4]
    attended[unreviewed, 1] = True

    easi = np.round(np.clip(rng.normal([29.5, 8.4, 5.0, 3.2], [5, 6, 4, 4], (n, 4)), 0, 72), 1)
    easi[:, 0] = np.clip(easi[:, 0], 24, 72)
    seen_users = np.flatnonzero(user & attended[:, 1])[:54]
    seen_others = np.flatnonzero(~user & attended[:, 1] & (np.arange(n) < N_EVALUABLE))
    for members, n_mild in ((seen_users, 39), (seen_others, 126)):
        easi[members[:n_mild], 1] = np.round(rng.uniform(0, 6.9, n_mild), 1)
        easi[members[n_mild:], 1] = np.round(rng.uniform(7.0, 30.0, members.size - n_mild), 1)
    easi[np.setdiff1d(np.flatnonzero(user & attended[:, 1]), seen_users), 1] = np.nan
    dlqi = np.clip(np.round(rng.normal([15.7, 6.3, 4.9, 3.7], 4, (n, 4))), 0, 30)
    dlqi[:N_EVALUABLE, 0] = skeleton["dlqi_bl"]
    frame = pd.DataFrame(
        {
            "patient_id": np.repeat(patients["patient_id"].to_numpy(), 4),
            "timepoint_code": np.tile(TIMEPOINTS, n),
            "is_evaluable": np.repeat(patients["is_evaluable"].to_numpy(), 4),
            "is_attended": attended.ravel(),
            "topical_regimen_code": regimens.ravel(),
            "easi_score": easi.ravel(),
            "itch_nrs_score": np.clip(
                np.round(rng.normal([8.5, 3.9, 3.3, 2.9], 2, (n, 4))), 0, 10
            ).ravel(),
            "sleep_nrs_score": np.clip(
                np.round(rng.normal([6.8, 2.5, 1.5, 0.9], 2, (n, 4))), 0, 10
            ).ravel(),
            "dlqi_score": dlqi.ravel(),
        }
    )
    scores = [name for name in frame if name.endswith("_score")]
    frame.loc[~frame["is_attended"], scores] = np.nan
    return _derived(frame)


def _derived(frame: pd.DataFrame) -> pd.DataFrame:
    easi = frame["easi_score"]
    first = {
        score: np.repeat(frame[f"{score}_score"].to_numpy()[::4], 4)
        for score in ("easi", "itch_nrs", "sleep_nrs")
    }
    with np.errstate(divide="ignore", invalid="ignore"):
        improvement = 100 * (1 - easi / first["easi"])
    flags = {
        "is_easi_above_21": (easi > 21, easi),
        "is_easi_below_7": (easi < 7, easi),
        "is_easi_at_most_7": (easi <= 7, easi),
        "is_dlqi_below_10": (frame["dlqi_score"] < 10, frame["dlqi_score"]),
        **{f"has_easi_{cut}_response": (improvement >= cut, improvement) for cut in (50, 75, 90)},
    }
    for score, name in (("itch_nrs", "itch"), ("sleep_nrs", "sleep")):
        drop = first[score] - frame[f"{score}_score"]
        flags[f"has_{name}_response"] = (drop >= 4, drop)
    for name, (flag, known) in flags.items():
        frame[name] = flag.astype("boolean").mask(known.isna())
    leshem = pd.Series(None, index=frame.index, dtype=object)
    for band, upper in reversed(LESHEM.items()):
        leshem[easi <= upper] = band
    frame["easi_leshem_band_code"] = leshem
    study = pd.Series(np.select([easi < 7, easi <= 21], ["mild", "moderate"], "severe"))
    frame["easi_study_band_code"] = study.astype(object).where(easi.notna(), None)
    return frame


def _starts(skeleton: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    paths = np.array([list(path) for path in skeleton["path"]])
    on = np.isin(paths, ["T", "B"])
    known = paths != "X"
    first = np.where(on.any(axis=1), on.argmax(axis=1), 9)
    last = 3 - known[:, ::-1].argmax(axis=1)
    ending = np.where(first < 9, first, last)
    frame = pd.DataFrame(
        {
            "patient_id": patients["patient_id"][:N_EVALUABLE],
            "duration_months": np.array(MONTHS)[ending],
            "duration_days": np.array(DAYS)[ending],
            "is_event": first < 9,
            "is_on_tacrolimus_at_baseline": first == 0,
            "dlqi_baseline_score": skeleton["dlqi_bl"],
            "age_at_index_years": skeleton["age_init"],
            "is_female": skeleton["female"] == 1,
            "is_relapsing": skeleton["relapsing"] == 1,
            "is_generalized": skeleton["generalized"] == 1,
        }
    )
    for position, timepoint in enumerate(TIMEPOINTS[1:], start=1):
        frame[f"is_at_risk_{timepoint}"] = known[:, position] & (first >= position)
        frame[f"has_initiated_{timepoint}"] = first == position
    return frame


def _timepoints() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "timepoint_code": TIMEPOINTS,
            "timepoint_number": range(4),
            "nominal_week": (0, 4, 16, 52),
            "nominal_month": MONTHS,
            "target_day": DAYS,
        }
    )


def _scores() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "score_code": ["easi", "itch_nrs", "sleep_nrs", "dlqi"],
            "min_value": 0.0,
            "max_value": [72.0, 10.0, 10.0, 30.0],
            "response_threshold": [75.0, 4.0, 4.0, 4.0],
        }
    )


def _attrition() -> pd.DataFrame:
    columns = ["criterion_code", "criterion_label", "n_patients", "n_excluded", "n_failing"]
    frame = pd.DataFrame(ATTRITION, columns=columns)
    frame.insert(0, "step_number", range(1, len(frame) + 1))
    return frame
