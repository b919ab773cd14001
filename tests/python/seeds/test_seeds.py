"""The seeds are clean text with declared columns, and the paper's numbers are complete.

Whether the seeds agree with each other is judged by data tests of dbt (tests/dbt/seeds).
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
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
    ("name", "key"),
    [
        ("treatment_classes", "treatment_class_code"),
        ("atc_codes", "substance_code"),
        ("drug_products", "substance_code"),
        ("word_list", "code"),
        ("comorbidities", "comorbidity_code"),
        ("adverse_event_codes", "adverse_event_code"),
        ("score_bands", "band_code"),
        ("score_responses", "response_code"),
        ("eligibility_criteria", "criterion_code"),
        ("treatment_algorithm", "recommendation_code"),
        ("systemic_indications", "indication_code"),
    ],
)
def test_codes_are_lower_snake_case(name: str, key: str) -> None:
    assert [c for c in column(name, key) if c and not SNAKE_CASE.fullmatch(c)] == []


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
