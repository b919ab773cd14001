"""The benchmark of the analyses: what it measures, on the twin, and without R."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import analyses_scale


def test_without_r_the_comparison_says_so(
    twin_warehouse: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    rows = analyses_scale.compare_with_r(twin_warehouse)
    assert [row["name"] for row in rows] == ["registry", "no two alike"]
    assert {row["skipped"] for row in rows} == {analyses_scale.NO_R}


@pytest.mark.skipif(not analyses_scale._has_r(), reason="R with survival is not installed")
def test_cox_on_the_same_frame_agrees_with_r(twin_warehouse: Path) -> None:
    for row in analyses_scale.compare_with_r(twin_warehouse, runs=1):
        assert row["n_patients"] == 307
        assert row["largest_difference"] <= 1e-6
        assert row["ratio"] == pytest.approx(row["ours_s"] / row["r_s"])


def test_an_analysis_is_measured_in_a_process_of_its_own(twin_warehouse: Path) -> None:
    row = analyses_scale._in_process("analysis", twin_warehouse, "A11")
    assert (row["part"], row["name"], row["n_rows"]) == ("analysis", "A11 topical_change", 96)
    assert row["peak_mib"] > 10
    assert analyses_scale._line(row).startswith("A11 topical_change")
