"""DuckDB: open a file within the memory limit, quote names and texts, read values, describe tables.

DuckDB puts the spill files of a connection without a file into the current folder, and takes most
of the machine's memory. Both are decided here for every connection that reads records of patients.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from core import files
from core.stop import ExitCode, Stop

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

    Raises
    ------
    Stop
        A file to be read has a write-ahead log beside it (``require_no_log``).
    """
    config: dict[str, Any] = {"memory_limit": memory_limit()}
    if spill is not None:
        spill.mkdir(mode=0o700, parents=True, exist_ok=True)
        config["temp_directory"] = str(spill)
    elif file is None:
        raise ValueError("a database in memory needs a folder for its spill files")
    try:
        db = duckdb.connect(str(file or ":memory:"), read_only=read_only, config=config)
    except duckdb.Error as error:
        # A build that runs has a log too; that the file is locked is the better answer.
        if file is not None and read_only and "lock" not in str(error):
            require_no_log(file)
        raise
    if file is not None and read_only:
        with contextlib.ExitStack() as closing:
            closing.callback(db.close)
            require_no_log(file)
            closing.pop_all()
    return db


def require_no_log(file: Path) -> None:
    """Stop where a write-ahead log lies beside a file or beside what it links to.

    A finished build or version has none. DuckDB shows a reader what the log says as if it were in
    the file.

    Raises
    ------
    Stop
        It names the log.
    """
    for path in dict.fromkeys((str(file), os.path.realpath(file))):
        if os.path.lexists(f"{path}.wal"):
            raise Stop(
                ExitCode.DAMAGED,
                f"{path}.wal is a write-ahead log: what it holds would be read as if it were in "
                "the file, which is not as it was built or published",
                "run `registry run`, which removes logs beside versions, or build again",
                "write_ahead_log",
            )


def quote(*names: str) -> str:
    """Return an identifier in double quotes; several names are joined by points."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def literal(text: str | Path) -> str:
    """Return a text or path as an SQL literal, single quotes included."""
    return "'" + str(text).replace("'", "''") + "'"


def scalar(db: duckdb.DuckDBPyConnection, query: str, values: Sequence[Any] = ()) -> Any:
    """Return the first column of the first row; None where the query returns no row."""
    row = db.execute(query, list(values)).fetchone()
    return None if row is None else row[0]


def rows(
    db: duckdb.DuckDBPyConnection, query: str, values: Sequence[Any] = ()
) -> list[dict[str, Any]]:
    """Return every row of a query as a dictionary, column name to value."""
    cursor = db.execute(query, list(values))
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@dataclass(frozen=True)
class DescribedTable:
    """Description and columns of one table: name to (type, description)."""

    description: str
    columns: dict[str, tuple[str, str]]


def create_tables(
    db: duckdb.DuckDBPyConnection, schema: str, tables: dict[str, DescribedTable]
) -> None:
    """Create every table anew and empty; descriptions become comments in the file.

    Parameters
    ----------
    schema : str
        The schema as SQL, with its catalog where needed; it exists.
    """
    for name, table in tables.items():
        relation = f"{schema}.{quote(name)}"
        columns = ", ".join(f"{quote(c)} {kind}" for c, (kind, _) in table.columns.items())
        db.execute(f"create or replace table {relation} ({columns})")
        texts = {column: description for column, (_, description) in table.columns.items()}
        describe(db, relation, table.description, texts)


def describe(
    db: duckdb.DuckDBPyConnection, relation: str, text: str | None, columns: dict[str, str]
) -> None:
    """Describe a table and its columns; COMMENT takes no parameters, so the texts are literals."""
    comments = [f"table {relation} is {literal(text)}"] if text else []
    comments += [
        f"column {relation}.{quote(column)} is {literal(each)}" for column, each in columns.items()
    ]
    if comments:
        db.execute(";".join(f"comment on {comment}" for comment in comments))


def rewrite_database(file: Path) -> None:
    """Copy a DuckDB file into a new one, which replaces the old one.

    Deleted rows stay in a file's bytes, after CHECKPOINT and VACUUM too; only a new file is free
    of them.
    """
    new_folder = file.parent / f".{file.stem}.rewritten"
    new_folder.mkdir(mode=0o700)
    new = new_folder / file.name
    try:
        with connect(None, new_folder / "tmp") as db:
            db.execute(f"attach {literal(file)} as old_file (read_only)")
            db.execute(
                f"attach {literal(new)} as new_file (storage_version '{VAULT_STORAGE_VERSION}')"
            )
            db.execute("copy from database old_file to new_file")
            db.execute("checkpoint new_file")
        os.chmod(new, stat.S_IMODE(file.stat().st_mode))
        files.sync_file(new)
        os.replace(new, file)
        files.sync_folder(file.parent)
    finally:
        shutil.rmtree(new_folder, ignore_errors=True)
