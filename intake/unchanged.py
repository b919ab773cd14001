"""Which exports of a delivery are already in raw tables, byte for byte, read in the same way.

An export is taken over when every one of its files has the bytes that it had at the earlier load,
no other file feeds it, and mapping, contract and pseudonym key are the same. Everything else is
read from the delivery.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from intake.contract import EXPORTS
from intake.errors import FileRefusedError
from intake.folder import FolderPlan, PlannedFile
from intake.raw_tables import DELIVERY_FILES, DELIVERY_NOTICES, Earlier
from intake.source_bytes import SourceBytes

StoredFile = dict[str, Any]
"""A row of raw.delivery_files."""


@dataclass(frozen=True)
class Unchanged:
    """What an earlier load already holds of a delivery.

    Attributes
    ----------
    exports : frozenset of str
        Exports whose raw rows stay as they are.
    hashes : dict
        Name of each file that feeds them -> sha256 of its bytes.
    files : list of dict
        Their rows of raw.delivery_files.
    notices : list of dict
        Their rows of raw.delivery_notices.
    """

    exports: frozenset[str] = frozenset()
    hashes: dict[str, str] = field(default_factory=dict)
    files: list[StoredFile] = field(default_factory=list)
    notices: list[dict[str, str]] = field(default_factory=list)


def find_unchanged(
    cursor: Any, earlier: Earlier | None, folder: Path, plan: FolderPlan
) -> Unchanged:
    """Hold the files of a delivery against those of an earlier load.

    Parameters
    ----------
    cursor : duckdb.DuckDBPyConnection
        Open on a database that can see the earlier load.
    earlier : Earlier or None
        A load by the same mapping, contract and key.
    folder : Path
        The delivery folder.
    plan : FolderPlan
        Its files.

    Returns
    -------
    Unchanged
        A file whose size differs is not even opened.
    """
    if earlier is None:
        return Unchanged()
    stored = {
        (row["export_name"], row["source_file"]): row
        for row in _rows(cursor, earlier, "delivery_files", DELIVERY_FILES.names)
    }
    hashes = _hashes_of_equals(folder, plan, stored)
    complete = {name for name in EXPORTS if _is_complete(cursor, earlier, name, stored)}
    exports = _whole_exports(plan, set(hashes), complete, stored)
    names = {planned.name for planned in plan.files if _feeds_only(planned, exports)}
    notices = _rows(cursor, earlier, "delivery_notices", DELIVERY_NOTICES.names)
    sources = {
        use.source_file(planned.name)
        for planned in plan.files
        if planned.name in names
        for use in planned.uses
    }
    return Unchanged(
        frozenset(exports),
        {name: hashes[name] for name in sorted(names)},
        [row for (export_name, _), row in stored.items() if export_name in exports],
        [row for row in notices if row["source_file"] in names | sources],
    )


def _rows(cursor: Any, earlier: Earlier, table: str, names: list[str]) -> list[dict[str, Any]]:
    columns = ", ".join(names)
    found = cursor.execute(f"select {columns} from {earlier.table(table)}").fetchall()
    return [dict(zip(names, row, strict=True)) for row in found]


def _is_complete(
    cursor: Any, earlier: Earlier, export_name: str, stored: dict[tuple[str, str], StoredFile]
) -> bool:
    """Return whether a raw table has as many rows as were read from its files."""
    n_read = sum(row["n_records_read"] for pair, row in stored.items() if pair[0] == export_name)
    found = cursor.execute(f"select count(*) from {earlier.table(export_name)}").fetchone()
    return found[0] == n_read


def _hashes_of_equals(
    folder: Path, plan: FolderPlan, stored: dict[tuple[str, str], StoredFile]
) -> dict[str, str]:
    """Return name and hash of the files whose bytes are those of the earlier load."""
    hashes = {}
    with open_folder(folder) as handle:
        for planned in plan.files:
            rows = [stored.get((u.export_name, u.source_file(planned.name))) for u in planned.uses]
            if all(row is not None and row["n_bytes"] == planned.n_bytes for row in rows):
                found = _hash(handle, planned.name)
                if all(row is not None and row["sha256"] == found for row in rows):
                    hashes[planned.name] = found
    return hashes


def _hash(handle: int, name: str) -> str:
    """Return the hash of a file; an empty one when it cannot be read, which judging will tell."""
    source = None
    try:
        source = SourceBytes(handle, name)
        for _ in source.blocks():
            pass
        return source.sha256
    except FileRefusedError:
        return ""
    finally:
        if source is not None:
            source.close()


def _whole_exports(
    plan: FolderPlan,
    equal: set[str],
    complete: set[str],
    stored: dict[tuple[str, str], StoredFile],
) -> set[str]:
    """Return the exports that no changed, new or vanished file feeds.

    A file that is read feeds all its exports, so an export that shares a file with a changed
    export is read again too.
    """
    feeds: dict[str, set[tuple[str, str]]] = {name: set() for name in EXPORTS}
    for planned in plan.files:
        for use in planned.uses:
            feeds[use.export_name].add((use.export_name, use.source_file(planned.name)))
    whole = {
        name
        for name, pairs in feeds.items()
        if name in complete and pairs and pairs == {pair for pair in stored if pair[0] == name}
    }
    while True:
        is_read = {
            planned.name
            for planned in plan.files
            if planned.name not in equal or not _feeds_only(planned, whole)
        }
        touched = {
            use.export_name
            for planned in plan.files
            if planned.name in is_read
            for use in planned.uses
        }
        if not whole & touched:
            return whole
        whole -= touched


def _feeds_only(planned: PlannedFile, exports: set[str]) -> bool:
    return all(use.export_name in exports for use in planned.uses)


@contextmanager
def open_folder(folder: Path) -> Iterator[int]:
    """Hold a delivery folder open; its files are looked up there and nowhere else.

    Parameters
    ----------
    folder : Path
        The delivery folder.

    Yields
    ------
    int
        Its handle.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)
