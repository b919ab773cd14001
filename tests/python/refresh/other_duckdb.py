"""Other releases of DuckDB, each in an environment of its own that is made once and kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from builds import ROOT
from filelock import FileLock

VARIABLE = "REGISTRY_TEST_DUCKDB"
OLDEST = "1.4.0"
RELEASES = [version for version in os.environ.get(VARIABLE, OLDEST).split(",") if version]
"""The oldest release that must read a published file; the variable names others (1.4.5,2.0.0)."""

READ_ALL = """
import hashlib, json, sys
import duckdb
config = {"enable_external_access": "false", "lock_configuration": "true"}
db = duckdb.connect(sys.argv[1], read_only=True, config=config)
tables = db.execute(
    "select table_schema, table_name, n_rows, row_hash from metadata.tables order by all"
).fetchall()
for schema, table, n_rows, row_hash in tables:
    relation = f'"{schema}"."{table}"'
    columns = [(c[0], c[1]) for c in db.execute(f"describe {relation}").fetchall()]
    packed = ", ".join(f'"{name}" := "{name}"' for name, _ in columns)
    n, total = db.execute(
        f"select count(*), coalesce(sum(hash(struct_pack({packed}))::hugeint), 0) from {relation}"
    ).fetchone()
    digest = hashlib.sha256(json.dumps([columns, n, str(total)]).encode()).hexdigest()[:16]
    assert (n, digest) == (n_rows, row_hash), (schema, table)
    assert len(db.execute(f"select * from {relation}").fetchall()) == n_rows
described = db.execute(
    "select count(*), count(comment) from duckdb_columns() where not internal"
).fetchone()
print(duckdb.__version__, len(tables), *described)
"""
"""Reads every row and compares the hashes with those that the file states of itself."""


def python_with(version: str) -> Path:
    """Return the interpreter of an environment with this release; skip where it cannot be had."""
    folder = ROOT / "build" / f"duckdb_{version}"
    folder.parent.mkdir(exist_ok=True)
    python = folder / "bin" / "python"
    with FileLock(f"{folder}.lock"):
        if not (folder / "ready").exists():
            _install(version, folder, python)
    return python


def _install(version: str, folder: Path, python: Path) -> None:
    uv = [str(Path(sys.executable).parent / "uv")]
    for command in (
        [*uv, "venv", "--clear", "--quiet", "--python", sys.executable, str(folder)],
        [*uv, "pip", "install", "--quiet", "--python", str(python), f"duckdb=={version}"],
    ):
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, timeout=120,
                env={**os.environ, "UV_HTTP_TIMEOUT": "30"},
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            pytest.skip(f"no environment with DuckDB {version}: uv is missing or too slow")
        if done.returncode != 0:
            pytest.skip(f"no environment with DuckDB {version}: the package index gave none")
    (folder / "ready").touch()


def read_with(version: str, file: Path) -> list[str]:
    """Read the whole file with this release; return release, tables, columns, described ones."""
    done = subprocess.run(
        [str(python_with(version)), "-I", "-c", READ_ALL, str(file)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()
