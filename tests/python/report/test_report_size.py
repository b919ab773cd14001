"""Report and figures do not grow with the number of patients: nothing is drawn per patient."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from edge_cohorts import PATIENTS

from analysis_py.report import report_files
from analysis_py.report.source import ReportSource
from analysis_py.rows import ResultRows
from analysis_py.study import run_analyses

COPIES = 20
COUNTS = ["n_patients", "n_excluded", "n_failing"]
# Allows for more digits in counts, and for nothing that is drawn or written per patient.
MOST_GROWTH = 1.15


def repeated(frames: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The cohort twenty times, each copy with patients of its own."""
    larger = dict(frames)
    for name in PATIENTS:
        frame = frames[name]
        copies = [
            frame.assign(patient_id=frame["patient_id"].astype(str) + f"x{i}")
            for i in range(COPIES)
        ]
        larger[name] = pd.concat(copies, ignore_index=True)
    flow = frames["fct_cohort_attrition"]
    larger["fct_cohort_attrition"] = flow.assign(**{name: flow[name] * COPIES for name in COUNTS})
    return larger


@pytest.fixture(scope="module")
def larger(source: ReportSource, frames: dict[str, pd.DataFrame]) -> ReportSource:
    results = run_analyses(repeated(frames))
    study = replace(source.study, results=results)
    return replace(source, study=study, rows=ResultRows(results, source.rows.timepoints))


def test_the_cohort_is_twenty_times_as_large(source: ReportSource, larger: ReportSource) -> None:
    enrolled = [one.rows.need("A01", "enrolled", "n").n for one in (source, larger)]
    assert enrolled[1] == COPIES * enrolled[0]


def test_hazard_ratios_stay_and_their_errors_shrink(
    source: ReportSource, larger: ReportSource
) -> None:
    # Breslow's likelihood of a cohort written out k times is k times its own, plus a constant.
    for term in ("dlqi_baseline_score", "age_at_index_years", "is_female"):
        small, large = (one.rows.need("A13", term, "hazard_ratio") for one in (source, larger))
        assert large.value == pytest.approx(small.value, rel=1e-10)
        errors = [one.rows.need("A13", term, "coefficient_se").value for one in (source, larger)]
        assert errors[1] == pytest.approx(errors[0] / COPIES**0.5, rel=1e-10)


@pytest.fixture(scope="module")
def larger_files(larger: ReportSource) -> dict[str, bytes]:
    return report_files(larger, lambda _: None)


def test_no_file_grows_with_the_patients(
    files: dict[str, bytes], larger_files: dict[str, bytes]
) -> None:
    assert set(files) == set(larger_files)
    grown = {
        name: len(larger_files[name]) / len(content)
        for name, content in files.items()
        if len(larger_files[name]) > MOST_GROWTH * len(content)
    }
    assert grown == {}


def test_figures_draw_as_many_marks(
    files: dict[str, bytes], larger_files: dict[str, bytes]
) -> None:
    pictures = [name for name in files if name.startswith("figures/") and name.endswith(".svg")]
    assert len(pictures) >= 7
    for name in pictures:
        # Every glyph of a number is an element too: leave the text out.
        marks = [of[name].count(b"<path") for of in (files, larger_files)]
        assert marks[1] <= MOST_GROWTH * marks[0], name
        data = name.replace(".svg", ".csv")
        assert files[data].count(b"\n") == larger_files[data].count(b"\n")
