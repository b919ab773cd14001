"""Every rule of the catalogue once more, on whole pandas frames and without the engine's SQL.

Patterns, word lists, shares and windows are computed here from the frames alone; only the limits
(the share that may break a rule, the least number of rows) are read from the rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import duckdb
import pandas as pd

from expectations.facts import SCORES, Facts
from expectations.rules import Rule, Suite

Frames = dict[str, pd.DataFrame]
FULL_DATE = r"\d{4}-\d{2}-\d{2}"
"""As the demo's mapping declares it."""
PARTIAL_DATE = rf"{FULL_DATE}|\d{{4}}(-\d{{2}})?"
ATC = r"[A-Z]\d{2}([A-Z]([A-Z](\d{2})?)?)?"
NUMBER = r"-?\d+([.]\d+)?"
RAW_SCORES = ("easi", "itch_nrs", "sleep_nrs", "dlqi", "iga", "poem")


@dataclass(frozen=True)
class Verdict:
    """State and counts of one rule; None = the rule has no such number."""

    state: str
    n_unexpected: int | None = None
    n_judged: int | None = None
    observed: float | None = None


@dataclass
class Exports:
    """Raw text with what the mapping says of it."""

    frames: Frames
    missing: dict[str, list[str]] = field(default_factory=dict)
    words: dict[str, set[str]] = field(default_factory=dict)

    def cells(self, export: str, column: str) -> pd.Series:
        """Cells without blanks around them; None where nothing was entered."""
        codes = {"", *self.missing.get(export, [])}

        def clean(cell: object) -> str | None:
            text = None if pd.isna(cell) else str(cell).strip(" ")
            return None if text is None or text in codes else text

        return self.frames[export][column].map(clean, na_action=None).astype(object)

    def known(self, export: str, column: str, kind: str) -> pd.Series:
        """Whether a filled cell is a word of the list."""
        return judged(self.cells(export, column), lambda text: text.lower() in self.words[kind])

    def formed(self, export: str, column: str, pattern: str) -> pd.Series:
        """Whether a filled cell has a form."""
        return judged(
            self.cells(export, column), lambda text: re.fullmatch(pattern, text) is not None
        )

    def with_patient(self, export: str) -> pd.Series:
        """Whether the record's patient is in the register."""
        register = {p.strip() for p in self.frames["patients"]["patient_id"] if isinstance(p, str)}
        return judged(self.frames[export]["patient_id"], lambda text: text.strip() in register)


def judged(cells: pd.Series, test: Callable) -> pd.Series:
    """Test every filled cell; None stays None."""
    return pd.Series(
        [None if pd.isna(cell) else bool(test(cell)) for cell in cells],
        dtype=object,
    )


def read(db: duckdb.DuckDBPyConnection) -> tuple[Exports, Frames]:
    """Pull raw tables and marts whole into frames."""
    names = db.execute(
        "select schema_name, table_name from duckdb_tables() "
        "union all select schema_name, view_name from duckdb_views() where not internal"
    ).fetchall()
    raw = {t: db.sql(f"from raw.{t}").df() for s, t in names if s == "raw"}
    marts = {t: db.sql(f"from marts.{t}").df() for s, t in names if s == "marts"}
    marts["ledger"] = db.sql("from quality.record_ledger").df()
    marts["score_definitions"] = db.sql("from reference.score_definitions").df()
    exports = Exports(raw)
    formats = raw["source_formats"]
    exports.missing = {
        export: list(codes) if codes is not None else []
        for export, codes in zip(formats["export_name"], formats["missing_codes"], strict=True)
    }
    ours = db.sql("select word_kind, word from reference.word_list").fetchall()
    theirs = db.sql("select word_kind, source_word from raw.source_words").fetchall()
    for kind, word in ours + theirs:
        exports.words.setdefault(kind, set()).add(word)
    return exports, marts


def frame_of(suite: Suite, exports: Exports, marts: Frames, facts: Facts) -> pd.DataFrame:
    """Return the rows of a suite with the flags that its rules judge."""
    if suite.name == "export_ledger":
        ledger = marts["ledger"].copy()
        allowed = (0.10 * ledger["n_records_read"]).clip(lower=5)
        ledger["is_record_loss_small"] = ledger["n_records_quarantined"] <= allowed
        ledger["is_value_loss_small"] = ledger["n_values_refused"] <= allowed
        return ledger
    if suite.door == "mart":
        return marts[suite.name.removeprefix("mart_")]
    export = suite.name.removeprefix("export_")
    rows = exports.frames[export].copy()
    rows["is_record_sound"] = rows["record_fault"].isna()
    if export != "patients":
        rows["has_patient"] = exports.with_patient(export)
    for column, flag in (
        ("start_date", "is_start_date_formed"),
        ("end_date", "is_end_date_formed"),
        ("onset_date", "is_onset_date_formed"),
        ("birth_date", "is_birth_date_formed"),
    ):
        if column in rows:
            rows[flag] = exports.formed(export, column, PARTIAL_DATE)
    if export == "patients":
        birth = exports.cells(export, "birth_date")
        often = set(birth.value_counts()[lambda n: n > max(3, 0.05 * len(rows))].index)
        rows["is_birth_date_not_a_default"] = judged(birth, lambda text: text not in often)
        rows["is_sex_known"] = exports.known(export, "sex", "sex")
    for column in ("visit_date", "start_date"):
        if column in rows:
            rows[f"is_{column}_not_a_default"] = typed(exports.cells(export, column))
    if export == "prescriptions":
        rows["atc_code"] = rows["atc_code"].str.upper()
        rows["is_atc_formed"] = exports.formed(export, "atc_code", f"(?i:{ATC})")
    if export == "adverse_events":
        rows["is_seriousness_known"] = exports.known(export, "is_serious", "yes_no")
    return _visits(rows, exports, marts, facts) if export == "visits" else rows


def typed(dates: pd.Series) -> pd.Series:
    """Whether a whole date stands in few records; None for anything else."""
    whole = dates.where(dates.str.fullmatch(FULL_DATE).eq(True), None)
    often = set(whole.value_counts()[lambda n: n > max(20, 0.1 * len(dates))].index)
    return judged(whole, lambda text: text not in often)


def _visits(rows: pd.DataFrame, exports: Exports, marts: Frames, facts: Facts) -> pd.DataFrame:
    dates = exports.cells("visits", "visit_date")
    rows["is_visit_date_formed"] = judged(dates, lambda text: re.fullmatch(FULL_DATE, text))
    rows["visit_day"] = pd.to_datetime(dates, format=facts.date_formats["visits"], errors="coerce")
    rows["is_visit_before_extraction"] = judged(
        rows["visit_day"].astype(object).where(rows["visit_day"].notna(), None),
        lambda day: day <= pd.Timestamp(facts.extraction_date),
    )
    rows["is_adherence_known"] = exports.known("visits", "topical_adherence", "topical_adherence")
    limits = marts["score_definitions"].set_index("score_code")
    for score in RAW_SCORES:
        cells = exports.cells("visits", f"{score}_score")
        low, high = limits.loc[score, ["min_value", "max_value"]].astype(float)
        numbers = pd.to_numeric(cells.str.replace(",", ".", regex=False), errors="coerce")
        rows[f"{score}_cell"] = cells
        rows[f"is_{score}_number"] = exports.formed("visits", f"{score}_score", NUMBER)
        rows[f"is_{score}_in_range"] = judged(
            numbers, lambda value, low=low, high=high: low <= value <= high
        )
    return rows


def verdict(rule: Rule, rows: pd.DataFrame, facts: Facts) -> Verdict:
    """Judge one rule on whole frames."""
    n_needed = rows[rule.needs].notna().sum() if rule.needs else len(rows)
    if not rule.is_applicable or n_needed < rule.least_rows or (rule.needs and n_needed == 0):
        return Verdict("not_applicable")
    given = rule.arguments
    if rule.expectation == "UnexpectedRowsExpectation":
        n = QUERIES[rule.code](rows, facts) if rule.code != "columns" else 0
        return Verdict("failed" if n else "passed", int(n))
    if rule.expectation in AGGREGATES:
        return _between(
            AGGREGATES[rule.expectation](rows[given.get("column", rows.columns[0])]), given
        )
    column = rows[given["column"]]
    if rule.expectation == "ExpectColumnValuesToNotBeNull":
        n_judged, n_bad = len(rows), int(column.isna().sum())
    else:
        filled = column[column.notna()]
        n_judged, n_bad = len(filled), int((~filled.isin(given["value_set"])).sum())
    holds = n_judged == 0 or (n_judged - n_bad) / n_judged >= given["mostly"]
    return Verdict("passed" if holds else "failed", n_bad, n_judged)


AGGREGATES: dict[str, Callable[[pd.Series], float]] = {
    "ExpectTableRowCountToBeBetween": len,
    "ExpectColumnMeanToBeBetween": lambda column: float(column.astype(float).mean()),
    "ExpectColumnUniqueValueCountToBeBetween": lambda column: column.nunique(),
    "ExpectColumnProportionOfUniqueValuesToBeBetween": lambda column: (
        column.nunique() / column.notna().sum()
    ),
}


def _between(observed: float, given: dict) -> Verdict:
    least, most = given["min_value"], given.get("max_value")
    holds = least <= observed and (most is None or observed <= most)
    return Verdict("passed" if holds else "failed", observed=observed)


def _share(flags: pd.Series) -> float:
    return float(flags.dropna().astype(float).mean())


def _attended(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["is_attended"].fillna(False).astype(bool)]


def _rises(rows: pd.DataFrame, _: Facts) -> int:
    shares = rows.groupby("timepoint_number")["is_attended"].mean().astype(float).sort_index()
    return int((shares > shares.shift() + 0.1).sum())


def _recorded(column: str, over: Callable = lambda rows: rows) -> Callable:
    def count(rows: pd.DataFrame, _: Facts) -> bool:
        n = over(rows)[column].notna().sum()
        return 0 < n < 0.5 * len(over(rows))

    return count


def _jumps(score: str) -> Callable:
    def count(rows: pd.DataFrame, facts: Facts) -> int:
        found = 0
        for timepoint, at in rows.groupby("timepoint_code"):
            before = facts.last_means.get((timepoint, score))
            if before is not None and len(at) >= 20 and at[score].notna().any():
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
    for _, of in rows[rows["score_value"] > 0].groupby(["score_code", "timepoint_code"]):
        found += len(of) >= 50 and int((of["score_value"].value_counts() > 0.9 * len(of)).sum())
    return found


def _steps(rows: pd.DataFrame) -> pd.DataFrame:
    steps = rows.sort_values("step_number")
    return steps.assign(before=steps["n_patients"].shift())


def _evaluable(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["is_regimen_evaluable"].fillna(False).astype(bool)]


QUERIES: dict[str, Callable] = {
    "newest_visit": lambda r, f: r["visit_day"].max() < pd.Timestamp(f.newest_visit_before),
    **{
        f"{t}_present": lambda r, f, t=t: not (_attended(r)["timepoint_code"] == t).any()
        for t in ("baseline", "week_04", "week_16", "week_52")
    },
    "baseline_attendance": lambda r, f: (
        _share(r[r["timepoint_code"] == "baseline"]["is_attended"]) < 0.9
    ),
    "attendance_over_time": _rises,
    **{f"{score}_recorded": _recorded(score, _attended) for score in SCORES},
    **{f"{score}_as_before": _jumps(score) for score in SCORES},
    "easi_falls": _easi_rises,
    "regimens_reviewed": lambda r, f: (
        len(e := _attended(r)[_attended(r)["is_evaluable"].fillna(False).astype(bool)]) >= 20
        and _share(e["is_regimen_evaluable"]) < 0.5
    ),
    "one_regimen_only": lambda r, f: (
        r["topical_regimen_code"].count() >= 50 and r["topical_regimen_code"].nunique() < 2
    ),
    "nominal_agreement": lambda r, f: (
        r["is_nominal_timepoint_agreed"].count() >= 20
        and _share(r["is_nominal_timepoint_agreed"]) < 0.8
    ),
    "one_sex_only": lambda r, f: (
        len(r) >= 50 and not 0.1 <= (r["sex_code"].dropna() == "female").mean() <= 0.9
    ),
    "ages_in_order": lambda r, f: (
        (r["age_at_diagnosis_years"] > r["age_at_index_years"]).fillna(False).sum()
    ),
    "evaluable_share": lambda r, f: len(r) >= 20 and _share(r["is_evaluable"]) < 0.5,
    "one_quarter_only": lambda r, f: (
        (n := r.groupby(["index_year", "index_quarter"]).size()).gt(0.6 * len(r)) & n.ge(50)
    ).sum(),
    **{
        f"{column}_recorded": _recorded(column)
        for column in ("disease_course_code", "clinical_phenotype_code", "age_at_diagnosis_years")
    },
    "constant_score": _constant,
    "heaped_score": _heaped,
    "everybody_on_tacrolimus": lambda r, f: (
        len(_evaluable(r)) >= 50 and _share(_evaluable(r)["is_on_tacrolimus"]) > 0.8
    ),
    "nobody_on_topicals": lambda r, f: (
        len(e := _evaluable(r)) >= 50
        and (e["is_on_tacrolimus"] | e["is_on_corticosteroids"]).mean() < 0.02
    ),
    "event_share": lambda r, f: len(r) >= 50 and not 0.01 <= _share(r["is_event"]) <= 0.95,
    "follow_up": lambda r, f: (
        len(r) >= 50 and r["duration_months"].median() == 0 and _share(r["is_event"]) < 0.5
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
    "somebody_is_left": lambda r, f: len(r) == 0 or r["n_patients"].min() == 0,
    "serious_share": lambda r, f: (
        r["is_serious"].count() >= 20 and _share(r["is_serious"]) > 0.5
    ),
    "events_per_patient": lambda r, f: (r["patient_id"].value_counts() > 200).sum(),
    "onset_reachable": lambda r, f: (
        r["onset_day"].count() >= 20 and (r["onset_day"].dropna().abs() <= 3650).mean() < 0.95
    ),
    "silent_rows": lambda r, f: (
        r["recommendation_code"].isna() & r["no_recommendation_reason_code"].isna()
    ).sum(),
    "one_recommendation_only": lambda r, f: (
        r["recommendation_code"].count() >= 50 and r["recommendation_code"].nunique() < 2
    ),
}  # fmt: skip
"""Rule of the second door to the number of rows that break it."""
