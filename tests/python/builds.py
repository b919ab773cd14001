"""One dbt build in a process of its own, for the tests that look at what it leaves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARSE_CACHE = "partial_parse.msgpack"


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


def save_build(build: Build, folder: Path) -> None:
    """Write down a finished build, so that another worker finds it instead of repeating it."""
    (folder / "build.json").write_text(
        json.dumps([str(build.warehouse), str(build.target), build.output, build.returncode])
    )


def load_build(folder: Path) -> Build | None:
    """Return the build that stands in `folder`; None when there is none yet."""
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
    threads: int = 2,
    warehouse: Path | None = None,
    parsed: Build | None = None,
    project: Path = ROOT,
) -> Build:
    """Run one dbt command with its own warehouse, target and logs below `folder`.

    The warehouse is named relative to its folder: with the same name and threads dbt need not parse
    the project again when it is given the target of an earlier build, `parsed`.
    """
    target = folder / "target"
    target.mkdir(parents=True, exist_ok=True)
    warehouse = warehouse or folder / "warehouse.duckdb"
    if parsed is not None:
        shutil.copyfile(parsed.target / PARSE_CACHE, target / PARSE_CACHE)
    environment = {
        **os.environ,
        "REGISTRY_DELIVERY": str(delivery or ROOT / "exports" / "demo"),
        "REGISTRY_MAPPING": mapping,
        "REGISTRY_WAREHOUSE": warehouse.name,
        "PYTHONPATH": str(ROOT),
        "REGISTRY_THREADS": str(threads),
        "REGISTRY_KEY_FILE": str(ROOT / "build" / "test.key"),
        "DBT_USE_COLORS": "false",
    }
    (ROOT / "build").mkdir(exist_ok=True)
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "dbt"),
            *arguments,
            *("--project-dir", str(project), "--profiles-dir", str(project)),
            *("--target-path", str(target), "--log-path", str(folder / "logs")),
        ],
        cwd=warehouse.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return Build(warehouse, target, done.stdout + done.stderr, done.returncode)
