"""The constants and contradictions in the study's description are those of the seeds."""

from __future__ import annotations

import re

from base_models import seed_rows
from doc_files import code, document, section, table

PAGE = document("docs/study.md")


def test_the_windows_are_those_of_the_seed() -> None:
    rows = table(section(PAGE, "### Which visit counts for a timepoint"))
    stated = [
        (
            code(row["timepoint"]),
            row["target day"],
            row["first day"],
            row["last day"],
            row["nominal month"],
        )
        for row in rows
    ]
    assert stated == [
        (
            row["timepoint_code"],
            row["target_day"],
            row["first_day"],
            row["last_day"],
            row["nominal_month"],
        )
        for row in seed_rows("protocol", "visit_windows")
    ]


def test_the_criteria_and_their_constants_are_those_of_the_seed() -> None:
    rows = table(section(PAGE, "### Who is in"))
    seed = seed_rows("protocol", "eligibility_criteria")
    assert [(row["number"], code(row["criterion"])) for row in rows] == [
        (row["criterion_number"], row["criterion_code"]) for row in seed
    ]
    windows = {row["timepoint_code"]: row for row in seed_rows("protocol", "visit_windows")}
    for row, criterion in zip(rows, seed, strict=True):
        window = windows.get(criterion["timepoint_code"], criterion)
        constants = [
            value
            for value in (
                criterion["threshold_value"],
                window["first_day"],
                window["last_day"],
                criterion["first_date"],
                criterion["last_date"],
            )
            if value
        ]
        assert re.findall(r"\d{4}-\d\d-\d\d|-?\d+", row["constant"]) == constants


def test_the_contradictions_are_those_of_the_published_results() -> None:
    rows = table(section(PAGE, "## Where the paper contradicts itself"))
    stated = {code(row["result_id"]): (row["printed"], float(row["must be"])) for row in rows}
    assert stated == {
        row["result_id"]: (row["published_value"], float(row["target_value"]))
        for row in seed_rows("publication", "published_results")
        if row["consistent"] == "no"
    }


def test_every_analysis_is_named() -> None:
    rows = table(section(PAGE, "## The analyses"))
    named = {name for row in rows for name in re.findall(r"A\d\d", row["id"])}
    assert named == {
        row["analysis_id"]
        for row in seed_rows("publication", "published_results")
        if row["analysis_id"].startswith("A")
    }
