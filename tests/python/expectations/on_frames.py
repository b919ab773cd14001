"""Every rule once more, on whole pandas frames and without the engine's SQL.

Shares, counts and windows are computed here from the frames alone; only the limits are read from
the rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd

from expectations.facts import SCORES, Facts
from expectations.rules import Rule, Suite

Frames = dict[str, pd.DataFrame]
CELL_RULES = {
    "missing_required", "id_format", "unknown_code", "code_format", "date_format", "date_range",
    "impossible_date", "age_range", "not_a_number", "not_integer", "not_on_step", "out_of_range",
}  # fmt: skip
"""Rules that judge a cell by itself."""
TABLES = {
    "patients": "stg_clinic__patients",
    "visits": "stg_clinic__visits",
    "scores": "stg_clinic__scores",
    "prescriptions": "stg_pharmacy__prescriptions",
    "comorbidities": "stg_clinic__comorbidities",
    "adverse_events": "stg_clinic__adverse_events",
}
STEPS = {"easi_score": 0.1}
"""Steps of scores; any other is counted in whole points."""

OF_CUTS = {
    "newest_visit_near_extraction", "reaches_last_patient", "reaches_last_visits",
    "treated_patients_seen", "followed_patients_treated",
}  # fmt: skip
"""Rules of expectations.cuts."""

KIND_OF_TERM = {
    "prescriptions": "drug",
    "comorbidities": "comorbidity",
    "adverse_events": "adverse_event",
}


@dataclass(frozen=True)
class Verdict:
    """State and counts of one rule; None = the rule has no such number."""

    state: str
    n_unexpected: int | None = None
    n_judged: int | None = None
    observed: float | None = None


def read(db: duckdb.DuckDBPyConnection) -> Frames:
    """Pull marts, staged records, refusals and ledger whole into frames."""
    names = db.execute("select table_name from duckdb_tables() where schema_name = 'marts'")
    frames = {name: db.sql(f"from marts.{name}").df() for (name,) in names.fetchall()}
    frames |= {export: db.sql(f"from staging.{name}").df() for export, name in TABLES.items()}
    frames["refused"] = db.sql("from quarantine.rejected_records").df()
    frames["index_dates"] = db.sql("from cohort.cohort_index_dates").df()
    frames["unmapped"] = db.sql("from cohort.cohort_unmapped_records").df()
    frames["ledger"] = db.sql("from quarantine.record_ledger").df()
    return frames


@dataclass(frozen=True)
class Export:
    """The staged records of one export, its refusals, and the records read."""

    staged: pd.DataFrame
    patients: pd.DataFrame
    visits: pd.DataFrame
    treated: pd.Series
    refused: pd.DataFrame
    n_read: int
    n_unmapped: int

    @classmethod
    def of(cls, name: str, frames: Frames) -> Export:
        """Pick the rows of one export."""
        refused, ledger = frames["refused"], frames["ledger"]
        is_of_no_export = ledger["source_file"].str.endswith(("#not_selected", "#skipped"))
        is_of_export = (ledger["export_name"] == name) & ~is_of_no_export
        return cls(
            frames[name],
            frames["patients"],
            frames["visits"],
            frames["index_dates"].set_index("patient_id")["index_date"],
            refused[refused["export_name"] == name],
            int(ledger[is_of_export]["n_records_read"].sum()),
            int((frames["unmapped"]["term_kind"] == KIND_OF_TERM.get(name)).sum()),
        )

    def number(self, code: str, facts: Facts) -> tuple[float | None, int | None, int | None]:
        """Return the number that a rule judges, and the counts of a share."""
        rules, columns = self.refused["rule_code"], self.refused["column_name"]
        is_refused = {
            "visit_before_extraction": (columns == "visit_date") & (rules == "date_range"),
            "record_sound": (columns == "(record)") & (rules != "not_selected"),
            "birth_date_possible": (columns == "birth_date")
            & rules.isin(["date_range", "age_range"]),
            "patient": (columns == "patient_id") & (rules != "parent_rejected"),
            "patient_id_unique": rules.isin(["duplicate_exact", "conflicting_duplicate"]),
        }
        for key in ("visit_id_unique", "adverse_event_id_unique"):
            is_refused[key] = is_refused["patient_id_unique"]
        found: tuple[float | None, int | None, int | None]
        if code in ("records", "volume", "volume_kept"):
            found = self.n_read, None, None
        elif code == "newest_visit":
            newest = self.staged["visit_date"].max()
            found = int(newest < pd.Timestamp(facts.newest_visit_before)), None, None
        elif code in OF_CUTS:
            found = self._cut(code, facts)
        elif code in is_refused:
            found = share(is_refused[code].sum(), self.n_read)
        elif code == "courses_dated":
            is_earlier = self.staged["period_code"] == "before_index"
            found = share((self.staged["start_date"].isna() & ~is_earlier).sum(), len(self.staged))
        elif code.endswith("_understood"):
            found = share(self.n_unmapped, len(self.staged))
        elif code.endswith("_recorded"):
            n = self.staged[code.replace("_recorded", "_score")].notna().sum()
            found = (int(n) if len(self.staged) >= 20 else None), None, None
        elif code.endswith("_varied"):
            found = self._variety(code.removesuffix("_varied")), None, None
        elif code.endswith("_not_a_default"):
            found = self._default(code.removesuffix("_not_a_default"))
        else:
            column = code.removesuffix("_refused")
            n = ((columns == column) & rules.isin(CELL_RULES)).sum()
            names = (column, f"{column}_code", f"score_{column}")
            staged = next(name for name in names if name in self.staged)
            found = share(n if n > 1 else 0, n + self.staged[staged].notna().sum())
        return found

    def _cut(self, code: str, facts: Facts) -> tuple[float | None, int | None, int | None]:
        if code == "newest_visit_near_extraction":
            days = (pd.Timestamp(facts.extraction_date) - self.staged["visit_date"].max()).days
            return int(days > 122), None, None
        if code == "reaches_last_patient":
            return self._without_the_last_patients()
        if code == "reaches_last_visits":
            return self._before_the_last_visits()
        if code == "treated_patients_seen":
            first = (
                self.staged.groupby("patient_id")["visit_date"].min().reindex(self.treated.index)
            )
            return share((~(first <= self.treated)).sum(), len(first))
        is_labelled = self.visits["nominal_timepoint_code"].isin(
            ["baseline", "week_04", "week_16", "week_52"]
        )
        followed = set(self.visits[is_labelled]["patient_id"])
        return share(len(followed - set(self.treated.index)), len(followed))

    def _without_the_last_patients(self) -> tuple[float | None, int, int]:
        register = self.patients.sort_values(["source_file", "record_number"])["patient_id"]
        is_there = register.isin(self.staged["patient_id"]).to_numpy()
        if not is_there.any():
            return None, None, len(is_there)
        last = is_there.nonzero()[0].max() + 1
        n_after, share_there = len(is_there) - last, is_there.sum() / last
        is_cut = n_after * -np.log(1 - min(share_there, 0.99)) >= 10
        return share(n_after if is_cut else 0, len(is_there))

    def _before_the_last_visits(self) -> tuple[float | None, int, int]:
        date = "onset_date" if "onset_date" in self.staged else "start_date"
        days = self.visits["visit_date"]
        n = (self.staged[f"earliest_{date}"] >= days.min()).sum()
        n_after = (days > self.staged[f"latest_{date}"].max()).sum()
        return share(n_after if n * n_after >= 10 * len(days) else 0, len(days))

    def _variety(self, name: str) -> int | None:
        column = next(c for c in (name, f"{name}_score", f"{name}_code") if c in self.staged)
        least = 50 if name == "sex" else 20
        return self.staged[column].nunique() if self.staged[column].count() >= least else None

    def _default(self, column: str) -> tuple[float | None, int, int | None]:
        dates = self.staged[column]
        if column == "start_date":
            dates = dates[~self.staged["is_start_date_partial"].astype(bool)]
        n = int(dates.value_counts().max())
        few = 3 if column == "birth_date" else 20
        if len(self.staged) <= few:
            return None, 0, None
        return share(n if n > few else 0, len(self.staged))


def share(n: int, of: int) -> tuple[float | None, int, int]:
    """Return a share in percent, its number and its denominator."""
    return (100 * n / of if of else None), int(n), int(of)


def verdict(suite: Suite, rule: Rule, frames: Frames, facts: Facts) -> Verdict:
    """Judge one rule on whole frames."""
    name = suite.name.partition("_")[2]
    given = rule.arguments
    is_query = rule.expectation == "UnexpectedRowsExpectation"
    least, judged = LEAST.get(rule.code, (1, len))
    if not rule.is_applicable or (is_query and not judged(frames[name]) >= least):
        return Verdict("not_applicable")
    if rule.code.endswith("_by_month"):
        score = rule.code.removesuffix("_by_month")
        n = months_apart(frames["visits"], frames["refused"], score, STEPS.get(score, 1))
        return Verdict("not_applicable") if n is None else Verdict(_between(n, given), observed=n)
    if rule.expectation == "ExpectColumnMaxToBeBetween":
        value, n, of = Export.of(name, frames).number(rule.code, facts)
        if value is None:
            return Verdict("not_applicable")
        return Verdict(_between(value, given), n, of, value)
    if rule.expectation == "ExpectTableRowCountToBeBetween":
        n_rows = len(frames[name])
        return Verdict(_between(n_rows, given), observed=n_rows)
    n = int(QUERIES[rule.code](frames[name], facts))
    return Verdict("failed" if n else "passed", n)


def _between(observed: float, given: dict) -> str:
    least, most = given["min_value"], given["max_value"]
    is_in = (least is None or least <= observed) and (most is None or observed <= most)
    return "passed" if is_in else "failed"


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


def months_apart(
    visits: pd.DataFrame, refused: pd.DataFrame, score: str, step: float
) -> int | None:
    """Count the months whose level or grain of a score differs (expectations.periods)."""
    months = pd.to_datetime(visits["visit_date"]).dt.strftime("%Y-%m").rename("month")
    rows = visits.assign(month=months).dropna(subset=[score])
    rows = rows.sort_values(["patient_id", "visit_date", score])
    if rows.empty:
        return None
    value, of_patient = rows[score].astype(float), rows.groupby("patient_id")[score]
    highest = of_patient.transform(lambda values: values.astype(float).cummax().shift())
    is_coarse = (value > 0) & ((value / (10 * step)).round(9) % 1 == 0)
    stratum = of_patient.cumcount().clip(upper=3)
    place = (value.groupby(stratum).rank() - 0.5) / value.groupby(stratum).transform("size")
    is_refused = (refused["column_name"] == score) & refused["rule_code"].isin(
        ["not_a_number", "not_integer", "not_on_step", "out_of_range"]
    )
    keys = ["source_file", "record_number"]
    of_visits = refused[is_refused & (refused["export_name"] == "visits")][keys]
    of_visits = of_visits.merge(visits.assign(month=months), on=keys)
    rows = rows.assign(
        n=True,
        shift=place - 0.5,
        positive=(value > 0) if step < 1 else False,
        coarse=is_coarse if step < 1 else False,
        jump=is_coarse & ((value > highest) | (place > 0.9)),
    )
    sums = rows.groupby("month")[["n", "positive", "coarse", "jump"]].sum().astype(float)
    sums = sums.join(of_visits.groupby("month").size().rename("refused"), how="outer")
    sums = sums.fillna(0).sort_index()
    sums["filled"] = sums["n"] + sums["refused"]
    if sums["filled"].max() < 6:
        return None
    near = sums.rolling(3, center=True, min_periods=1).sum()
    rest = sums.sum() - near
    shift = rows.groupby("month")["shift"].mean().reindex(sums.index)
    evidence = (6 * sums["n"] * shift**2).where(shift.abs() >= 1 / 3, 0)
    for k, of in (("coarse", "positive"), ("jump", "n"), ("refused", "filled")):
        q, p = sums[k] / sums[of], (rest[k] + 1) / (rest[of] + 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            both = q * np.log(q / p), (1 - q) * np.log((1 - q) / (1 - p))
        found = sums[of] * sum(part.fillna(0) for part in both)
        evidence = np.maximum(evidence, found.where(q > p, 0))
    beside = np.maximum(evidence.shift().fillna(0), evidence.shift(-1).fillna(0))
    return int(((evidence >= 8) | ((evidence >= 4) & (beside >= 4))).sum())


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
