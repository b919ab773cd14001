"""Fixtures that every room shares: one warehouse is built per run, not one per test or worker."""

from __future__ import annotations

import gc
import os
import shutil
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a worker per core: their threads would only wait

import duckdb
import pytest
import short_road
from builds import PARSE_CACHE, ROOT, TEST_KEY, Build, load_build, publish, run_dbt, save_build
from filelock import FileLock
from short_road import ShortRoad

from core.settings import Settings

LONG_FILES = (
    "docs/test_commands.py",
    "faults/test_faults_of_keys.py",
    "faults/test_faults_of_records.py",
    "refresh/test_refresh_faults.py",
    "refresh/test_refresh_run.py",
    "refresh/test_refresh_torture.py",
    "refresh/test_refresh_real.py",
    "faults/test_faults_of_files.py",
    "refresh/test_refresh_erase.py",
    "faults/test_faults_of_deliveries.py",
    "faults/test_short_road.py",
    "faults/test_own_faults.py",
    "validation/test_truth_recovery.py",
    "refresh/test_refresh_damage.py",
    "refresh/test_refresh_publish.py",
    "expectations/test_expectations_demo.py",
    "report/test_report_files.py",
    "end_to_end/test_demo_build.py",
    "refresh/test_refresh_export.py",
    "faults/test_input_limits.py",
    "report/test_report_browser.py",
    "report/test_report_figures.py",
    "refresh/test_refresh_trace.py",
    "analyses/test_fits.py",
    "analyses/test_oracle_edges.py",
    "end_to_end/test_two_centres.py",
)
"""The longest first, so that no worker is left alone with one at the end; the others after them."""


_connect = duckdb.connect


def connect_with_one_thread(
    database: str | Path = ":memory:", read_only: bool = False, config: dict | None = None
) -> duckdb.DuckDBPyConnection:
    """Open DuckDB with one thread, if no other number is given: a worker has one core."""
    return _connect(database, read_only, {"threads": 1, **(config or {})})


duckdb.connect = connect_with_one_thread


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--shared",
        default=str(ROOT.parent / "shared"),
        help="folder with real exports (real/cdisc_pilot); their tests say when it is absent",
    )
    parser.addoption(
        "--all-faults-through-dbt",
        action="store_true",
        help="build every bad delivery with dbt itself (half an hour), not with the SQL it left",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.option.loadscopereorder = False  # the order is that of LONG_FILES
    gc.disable()  # until the tests are collected: imports leave no garbage, but are searched for it
    config.addinivalue_line(
        "markers", "fault(*case_ids): the test shows how these cases of fault_facts.csv end"
    )


def pytest_report_header(config: pytest.Config) -> str:
    shared = Path(config.getoption("--shared"))
    state = "present" if (shared / "real").is_dir() else "absent, its tests are skipped"
    return f"real exports: {state}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first (`--dist loadfile`: a worker runs whole files)."""
    places = {file: place for place, file in enumerate(LONG_FILES)}

    def place(item: pytest.Item) -> int:
        return places.get("/".join(item.path.parts[-2:]), len(places))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    gc.enable()


@pytest.fixture(scope="session")
def demo_build(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Build:
    """The whole `dbt build` on the demo delivery, every data test and unit test included."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "demo"
    with FileLock(f"{folder}.lock"):
        build = load_build(folder)
        if build is None:
            build = run_dbt(folder, "build", "--selector", "everything")
            save_build(build, folder)
    assert build.returncode == 0, build.output[-4000:]
    return build


@pytest.fixture(scope="session")
def road(demo_build: Build) -> ShortRoad:
    """The statements that dbt left for the demo."""
    return short_road.from_build(demo_build)


@pytest.fixture(scope="session")
def published_demo(
    demo_build: Build, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Path:
    """A folder with the vault, the published folder and the key of `registry run` on the demo.

    The run takes over what dbt built in `demo_build`. Tests that publish copy the folder first.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "published_demo"
    key = folder / "key" / "demo.key"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            key.parent.mkdir(parents=True)
            shutil.copy(TEST_KEY, key)
            settings = Settings(vault=folder / "vault", published=folder / "published")
            code, said = publish(ROOT / "exports" / "demo", settings, key, demo_build.copy)
            (folder / "outcome.txt").write_text(said)
            assert code == 0, said
            cache = Path(shutil.copy(demo_build.target / PARSE_CACHE, settings.vault))
            cache.chmod(0o600)
    said = (folder / "outcome.txt").read_text()
    assert (folder / "published" / "current.duckdb").exists(), said
    return folder


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
