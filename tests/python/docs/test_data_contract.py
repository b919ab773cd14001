"""The tables of the data contract say what the code does."""

from __future__ import annotations

import re
import textwrap

import pytest
import yaml
from base_models import (
    EXPORTS,
    READINGS,
    RULES,
    declared,
    macro_text,
    rules_in,
    rules_of_kinds,
    seed_rows,
    settings_of,
    verdicts,
)
from doc_files import code, codes, document, section, table

from intake.contract import EXPORTS as CONTRACT
from intake.delivery import DeliveryFile
from intake.mapping import WORD_KINDS, MappingContent
from intake.mapping_schema import (
    DATE_FORMATS,
    ENCODINGS,
    CellKeys,
    ColumnSource,
    ExportSource,
    FileSource,
    FormatKeys,
)
from intake.refusals import FILE_REFUSALS, NOTICES, RECORD_FAULTS

PAGE = document("docs/data_contract.md")
PATIENT_RULES = {"orphan", "parent_rejected", "before_birth"}
DAY_RULES = {"contradicting_visit": {"value", "record"}}
REPEAT_RULES = {
    "duplicate_exact": "duplicate",
    "repeated_record": "duplicate",
    "conflicting_duplicate": "record",
}


def marked(name: str) -> list[dict[str, str]]:
    """The table behind a comment of this name."""
    return table(PAGE.split(f"<!-- {name} -->")[1])


def rows_of(export: str) -> dict[str, dict[str, str]]:
    return {code(row["column"]): row for row in table(section(PAGE, f"### {export}"))}


@pytest.mark.parametrize("export", EXPORTS)
def test_columns_and_which_of_them_a_file_must_have(export: str) -> None:
    expected = {
        name: "required" if row["is_column_required"] == "true" else "optional"
        for name, row in declared(export).items()
    }
    assert {name: row["in the file"] for name, row in rows_of(export).items()} == expected


@pytest.mark.parametrize("export", EXPORTS)
def test_intake_has_the_declared_columns_in_their_order(export: str) -> None:
    assert [(column.name, column.is_required) for column in CONTRACT[export]] == [
        (name, row["is_column_required"] == "true") for name, row in declared(export).items()
    ]


@pytest.mark.parametrize("export", EXPORTS)
def test_a_base_model_reads_every_declared_column_as_its_kind(export: str) -> None:
    read = settings_of(export)
    kinds = {name: row["kind_code"] for name, row in declared(export).items()}
    assert read["identifiers"] == [name for name, kind in kinds.items() if kind == "identifier"]
    assert set(read["columns"]) == set(kinds) - set(read["identifiers"])
    for column, reading in read["columns"].items():
        assert reading in READINGS[kinds[column]], column


@pytest.mark.parametrize("export", EXPORTS)
def test_a_required_cell_may_be_empty_beside_the_declared_alternative(export: str) -> None:
    expected = {
        name: row["alternative_column"]
        for name, row in declared(export).items()
        if row["alternative_column"]
    }
    given = settings_of(export).get("alternatives", {})
    assert {column: other for column, (other, _) in given.items()} == expected


def test_every_kind_of_column_is_judged() -> None:
    kinds = {row["kind_code"] for export in EXPORTS for row in declared(export).values()}
    assert kinds == set(rules_of_kinds()) == set(READINGS) | {"identifier"}


@pytest.mark.parametrize("export", EXPORTS)
def test_what_a_fault_of_a_column_costs(export: str) -> None:
    costs = verdicts(export).costs
    stated = {name: row["a fault costs"] for name, row in rows_of(export).items()}
    assert stated == {name: costs.get(name, "nothing") for name in rows_of(export)}


@pytest.mark.parametrize("export", EXPORTS)
def test_the_rules_that_can_refuse_a_cell(export: str) -> None:
    found = verdicts(export)
    assert set(found.rules) == set(found.costs), "a judged column has no verdict"
    stated = {name: set(codes(row["rules"])) for name, row in rows_of(export).items()}
    assert stated == {name: found.rules.get(name, set()) for name in rows_of(export)}


@pytest.mark.parametrize("export", EXPORTS)
def test_the_key_by_which_repeats_are_found(export: str) -> None:
    [sentence] = re.findall(r"Key:\s+([^.]*)\.", section(PAGE, f"### {export}"))
    assert codes(sentence) == verdicts(export).key


def test_every_rule_is_listed_once_with_what_it_costs() -> None:
    costs: dict[str, set[str]] = {rule: set() for rule in RULES}
    for export in EXPORTS:
        found = verdicts(export)
        for column, rules in found.rules.items():
            for rule in rules:
                costs[rule].add(found.own_costs.get(rule, found.costs[column]))
    for rule in PATIENT_RULES:
        costs[rule].add("record")
    for rule, cost in REPEAT_RULES.items():
        costs[rule].add(cost)
    for rule, both in DAY_RULES.items():
        costs[rule] |= both
    for rule in RECORD_FAULTS:
        costs[rule].add("record")

    rows = marked("every rule")
    assert sorted(code(row["rule"]) for row in rows) == sorted(RULES)
    for row in rows:
        stated = set(re.findall(r"\b(record|value|duplicate)\b", row["costs"]))
        assert stated == costs[code(row["rule"])], row["rule"]


def test_the_rules_about_the_patient_are_those_of_the_base_models() -> None:
    found = set().union(*(verdicts(export).patient_rules for export in EXPORTS))
    stated = {
        code(row["rule"])
        for row in table(section(PAGE, "## Rules between records").split("**The patient.**")[1])
    }
    assert stated == found == PATIENT_RULES


@pytest.mark.parametrize("export", EXPORTS[1:])
def test_a_record_before_birth_is_refused_where_the_page_says_so(export: str) -> None:
    text = section(PAGE, "## Rules between records").split("**The patient.**")[1]
    [sentence] = re.findall(r"They hold for ([^;]*);", text)
    stated = re.split(r", | and ", " ".join(sentence.split()))
    found = verdicts(export).patient_rules
    assert ("before_birth" in found) == (export.replace("_", " ") in stated)
    assert {"orphan", "parent_rejected"} <= found


@pytest.mark.parametrize("export", EXPORTS)
def test_only_comorbidities_and_scores_have_no_key_that_could_be_given_twice(export: str) -> None:
    assert verdicts(export).always_keeps_first == (export in ("comorbidities", "scores"))


def test_repeats_are_treated_as_the_models_do() -> None:
    text = section(PAGE, "## Rules between records").split("**The patient.**")[0]
    assert set(REPEAT_RULES) == set(codes(text)) & RULES
    assert rules_in(macro_text("judge_records")) == set(REPEAT_RULES) | PATIENT_RULES


def test_every_way_to_refuse_a_file_is_listed() -> None:
    stated = [code(row["code"]) for row in marked("file refusals")]
    assert sorted(stated) == sorted(FILE_REFUSALS)


def test_every_notice_is_listed() -> None:
    stated = [code(row["notice"]) for row in marked("notices")]
    assert sorted(stated) == sorted(NOTICES)


def test_every_key_of_a_mapping_is_listed() -> None:
    models = {
        "mapping": (MappingContent, None),
        "cells": (CellKeys, None),
        "files": (FormatKeys, CellKeys),
        "export": (ExportSource, FormatKeys),
        "file of an export": (FileSource, FormatKeys),
        "column": (ColumnSource, CellKeys),
    }
    rows = marked("mapping keys")
    assert {row["level"] for row in rows} == set(models)
    for level, (model, parent) in models.items():
        stated = [code(row["key"]) for row in rows if row["level"] == level]
        inherited = parent.model_fields if parent else ()
        assert stated == [key for key in model.model_fields if key not in inherited], level


def test_encodings_date_formats_and_word_kinds_are_those_of_the_mapping() -> None:
    by_key = {code(row["key"]): row["meaning"] for row in marked("mapping keys")}
    assert set(codes(by_key["encoding"])) <= set(ENCODINGS)
    orders = {order for order, _ in DATE_FORMATS.values()}
    marks = {mark for _, mark in DATE_FORMATS.values()}
    assert set(codes(by_key["date_format"])) == orders | marks | {"ymd-"}
    kinds = section(PAGE, "## The mapping file").split("Kinds of words:")[1]
    assert set(WORD_KINDS) == set(codes(kinds))


def test_every_key_of_delivery_yml_is_listed() -> None:
    stated = [code(row["key"]) for row in table(section(PAGE, "## A delivery"))]
    assert sorted(stated) == sorted(DeliveryFile.model_fields)


def test_ranges_of_scores_are_those_of_the_seed() -> None:
    rows = rows_of("visits")
    for score in seed_rows("protocol", "score_definitions"):
        if score["is_wide"] != "true":
            continue
        numbers = [
            float(text)
            for text in re.findall(r"[\d.]+", rows[f"{score['score_code']}_score"]["holds"])
        ]
        step = [float(score["step"])] if float(score["step"]) != 1 else []
        assert numbers == [float(score["min_value"]), float(score["max_value"]), *step]


def test_the_example_of_a_mapping_is_valid() -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", document("docs/how_to_add.md"), re.DOTALL)
    exports = yaml.load(textwrap.dedent(example), yaml.BaseLoader)["exports"]
    for export, given in exports.items():
        source = ExportSource.model_validate(given)
        columns = source.files[0].columns
        assert set(columns) <= {column.name for column in CONTRACT[export]}
        assert {column.name for column in CONTRACT[export] if column.is_required} <= set(columns)
