"""The pandas contender: three marts from the same files.

Written as a competent user would: only the columns that are needed, dates and codes typed while
reading, patients as whole numbers before anything is joined, no loop over rows. EASI is counted
in tenths, because a percentage of two binary fractions decides a response wrongly at its edge.
Nothing is checked, quarantined or tested.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import study_rules as rules

WINDOWS = rules.windows()
CODES = np.array([window.code for window in WINDOWS])
REGIMENS = ("none", "corticosteroids", "tacrolimus", "corticosteroids_and_tacrolimus")
"""By the number tacrolimus * 2 + corticosteroids."""


def read(delivery: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return patients, visits and prescriptions; the column patient is the row in patients."""
    patients = pd.read_csv(
        delivery / "patients.csv",
        usecols=["patient_id", "sex", "birth_date", "disease_course", "clinical_phenotype"],
        dtype={"sex": "category", "disease_course": "category", "clinical_phenotype": "category"},
        parse_dates=["birth_date"],
        date_format="%Y-%m-%d",
    )
    whole = dict.fromkeys([f"{score}_score" for score in rules.SCORES if score != "easi"], "Int32")
    visits = pd.read_csv(
        delivery / "visits.csv",
        dtype={"nominal_timepoint": "category", "topical_adherence": "category", **whole},
        parse_dates=["visit_date"],
        date_format="%Y-%m-%d",
    )
    prescriptions = pd.read_csv(
        delivery / "prescriptions.csv",
        usecols=["patient_id", "drug_name", "atc_code", "route", "start_date", "end_date"],
        dtype={"drug_name": "category", "atc_code": "category", "route": "category"},
        parse_dates=["start_date", "end_date"],
        date_format="%Y-%m-%d",
    )
    number = pd.Series(np.arange(len(patients)), index=patients["patient_id"])
    for frame in (visits, prescriptions):
        frame["record_number"] = np.arange(1, len(frame) + 1)
        frame["patient"] = number.reindex(frame["patient_id"]).to_numpy()
        del frame["patient_id"]
    patients["patient_id"] = rules.pseudonyms(patients["patient_id"].tolist())
    visits["easi_score"] = (visits["easi_score"] * 10).round().astype("Int32")
    return patients, visits, prescriptions


def classify(prescriptions: pd.DataFrame) -> pd.DataFrame:
    """Return the courses with treatment class and potency; each drug is looked up once."""
    names = ["atc_code", "drug_name", "route"]
    group = prescriptions.groupby(names, observed=True, dropna=False, sort=False).ngroup()
    first = prescriptions.loc[~group.duplicated(), names].astype(object)
    found = [
        rules.drug(*(None if pd.isna(word) else word for word in row))
        for row in first.itertuples(index=False)
    ]
    place = group.to_numpy()
    classes = pd.Categorical([each.treatment_class for each in found])
    potency = np.array([each.potency_rank or 0 for each in found], dtype="int8")
    return prescriptions.drop(columns=names).assign(
        treatment_class=classes[place],
        potency_rank=potency[place],
        end_date=prescriptions["end_date"].fillna(pd.Timestamp.max.normalize()),
    )


def enrol(patients: pd.DataFrame, visits: pd.DataFrame, courses: pd.DataFrame) -> pd.DataFrame:
    """Return the enrolled patients with index date, age and whether they are evaluable."""
    criteria = rules.criteria()
    index_courses = courses[courses["treatment_class"] == "index_treatment"]
    patients["index_date"] = index_courses.groupby("patient")["start_date"].min()
    first_day, last_day = (pd.Timestamp(day) for day in rules.study_period())
    age = _completed_years(patients["birth_date"], patients["index_date"])

    index_date = patients["index_date"].to_numpy()
    day = pd.Series(
        (visits["visit_date"].to_numpy() - index_date[visits["patient"]]) // np.timedelta64(1, "D"),
        index=visits.index,
    )
    visits["visit_day"] = day
    baseline, severe = WINDOWS[0], criteria["has_severe_disease"]
    is_baseline = day.between(baseline.first_day, baseline.last_day)
    is_severe = day.between(int(severe["first_day"]), int(severe["last_day"])) & (
        visits["easi_score"] >= round(float(severe["threshold_value"]) * 10)
    ).fillna(False).astype(bool)
    systemic = criteria["has_no_concomitant_systemic"]
    drugs = courses[courses["treatment_class"].isin(rules.systemic_classes())]
    index_of_drug = pd.Series(index_date[drugs["patient"]], index=drugs.index)
    is_concomitant = (
        drugs["start_date"] <= index_of_drug + pd.Timedelta(days=int(systemic["last_day"]))
    ) & (drugs["end_date"] >= index_of_drug + pd.Timedelta(days=int(systemic["first_day"])))
    is_refused = visits["topical_adherence"] == "non_adherent"

    everyone = pd.Series(patients.index)
    patients["age_at_index_years"] = age
    patients["is_evaluable"] = ~everyone.isin(visits.loc[is_refused, "patient"])
    is_enrolled = (
        patients["index_date"].between(first_day, last_day)
        & (age >= float(criteria["is_adult"]["threshold_value"]))
        & everyone.isin(visits.loc[is_baseline, "patient"])
        & everyone.isin(visits.loc[is_severe, "patient"])
        & ~everyone.isin(drugs.loc[is_concomitant, "patient"])
    )
    return patients[is_enrolled]


def _completed_years(start: pd.Series, end: pd.Series) -> pd.Series:
    is_before = (end.dt.month * 100 + end.dt.day) < (start.dt.month * 100 + start.dt.day)
    return end.dt.year - start.dt.year - is_before


def attend(visits: pd.DataFrame, enrolled: pd.DataFrame) -> pd.DataFrame:
    """Return one visit per enrolled patient and timepoint: the nearest to the target day."""
    known = visits[visits["patient"].isin(enrolled.index)]
    parts = []
    for window in WINDOWS:
        part = known[known["visit_day"].between(window.first_day, window.last_day)]
        parts.append(
            part.assign(timepoint=window.number, from_target=part["visit_day"] - window.target_day)
        )
    candidates = pd.concat(parts)
    candidates["distance"] = candidates["from_target"].abs()
    ordered = candidates.sort_values(["patient", "timepoint", "distance", "visit_date", "visit_id"])
    return ordered.drop_duplicates(["patient", "timepoint"]).drop(columns=["distance", "visit_id"])


def regimens_of(
    attended: pd.DataFrame, courses: pd.DataFrame, enrolled: pd.DataFrame
) -> pd.DataFrame:
    """Return the topical regimen of every evaluable patient at every attended timepoint."""
    evaluable = enrolled.index[enrolled["is_evaluable"]]
    columns = ["patient", "timepoint", "visit_day", "visit_date", "topical_adherence"]
    seen = attended.loc[attended["patient"].isin(evaluable), columns].reset_index(drop=True)
    topical = courses[courses["treatment_class"].isin([rules.TACROLIMUS, rules.CORTICOSTEROID])]
    pairs = seen[["patient", "visit_date"]].reset_index(names="seen").merge(topical, on="patient")
    is_active = (pairs["visit_date"] >= pairs["start_date"]) & (
        pairs["visit_date"] <= pairs["end_date"]
    )
    active = pairs[is_active].assign(
        tacrolimus=lambda frame: frame["treatment_class"] == rules.TACROLIMUS
    )
    groups = active.groupby("seen")
    counts = pd.DataFrame(
        {
            "n": groups.size(),
            "n_tacrolimus": groups["tacrolimus"].sum(),
            "potency": groups["potency_rank"].max(),
        }
    ).reindex(seen.index, fill_value=0)
    shown = active[active["tacrolimus"]].sort_values(["seen", "start_date", "record_number"])
    reviewed = (seen["topical_adherence"] == "adherent").to_numpy()
    on_tacrolimus = counts["n_tacrolimus"] > 0
    on_corticosteroids = counts["n"] > counts["n_tacrolimus"]
    seen["is_reviewed"] = reviewed
    seen["n_active_courses"] = counts["n"].astype("int32")
    seen["is_on_tacrolimus"] = on_tacrolimus.astype("boolean").where(reviewed)
    seen["is_on_corticosteroids"] = on_corticosteroids.astype("boolean").where(reviewed)
    regimen = np.where(reviewed, on_tacrolimus * 2 + on_corticosteroids, -1)
    seen["regimen"] = pd.Categorical.from_codes(regimen, REGIMENS)
    seen["potency"] = pd.Categorical.from_codes(
        np.where(reviewed, counts["potency"], 0) - 1, rules.POTENCIES
    )
    seen["record"] = shown.drop_duplicates("seen").set_index("seen")["record_number"]
    return seen


def topical_regimens(regimens: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """Return fct_topical_regimens."""
    code = regimens["regimen"].cat.codes.astype("float64").where(regimens["is_reviewed"])
    patient = regimens["patient"]
    baseline = code[regimens["timepoint"] == 0].set_axis(patient[regimens["timepoint"] == 0])
    previous = code.groupby(patient).ffill().groupby(patient).shift()

    def words(codes: pd.Series) -> pd.Categorical:
        return pd.Categorical.from_codes(codes.fillna(-1).astype("int8"), REGIMENS)

    return pd.DataFrame(
        {
            "patient_id": patients["patient_id"].to_numpy()[patient],
            "timepoint_code": pd.Categorical.from_codes(regimens["timepoint"], CODES),
            "topical_regimen_code": regimens["regimen"],
            "baseline_topical_regimen_code": words(baseline.reindex(patient)),
            "previous_topical_regimen_code": words(previous),
            "regimen_not_evaluable_reason_code": pd.Categorical.from_codes(
                np.where(regimens["is_reviewed"], -1, 0), ["not_reviewed"]
            ),
            "steroid_potency_code": regimens["potency"],
            "timepoint_number": regimens["timepoint"].astype("int32"),
            "n_active_courses": regimens["n_active_courses"],
            "is_regimen_evaluable": regimens["is_reviewed"],
            "is_on_tacrolimus": regimens["is_on_tacrolimus"],
            "is_on_corticosteroids": regimens["is_on_corticosteroids"],
        }
    )


def _dense(attended: pd.DataFrame, enrolled: pd.DataFrame) -> pd.DataFrame:
    """Return a row for every enrolled patient and timepoint, attended or not."""
    rank = pd.Series(np.arange(len(enrolled)), index=enrolled.index)
    slot = rank.reindex(attended["patient"]).to_numpy() * len(WINDOWS) + attended["timepoint"]
    dense = attended.set_index(slot).reindex(np.arange(len(enrolled) * len(WINDOWS)))
    dense["patient"] = np.repeat(enrolled.index, len(WINDOWS))
    dense["is_attended"] = dense.pop("timepoint").notna()
    dense["timepoint"] = np.tile(np.arange(len(WINDOWS)), len(enrolled))
    return dense


def _score_columns(dense: pd.DataFrame) -> dict[str, pd.Series]:
    columns = {}
    for score in rules.SCORES:
        steps = 10 if score == "easi" else 1
        value = dense[f"{score}_score"]
        first = value.iloc[:: len(WINDOWS)]
        baseline = pd.Series(first.array.repeat(len(WINDOWS)), index=dense.index)
        baseline = baseline.where(value.notna())
        change = value - baseline
        percent = 100.0 * (change / steps) / (baseline / steps).where(baseline != 0)
        for name, column in (
            ("score", value), ("baseline_score", baseline), ("change_from_baseline", change),
        ):  # fmt: skip
            columns[f"{score}_{name}"] = column / steps if steps > 1 else column
        columns[f"{score}_percent_change_from_baseline"] = percent
        if score == "easi":
            fall, whole = -100 * change, baseline.where(baseline != 0)
            for share in (50, 75, 90):
                columns[f"has_easi_{share}_response"] = fall >= share * whole
            columns["is_easi_below_7"] = value < 70
            columns["is_easi_at_most_7"] = value <= 70
            columns["is_easi_above_21"] = value > 210
        elif score in ("itch_nrs", "sleep_nrs"):
            points = rules.response_points(score)
            columns[f"has_{score.removesuffix('_nrs')}_response"] = -change >= points
        elif score == "dlqi":
            columns["is_dlqi_below_10"] = value < 10
    is_baseline = dense["timepoint"] == 0
    for name, column in columns.items():
        if name.startswith("has_"):
            columns[name] = column.mask(is_baseline)
    return columns


def _band(value: pd.Series, score: str, scheme: str, per_point: int) -> pd.Categorical:
    names = rules.bands(score, scheme, per_point)
    known = sorted({name for name in names if name})
    codes = np.array([known.index(name) if name else -1 for name in names], dtype="int8")
    position = value.fillna(-1).to_numpy(dtype="int32")
    return pd.Categorical.from_codes(np.where(position < 0, -1, codes[position]), known)


def patient_timepoints(
    enrolled: pd.DataFrame, attended: pd.DataFrame, regimens: pd.DataFrame, extraction: pd.Timestamp
) -> pd.DataFrame:
    """Return fct_patient_timepoints."""
    dense = _dense(attended, enrolled)
    therapy = _dense(regimens, enrolled)
    timepoint = dense["timepoint"]
    attended_here = dense["is_attended"]
    is_evaluable = np.repeat(enrolled["is_evaluable"].to_numpy(), len(WINDOWS))
    days_known = (extraction - enrolled["index_date"]).dt.days.to_numpy()
    last_day = np.tile([window.last_day for window in WINDOWS], len(enrolled))
    is_early = np.repeat(days_known, len(WINDOWS)) < last_day
    is_reviewed = therapy["is_reviewed"].eq(True)
    not_evaluable = np.select([~attended_here, ~is_evaluable, ~is_reviewed], [0, 1, 2], default=-1)
    nominal = dense["nominal_timepoint"]
    claims = nominal.notna() & (nominal != "unscheduled")
    agreed = (nominal.astype(object) == CODES[timepoint]).astype("boolean").where(claims)
    return pd.DataFrame(
        {
            "patient_id": np.repeat(enrolled["patient_id"].to_numpy(), len(WINDOWS)),
            "timepoint_code": pd.Categorical.from_codes(timepoint, CODES),
            "not_attended_reason_code": pd.Categorical.from_codes(
                np.where(attended_here, -1, is_early),
                ["no_visit_in_window", "window_after_extraction"],
            ),
            "topical_regimen_code": therapy["regimen"],
            "regimen_not_evaluable_reason_code": pd.Categorical.from_codes(
                not_evaluable, ["not_attended", "patient_not_evaluable", "not_reviewed"]
            ),
            "easi_study_band_code": _band(dense["easi_score"], "easi", "study", 10),
            "easi_leshem_band_code": _band(dense["easi_score"], "easi", "leshem", 10),
            "dlqi_band_code": _band(dense["dlqi_score"], "dlqi", "hongbo", 1),
            "nominal_timepoint_code": nominal,
            "timepoint_number": timepoint.astype("int32"),
            "nominal_month": np.tile(
                np.array([window.month for window in WINDOWS], dtype="int32"), len(enrolled)
            ),
            **_score_columns(dense),
            "is_evaluable": is_evaluable,
            "is_attended": attended_here,
            "is_regimen_evaluable": is_reviewed,
            "is_on_tacrolimus": therapy["is_on_tacrolimus"],
            "is_on_corticosteroids": therapy["is_on_corticosteroids"],
            "is_nominal_timepoint_agreed": agreed,
            "visit_day": dense["visit_day"].astype("Int32"),
            "days_from_target": dense["from_target"].astype("Int32"),
            "source_file": pd.Categorical.from_codes(
                np.where(attended_here, 0, -1), ["visits.csv"]
            ),
            "source_record_number": dense["record_number"].astype("Int64"),
        }
    )  # fmt: skip


def tacrolimus_initiation(
    enrolled: pd.DataFrame, attended: pd.DataFrame, regimens: pd.DataFrame
) -> pd.DataFrame:
    """Return fct_tacrolimus_initiation."""
    evaluable = enrolled[enrolled["is_evaluable"]]
    reviewed = regimens[regimens["is_reviewed"]]
    using = reviewed[reviewed["is_on_tacrolimus"]]
    event = using.drop_duplicates("patient").set_index("patient").reindex(evaluable.index)
    last = reviewed.drop_duplicates("patient", keep="last").set_index("patient")
    last = last.reindex(evaluable.index)
    is_event = event["timepoint"].notna()
    number = event["timepoint"].fillna(last["timepoint"])
    months = np.array([window.month for window in WINDOWS])
    baseline = attended[attended["timepoint"] == 0].set_index("patient")
    censored = np.select(
        [is_event, number.isna(), number == len(WINDOWS) - 1], [-1, 0, 1], default=2
    )
    at_risk = {}
    for window in WINDOWS[1:]:
        seen = evaluable.index.isin(reviewed.loc[reviewed["timepoint"] == window.number, "patient"])
        is_before = ~is_event | (event["timepoint"] >= window.number)
        at_risk[f"is_at_risk_{window.code}"] = seen & is_before
        at_risk[f"has_initiated_{window.code}"] = event["timepoint"] == window.number
    return pd.DataFrame(
        {
            "patient_id": evaluable["patient_id"],
            "event_timepoint_code": pd.Categorical.from_codes(
                event["timepoint"].fillna(-1).astype("int8"), CODES
            ),
            "first_regimen_code": event["regimen"],
            "censor_reason_code": pd.Categorical.from_codes(
                censored,
                ["topical_therapy_never_reviewed", "end_of_follow_up", "no_later_evaluable_visit"],
            ),
            "sex_code": evaluable["sex"],
            "disease_course_code": evaluable["disease_course"],
            "clinical_phenotype_code": evaluable["clinical_phenotype"],
            "duration_months": months[number.fillna(0).astype("int8")].astype("int32"),
            "duration_days": event["visit_day"].fillna(last["visit_day"]).fillna(0).astype("int32"),
            "age_at_index_years": evaluable["age_at_index_years"].astype("Int32"),
            "dlqi_baseline_score": baseline["dlqi_score"].reindex(evaluable.index),
            "is_event": is_event,
            "is_on_tacrolimus_at_baseline": event["timepoint"] == 0,
            "is_female": _is(evaluable["sex"], "female"),
            "is_relapsing": _is(evaluable["disease_course"], "relapsing"),
            "is_generalized": _is(evaluable["clinical_phenotype"], "generalized"),
            **at_risk,
            "source_file": pd.Categorical.from_codes(
                np.where(is_event, 0, -1), ["prescriptions.csv"]
            ),
            "source_record_number": event["record"].astype("Int64"),
        }
    )


def _is(column: pd.Series, word: str) -> pd.Series:
    return (column == word).astype("boolean").where(column.notna())


def main() -> None:
    """Build the three marts of a delivery as Parquet files: DELIVERY FOLDER."""
    delivery, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    patients, visits, prescriptions = read(delivery)
    courses = classify(prescriptions)
    del prescriptions
    enrolled = enrol(patients, visits, courses)
    attended = attend(visits, enrolled)
    del visits
    regimens = regimens_of(attended, courses, enrolled)
    del courses
    extraction = pd.Timestamp(rules.extraction_date(delivery))
    marts = {
        "fct_topical_regimens": topical_regimens(regimens, patients),
        "fct_tacrolimus_initiation": tacrolimus_initiation(enrolled, attended, regimens),
        "fct_patient_timepoints": patient_timepoints(enrolled, attended, regimens, extraction),
    }
    for name, mart in marts.items():
        mart.to_parquet(folder / f"{name}.parquet", index=False)


if __name__ == "__main__":
    main()
