"""Every rule once more, on whole pandas frames and without the engine's SQL.

Shares, counts and windows are computed here from the frames alone; only the limits are read from
the rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
from marts_on_frames import LEAST, QUERIES

from expectations.facts import Facts
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
    "treated_patients_seen", "followed_patients_treated", "first_timepoint_labelled",
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
        codes = ["baseline", "week_04", "week_16", "week_52"]
        labelled = self.visits[self.visits["nominal_timepoint_code"].isin(codes)]
        followed = set(labelled["patient_id"])
        if code == "first_timepoint_labelled":
            at_first = labelled[labelled["nominal_timepoint_code"] == "baseline"]["patient_id"]
            return share(len(followed - set(at_first)), len(followed))
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
        if name == "drug_name" and self.staged["patient_id"].is_unique:
            return None  # one course for each patient
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
