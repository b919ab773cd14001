"""The seeds are clean and keyed; bands tile, windows fit, the paper's numbers are complete."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from seed_files import column, seed, seed_paths

SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


# --- every seed -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", seed_paths(), ids=lambda path: path.stem)
def test_every_column_is_declared_in_order_with_its_type(path: Path) -> None:
    declarations = [
        entry
        for file in path.parent.glob("_*__seeds.yml")
        for entry in yaml.safe_load(file.read_text("utf-8"))["seeds"]
    ]
    with path.open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    [entry] = [entry for entry in declarations if entry["name"] == path.stem]
    assert [c["name"] for c in entry["columns"]] == header
    assert list(entry["config"]["column_types"]) == header


@pytest.mark.parametrize("path", seed_paths(), ids=lambda path: path.stem)
def test_cells_are_clean_text(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "\r" not in text
    assert text == unicodedata.normalize("NFC", text)
    for row in seed(path.stem):
        for name, cell in row.items():
            assert cell == " ".join(cell.split()), f"{path.stem}.{name}: {cell!r}"


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("treatment_classes", ["treatment_class_code"]),
        ("atc_codes", ["atc_prefix"]),
        ("drug_products", ["product_name", "route_code"]),
        ("word_list", ["word_kind", "word"]),
        ("comorbidities", ["comorbidity_code"]),
        ("comorbidity_terms", ["term"]),
        ("adverse_event_codes", ["adverse_event_code"]),
        ("adverse_event_terms", ["term"]),
        ("visit_windows", ["timepoint_code"]),
        ("seasons", ["month_number"]),
        ("score_definitions", ["score_code"]),
        ("score_bands", ["scheme_code", "score_code", "band_code"]),
        ("eligibility_criteria", ["criterion_code"]),
        ("treatment_algorithm", ["rule_number"]),
        ("systemic_indications", ["indication_code"]),
        ("published_results", ["result_id"]),
    ],
)
def test_keys_are_unique(name: str, keys: list[str]) -> None:
    counts = Counter(tuple(row[key] for key in keys) for row in seed(name))
    assert [key for key, n in counts.items() if n > 1] == []


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("treatment_classes", "treatment_class_code"),
        ("atc_codes", "substance_code"),
        ("drug_products", "substance_code"),
        ("word_list", "code"),
        ("comorbidities", "comorbidity_code"),
        ("adverse_event_codes", "adverse_event_code"),
        ("score_bands", "band_code"),
        ("eligibility_criteria", "criterion_code"),
        ("treatment_algorithm", "recommendation_code"),
        ("systemic_indications", "indication_code"),
    ],
)
def test_codes_are_lower_snake_case(name: str, key: str) -> None:
    assert [c for c in column(name, key) if c and not SNAKE_CASE.fullmatch(c)] == []


# --- scores, windows, criteria --------------------------------------------------------------


def band_schemes() -> list[tuple[str, str]]:
    return sorted({(row["scheme_code"], row["score_code"]) for row in seed("score_bands")})


def holds(row: dict[str, str], value: Decimal) -> bool:
    lower, upper = Decimal(row["lower_value"]), Decimal(row["upper_value"])
    above = value > lower or (value == lower and row["is_lower_inclusive"] == "true")
    below = value < upper or (value == upper and row["is_upper_inclusive"] == "true")
    return above and below


@pytest.mark.parametrize(("scheme_code", "score_code"), band_schemes())
def test_bands_cover_every_value_of_the_score_once(scheme_code: str, score_code: str) -> None:
    [score] = [s for s in seed("score_definitions") if s["score_code"] == score_code]
    bands = [
        row
        for row in seed("score_bands")
        if (row["scheme_code"], row["score_code"]) == (scheme_code, score_code)
    ]
    low, high = Decimal(score["min_value"]), Decimal(score["max_value"])
    step = Decimal(score["step"])
    seen = []
    for number in range(int((high - low) / step) + 1):
        value = low + number * step
        [band] = [row for row in bands if holds(row, value)]
        seen.append(int(band["band_number"]))
    assert seen == sorted(seen)
    assert set(seen) == set(range(1, len(bands) + 1))


@pytest.mark.parametrize(
    ("scheme_code", "value", "band_code"),
    [
        ("study", "6.9", "mild"),
        ("study", "7.0", "moderate"),
        ("study", "21.0", "moderate"),
        ("study", "21.1", "severe"),
        ("leshem", "0", "clear"),
        ("leshem", "1.0", "almost_clear"),
        ("leshem", "7.0", "mild"),
        ("leshem", "50.1", "very_severe"),
    ],
)
def test_easi_bands_at_their_edges(scheme_code: str, value: str, band_code: str) -> None:
    bands = [
        row["band_code"]
        for row in seed("score_bands")
        if row["scheme_code"] == scheme_code
        and row["score_code"] == "easi"
        and holds(row, Decimal(value))
    ]
    assert bands == [band_code]


def test_a_score_has_one_published_scheme_with_closed_bands() -> None:
    published = [row for row in seed("score_bands") if row["scheme_code"] != "study"]
    schemes = defaultdict(set)
    for row in published:
        schemes[row["score_code"]].add(row["scheme_code"])
        assert row["is_lower_inclusive"] == row["is_upper_inclusive"] == "true"
    assert {score: len(codes) for score, codes in schemes.items() if len(codes) > 1} == {}


def test_visit_windows_do_not_touch_and_hold_their_target() -> None:
    windows = sorted(seed("visit_windows"), key=lambda row: int(row["timepoint_number"]))
    assert [row["timepoint_number"] for row in windows] == ["0", "1", "2", "3"]
    last_day = None
    for row in windows:
        first, target, last = (int(row[k]) for k in ("first_day", "target_day", "last_day"))
        assert first <= target <= last
        assert target == 7 * int(row["nominal_week"])
        assert last_day is None or last_day < first
        last_day = last


def test_criteria_are_numbered_in_order_and_agree_with_the_baseline_window() -> None:
    rows = seed("eligibility_criteria")
    assert [int(row["criterion_number"]) for row in rows] == list(range(1, 7))
    [window] = [w for w in seed("visit_windows") if w["timepoint_code"] == "baseline"]
    [criterion] = [r for r in rows if r["criterion_code"] == "has_baseline_visit"]
    assert (criterion["first_day"], criterion["last_day"]) == (
        window["first_day"],
        window["last_day"],
    )


@pytest.mark.parametrize("iga_score", range(5))
@pytest.mark.parametrize("is_index_in_summer", ["true", "false"])
def test_one_rule_of_the_algorithm_holds(iga_score: int, is_index_in_summer: str) -> None:
    rules = [
        row
        for row in seed("treatment_algorithm")
        if int(row["lower_iga_score"]) <= iga_score <= int(row["upper_iga_score"])
        and row["is_index_in_summer"] == is_index_in_summer
    ]
    assert len(rules) == 1
    assert bool(rules[0]["recommendation_code"]) != bool(rules[0]["no_recommendation_reason_code"])


# --- the paper's numbers --------------------------------------------------------------------


def test_the_ledger_has_the_paper_s_counts() -> None:
    rows = seed("published_results")
    assert Counter((row["kind"], row["consistent"]) for row in rows) == {
        ("result", "yes"): 280,
        ("result", "no"): 8,
        ("result", "cannot_tell"): 6,
        ("protocol", "yes"): 35,
        ("protocol", "cannot_tell"): 1,
        ("background", "cannot_tell"): 16,
        ("qualitative", "yes"): 4,
        ("qualitative", "cannot_tell"): 1,
    }
    assert Counter(row["section"] for row in rows) == {
        "abstract": 20,
        "introduction": 8,
        "methods": 18,
        "results": 156,
        "table_1": 87,
        "table_2": 48,
        "figure_1": 2,
        "discussion": 12,
    }


def test_numbers_printed_as_months_or_not_at_all() -> None:
    rows = seed("published_results")
    number = re.compile(r"-?\d+(\.\d+)?")
    printed = [row for row in rows if row["published_value"]]
    months = [r for r in printed if not number.fullmatch(r["published_value"])]
    assert [row["published_value"] for row in months] == ["2018-06", "2020-12"]
    assert len(rows) - len(printed) == 7
    assert [row["result_id"] for row in months if row["target_value"]] == []
    targets = [row["target_value"] for row in rows if row["target_value"]]
    assert [t for t in targets if not number.fullmatch(t)] == []
    results = [row for row in rows if row["kind"] == "result"]
    assert sum(bool(row["target_value"]) for row in results) == 294


def test_a_repeated_number_points_at_the_row_it_repeats() -> None:
    rows = {row["result_id"]: row for row in seed("published_results")}
    repeats = [row for row in rows.values() if row["duplicate_of"]]
    assert sum(row["kind"] == "result" for row in repeats) == 46
    for row in repeats:
        first = rows[row["duplicate_of"]]
        assert not first["duplicate_of"]
        assert Decimal(first["target_value"]) == Decimal(row["target_value"])
