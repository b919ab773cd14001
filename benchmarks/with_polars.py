"""The Polars contender: three marts from the same files.

Lazy scans, so that only the needed columns are read, and the streaming engine; what several
tables share is computed once. EASI in tenths, as in the pandas contender. Nothing is checked,
quarantined or tested.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from benchmarks import study_rules as rules
from benchmarks.polars_timepoints import TIMEPOINTS, patient_timepoints

WINDOWS = rules.windows()
FAR_AWAY = pl.date(9999, 12, 31)


def _scan(path: Path, schema: dict[str, type[pl.DataType]]) -> pl.LazyFrame:
    return pl.scan_csv(path, schema=schema, row_index_name="record_number", row_index_offset=1)


def read(delivery: Path) -> tuple[pl.LazyFrame, pl.LazyFrame, pl.LazyFrame]:
    """Return patients, and visits and prescriptions that are not yet read."""
    words = ("sex", "disease_course", "clinical_phenotype")
    patients = _scan(
        delivery / "patients.csv",
        {
            "patient_id": pl.String, "sex": pl.String, "birth_date": pl.Date,
            "ad_diagnosis_date": pl.Date, **dict.fromkeys(words[1:], pl.String),
            "involves_face": pl.String, "involves_hands": pl.String,
            "involves_genitalia": pl.String,
        },
    ).select("patient_id", *words, "birth_date").collect(engine="streaming")  # fmt: skip
    pseudonyms = rules.pseudonyms(patients["patient_id"].to_list())
    patients = patients.with_columns(pl.Series("pseudonym", pseudonyms)).lazy()
    visits = _scan(
        delivery / "visits.csv",
        {
            "visit_id": pl.String, "patient_id": pl.String, "visit_date": pl.Date,
            "nominal_timepoint": pl.String, "easi_score": pl.Float64,
            **{f"{score}_score": pl.Int32 for score in rules.SCORES if score != "easi"},
            "topical_adherence": pl.String,
        },
    ).with_columns((pl.col("easi_score") * 10).round().cast(pl.Int32))  # fmt: skip
    prescriptions = _scan(
        delivery / "prescriptions.csv",
        {
            "prescription_id": pl.String, "patient_id": pl.String, "drug_name": pl.String,
            "atc_code": pl.String, "route": pl.String, "strength": pl.String,
            "body_site": pl.String, "start_date": pl.Date, "end_date": pl.Date,
        },
    ).drop("prescription_id", "strength", "body_site")  # fmt: skip
    return patients, visits, prescriptions


def classify(prescriptions: pl.LazyFrame) -> pl.LazyFrame:
    """Return the courses with treatment class and potency; each drug is looked up once."""
    names = ["atc_code", "drug_name", "route"]
    written = prescriptions.select(names).unique().collect(engine="streaming")
    found = [rules.drug(*row) for row in written.iter_rows()]
    drugs = written.with_columns(
        pl.Series("treatment_class", [each.treatment_class for each in found]),
        pl.Series("potency_rank", [each.potency_rank or 0 for each in found], dtype=pl.Int8),
    )
    return (
        prescriptions.join(drugs.lazy(), on=names, nulls_equal=True)
        .drop(names)
        .with_columns(pl.col("end_date").fill_null(FAR_AWAY))
    )


def enrol(patients: pl.LazyFrame, visits: pl.LazyFrame, courses: pl.LazyFrame) -> pl.LazyFrame:
    """Return the enrolled patients with index date, age and whether they are evaluable."""
    criteria = rules.criteria()
    severe, systemic = criteria["has_severe_disease"], criteria["has_no_concomitant_systemic"]
    index_dates = (
        courses.filter(pl.col("treatment_class") == "index_treatment")
        .group_by("patient_id")
        .agg(pl.col("start_date").min().alias("index_date"))
    )
    day = (pl.col("visit_date") - pl.col("index_date")).dt.total_days()
    is_severe = day.is_between(int(severe["first_day"]), int(severe["last_day"])) & (
        pl.col("easi_score") >= round(float(severe["threshold_value"]) * 10)
    )
    seen = (
        visits.join(index_dates, on="patient_id")
        .group_by("patient_id")
        .agg(
            day.is_between(WINDOWS[0].first_day, WINDOWS[0].last_day).any().alias("has_baseline"),
            is_severe.fill_null(False).any().alias("has_severe_disease"),
            (pl.col("topical_adherence") == "non_adherent").any().not_().alias("is_evaluable"),
        )
    )
    concomitant = (
        courses.filter(pl.col("treatment_class").is_in(list(rules.systemic_classes())))
        .join(index_dates, on="patient_id")
        .filter(
            (pl.col("start_date") - pl.col("index_date")).dt.total_days()
            <= int(systemic["last_day"]),
            (pl.col("end_date") - pl.col("index_date")).dt.total_days()
            >= int(systemic["first_day"]),
        )
    )
    index, birth = pl.col("index_date"), pl.col("birth_date")
    is_before_birthday = _day_of_year(index) < _day_of_year(birth)
    age = index.dt.year() - birth.dt.year() - is_before_birthday.cast(pl.Int32)
    return (
        patients.join(index_dates, on="patient_id")
        .join(seen, on="patient_id")
        .join(concomitant, on="patient_id", how="anti")
        .with_columns(age.alias("age_at_index_years"))
        .filter(
            pl.col("has_baseline") & pl.col("has_severe_disease"),
            index.is_between(*rules.study_period()),
            pl.col("age_at_index_years") >= float(criteria["is_adult"]["threshold_value"]),
        )
    )


def _day_of_year(day: pl.Expr) -> pl.Expr:
    return day.dt.month().cast(pl.Int32) * 100 + day.dt.day()


def attend(visits: pl.LazyFrame, enrolled: pl.LazyFrame) -> pl.LazyFrame:
    """Return one visit per enrolled patient and timepoint: the nearest to the target day."""
    day = (pl.col("visit_date") - pl.col("index_date")).dt.total_days()
    dated = visits.join(
        enrolled.select("patient_id", "index_date", "is_evaluable"), on="patient_id"
    ).select(pl.exclude("index_date"), day.cast(pl.Int32).alias("visit_day"))
    in_windows = pl.concat(
        dated.filter(
            pl.col("visit_day").is_between(window.first_day, window.last_day)
        ).with_columns(
            pl.lit(window.number, pl.Int32).alias("timepoint_number"),
            (pl.col("visit_day") - window.target_day).alias("days_from_target"),
        )
        for window in WINDOWS
    )
    keys = ["patient_id", "timepoint_number"]
    order = [pl.col("days_from_target").abs(), pl.col("visit_date"), pl.col("visit_id")]
    return in_windows.sort(*keys, *order).unique(keys, keep="first").drop("visit_id")


def regimens_of(attended: pl.LazyFrame, courses: pl.LazyFrame) -> pl.LazyFrame:
    """Return the topical regimen of every evaluable patient at every attended timepoint."""
    keys = ["patient_id", "timepoint_number"]
    seen = attended.filter("is_evaluable").select(
        *keys, "visit_date", "visit_day", (pl.col("topical_adherence") == "adherent")
        .fill_null(False).alias("is_reviewed")
    )  # fmt: skip
    is_tacrolimus = pl.col("treatment_class") == rules.TACROLIMUS
    active = (
        seen.select(*keys, "visit_date")
        .join(
            courses.filter(
                pl.col("treatment_class").is_in([rules.TACROLIMUS, rules.CORTICOSTEROID])
            ),
            on="patient_id",
        )
        .filter(pl.col("visit_date").is_between(pl.col("start_date"), pl.col("end_date")))
        .group_by(keys)
        .agg(
            pl.len().cast(pl.Int32).alias("n_active_courses"),
            is_tacrolimus.any().alias("tacrolimus"),
            is_tacrolimus.not_().any().alias("corticosteroids"),
            pl.col("potency_rank").max(),
            pl.col("record_number")
            .filter(is_tacrolimus)
            .sort_by(
                pl.col("start_date").filter(is_tacrolimus),
                pl.col("record_number").filter(is_tacrolimus),
            )
            .first()
            .alias("tacrolimus_record"),
        )
    )
    reviewed = pl.col("is_reviewed")
    tacrolimus, corticosteroids = (
        pl.when(reviewed).then(pl.col(name).fill_null(False))
        for name in ("tacrolimus", "corticosteroids")
    )
    names = pl.col("is_on_tacrolimus"), pl.col("is_on_corticosteroids")
    potency = pl.when(reviewed).then(pl.col("potency_rank"))
    return (
        seen.join(active, on=keys, how="left")
        .with_columns(
            pl.col("n_active_courses").fill_null(0),
            tacrolimus.alias("is_on_tacrolimus"),
            corticosteroids.alias("is_on_corticosteroids"),
            potency.replace_strict(
                [1, 2, 3, 4], rules.POTENCIES, default=None, return_dtype=pl.String
            ).alias("steroid_potency_code"),
        )
        .with_columns(
            pl.when(names[0] & names[1])
            .then(pl.lit("corticosteroids_and_tacrolimus"))
            .when(names[0])
            .then(pl.lit("tacrolimus"))
            .when(names[1])
            .then(pl.lit("corticosteroids"))
            .when(reviewed)
            .then(pl.lit("none"))
            .alias("topical_regimen_code")
        )
    )


def topical_regimens(regimens: pl.LazyFrame, enrolled: pl.LazyFrame) -> pl.LazyFrame:
    """Return fct_topical_regimens."""
    code = pl.col("topical_regimen_code")
    is_baseline = pl.col("timepoint_number") == 0
    return (
        regimens.sort("patient_id", "timepoint_number")
        .with_columns(
            code.filter(is_baseline).first().over("patient_id").alias("baseline_topical_regimen_code"),
            code.forward_fill().shift().over("patient_id").alias("previous_topical_regimen_code"),
            pl.when(pl.col("is_reviewed").not_())
            .then(pl.lit("not_reviewed"))
            .alias("regimen_not_evaluable_reason_code"),
        )
        .join(
            TIMEPOINTS.lazy().select("timepoint_number", "timepoint_code"), on="timepoint_number"
        )
        .join(enrolled.select("patient_id", "pseudonym"), on="patient_id")
        .select(
            pl.col("pseudonym").alias("patient_id"), "timepoint_code", "topical_regimen_code",
            "baseline_topical_regimen_code", "previous_topical_regimen_code",
            "regimen_not_evaluable_reason_code", "steroid_potency_code", "timepoint_number",
            "n_active_courses", pl.col("is_reviewed").alias("is_regimen_evaluable"),
            "is_on_tacrolimus", "is_on_corticosteroids",
        )
    )  # fmt: skip


def tacrolimus_initiation(
    enrolled: pl.LazyFrame, attended: pl.LazyFrame, regimens: pl.LazyFrame
) -> pl.LazyFrame:
    """Return fct_tacrolimus_initiation."""
    number = pl.col("timepoint_number")
    shown = pl.struct(number, "visit_day", "topical_regimen_code", "tacrolimus_record")
    states = (
        regimens.filter("is_reviewed")
        .group_by("patient_id")
        .agg(
            shown.filter("is_on_tacrolimus")
            .sort_by(number.filter("is_on_tacrolimus"))
            .first()
            .alias("event"),
            shown.sort_by(number).last().alias("last"),
            *(
                (number == window.number).any().alias(f"seen_{window.code}")
                for window in WINDOWS[1:]
            ),
        )
    )
    event, last = pl.col("event").struct, pl.col("last").struct
    event_number = event.field("timepoint_number")
    is_event = event_number.is_not_null()
    final_number = pl.coalesce(event_number, last.field("timepoint_number"))
    numbers, codes = [w.number for w in WINDOWS], [w.code for w in WINDOWS]
    months = [window.month for window in WINDOWS]
    at_risk = []
    for window in WINDOWS[1:]:
        is_before = is_event.not_() | (event_number >= window.number)
        seen = pl.col(f"seen_{window.code}").fill_null(False)
        at_risk.append((seen & is_before.fill_null(True)).alias(f"is_at_risk_{window.code}"))
        is_here = (event_number == window.number).fill_null(False)
        at_risk.append(is_here.alias(f"has_initiated_{window.code}"))
    baseline = attended.filter(number == 0).select(
        "patient_id", pl.col("dlqi_score").alias("dlqi_baseline_score")
    )
    return (
        enrolled.filter("is_evaluable")
        .join(states, on="patient_id", how="left")
        .join(baseline, on="patient_id", how="left")
        .select(
            pl.col("pseudonym").alias("patient_id"),
            event_number.replace_strict(numbers, codes, default=None, return_dtype=pl.String)
            .alias("event_timepoint_code"),
            event.field("topical_regimen_code").alias("first_regimen_code"),
            pl.when(is_event).then(None)
            .when(final_number.is_null()).then(pl.lit("topical_therapy_never_reviewed"))
            .when(final_number == numbers[-1]).then(pl.lit("end_of_follow_up"))
            .otherwise(pl.lit("no_later_evaluable_visit"))
            .alias("censor_reason_code"),
            pl.col("sex").alias("sex_code"),
            pl.col("disease_course").alias("disease_course_code"),
            pl.col("clinical_phenotype").alias("clinical_phenotype_code"),
            final_number.fill_null(0)
            .replace_strict(numbers, months, return_dtype=pl.Int32).alias("duration_months"),
            pl.coalesce(event.field("visit_day"), last.field("visit_day"), 0)
            .alias("duration_days"),
            pl.col("age_at_index_years").cast(pl.Int32),
            "dlqi_baseline_score",
            is_event.alias("is_event"),
            (event_number == 0).fill_null(False).alias("is_on_tacrolimus_at_baseline"),
            (pl.col("sex") == "female").alias("is_female"),
            (pl.col("disease_course") == "relapsing").alias("is_relapsing"),
            (pl.col("clinical_phenotype") == "generalized").alias("is_generalized"),
            *at_risk,
            pl.when(is_event).then(pl.lit("prescriptions.csv")).alias("source_file"),
            event.field("tacrolimus_record").alias("source_record_number"),
        )
    )  # fmt: skip


def _now(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Compute a shared frame once; without this every table computes it again (ten-fold time)."""
    return frame.collect(engine="streaming").lazy()


def main() -> None:
    """Build the three marts of a delivery as Parquet files: DELIVERY FOLDER."""
    delivery, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    patients, visits, prescriptions = read(delivery)
    courses = _now(classify(prescriptions))
    enrolled = _now(enrol(patients, visits, courses))
    attended = _now(attend(visits, enrolled))
    regimens = _now(regimens_of(attended, courses))
    del courses
    extraction = pl.lit(rules.extraction_date(delivery))
    marts = {
        "fct_topical_regimens": topical_regimens(regimens, enrolled),
        "fct_tacrolimus_initiation": tacrolimus_initiation(enrolled, attended, regimens),
        "fct_patient_timepoints": patient_timepoints(enrolled, attended, regimens, extraction),
    }
    for name, mart in marts.items():
        mart.collect(engine="streaming").write_parquet(folder / f"{name}.parquet")


if __name__ == "__main__":
    main()
