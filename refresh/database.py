"""DuckDB connections with a memory limit, and with spill files where only the owner looks.

DuckDB puts the spill files of a connection without a file into the current folder, and takes most
of the machine's memory. Both are decided here for every connection that reads records of patients.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import duckdb

from refresh import files

MEMORY_VARIABLE = "REGISTRY_MEMORY_LIMIT"
DEFAULT_MEMORY_LIMIT = "3GB"
"""The same variable and default as in profiles.yml."""
VAULT_STORAGE_VERSION = "v1.4.0"
"""As in profiles.yml: text is written in half the time of older versions."""


def memory_limit() -> str:
    """Return how much memory a connection may take, in DuckDB's words."""
    return os.environ.get(MEMORY_VARIABLE) or DEFAULT_MEMORY_LIMIT


def connect(
    file: Path | None, spill: Path | None = None, *, read_only: bool = False
) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB file, or a database in memory, within the memory limit.

    Parameters
    ----------
    file : Path or None
        None = in memory; then ``spill`` must be given.
    spill : Path, optional
        Folder for spill files; it is made private when it is needed. Default: beside the file.
    """
    config = {"memory_limit": memory_limit()}
    if spill is not None:
        spill.mkdir(mode=0o700, parents=True, exist_ok=True)
        config["temp_directory"] = str(spill)
    elif file is None:
        raise ValueError("a database in memory wants a folder for its spill files")
    return duckdb.connect(str(file or ":memory:"), read_only=read_only, config=config)


def literal(path: Path) -> str:
    """Return a path as it may stand between single quotes in SQL."""
    return str(path).replace("'", "''")


def rewrite_database(file: Path, storage_version: str = VAULT_STORAGE_VERSION) -> None:
    """Copy a DuckDB file into a new one and put it in the old one's place.

    Deleted rows stay in a file's bytes, after CHECKPOINT and VACUUM too; only a new file is free
    of them.
    """
    new_folder = file.parent / f".{file.stem}.rewritten"
    new_folder.mkdir(mode=0o700)
    new = new_folder / file.name
    try:
        with connect(None, new_folder / "tmp") as db:
            db.execute(f"attach '{literal(file)}' as old_file (read_only)")
            db.execute(f"attach '{literal(new)}' as new_file (storage_version '{storage_version}')")
            db.execute("copy from database old_file to new_file")
            db.execute("checkpoint new_file")
        os.chmod(new, stat.S_IMODE(file.stat().st_mode))
        files.sync_file(new)
        os.replace(new, file)
        files.sync_folder(file.parent)
    finally:
        shutil.rmtree(new_folder, ignore_errors=True)
