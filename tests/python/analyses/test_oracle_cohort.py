"""The results of the twin agree with R, which derives them from raw columns itself."""

from __future__ import annotations

import pytest
from oracle_agreement import agrees, read_output

from analysis_py.results import Results

ORACLE = read_output("cohort.csv")
ANALYSES = sorted({key.split(".")[0] for key in ORACLE["result_id"]})


@pytest.mark.parametrize("analysis", ANALYSES)
def test_results_agree_with_r(results: Results, analysis: str) -> None:
    part = ORACLE[ORACLE["result_id"].str.startswith(f"{analysis}.")]
    apart = {
        (row.result_id, row.field): (getattr(results[row.result_id], row.field), row.value)
        for row in part.itertuples()
        if not agrees(getattr(results[row.result_id], row.field), row.value)
    }
    assert not apart


def test_oracle_covers_every_analysis_of_the_paper() -> None:
    assert [f"a{number:02d}" for number in range(1, 20)] == ANALYSES
