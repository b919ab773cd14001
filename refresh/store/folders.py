"""The vault and the published folder: create them, lock them, check their free disk space.

Only one process may write the two folders. The lock is `flock` on a file in each: it ends with the
process, however that ends. The dbt process is given the descriptors, so that no second refresh
starts while an orphaned build still writes.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from core import files
from core.settings import Settings
from core.stop import ExitCode, Stop
from refresh.store import versions

LOCK_NAME = ".refresh.lock"

SPACE_FACTOR = 3
"""Required free space, in sizes of the last file: work file, candidate and temporary files."""

MINIMUM_FREE_BYTES = 50_000_000
MINIMUM_FREE_FILES = 2_000
"""dbt writes some hundred files into the work folder, and the pages some more."""


@contextmanager
def locked(settings: Settings, purpose: str) -> Iterator[tuple[int, ...]]:
    """Create both folders with their modes and hold their locks until the block ends.

    Parameters
    ----------
    purpose : str
        Command of the holder, shown to whoever comes second.

    Yields
    ------
    tuple of int
        The open descriptors, for child processes that write too.

    Raises
    ------
    Stop
        With ExitCode.LOCKED when another process holds a lock; it does not wait.
    """
    files.private_folder(settings.vault)
    files.public_folder(settings.published)
    files.public_folder(settings.versions)
    files.private_folder(settings.incoming)
    descriptors: list[int] = []
    try:
        for folder in sorted({settings.vault, settings.published}):
            descriptors.append(_acquire(folder, purpose))
        yield tuple(descriptors)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _acquire(folder: Path, purpose: str) -> int:
    path = folder / LOCK_NAME
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if not _try_to_lock(descriptor):
        os.close(descriptor)
        raise Stop(
            ExitCode.LOCKED,
            f"another refresh is running in {folder}: {lock_holder(folder) or 'holder unknown'}",
            "wait until it has finished; nothing was changed",
        )
    note = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "purpose": purpose,
    }
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(note).encode(), 0)
    return descriptor


def _try_to_lock(descriptor: int) -> bool:
    """Lock exclusively; a few retries, because ``lock_holder`` takes a shared lock briefly."""
    for _ in range(5):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.02)
    return False


def lock_holder(folder: Path) -> str | None:
    """Return a description of the process that holds the folder's lock; None when it is free."""
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return _describe(os.pread(descriptor, 4096, 0))
    finally:
        os.close(descriptor)


def _describe(note: bytes) -> str:
    try:
        known = json.loads(note)
        return f"{known['purpose']}, pid {known['pid']} on {known['host']}, since {known['since']}"
    except (ValueError, KeyError, TypeError):
        return "a process that has only just started"


def require_disk_space(settings: Settings) -> None:
    """Stop when the disk of either folder has less free space than a refresh may need."""
    delivered = sum(p.stat().st_size for p in settings.delivery.glob("*") if p.is_file())
    vaults = [p.stat().st_size for p in settings.vault.glob("[0-9]*_*/warehouse.duckdb")]
    published = [path.stat().st_size for path in versions.version_files(settings)]
    for folder, last in (
        (settings.vault, max(vaults, default=2 * delivered)),
        (settings.published, max(published, default=0)),
    ):
        required = max(MINIMUM_FREE_BYTES, SPACE_FACTOR * last)
        free = free_bytes(folder)
        if files_that_fit(folder) < MINIMUM_FREE_FILES:
            raise Stop(
                ExitCode.NO_ROOM,
                f"{folder} has room for {files_that_fit(folder)} more files (inodes); "
                f"{MINIMUM_FREE_FILES} may be needed",
                "remove files from this disk, or choose another folder; nothing was changed",
                "no_disk_space",
            )
        if free < required:
            raise Stop(
                ExitCode.NO_ROOM,
                f"{folder} has {free / 1e6:,.0f} MB free, {required / 1e6:,.0f} MB may be needed",
                "free space on this disk, or choose another folder; nothing was changed",
                "no_disk_space",
            )


def files_that_fit(folder: Path) -> int:
    """Return how many files the folder's disk can still hold; some kinds of disk have no limit."""
    disk = os.statvfs(folder)
    return disk.f_favail if disk.f_files else MINIMUM_FREE_FILES


def free_bytes(folder: Path) -> int:
    """Return the free space of the disk that holds a folder, in bytes."""
    return shutil.disk_usage(folder).free
