"""Frames of the marts' shape, built from the solved synthetic twin of the study cohort.

The twin's 342 patients and their scores (simulator/data; no real person) print every number of the
paper. What the marts derive is derived here once more, in pandas, so that the analyses are tested
without a warehouse. What is not in the solution is put in: the age at data collection (a year above
the age at the first dose), the flow into the cohort, adverse events, and the scheme's
recommendations, by rules simple enough to count by hand.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

DATA = Path(__file__).parents[3] / "simulator" / "data"
TIMEPOINTS = ("baseline", "week_04", "week_16", "week_52")
MONTHS = (0, 1, 4, 12)
DAYS = (0, 28, 112, 364)
REGIMEN = {
    "N": "none",
    "C": "corticosteroids",
    "T": "tacrolimus",
    "B": "corticosteroids_and_tacrolimus",
}
# Letters of attendance: absent, and those at which topical therapy was reviewed.
ABSENT, REVIEWED = "A", ("V", "P", "D")
STUDY = {"mild": 6.99, "moderate": 21.0, "severe": 72.0}
LESHEM = {
    "clear": 0.0,
    "almost_clear": 1.0,
    "mild": 7.0,
    "moderate": 21.0,
    "severe": 50.0,
    "very_severe": 72.0,
}
COMORBIDITIES = ("rhinitis", "conjunctivitis", "asthma", "food_allergy")
N_ENROLLED, N_EVALUABLE = 342, 307
ATTRITION = (
    ("has_index_treatment", "Received the index treatment", 352, 0, 0),
    ("is_index_date_in_study_period", "Started in the study period", 349, 3, 3),
    ("is_adult", "Adult", 346, 3, 4),
    ("has_baseline_visit", "Seen at baseline", 345, 1, 2),
    ("has_severe_disease", "Severe disease", 343, 2, 5),
    ("has_no_concomitant_systemic", "No other systemic treatment", 342, 1, 3),
)


def build_frames() -> dict[str, pd.DataFrame]:
    """Build every frame that the analyses read."""
    people = pd.read_csv(DATA / "twin_people.csv", keep_default_na=False)
    people.insert(0, "patient_id", [f"p{number:016d}" for number in people["twin_number"]])
    scores = pd.read_csv(DATA / "twin_scores.csv")
    patients = _patients(people)
    visits = _visits(people, scores)
    return {
        "dim_patients": patients,
        "dim_timepoints": pd.DataFrame(
            {
                "timepoint_code": TIMEPOINTS,
                "timepoint_number": range(4),
                "nominal_week": (0, 4, 16, 52),
                "nominal_month": MONTHS,
                "first_day": (-28, 14, 84, 322),
            }
        ),
        "dim_scores": pd.DataFrame(
            {
                "score_code": ["easi", "itch_nrs", "sleep_nrs", "dlqi", "bsa"],
                "score_label": ["EASI", "Itch", "Sleep", "DLQI", "Body surface area"],
                "unit": ["points", "points", "points", "points", "percent"],
                "is_wide": [True, True, True, True, False],
                "min_value": 0.0,
                "max_value": [72.0, 10.0, 10.0, 30.0, 100.0],
                "response_threshold": [75.0, 4.0, 4.0, 4.0, 50.0],
            }
        ),
        "dim_delivery": pd.DataFrame(
            {
                "load_id": ["0000000000000000"],
                "is_synthetic": [True],
                "delivery_label": ["twin"],
            }
        ),
        "fct_patient_timepoints": visits,
        "fct_scores": _further_scores(visits),
        "fct_tacrolimus_initiation": _starts(patients, visits),
        "fct_cohort_attrition": _attrition(),
        "fct_adverse_events": _adverse_events(patients),
        "fct_follow_up": patients[["patient_id"]].assign(n_refused_adverse_events=0),
        "fct_treatment_algorithm": _algorithm(visits),
    }


def _patients(people: pd.DataFrame) -> pd.DataFrame:
    frame = people[["patient_id", "sex_code", "disease_course_code", "clinical_phenotype_code"]]
    frame = frame.assign(
        age_at_index_years=people["age_at_index_years"],
        age_at_data_collection_years=people["age_at_index_years"] + 1,
        age_at_diagnosis_years=people["age_at_diagnosis_years"],
        critical_area_code=_areas(people),
        is_evaluable=people["is_adherent"] == 1,
    )
    frame["not_evaluable_reason_code"] = np.where(
        frame["is_evaluable"], None, "non_adherent_to_topical_therapy"
    ).astype(object)
    for code in ("disease_course", "clinical_phenotype", "critical_area"):
        frame[f"{code}_label"] = [
            None if value is None else value.replace("_", " ").capitalize()
            for value in frame[f"{code}_code"]
        ]
    for name in COMORBIDITIES:
        frame[f"has_{name}"] = people[name] == 1
    frame["has_comorbidity"] = people[list(COMORBIDITIES)].any(axis=1)
    for name in people:
        if name.startswith("prior_"):
            frame[f"has_{name}"] = people[name] == 1
    return frame


def _areas(people: pd.DataFrame) -> list[str | None]:
    names = []
    for row in people[["involves_face", "involves_hands", "involves_genitalia"]].astype(str).values:
        sites = [
            site
            for site, yes in zip(("face", "hands", "genitalia"), row, strict=True)
            if yes == "1"
        ]
        if len(sites) == 3:
            names.append("face_hands_and_genitalia")
        elif sites:
            names.append("_and_".join(sites))
        else:
            names.append(None)
    return names


def _visits(people: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "patient_id": np.repeat(people["patient_id"].to_numpy(), 4),
            "twin_number": np.repeat(people["twin_number"].to_numpy(), 4),
            "timepoint_code": np.tile(TIMEPOINTS, len(people)),
            "is_evaluable": np.repeat(people["is_adherent"].to_numpy() == 1, 4),
            "letter": [letter for path in people["path"] for letter in path.ljust(4, "X")],
            "attendance": [letter for marks in people["attendance"] for letter in marks],
        }
    )
    frame["is_attended"] = frame["attendance"] != ABSENT
    reviewed = frame["attendance"].isin(REVIEWED) & frame["is_evaluable"]
    regimen = frame["letter"].map(REGIMEN).astype(object)
    frame["topical_regimen_code"] = regimen.where(reviewed & regimen.notna(), None)
    recorded = scores.set_index(["twin_number", "timepoint_code"])
    keys = pd.MultiIndex.from_frame(frame[["twin_number", "timepoint_code"]])
    found = recorded.reindex(keys)
    frame["easi_score"] = found["easi_tenths"].to_numpy(float) / 10
    frame["itch_nrs_score"] = found["itch"].to_numpy(float)
    frame["sleep_nrs_score"] = found["sleep"].to_numpy(float)
    frame["dlqi_score"] = found["dlqi"].to_numpy(float)
    frame["easi_first_visit_score"] = frame["easi_last_visit_score"] = frame["easi_score"]
    frame["n_visits_in_window"] = frame["is_attended"].astype("Int64").replace(0, pd.NA)
    return _derived(frame.drop(columns=["twin_number", "letter", "attendance"]))


def _derived(frame: pd.DataFrame) -> pd.DataFrame:
    easi = frame["easi_score"]
    first = {
        score: np.repeat(frame[f"{score}_score"].to_numpy()[::4], 4)
        for score in ("easi", "itch_nrs", "sleep_nrs")
    }
    improvement = (100 * (first["easi"] - easi) / first["easi"]).round(9)
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
    for scheme, bands in (("study", STUDY), ("leshem", LESHEM)):
        band = pd.Series(None, index=frame.index, dtype=object)
        for code, upper in reversed(bands.items()):
            band[easi <= upper] = code
        frame[f"easi_{scheme}_band_code"] = band
    return frame


def _starts(patients: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    evaluable = patients[patients["is_evaluable"]].reset_index(drop=True)
    mine = visits[visits["is_evaluable"]]
    regimens = mine["topical_regimen_code"].to_numpy(object).reshape(-1, 4)
    known = np.array([[cell is not None for cell in row] for row in regimens])
    on = np.isin(regimens.astype(str), [REGIMEN["T"], REGIMEN["B"]])
    first = np.where(on.any(axis=1), on.argmax(axis=1), 9)
    last = 3 - known[:, ::-1].argmax(axis=1)
    ending = np.where(first < 9, first, last)
    frame = pd.DataFrame(
        {
            "patient_id": evaluable["patient_id"],
            "duration_months": np.array(MONTHS)[ending],
            "duration_days": np.array(DAYS)[ending],
            "is_event": first < 9,
            "is_on_tacrolimus_at_baseline": first == 0,
            "dlqi_baseline_score": mine["dlqi_score"].to_numpy()[::4],
            "age_at_index_years": evaluable["age_at_index_years"],
            "is_female": evaluable["sex_code"] == "female",
            "is_relapsing": evaluable["disease_course_code"] == "relapsing",
            "is_generalized": evaluable["clinical_phenotype_code"] == "generalized",
        }
    )
    for position, timepoint in enumerate(TIMEPOINTS[1:], start=1):
        frame[f"is_at_risk_{timepoint}"] = known[:, position] & (first >= position)
        frame[f"has_initiated_{timepoint}"] = first == position
    return frame


def _further_scores(visits: pd.DataFrame) -> pd.DataFrame:
    """Body surface area: EASI and 10, with a response where EASI halved."""
    scored = visits[visits["easi_score"].notna()].reset_index(drop=True)
    return pd.DataFrame(
        {
            "patient_id": scored["patient_id"],
            "timepoint_code": scored["timepoint_code"],
            "score_code": "bsa",
            "score_value": scored["easi_score"] + 10,
            "has_response": scored["has_easi_50_response"].mask(
                scored["timepoint_code"] == TIMEPOINTS[0]
            ),
        }
    )


def _attrition() -> pd.DataFrame:
    columns = ["criterion_code", "criterion_label", "n_patients", "n_excluded", "n_failing"]
    frame = pd.DataFrame(ATTRITION, columns=columns)
    frame.insert(0, "step_number", range(1, len(frame) + 1))
    return frame


def _adverse_events(patients: pd.DataFrame) -> pd.DataFrame:
    """Every tenth patient has conjunctivitis twice, every hundredth a serious infection.

    The first patient also has headache before the first dose, and alopecia without an onset.
    """
    ids = patients["patient_id"]
    events = [(one, "conjunctivitis", "Conjunctivitis", False, True) for one in ids[::10]]
    events += [(one, "conjunctivitis", "Conjunctivitis", False, True) for one in ids[::10]]
    events += [(one, "pneumonia", "Pneumonia", True, True) for one in ids[::100]]
    events.append((ids[0], "headache", "Headache", False, False))
    events.append((ids[0], "alopecia", "Alopecia", False, None))
    columns = ["patient_id", "adverse_event_code", "adverse_event_label", "is_serious"]
    frame = pd.DataFrame(events, columns=[*columns, "is_treatment_emergent"])
    return frame.astype({"is_treatment_emergent": "boolean"})


def _algorithm(visits: pd.DataFrame) -> pd.DataFrame:
    """Tacrolimus is recommended where EASI is known, emollients where it is 0."""
    attended = visits[visits["is_attended"]].reset_index(drop=True)
    known, clear = attended["easi_score"].notna(), attended["easi_score"] == 0
    recommended = pd.Series("tacrolimus_then_proactive", index=attended.index, dtype=object)
    recommended[clear] = "emollients_only"
    follows = np.where(clear, "none", "tacrolimus")
    agreed = (attended["topical_regimen_code"] == follows).astype("boolean")
    return pd.DataFrame(
        {
            "patient_id": attended["patient_id"],
            "timepoint_code": attended["timepoint_code"],
            "recommendation_code": recommended.where(known, None),
            "no_recommendation_reason_code": np.where(known, None, "iga_not_recorded"),
            "is_agreed": agreed.mask(~known | attended["topical_regimen_code"].isna()),
        }
    )
