"""One dbt build in a process of its own, for the tests that look at what it leaves."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from core.progress import Progress
from core.settings import Settings
from refresh.build import PARSE_CACHE, BuildResult, count_tests
from refresh.store.pack import content_of
from registry.main import main

ROOT = Path(__file__).resolve().parents[2]
TEST_KEY = ROOT / "build" / "test.key"
WAREHOUSE = "build/warehouse.duckdb"
"""As a bare `dbt build` and a refresh name it; one parse of the project serves all."""
BuildStep = Callable[[Settings, Progress, tuple[int, ...]], BuildResult]


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

    def copy(self, settings: Settings, progress: Progress, locks: tuple[int, ...]) -> BuildResult:
        """Put a copy of the built warehouse in place of the work file; a step of a refresh."""
        del progress, locks
        shutil.copyfile(self.warehouse, settings.work_file)
        results = json.loads((self.target / "run_results.json").read_text())
        metadata = results["metadata"]
        return BuildResult(
            count_tests(self.manifest, results),
            {"dbt": metadata["dbt_version"], "duckdb": duckdb.__version__},
            metadata["invocation_id"],
        )


def save_build(build: Build, folder: Path) -> None:
    """Write down a finished build, so that another worker finds it instead of repeating it."""
    (folder / "build.json").write_text(
        json.dumps([str(build.warehouse), str(build.target), build.output, build.returncode])
    )


def load_build(folder: Path) -> Build | None:
    """Return the build saved in `folder`; None when there is none yet."""
    note = folder / "build.json"
    if not note.exists():
        return None
    warehouse, target, output, returncode = json.loads(note.read_text())
    return Build(Path(warehouse), Path(target), output, returncode)


def run_dbt(
    folder: Path,
    *arguments: str,
    delivery: Path | None = None,
    mapping: str = "",
    settings: dict[str, str] | None = None,
    before: Path | None = None,
    parsed: Build | None = None,
    project: Path = ROOT,
) -> Build:
    """Run one dbt command with its own warehouse, target and logs below `folder`.

    `before` is a warehouse of which a copy is built upon; `settings` are further environment
    variables. dbt need not parse the project again when it is given the target of an earlier build,
    `parsed`, or where the installation parsed it.
    """
    target = folder / "target"
    target.mkdir(parents=True, exist_ok=True)
    warehouse = folder / WAREHOUSE
    warehouse.parent.mkdir(exist_ok=True)
    if before is not None:
        shutil.copyfile(before, warehouse)
    cache = (parsed.target if parsed else ROOT / "target") / PARSE_CACHE
    if cache.exists():
        shutil.copyfile(cache, target / PARSE_CACHE)
    environment = {
        **os.environ,
        "REGISTRY_DELIVERY": str(delivery or ROOT / "exports" / "demo"),
        "REGISTRY_MAPPING": mapping,
        "REGISTRY_WAREHOUSE": WAREHOUSE,
        "PYTHONPATH": str(ROOT),
        "REGISTRY_THREADS": "2",
        "REGISTRY_KEY_FILE": str(TEST_KEY),
        "DBT_USE_COLORS": "false",
        **(settings or {}),
    }
    (ROOT / "build").mkdir(exist_ok=True)
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "dbt"),
            *arguments,
            *("--project-dir", str(project), "--profiles-dir", str(project)),
            *("--target-path", str(target), "--log-path", str(folder / "logs")),
        ],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return Build(warehouse, target, done.stdout + done.stderr, done.returncode)


def publish(delivery: Path, settings: Settings, key: Path, build: BuildStep) -> tuple[int, str]:
    """Run `registry run` in this process, with another step in place of dbt's build.

    Returns
    -------
    tuple of (int, str)
        Exit code, and what was said.
    """
    said = io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
    ):
        patch.setenv("REGISTRY_KEY_FILE", str(key))
        patch.setattr("refresh.build.build", lambda *given: build(*given[:3]))
        patch.setattr("refresh.dbt_process.DbtProcess.start", lambda process: None)
        code = main(
            [
                "run", "--quiet", "--allow-outside", "--delivery", str(delivery),
                "--vault", str(settings.vault), "--published", str(settings.published),
            ]
        )  # fmt: skip
    return code, said.getvalue()


def tables_of(db: duckdb.DuckDBPyConnection, catalog: str, schema: str) -> list[str]:
    """Return the names of the tables of a schema, in order."""
    rows = db.execute(
        "select table_name from duckdb_tables() where database_name = ? and schema_name = ? "
        "order by 1",
        [catalog, schema],
    ).fetchall()
    return [row[0] for row in rows]


def contents(warehouse: Path, *schemas: str) -> dict[str, str]:
    """Return the content hash of every table of these schemas, free of the order of rows."""
    with duckdb.connect(str(warehouse), read_only=True) as db:
        catalog = db.execute("select current_database()").fetchone()[0]
        return {
            f"{schema}.{table}": content_of(db, catalog, schema, table).content_hash
            for schema in schemas
            for table in tables_of(db, catalog, schema)
        }
