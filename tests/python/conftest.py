"""Fixtures that every room shares: one warehouse is built per session, not one per test."""

from __future__ import annotations

from pathlib import Path

import pytest
from builds import ROOT, Build, run_dbt


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--shared",
        default=str(ROOT.parent / "shared"),
        help="folder with real exports (real/cdisc_pilot); their tests say when it is absent",
    )


def pytest_report_header(config: pytest.Config) -> str:
    shared = Path(config.getoption("--shared"))
    state = "present" if (shared / "real").is_dir() else "absent, its tests are skipped"
    return f"real exports: {state}"


@pytest.fixture(scope="session")
def demo_build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The whole `dbt build` on the demo delivery, every data test and unit test included."""
    build = run_dbt(tmp_path_factory.mktemp("demo"), "build", "--selector", "everything")
    assert build.returncode == 0, build.output[-4000:]
    return build


@pytest.fixture(scope="session")
def warehouse(demo_build: Build) -> Path:
    """Path of the warehouse built from the demo delivery; open it read-only."""
    return demo_build.warehouse


@pytest.fixture(scope="session")
def shared(request: pytest.FixtureRequest) -> Path:
    """The folder with real exports; the test is skipped, and says so, where it is absent."""
    folder = Path(request.config.getoption("--shared"))
    if not (folder / "real").is_dir():
        pytest.skip(f"no real exports at {folder}")
    return folder
