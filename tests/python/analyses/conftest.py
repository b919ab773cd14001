"""Frames, results and the paper's ledger, built once for all tests of the analyses."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest
from twin_frames import build_frames
from warehouse_files import write_warehouse

from analysis_py.results import Results
from analysis_py.study import run_analyses

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tests" / "oracle"))

LEDGER = ROOT / "seeds" / "publication" / "published_results.csv"


@pytest.fixture(scope="session")
def frames() -> dict[str, pd.DataFrame]:
    return build_frames()


@pytest.fixture(scope="session")
def results(frames: dict[str, pd.DataFrame]) -> Results:
    return run_analyses(frames)


@pytest.fixture(scope="session")
def ledger_frame() -> pd.DataFrame:
    """The paper's ledger as the mart holds it: text, missing as None."""
    frame = pd.read_csv(LEDGER, dtype=str, keep_default_na=False)
    frame = frame.where(frame != "", None)
    frame["decimals"] = pd.to_numeric(frame["decimals"])
    return frame


@pytest.fixture(scope="session")
def twin_warehouse(
    tmp_path_factory: pytest.TempPathFactory,
    frames: dict[str, pd.DataFrame],
    ledger_frame: pd.DataFrame,
) -> Path:
    """A warehouse file of the twin; tests that write copy it first."""
    path = tmp_path_factory.mktemp("warehouse") / "warehouse.duckdb"
    return write_warehouse(path, {**frames, "fct_published_results": ledger_frame})
