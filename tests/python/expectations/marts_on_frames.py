"""The rules of marts and of the ledger on whole pandas frames: what breaks them, what they need."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from expectations.facts import SCORES, Facts


def _share(flags: pd.Series) -> float:
    return float(flags.dropna().astype(float).mean())


def _attended(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["is_attended"].fillna(False).astype(bool)]


def _rises(rows: pd.DataFrame, _: Facts) -> int:
    shares = rows.groupby("timepoint_number")["is_attended"].mean().astype(float).sort_index()
    return int((shares > shares.shift() + 0.1).sum())


def _recorded(column: str, over: Callable = lambda rows: rows) -> Callable:
    def count(rows: pd.DataFrame, _: Facts) -> bool:
        return over(rows)[column].notna().sum() < 0.5 * len(over(rows))

    return count


def _jumps(score: str) -> Callable:
    def count(rows: pd.DataFrame, facts: Facts) -> int:
        found = 0
        for timepoint, at in rows.groupby("timepoint_code"):
            before = facts.last_means.get((timepoint, score))
            if before is not None and at[score].count() >= 20:
                moved = abs(float(at[score].astype(float).mean()) - before)
                found += moved > max(1.0, 0.25 * abs(before))
        return found

    return count


def _easi_rises(rows: pd.DataFrame, _: Facts) -> bool:
    scored = _attended(rows).dropna(subset=["easi_score"])
    later = scored[scored["timepoint_number"] > 0]["easi_score"].astype(float)
    first = scored[scored["timepoint_number"] == 0]["easi_score"].astype(float)
    return len(later) >= 20 and bool(later.mean() >= first.mean())


def _constant(rows: pd.DataFrame, _: Facts) -> int:
    return sum(
        len(of) >= 20 and of["score_value"].nunique() == 1 for _, of in rows.groupby("score_code")
    )


def _heaped(rows: pd.DataFrame, _: Facts) -> int:
    found = 0
    for _, of in _heaping(rows):
        found += len(of) >= 50 and int((of["score_value"].value_counts() > 0.9 * len(of)).sum())
    return found


MOST_POINTS = {"easi": 72, "itch_nrs": 10, "sleep_nrs": 10, "dlqi": 30, "iga": 4, "poem": 28}


def _at_baseline(rows: pd.DataFrame) -> pd.api.typing.SeriesGroupBy:
    rows = rows[rows["timepoint_code"] == "baseline"]
    percent = 100 * rows["score_value"].astype(float) / rows["score_code"].map(MOST_POINTS)
    return percent.groupby(rows["score_code"])


def _mild(rows: pd.DataFrame, _: Facts) -> int:
    return sum(len(of) >= 20 and of.mean() < 20 for _, of in _at_baseline(rows))


def _heaping(rows: pd.DataFrame) -> pd.api.typing.DataFrameGroupBy:
    rows = rows[(rows["score_value"] > 0) & (rows["score_code"] != "iga")]
    return rows.groupby(["score_code", "timepoint_code"])


def _due(rows: pd.DataFrame) -> pd.api.typing.DataFrameGroupBy:
    is_due = rows["not_attended_reason_code"] != "window_after_extraction"
    return rows[is_due].groupby("timepoint_code")


def _used(column: str, over: Callable = lambda rows: rows) -> Callable:
    return lambda rows: len(over(rows)) if rows[column].notna().any() else 0


def _attended_by_evaluable(rows: pd.DataFrame) -> pd.DataFrame:
    return _attended(rows)[_attended(rows)["is_evaluable"].fillna(False).astype(bool)]


def _steps(rows: pd.DataFrame) -> pd.DataFrame:
    steps = rows.sort_values("step_number")
    return steps.assign(before=steps["n_patients"].shift())


def _evaluable(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["is_regimen_evaluable"].fillna(False).astype(bool)]


def _known_at_baseline(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["is_on_tacrolimus_at_baseline"].notna()]


def _lost(ledger: pd.DataFrame, column: str) -> int:
    return int((ledger[column] > (0.10 * ledger["n_records_read"]).clip(lower=5)).sum())


QUERIES: dict[str, Callable] = {
    "records_selected": lambda r, f: r["source_file"].str.endswith("#not_selected").sum(),
    "record_loss_small": lambda r, f: _lost(r, "n_quarantined"),
    "value_loss_small": lambda r, f: _lost(r, "n_values_refused"),
    "every_timepoint_present": lambda r, f: sum(
        len(of) >= 20 and not of["is_attended"].any() for _, of in _due(r)
    ),
    "age_at_index_years_mean": lambda r, f: (
        not 20 <= r["age_at_index_years"].astype(float).mean() <= 70
    ),
    "baseline_attendance": lambda r, f: (
        _share(r[r["timepoint_code"] == "baseline"]["is_attended"]) < 0.9
    ),
    "attendance_over_time": _rises,
    **{f"{score}_recorded": _recorded(score, _attended) for score in SCORES},
    **{f"{score}_as_before": _jumps(score) for score in SCORES},
    "easi_falls": _easi_rises,
    "regimens_reviewed": lambda r, f: (
        _share(_attended_by_evaluable(r)["is_regimen_evaluable"]) < 0.5
    ),
    "one_regimen_only": lambda r, f: (
        r["topical_regimen_code"].nunique() < 2
    ),
    "nominal_agreement": lambda r, f: (
        _share(r["is_nominal_timepoint_agreed"]) < 0.8
    ),
    "one_sex_only": lambda r, f: (
        not 0.1 <= (r["sex_code"].dropna() == "female").mean() <= 0.9
    ),
    "ages_in_order": lambda r, f: (
        (r["age_at_diagnosis_years"] > r["age_at_index_years"]).fillna(False)
        & ~r["is_ad_diagnosis_date_partial"]
    ).sum(),
    "evaluable_share": lambda r, f: _share(r["is_evaluable"]) < 0.5,
    "one_season_only": lambda r, f: (
        r.groupby("index_season_start_date").size() > 0.6 * len(r)
    ).sum(),
    **{
        f"{column}_recorded": _recorded(column)
        for column in ("disease_course_code", "clinical_phenotype_code", "age_at_diagnosis_years")
    },
    "baseline_severity": _mild,
    "constant_score": _constant,
    "heaped_score": _heaped,
    "everybody_on_tacrolimus": lambda r, f: (
        _share(_evaluable(r)["is_on_tacrolimus"]) > 0.8
    ),
    "nobody_on_topicals": lambda r, f: (
        (e := _evaluable(r))["is_on_tacrolimus"] | e["is_on_corticosteroids"]
    ).mean() < 0.02,
    "event_share": lambda r, f: not 0.01 <= _share(_known_at_baseline(r)["is_event"]) <= 0.95,
    "regimens_known": lambda r, f: (
        _share(_attended_by_evaluable(r)["is_regimen_evaluable"]) < 0.05
    ),
    "follow_up": lambda r, f: (
        r["duration_months"].median() == 0 and _share(r["is_event"]) < 0.5
    ),
    "days_and_months_agree": lambda r, f: (
        ~r["is_event"].astype(bool)
        & ((r["duration_days"] - 30.4375 * r["duration_months"].astype(float)).abs() > 75)
    ).sum(),
    "never_rises": lambda r, f: (_steps(r)["n_patients"] > _steps(r)["before"]).sum(),
    "adds_up": lambda r, f: (
        _steps(r).eval("before == before and n_patients + n_excluded != before").sum()
    ),
    "one_criterion_excludes_most": lambda r, f: (
        (r["n_excluded"] > 0.9 * (r["n_patients"] + r["n_excluded"]))
        & (r["n_patients"] + r["n_excluded"] >= 50)
    ).sum(),
    "somebody_is_left": lambda r, f: r["n_patients"].min() == 0,
    "every_patient": lambda r, f: len(r) != 342 or r["patient_id"].nunique() != len(r),
    "days_in_order": lambda r, f: (
        (r["first_recorded_day"] > r["last_recorded_day"])
        | ~r["end_of_observation_day"].between(0, r["last_recorded_day"].clip(lower=0))
    ).sum(),
    "end_within_windows": lambda r, f: (
        (r["end_of_observation_day"] > 406)
        & (r["end_of_observation_day"] != r["last_contact_day"].fillna(-1))
    ).sum(),
    "topical_therapy_reviewed": lambda r, f: (
        (r["regimen_not_evaluable_reason_code"] == "not_reviewed").all()
    ),
    "day_0_has_a_course": lambda r, f: r[r["start_day"] == 0]["patient_id"].nunique() != 342,
    "windows_in_order": lambda r, f: (
        r[[f"is_window_over_{code}" for code in ("baseline", "week_04", "week_16", "week_52")]]
        .astype(int).diff(axis=1).gt(0).any(axis=1).sum()
    ),
    "followed_beyond_baseline": lambda r, f: (
        r[r["is_window_over_week_04"]]["end_of_observation_day"].median() == 0
    ),
    "serious_share": lambda r, f: _share(r["is_serious"]) > 0.5,
    "events_per_patient": lambda r, f: (r["patient_id"].value_counts() > 200).sum(),
    "onset_reachable": lambda r, f: (
        (r["onset_day"].dropna().abs() <= 3650).mean() < 0.95
    ),
    "silent_rows": lambda r, f: (
        r["recommendation_code"].isna() & r["no_recommendation_reason_code"].isna()
    ).sum(),
    "one_recommendation_only": lambda r, f: (
        r["recommendation_code"].nunique() < 2
    ),
}  # fmt: skip
"""Rule to the number of rows that break it."""

LEAST: dict[str, tuple[int, Callable]] = {
    "one_sex_only": (50, lambda r: r["sex_code"].count()),
    "age_at_index_years_mean": (20, lambda r: r["age_at_index_years"].count()),
    "ages_in_order": (
        1, lambda r: r[~r["is_ad_diagnosis_date_partial"]]["age_at_diagnosis_years"].count()
    ),
    "evaluable_share": (20, len),
    "one_season_only": (50, len),
    "every_timepoint_present": (20, lambda r: max((len(of) for _, of in _due(r)), default=0)),
    **dict.fromkeys(
        ("baseline_attendance", "attendance_over_time"),
        (20, lambda r: (r["timepoint_number"] == 0).sum()),
    ),
    **{
        f"{column}_recorded": (20, _used(column))
        for column in ("disease_course_code", "clinical_phenotype_code", "age_at_diagnosis_years")
    },
    **{f"{score}_recorded": (20, _used(score, _attended)) for score in SCORES},
    **{
        f"{score}_as_before": (
            20, lambda r, of=score: r.groupby("timepoint_code")[of].count().max()
        )
        for score in SCORES
    },
    "easi_falls": (
        20, lambda r: r["easi_score"].notna().groupby(r["timepoint_number"] > 0).sum().min()
    ),
    **dict.fromkeys(
        ("regimens_reviewed", "regimens_known"), (20, lambda r: len(_attended_by_evaluable(r)))
    ),
    "one_regimen_only": (50, lambda r: r["topical_regimen_code"].count()),
    "nominal_agreement": (20, lambda r: r["is_nominal_timepoint_agreed"].count()),
    "baseline_severity": (20, lambda r: _at_baseline(r).size().max()),
    "constant_score": (20, lambda r: r["score_code"].value_counts().max()),
    "heaped_score": (50, lambda r: _heaping(r).size().max()),
    **dict.fromkeys(
        ("everybody_on_tacrolimus", "nobody_on_topicals"), (50, lambda r: len(_evaluable(r)))
    ),
    "event_share": (50, lambda r: len(_known_at_baseline(r))),
    "follow_up": (50, len),
    "days_and_months_agree": (1, lambda r: (~r["is_event"].astype(bool)).sum()),
    "end_within_windows": (1, lambda r: r["end_of_observation_day"].count()),
    "followed_beyond_baseline": (20, lambda r: r["is_window_over_week_04"].sum()),
    "one_criterion_excludes_most": (50, lambda r: (r["n_patients"] + r["n_excluded"]).max()),
    "serious_share": (20, lambda r: r["is_serious"].count()),
    "onset_reachable": (20, lambda r: r["onset_day"].count()),
    "one_recommendation_only": (50, lambda r: r["recommendation_code"].count()),
}  # fmt: skip
"""Rule to the records that it needs, and how they are counted; another needs a row."""
