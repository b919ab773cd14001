"""The list of cases and the tests say the same: every case has a test, every test a case."""

from __future__ import annotations

import ast
import csv
import re
from collections import Counter
from pathlib import Path

import pytest
from builds import ROOT
from fault_checks import ALL_FACTS, EXPORT_CASES
from test_faults_of_files import CASES as OF_FILES
from test_faults_of_keys import CASES as OF_KEYS
from test_faults_of_keys import RENAMED
from test_faults_of_records import CASES as OF_RECORDS

from simulator.faults.cases import list_cases

TESTS = ROOT / "tests" / "python"


def marked_cases() -> dict[str, list[str]]:
    """Return the cases that a test function is marked with, `@pytest.mark.fault("P203")`."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
                continue
            for decorator in node.decorator_list:
                if ast.unparse(decorator).startswith("pytest.mark.fault("):
                    for argument in decorator.args:
                        found.setdefault(ast.literal_eval(argument), []).append(node.name)
    return found


def test_every_case_has_a_test_and_every_test_a_case():
    tested = {*OF_FILES, *OF_RECORDS, *OF_KEYS, *RENAMED, *marked_cases()}
    assert tested == set(ALL_FACTS)
    assert len(ALL_FACTS) == 106


def test_the_simulator_makes_every_case_of_an_export():
    made = {case.case_id: case.allowed_outcomes for case in list_cases()}
    assert made == {case_id: ALL_FACTS[case_id].allowed for case_id in EXPORT_CASES}


def test_every_case_ends_in_an_outcome_that_it_may():
    for facts in ALL_FACTS.values():
        assert facts.ends_in in facts.allowed, facts.case_id


def test_the_document_counts_the_outcomes():
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    table = text.split("| outcome | faults |")[1].split("\n\n")[0]
    shown = [int(number) for number in re.findall(r"^\|[^|]+\| (\d+) \|", table, re.M)]
    order = ("reject_file", "quarantine", "null_value", "dedupe", "load_flag", "load", "same")
    found = Counter(ALL_FACTS[case_id].ends_in for case_id in EXPORT_CASES)
    assert shown == [found[outcome] for outcome in order]


def test_the_list_is_the_one_that_was_given(request):
    given = Path(request.config.getoption("--shared")) / "fault_cases_dev.csv"
    if not given.is_file():
        pytest.skip(f"the list of faults is not at {given}")
    with open(given, newline="", encoding="utf-8") as file:
        rows = {
            row["id"]: (row["slug"], row["kind"], tuple(row["allowed_outcomes"].split("|")))
            for row in csv.DictReader(file)
        }
    assert rows == {
        facts.case_id: (facts.slug, facts.kind, facts.allowed) for facts in ALL_FACTS.values()
    }
