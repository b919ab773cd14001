"""Fixtures that every room shares: one warehouse is built per session, not one per test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


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


@dataclass(frozen=True)
class Build:
    """One finished dbt build and where it left its files."""

    warehouse: Path
    target: Path
    output: str
    returncode: int

    @property
    def manifest(self) -> dict:
        return json.loads((self.target / "manifest.json").read_text())


def run_dbt(
    folder: Path,
    *arguments: str,
    delivery: Path | None = None,
    mapping: str = "",
    threads: int = 2,
    warehouse: Path | None = None,
) -> Build:
    """Run one dbt command with its own warehouse, target and logs below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    warehouse = warehouse or folder / "warehouse.duckdb"
    environment = {
        **os.environ,
        "REGISTRY_DELIVERY": str(delivery or ROOT / "exports" / "demo"),
        "REGISTRY_MAPPING": mapping,
        "REGISTRY_WAREHOUSE": str(warehouse),
        "REGISTRY_THREADS": str(threads),
        "REGISTRY_KEY_FILE": str(ROOT / "build" / "test.key"),
        "DBT_USE_COLORS": "false",
    }
    (ROOT / "build").mkdir(exist_ok=True)
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "dbt"),
            *arguments,
            "--target-path",
            str(folder / "target"),
            "--log-path",
            str(folder / "logs"),
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return Build(warehouse, folder / "target", done.stdout + done.stderr, done.returncode)


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
