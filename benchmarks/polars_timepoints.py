"""The per-timepoint mart of the Polars contender."""

from __future__ import annotations

import polars as pl

from benchmarks import study_rules as rules

WINDOWS = rules.windows()
TIMEPOINTS = pl.DataFrame(
    {
        "timepoint_code": [window.code for window in WINDOWS],
        "timepoint_number": [window.number for window in WINDOWS],
        "nominal_month": [window.month for window in WINDOWS],
        "target_day": [window.target_day for window in WINDOWS],
        "first_day": [window.first_day for window in WINDOWS],
        "last_day": [window.last_day for window in WINDOWS],
    },
    schema_overrides={"timepoint_number": pl.Int32, "nominal_month": pl.Int32},
)


def _score_columns() -> list[pl.Expr]:
    later = pl.col("timepoint_number") > 0
    columns = []
    for score in rules.SCORES:
        steps = 10 if score == "easi" else 1
        value = pl.col(f"{score}_score")
        baseline = pl.when(value.is_not_null()).then(pl.col(f"{score}_score_baseline"))
        change = value - baseline
        whole = pl.when(baseline != 0).then(baseline)
        # Polars divides by a constant through its reciprocal; rounding takes the last bit back.
        shown = {
            name: (column / steps).round(1) if steps > 1 else column
            for name, column in (
                ("score", value), ("baseline_score", baseline), ("change_from_baseline", change),
            )
        }  # fmt: skip
        columns += [column.alias(f"{score}_{name}") for name, column in shown.items()]
        points = shown["baseline_score"]
        percent = 100.0 * shown["change_from_baseline"] / pl.when(points != 0).then(points)
        columns.append(percent.alias(f"{score}_percent_change_from_baseline"))
        if score == "easi":
            columns += [
                pl.when(later).then(-100 * change >= share * whole)
                .alias(f"has_easi_{share}_response")
                for share in (50, 75, 90)
            ]  # fmt: skip
            columns += [
                (value < 70).alias("is_easi_below_7"),
                (value <= 70).alias("is_easi_at_most_7"),
                (value > 210).alias("is_easi_above_21"),
            ]
        elif score in ("itch_nrs", "sleep_nrs"):
            response = pl.when(later).then(-change >= rules.response_points(score))
            columns.append(response.alias(f"has_{score.removesuffix('_nrs')}_response"))
        elif score == "dlqi":
            columns.append((value < 10).alias("is_dlqi_below_10"))
    return columns


def _band(score: str, scheme: str, per_point: int) -> pl.Expr:
    names = rules.bands(score, scheme, per_point)
    known = {position: name for position, name in enumerate(names) if name}
    return pl.col(f"{score}_score").replace_strict(known, default=None, return_dtype=pl.String)


def patient_timepoints(
    enrolled: pl.LazyFrame, attended: pl.LazyFrame, regimens: pl.LazyFrame, extraction: pl.Expr
) -> pl.LazyFrame:
    """Return fct_patient_timepoints."""
    keys = ["patient_id", "timepoint_number"]
    scores = [f"{score}_score" for score in rules.SCORES]
    baseline = attended.filter(pl.col("timepoint_number") == 0).select("patient_id", *scores)
    therapy = ["topical_regimen_code", "is_reviewed", "is_on_tacrolimus", "is_on_corticosteroids"]
    dense = (
        enrolled.select("patient_id", "pseudonym", "index_date", "is_evaluable")
        .join(TIMEPOINTS.lazy(), how="cross")
        .join(attended.drop("is_evaluable"), on=keys, how="left")
        .join(baseline, on="patient_id", how="left", suffix="_baseline")
        .join(regimens.select(*keys, *therapy), on=keys, how="left")
    )
    is_attended = pl.col("visit_date").is_not_null()
    is_early = (extraction - pl.col("index_date")).dt.total_days() < pl.col("last_day")
    nominal = pl.col("nominal_timepoint")
    return dense.select(
        pl.col("pseudonym").alias("patient_id"),
        "timepoint_code",
        pl.when(is_attended)
        .then(None)
        .when(is_early)
        .then(pl.lit("window_after_extraction"))
        .otherwise(pl.lit("no_visit_in_window"))
        .alias("not_attended_reason_code"),
        "topical_regimen_code",
        pl.when(is_attended.not_())
        .then(pl.lit("not_attended"))
        .when(pl.col("is_evaluable").not_())
        .then(pl.lit("patient_not_evaluable"))
        .when(pl.col("is_reviewed").not_())
        .then(pl.lit("not_reviewed"))
        .alias("regimen_not_evaluable_reason_code"),
        _band("easi", "study", 10).alias("easi_study_band_code"),
        _band("easi", "leshem", 10).alias("easi_leshem_band_code"),
        _band("dlqi", "hongbo", 1).alias("dlqi_band_code"),
        nominal.alias("nominal_timepoint_code"),
        "timepoint_number",
        "nominal_month",
        *_score_columns(),
        "is_evaluable",
        is_attended.alias("is_attended"),
        pl.col("is_reviewed").fill_null(False).alias("is_regimen_evaluable"),
        "is_on_tacrolimus",
        "is_on_corticosteroids",
        pl.when(nominal != "unscheduled")
        .then(nominal == pl.col("timepoint_code"))
        .alias("is_nominal_timepoint_agreed"),
        "visit_day",
        "days_from_target",
        pl.when(is_attended).then(pl.lit("visits.csv")).alias("source_file"),
        pl.col("record_number").alias("source_record_number"),
    )
