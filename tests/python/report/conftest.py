"""The report of the synthetic twin, made once for all tests of this room."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pandas as pd
import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tests" / "python" / "analyses"))

from edge_cohorts import no_patient, no_scores, one_patient, only_women_start  # noqa: E402
from report_warehouses import add_quarantine, twin_marts  # noqa: E402
from twin_frames import build_frames  # noqa: E402
from warehouse_files import write_warehouse  # noqa: E402

from analysis_py.report import report_files  # noqa: E402
from analysis_py.report.source import ReportSource, read_source  # noqa: E402
from analysis_py.rows import ResultRows  # noqa: E402
from analysis_py.study import run_analyses  # noqa: E402


@pytest.fixture(scope="session")
def frames() -> dict[str, pd.DataFrame]:
    return build_frames()


@pytest.fixture(scope="session")
def build_file(tmp_path_factory: pytest.TempPathFactory, frames: dict[str, pd.DataFrame]) -> Path:
    """A file like a dbt build: marts and quarantine, no results. Tests that write copy it."""
    path = tmp_path_factory.mktemp("report") / "build.duckdb"
    write_warehouse(path, twin_marts(frames))
    with duckdb.connect(str(path)) as db:
        add_quarantine(db)
    return path


@pytest.fixture(scope="session")
def source(build_file: Path) -> ReportSource:
    return read_source(build_file, lambda _: None)


@pytest.fixture(scope="session")
def files(source: ReportSource) -> dict[str, bytes]:
    return report_files(source, lambda _: None)


@pytest.fixture(scope="session")
def quality_page(files: dict[str, bytes]) -> str:
    return files["quality.html"].decode("utf-8")


@pytest.fixture(scope="session")
def page(files: dict[str, bytes]) -> str:
    return files["report.html"].decode("utf-8")


@pytest.fixture(scope="session")
def edge_rows(frames: dict[str, pd.DataFrame], source: ReportSource) -> dict[str, ResultRows]:
    """Results of cohorts with few or no patients or scores."""
    edges = (no_patient, one_patient, no_scores, only_women_start)
    times = source.rows.timepoints
    return {edge.__name__: ResultRows(run_analyses(edge(frames)), times) for edge in edges}
