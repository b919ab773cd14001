"""The demonstration delivery, through dbt: every number as printed, and as R finds it."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracle_agreement import agrees, read_output

from analysis_py import published
from analysis_py.study import Study, run_study

# Not part of the solved twin: it follows from the day of the extraction.
FROM_DATES = "age_at_data_collection_years"


@pytest.fixture(scope="module")
def demo(warehouse: Path) -> Study:
    return run_study(warehouse)


def test_no_printed_number_differs(demo: Study) -> None:
    apart = published.with_status(demo.compared, published.DIFFERS)
    assert not [(row.published_result_id, row.printed, row.ours) for row in apart]
    found = published.counts(demo.compared)
    assert found[published.EQUAL] + found[published.CORRECTED] == 294 + 5


def test_results_agree_with_r(demo: Study) -> None:
    theirs = read_output("cohort.csv")
    theirs = theirs[~theirs["result_id"].str.contains(FROM_DATES)]
    apart = [
        (row.result_id, row.field, getattr(demo.results[row.result_id], row.field), row.value)
        for row in theirs.itertuples()
        if not agrees(getattr(demo.results[row.result_id], row.field), row.value)
    ]
    assert len(theirs) > 600
    assert not apart


def test_demo_says_that_it_is_synthetic(demo: Study) -> None:
    assert demo.delivery.is_synthetic
    assert demo.delivery.header.startswith("SYNTHETIC DATA")
