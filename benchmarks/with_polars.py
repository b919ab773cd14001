"""Peer in Polars: the per-timepoint mart of the same exports, as a Parquet file: DELIVERY FOLDER.

Lazy scans read only the needed columns. EASI is counted in tenths. Nothing is checked, quarantined
or tested. The study's rules come from the seeds.
"""

from __future__ import annotations

import csv
import hmac
import os
import sys
from datetime import date
from pathlib import Path

import polars as pl
import yaml

SEEDS = Path(__file__).resolve().parents[1] / "seeds"
FAR_AWAY = pl.date(9999, 12, 31)


def seed(name: str) -> list[dict[str, str]]:
    """Return the rows of a seed."""
    with open(SEEDS / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


WINDOWS = pl.DataFrame(seed("protocol/visit_windows")).select(
    "timepoint_code",
    pl.col("timepoint_number", "nominal_month", "target_day", "first_day", "last_day").cast(
        pl.Int32
    ),
)
BASELINE = WINDOWS.row(0, named=True)
SEASONS = {
    int(row["month_number"]): (int(row["first_month_number"]), int(row["last_month_number"]))
    for row in seed("protocol/seasons")
}
CRITERIA = {row["criterion_code"]: row for row in seed("protocol/eligibility_criteria")}
STEPS = {
    row["score_code"]: round(1 / float(row["step"]))
    for row in seed("protocol/score_definitions")
    if row["is_wide"] == "true"
}
CLASSES = seed("codelists/treatment_classes")
[INDEX_CLASS] = [
    row["treatment_class_code"] for row in CLASSES if row["is_index_treatment"] == "true"
]
SYSTEMIC = [
    row["treatment_class_code"] for row in CLASSES if row["is_systemic_anti_inflammatory"] == "true"
]
TOPICAL = {
    row["topical_regimen_code"]: row["treatment_class_code"]
    for row in CLASSES
    if row["topical_regimen_code"]
}
PREFIXES, PRODUCTS = seed("codelists/atc_codes"), seed("codelists/drug_products")
ROUTES = {
    row["word"]: row["code"] for row in seed("codelists/word_list") if row["word_kind"] == "route"
}


def treatment_class(atc_code: str | None, name: str, route: str | None) -> str:
    """Return the treatment class of a drug, by its ATC code, else by its name."""
    if not atc_code:
        routes = ("any", ROUTES.get((route or "").lower()))
        named = [
            row
            for row in PRODUCTS
            if name.lower().startswith(row["product_name"]) and row["route_code"] in routes
        ]
        if not named:
            return "unmapped"
        best = max(named, key=lambda row: (len(row["product_name"]), row["route_code"] != "any"))
        if best["treatment_class_code"]:
            return best["treatment_class_code"]
        atc_code = best["atc_code"]
    fitting = [row for row in PREFIXES if atc_code.startswith(row["atc_prefix"])]
    longest = max(fitting, key=lambda row: len(row["atc_prefix"]), default=None)
    return longest["treatment_class_code"] if longest else "other"


def scan(path: Path, types: dict[str, type[pl.DataType]]) -> pl.LazyFrame:
    """Return an export that is not yet read; columns without a type are text."""
    with open(path, encoding="utf-8") as file:
        columns = file.readline().strip().split(",")
    schema = {column: types.get(column, pl.String) for column in columns}
    return pl.scan_csv(path, schema=schema)


def read(delivery: Path) -> tuple[pl.LazyFrame, pl.LazyFrame, pl.LazyFrame]:
    """Return patients with pseudonyms, visits, and courses with their treatment class."""
    key = bytes.fromhex(Path(os.environ["REGISTRY_KEY_FILE"]).read_text())
    patients = (
        scan(delivery / "patients.csv", {"birth_date": pl.Date})
        .select("patient_id", "sex", "disease_course", "clinical_phenotype", "birth_date")
        .collect(engine="streaming")
    )
    pseudonyms = [
        "p" + hmac.digest(key, f"patient:{patient}".encode(), "sha256").hex()[:16]
        for patient in patients["patient_id"]
    ]
    types = {"visit_date": pl.Date, **{f"{score}_score": pl.Int32 for score in STEPS}}
    visits = scan(delivery / "visits.csv", {**types, "easi_score": pl.Float64}).with_columns(
        (pl.col("easi_score") * STEPS["easi"]).round().cast(pl.Int32)
    )
    prescriptions = scan(
        delivery / "prescriptions.csv", {"start_date": pl.Date, "end_date": pl.Date}
    ).drop("prescription_id", "strength", "body_site")
    names = ["atc_code", "drug_name", "route"]
    written = prescriptions.select(names).unique().collect(engine="streaming")
    classes = [treatment_class(*row) for row in written.iter_rows()]
    courses = (
        prescriptions.join(
            written.with_columns(pl.Series("treatment_class", classes)).lazy(),
            on=names,
            nulls_equal=True,
        )
        .drop(names)
        .with_columns(pl.col("end_date").fill_null(FAR_AWAY))
    )
    return patients.with_columns(pl.Series("pseudonym", pseudonyms)).lazy(), visits, courses


def enrol(patients: pl.LazyFrame, visits: pl.LazyFrame, courses: pl.LazyFrame) -> pl.LazyFrame:
    """Return the enrolled patients with index date, age and whether they are evaluable."""
    period, adult, severe, systemic = (
        CRITERIA[code]
        for code in (
            "is_index_date_in_study_period", "is_adult", "has_severe_disease",
            "has_no_concomitant_systemic",
        )
    )  # fmt: skip
    index, birth = pl.col("index_date"), pl.col("birth_date")
    index_dates = (
        courses.filter(pl.col("treatment_class") == INDEX_CLASS)
        .group_by("patient_id")
        .agg(pl.col("start_date").min().alias("index_date"))
    )
    day = (pl.col("visit_date") - index).dt.total_days()
    is_severe = day.is_between(int(severe["first_day"]), int(severe["last_day"])) & (
        pl.col("easi_score") >= round(float(severe["threshold_value"]) * STEPS["easi"])
    )
    seen = (
        visits.join(index_dates, on="patient_id")
        .group_by("patient_id")
        .agg(
            day.is_between(BASELINE["first_day"], BASELINE["last_day"]).any().alias("has_baseline"),
            is_severe.fill_null(False).any().alias("has_severe_disease"),
            (pl.col("topical_adherence") == "non_adherent").any().not_().alias("is_evaluable"),
        )
    )
    first_day, last_day = (
        (pl.col(f"{end}_date") - index).dt.total_days() for end in ("start", "end")
    )
    concomitant = (
        courses.filter(pl.col("treatment_class").is_in(SYSTEMIC))
        .join(index_dates, on="patient_id")
        .filter(first_day <= int(systemic["last_day"]), last_day >= int(systemic["first_day"]))
    )
    month_day = [each.dt.month().cast(pl.Int32) * 100 + each.dt.day() for each in (index, birth)]
    age = index.dt.year() - birth.dt.year() - (month_day[0] < month_day[1]).cast(pl.Int32)
    return (
        patients.join(index_dates, on="patient_id")
        .join(seen, on="patient_id")
        .join(concomitant, on="patient_id", how="anti")
        .with_columns(age.alias("age_at_index_years"))
        .filter(
            pl.col("has_baseline") & pl.col("has_severe_disease"),
            index >= date.fromisoformat(period["first_date"]),
            index <= date.fromisoformat(period["last_date"]),
            pl.col("age_at_index_years") >= float(adult["threshold_value"]),
        )
    )


def attend(visits: pl.LazyFrame, enrolled: pl.LazyFrame) -> pl.LazyFrame:
    """Return one visit per enrolled patient and timepoint: the nearest to the target day."""
    day = (pl.col("visit_date") - pl.col("index_date")).dt.total_days()
    dated = visits.join(
        enrolled.select("patient_id", "index_date", "is_evaluable"), on="patient_id"
    ).select(pl.exclude("index_date"), day.cast(pl.Int32).alias("visit_day"))
    in_windows = pl.concat(
        dated.filter(
            pl.col("visit_day").is_between(each["first_day"], each["last_day"])
        ).with_columns(
            pl.lit(each["timepoint_number"], pl.Int32).alias("timepoint_number"),
            (pl.col("visit_day") - each["target_day"]).alias("days_from_target"),
        )
        for each in WINDOWS.rows(named=True)
    )
    keys = ["patient_id", "timepoint_number"]
    order = [pl.col("days_from_target").abs(), pl.col("visit_date"), pl.col("visit_id")]
    by_date = pl.col("easi_score").sort_by("visit_date")
    counted = in_windows.with_columns(
        pl.len().over(keys).cast(pl.Int32).alias("n_visits_in_window"),
        by_date.first().over(keys).alias("easi_first_visit_score"),
        by_date.last().over(keys).alias("easi_last_visit_score"),
    )
    return counted.sort(*keys, *order).unique(keys, keep="first").drop("visit_id")


def regimens_of(attended: pl.LazyFrame, courses: pl.LazyFrame) -> pl.LazyFrame:
    """Return the topical regimen of every evaluable patient at every attended timepoint."""
    keys = ["patient_id", "timepoint_number"]
    is_reviewed = (pl.col("topical_adherence") == "adherent").fill_null(False)
    seen = attended.filter("is_evaluable").select(
        *keys, "visit_date", is_reviewed.alias("is_reviewed")
    )
    is_topical = pl.col("treatment_class").is_in(list(TOPICAL.values()))
    active = (
        seen.select(*keys, "visit_date")
        .join(courses.filter(is_topical), on="patient_id")
        .filter(pl.col("visit_date").is_between(pl.col("start_date"), pl.col("end_date")))
        .group_by(keys)
        .agg(
            (pl.col("treatment_class") == of_regimen).any().alias(f"is_on_{regimen}")
            for regimen, of_regimen in TOPICAL.items()
        )
    )
    tacrolimus, steroids = pl.col("is_on_tacrolimus"), pl.col("is_on_corticosteroids")
    return (
        seen.join(active, on=keys, how="left")
        .with_columns(
            pl.when("is_reviewed").then(each.fill_null(False)) for each in (tacrolimus, steroids)
        )
        .with_columns(
            pl.when(tacrolimus & steroids)
            .then(pl.lit("corticosteroids_and_tacrolimus"))
            .when(tacrolimus)
            .then(pl.lit("tacrolimus"))
            .when(steroids)
            .then(pl.lit("corticosteroids"))
            .when("is_reviewed")
            .then(pl.lit("none"))
            .alias("topical_regimen_code")
        )
    )


def response_columns() -> list[pl.Expr]:
    """Return the responses of fct_patient_timepoints: of points only for itch and sleep."""
    is_later, columns = pl.col("timepoint_number") > 0, []
    for row in seed("protocol/score_responses"):
        score, kind = row["score_code"], row["response_kind"]
        if score not in STEPS:
            continue
        value, steps = pl.col(f"{score}_score"), STEPS[score]
        limit = round(float(row["threshold_value"]) * (1 if kind == "percent" else steps))
        baseline = pl.col(f"{score}_score_baseline")
        fall = baseline - value
        if kind == "percent":
            reached = 100 * fall >= limit * pl.when(baseline != 0).then(baseline)
            columns.append(
                pl.when(is_later).then(reached).alias(f"has_{row['response_code']}_response")
            )
        elif kind == "points" and score.endswith("_nrs"):
            name = f"has_{score.removesuffix('_nrs')}_response"
            columns.append(pl.when(is_later).then(fall >= limit).alias(name))
        elif kind != "points":
            sides = {"below": value < limit, "at_most": value <= limit, "above": value > limit}
            columns.append(sides[kind].alias(f"is_{row['response_code']}"))
    return columns


def score_columns() -> list[pl.Expr]:
    """Return score, baseline and changes of every score, in points and percent."""
    columns = []
    for score, steps in STEPS.items():
        value = pl.col(f"{score}_score")
        baseline = pl.when(value.is_not_null()).then(pl.col(f"{score}_score_baseline"))
        # Polars divides by a constant through its reciprocal: the rounding corrects the last bit
        points = [
            (each / steps).round(1) if steps > 1 else each
            for each in (value, baseline, value - baseline)
        ]
        names = ("score", "baseline_score", "change_from_baseline")
        columns += [each.alias(f"{score}_{name}") for each, name in zip(points, names, strict=True)]
        percent = 100.0 * points[2] / pl.when(points[1] != 0).then(points[1])
        columns.append(percent.alias(f"{score}_percent_change_from_baseline"))
    return columns


def band(score: str, scheme: str) -> pl.Expr:
    """Return the band of a score."""
    known: dict[int, str] = {}
    for row in seed("protocol/score_bands"):
        if (row["score_code"], row["scheme_code"]) == (score, scheme):
            lower, upper = (
                round(float(row[f"{side}_value"]) * STEPS[score]) for side in ("lower", "upper")
            )
            first = lower + (row["is_lower_inclusive"] == "false")
            last = upper - (row["is_upper_inclusive"] == "false")
            known |= dict.fromkeys(range(first, last + 1), row["band_code"])
    return pl.col(f"{score}_score").replace_strict(known, default=None, return_dtype=pl.String)


def patient_timepoints(
    enrolled: pl.LazyFrame, attended: pl.LazyFrame, regimens: pl.LazyFrame, extraction: date
) -> pl.LazyFrame:
    """Return fct_patient_timepoints."""
    keys = ["patient_id", "timepoint_number"]
    scores = [f"{score}_score" for score in STEPS]
    baseline = attended.filter(pl.col("timepoint_number") == 0).select("patient_id", *scores)
    therapy = ["topical_regimen_code", "is_reviewed", "is_on_tacrolimus", "is_on_corticosteroids"]
    is_attended = pl.col("visit_date").is_not_null()
    first_month = SEASONS[extraction.month][0]
    season_start = date(extraction.year - (first_month > extraction.month), first_month, 1)
    month = pl.col("index_date").dt.month().cast(pl.Int32)
    last_month = month.replace_strict({k: last for k, (_, last) in SEASONS.items()})
    index_season_end = pl.date(
        pl.col("index_date").dt.year() + (last_month < month).cast(pl.Int32), last_month, 1
    ).dt.month_end()
    is_early = (pl.lit(season_start) - index_season_end).dt.total_days() <= pl.col("last_day")
    nominal = pl.col("nominal_timepoint")
    return (
        enrolled.select("patient_id", "pseudonym", "index_date", "is_evaluable")
        .join(WINDOWS.lazy(), how="cross")
        .join(attended.drop("is_evaluable"), on=keys, how="left")
        .join(baseline, on="patient_id", how="left", suffix="_baseline")
        .join(regimens.select(*keys, *therapy), on=keys, how="left")
        .select(
            pl.col("pseudonym").alias("patient_id"),
            "timepoint_code",
            pl.when(is_attended).then(None)
            .when(is_early).then(pl.lit("window_after_extraction"))
            .otherwise(pl.lit("no_visit_in_window"))
            .alias("not_attended_reason_code"),
            "topical_regimen_code",
            pl.when(is_attended.not_()).then(pl.lit("not_attended"))
            .when(pl.col("is_evaluable").not_()).then(pl.lit("patient_not_evaluable"))
            .when(pl.col("is_reviewed").not_()).then(pl.lit("not_reviewed"))
            .alias("regimen_not_evaluable_reason_code"),
            band("easi", "study").alias("easi_study_band_code"),
            band("easi", "leshem").alias("easi_leshem_band_code"),
            band("dlqi", "hongbo").alias("dlqi_band_code"),
            nominal.alias("nominal_timepoint_code"),
            "timepoint_number",
            "nominal_month",
            *score_columns(),
            *(
                (pl.col(f"easi_{which}_visit_score") / STEPS["easi"]).round(1)
                for which in ("first", "last")
            ),
            "n_visits_in_window",
            *response_columns(),
            "is_evaluable",
            is_attended.alias("is_attended"),
            pl.col("is_reviewed").fill_null(False).alias("is_regimen_evaluable"),
            "is_on_tacrolimus",
            "is_on_corticosteroids",
            pl.when(nominal != "unscheduled").then(nominal == pl.col("timepoint_code"))
            .alias("is_nominal_timepoint_agreed"),
            pl.when(is_attended).then(pl.lit(False)).alias("is_placed_by_label"),
            "visit_day",
            "days_from_target",
        )
    )  # fmt: skip


def main() -> None:
    """Build fct_patient_timepoints of a delivery as a Parquet file."""
    delivery, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    settings = yaml.safe_load((delivery / "delivery.yml").read_text(encoding="utf-8"))
    patients, visits, courses = read(delivery)
    # Without collecting them here, Polars would compute the shared frames several times
    courses = courses.collect(engine="streaming").lazy()
    enrolled = enrol(patients, visits, courses).collect(engine="streaming").lazy()
    attended = attend(visits, enrolled).collect(engine="streaming").lazy()
    regimens = regimens_of(attended, courses)
    mart = patient_timepoints(enrolled, attended, regimens, settings["extraction_date"])
    mart.collect(engine="streaming").write_parquet(folder / "fct_patient_timepoints.parquet")


if __name__ == "__main__":
    main()
