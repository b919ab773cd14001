"""One refresh at a time: an advisory lock that dies with the process and says who holds it.

``flock`` belongs to the open file, not to the file on disk: a killed process leaves a lock file
but no lock. The descriptor is inherited by the build's own process, so that a second refresh
cannot start while an orphaned build is still writing.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from core.stop import ExitCode, Stop

LOCK_NAME = ".refresh.lock"


@contextmanager
def held(folders: list[Path], purpose: str) -> Iterator[tuple[int, ...]]:
    """Hold the lock of every folder until the block ends.

    Parameters
    ----------
    folders : list of Path
        Existing folders that must not be written by two processes.
    purpose : str
        What the holder does, for the message of whoever comes second.

    Yields
    ------
    tuple of int
        The open descriptors, to be handed to child processes that write on our behalf.

    Raises
    ------
    Stop
        With ExitCode.LOCKED when another process holds one of the locks; nothing is waited for.
    """
    descriptors: list[int] = []
    try:
        for folder in sorted(set(folders)):
            descriptors.append(_acquire(folder, purpose))
        yield tuple(descriptors)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _acquire(folder: Path, purpose: str) -> int:
    path = folder / LOCK_NAME
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if not _lock_within_moments(descriptor):
        os.close(descriptor)
        raise Stop(
            ExitCode.LOCKED,
            f"another refresh is running in {folder}: {holder(folder) or 'holder unknown'}",
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


def _lock_within_moments(descriptor: int) -> bool:
    """Lock exclusively; a few tries, because ``holder`` takes a shared lock for an instant."""
    for _ in range(5):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.02)
    return False


def holder(folder: Path) -> str | None:
    """Return who holds the lock of a folder, in words, or None when nobody does."""
    path = folder / LOCK_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
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
