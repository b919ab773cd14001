"""Codes, names and words of the code lists lead to one meaning each."""

from __future__ import annotations

import csv
import re
from collections import defaultdict

import pytest
from seed_files import SEEDS, column, seed

POTENCY_OF_GROUP = {"A": "mild", "B": "moderate", "C": "potent", "D": "very_potent"}
ATC_PREFIX = re.compile(r"[A-Z]([0-9]{2}([A-Z]([A-Z]([0-9]{2})?)?)?)?")


def class_of_code(atc_code: str) -> dict[str, str]:
    prefixes = {row["atc_prefix"]: row for row in seed("atc_codes")}
    for length in range(len(atc_code), 0, -1):
        if atc_code[:length] in prefixes:
            return prefixes[atc_code[:length]]
    raise AssertionError(f"no prefix of {atc_code} in atc_codes")


def class_of_product(row: dict[str, str]) -> str:
    return row["treatment_class_code"] or class_of_code(row["atc_code"])["treatment_class_code"]


def class_of_name(name: str, route_code: str) -> str | None:
    rows = {r["route_code"]: r for r in seed("drug_products") if r["product_name"] == name}
    row = rows.get(route_code) or rows.get("any")
    return class_of_product(row) if row else None


def test_atc_prefixes_are_well_formed() -> None:
    assert [p for p in column("atc_codes", "atc_prefix") if not ATC_PREFIX.fullmatch(p)] == []


def test_potency_is_the_letter_of_the_corticosteroid_group() -> None:
    for row in seed("atc_codes"):
        prefix, potency = row["atc_prefix"], row["steroid_potency_code"]
        if potency:
            assert row["treatment_class_code"] == "topical_corticosteroid", prefix
        if prefix.startswith("D07") and len(prefix) >= 5:
            assert potency == POTENCY_OF_GROUP[prefix[4]], prefix


def test_a_substance_stands_only_at_the_fifth_level() -> None:
    assert [
        row["atc_prefix"]
        for row in seed("atc_codes")
        if row["substance_code"] and len(row["atc_prefix"]) != 7
    ] == []


@pytest.mark.parametrize(
    ("atc_code", "treatment_class_code"),
    [
        ("D11AH01", "topical_tacrolimus"),
        ("L04AD02", "systemic_immunosuppressant"),
        ("D11AH05", "index_treatment"),
        ("D11AH08", "jak_inhibitor"),
        ("D11AH09", "other"),
        ("D11AH99", "other"),
        ("D07AC99", "topical_corticosteroid"),
        ("D02AX", "emollient"),
        ("D02BA01", "other"),
        ("H02AA02", "other"),
        ("H02AB07", "systemic_corticosteroid"),
        ("L04AA29", "jak_inhibitor"),
        ("L04AX03", "systemic_immunosuppressant"),
        ("R01AD09", "other"),
        ("R03DX05", "other_biologic"),
        ("R06AE07", "antihistamine"),
        ("S01BA01", "other"),
        ("V03AB", "other"),
    ],
)
def test_the_longest_prefix_decides(atc_code: str, treatment_class_code: str) -> None:
    assert class_of_code(atc_code)["treatment_class_code"] == treatment_class_code


def test_every_product_leads_to_one_class() -> None:
    classes = set(column("treatment_classes", "treatment_class_code"))
    for row in seed("drug_products"):
        assert bool(row["atc_code"]) != bool(row["treatment_class_code"]), row["product_name"]
        assert class_of_product(row) in classes


def test_every_product_code_says_more_than_a_main_group() -> None:
    assert [
        row["product_name"]
        for row in seed("drug_products")
        if row["atc_code"] and not ATC_PREFIX.fullmatch(row["atc_code"])
    ] == []
    assert [r["product_name"] for r in seed("drug_products") if len(r["atc_code"]) in {1, 2}] == []


def test_the_route_of_a_product_agrees_with_its_class() -> None:
    systemic, topical = (
        {row["treatment_class_code"] for row in seed("treatment_classes") if row[mark] == "true"}
        for mark in ("is_systemic_anti_inflammatory", "is_topical")
    )
    forbidden = {"topical": systemic, "systemic": topical, "other_local": systemic | topical}
    assert [
        row["product_name"]
        for row in seed("drug_products")
        if class_of_product(row) in forbidden.get(row["route_code"], set())
    ] == []


def test_a_name_for_any_route_is_not_split_into_skin_and_body() -> None:
    routes = defaultdict(set)
    for row in seed("drug_products"):
        routes[row["product_name"]].add(row["route_code"])
    assert [n for n, r in routes.items() if {"any", "topical", "systemic"} <= r] == []
    for name in ("tacrolimus", "hydrocortisone", "betamethasone", "dexamethasone", "cortisone"):
        assert {"topical", "systemic"} <= routes[name]
        assert "any" not in routes[name]


@pytest.mark.parametrize(
    ("name", "route_code", "treatment_class_code"),
    [
        ("dupixent", "systemic", "index_treatment"),
        ("protopic", "topical", "topical_tacrolimus"),
        ("tacrolimus", "topical", "topical_tacrolimus"),
        ("tacrolimus", "systemic", "systemic_immunosuppressant"),
        ("tacrolimus", "none", None),
        ("gentalyn beta", "topical", "topical_corticosteroid"),
        ("gentalyn", "topical", "other"),
        ("hydrocortisone, topical", "systemic", "topical_corticosteroid"),
        ("cortisone", "topical", "topical_corticosteroid"),
        ("cortisone", "systemic", "systemic_corticosteroid"),
        ("kenalog", "topical", "topical_corticosteroid"),
        ("kenalog", "systemic", "systemic_corticosteroid"),
        ("westcort", "topical", "topical_corticosteroid"),
        ("ciclosporin", "none", "systemic_immunosuppressant"),
        ("ciclosporin", "other_local", "other"),
        ("prednisone", "other_local", "other"),
        ("nb-uvb", "none", "phototherapy"),
        ("puva", "none", "phototherapy"),
        ("toctino", "systemic", "systemic_retinoid"),
        ("dexeryl", "topical", "emollient"),
    ],
)
def test_names_that_the_clinic_writes(
    name: str, route_code: str, treatment_class_code: str | None
) -> None:
    assert class_of_name(name, route_code) == treatment_class_code


def test_words_are_lower_case_and_every_code_is_its_own_word() -> None:
    for row in seed("word_list"):
        assert row["word"] == row["word"].lower()
    words = {(row["word_kind"], row["word"]) for row in seed("word_list")}
    assert [
        (row["word_kind"], row["code"])
        for row in seed("word_list")
        if (row["word_kind"], row["code"]) not in words
    ] == []


def test_what_intake_reads_as_a_stop_is_a_remark_beside_a_drug() -> None:
    with (SEEDS.parent / "intake" / "remark_words.csv").open(encoding="utf-8", newline="") as file:
        stops = {row["word"] for row in csv.DictReader(file) if row["kind"] == "stop"}
    remarks = {r["word"] for r in seed("drug_name_words") if r["meaning_code"] == "remark"}
    assert {"sospeso", "stopped", "abgesetzt", "arrêté"} <= stops
    assert stops - remarks == set()


@pytest.mark.parametrize(
    ("terms", "codes", "key"),
    [
        ("comorbidity_terms", "comorbidities", "comorbidity_code"),
        ("adverse_event_terms", "adverse_event_codes", "adverse_event_code"),
    ],
)
def test_terms_lead_to_known_codes_and_every_code_has_a_term(
    terms: str, codes: str, key: str
) -> None:
    assert set(column(terms, key)) == set(column(codes, key))
    assert [t for t in column(terms, "term") if t != t.lower()] == []


def test_parts_of_a_comorbidity_are_comorbidities_that_count_themselves() -> None:
    parts = {row["comorbidity_code"]: row["part_codes"].split() for row in seed("comorbidities")}
    for code, others in parts.items():
        assert len(others) != 1, code
        assert all(parts[other] == [] for other in others), code
