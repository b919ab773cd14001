"""What the pandas and Polars contenders read of the seeds, as plain values.

These tables are small; reading them costs milliseconds. The rules are those of the warehouse; the
code is not.
"""

from __future__ import annotations

import csv
import hmac
import os
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import yaml

SEEDS = Path(__file__).resolve().parents[1] / "seeds"
SCORES = ("easi", "itch_nrs", "sleep_nrs", "dlqi", "iga", "poem")
POTENCIES = ("mild", "moderate", "potent", "very_potent")
TACROLIMUS, CORTICOSTEROID = "topical_tacrolimus", "topical_corticosteroid"
MART_NAMES = ("fct_patient_timepoints", "fct_topical_regimens", "fct_tacrolimus_initiation")


@dataclass(frozen=True)
class Window:
    """Days of a timepoint, counted from the first day of the index treatment."""

    code: str
    number: int
    month: int
    target_day: int
    first_day: int
    last_day: int


@dataclass(frozen=True)
class Drug:
    """What a drug is: treatment class and rank of its potency, 1 to 4 (None: not a steroid)."""

    treatment_class: str
    potency_rank: int | None


def _rows(path: str) -> list[dict[str, str]]:
    with open(SEEDS / path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def windows() -> tuple[Window, ...]:
    """Return the windows of the timepoints in order."""
    return tuple(
        Window(
            row["timepoint_code"],
            int(row["timepoint_number"]),
            int(row["nominal_month"]),
            int(row["target_day"]),
            int(row["first_day"]),
            int(row["last_day"]),
        )
        for row in _rows("protocol/visit_windows.csv")
    )


@cache
def criteria() -> dict[str, dict[str, str]]:
    """Return the rows of the eligibility criteria by code."""
    return {row["criterion_code"]: row for row in _rows("protocol/eligibility_criteria.csv")}


def study_period() -> tuple[date, date]:
    """Return first and last day on which the index treatment may start."""
    row = criteria()["is_index_date_in_study_period"]
    return date.fromisoformat(row["first_date"]), date.fromisoformat(row["last_date"])


def systemic_classes() -> set[str]:
    """Return the classes of systemic anti-inflammatory drugs."""
    return {
        row["treatment_class_code"]
        for row in _rows("codelists/treatment_classes.csv")
        if row["is_systemic_anti_inflammatory"] == "true"
    }


def response_points(score: str) -> int:
    """Return the fall in points that is a response."""
    [primary] = [
        row
        for row in _rows("protocol/score_responses.csv")
        if row["score_code"] == score and row["is_primary"] == "true"
    ]
    return int(float(primary["threshold_value"]))


def extraction_date(delivery: Path) -> date:
    """Return the day on which the exports of a delivery were made."""
    return yaml.safe_load((delivery / "delivery.yml").read_text())["extraction_date"]


def pseudonyms(patient_ids: list[str]) -> list[str]:
    """Return the pseudonym of each patient: HMAC-SHA256 (RFC 2104) with the key of the build."""
    key = bytes.fromhex(Path(os.environ["REGISTRY_KEY_FILE"]).read_text())
    return [
        "p" + hmac.digest(key, f"patient:{patient_id}".encode(), "sha256").hex()[:16]
        for patient_id in patient_ids
    ]


def bands(score: str, scheme: str, per_point: int) -> list[str | None]:
    """Return the band of every value of a score.

    Parameters
    ----------
    score, scheme : str
        As in seed score_bands.
    per_point : int
        Steps per point: 10 for EASI, which is counted in tenths; 1 for whole numbers.

    Returns
    -------
    list of str or None
        Position = value in steps; None where no band holds it.
    """
    rows = [
        row
        for row in _rows("protocol/score_bands.csv")
        if (row["score_code"], row["scheme_code"]) == (score, scheme)
    ]
    highest = max(round(float(row["upper_value"]) * per_point) for row in rows)
    return [next((r["band_code"] for r in rows if _holds(r, v, per_point)), None)
            for v in range(highest + 1)]  # fmt: skip


def _holds(row: dict[str, str], value: int, per_point: int) -> bool:
    lower, upper = (round(float(row[f"{side}_value"]) * per_point) for side in ("lower", "upper"))
    above = value > lower or (value == lower and row["is_lower_inclusive"] == "true")
    below = value < upper or (value == upper and row["is_upper_inclusive"] == "true")
    return above and below


@cache
def _code_lists() -> tuple[list[dict[str, str]], list[dict[str, str]], dict[str, str]]:
    words = _rows("codelists/word_list.csv")
    routes = {row["word"]: row["code"] for row in words if row["word_kind"] == "route"}
    return _rows("codelists/atc_codes.csv"), _rows("codelists/drug_products.csv"), routes


def drug(atc_code: str | None, drug_name: str, route: str | None) -> Drug:
    """Return what a drug is, by the longest prefix of its ATC code, else by its name.

    Parameters
    ----------
    atc_code, drug_name, route : str or None
        As in the export.
    """
    prefixes, products, routes = _code_lists()
    if not atc_code:
        known = ("any", routes.get((route or "").lower()))
        named = [
            row
            for row in products
            if drug_name.lower().startswith(row["product_name"]) and row["route_code"] in known
        ]
        if not named:
            return Drug("unmapped", None)
        best = max(named, key=lambda row: (len(row["product_name"]), row["route_code"] != "any"))
        if best["treatment_class_code"]:
            return Drug(best["treatment_class_code"], None)
        atc_code = best["atc_code"]
    fitting = [row for row in prefixes if atc_code.startswith(row["atc_prefix"])]
    if not fitting:
        return Drug("other", None)
    longest = max(fitting, key=lambda row: len(row["atc_prefix"]))
    potency = longest["steroid_potency_code"]
    return Drug(longest["treatment_class_code"], POTENCIES.index(potency) + 1 if potency else None)
