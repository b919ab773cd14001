"""The append-only record of every refresh: one JSON object per line, chained by hashes.

Each line carries its number, a digest of itself and the sha256 of the line before it, so an
edited, removed or inserted line breaks the chain at that line. Lines are never rewritten. A
line that was cut by a kill is the last one and has no end of line: it was never acknowledged
and is cut away by the next run.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core import files
from core.stop import ExitCode, Stop
from refresh import killpoints

FIRST = "0" * 64
DESCRIBES = ("published", "rewritten", "adopted")
"""Events whose line describes the content of a version file."""
Entry = dict[str, Any]
EntryReader = Callable[[Path], Entry]


@dataclass(frozen=True)
class Chain:
    """What a manifest holds.

    Attributes
    ----------
    entries : list of dict
        Every whole line, in order.
    broken_at : int or None
        Number (from 1) of the first line that does not follow from the one before.
    torn_bytes : int
        Length of an unfinished last line.
    """

    entries: list[Entry]
    broken_at: int | None
    torn_bytes: int


def read(path: Path) -> Chain:
    """Read a manifest and check its chain. A missing file is an empty manifest."""
    text = path.read_bytes() if path.exists() else b""
    whole, _, torn = text.rpartition(b"\n") if b"\n" in text else (b"", b"", text)
    entries: list[Entry] = []
    broken_at: int | None = None
    previous = FIRST
    for number, line in enumerate(whole.split(b"\n") if whole else [], start=1):
        entry = _parse(line)
        is_sound = (
            entry.get("line") == number
            and entry.get("previous") == previous
            and entry.get("digest") == _digest(entry)
        )
        if not is_sound and broken_at is None:
            broken_at = number
        entries.append(entry)
        previous = hashlib.sha256(line).hexdigest()
    return Chain(entries, broken_at, len(torn))


def _parse(line: bytes) -> Entry:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _digest(entry: Entry) -> str:
    """Return the digest of a line without its own digest."""
    content = {name: value for name, value in entry.items() if name != "digest"}
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def append(path: Path, entry: Entry) -> Entry:
    """Add one line and wait until it is on disk.

    Parameters
    ----------
    path : Path
        The manifest; created when missing.
    entry : dict
        What happened; ``line``, ``previous`` and ``at`` are filled in.

    Returns
    -------
    dict
        The entry as written.

    Raises
    ------
    Stop
        When the chain is broken: a manifest that was edited is not written further.
    """
    cut_torn_line(path)
    chain = read(path)
    require_sound(chain, path)
    last_line = _last_line(path)
    complete = {
        "line": len(chain.entries) + 1,
        "previous": hashlib.sha256(last_line).hexdigest() if last_line else FIRST,
        "at": now(),
        **{name: value for name, value in entry.items() if name not in ("line", "previous", "at")},
    }
    complete["digest"] = _digest(complete)
    line = json.dumps(complete, sort_keys=True, ensure_ascii=True).encode() + b"\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        if killpoints.is_armed("manifest_half_written", path.parent):
            os.write(descriptor, line[: len(line) // 2])
            killpoints.die()
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    files.sync_folder(path.parent)
    return complete


def now() -> str:
    """Return the present moment in UTC, for people; nothing is ever ordered by it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _last_line(path: Path) -> bytes:
    if not path.exists():
        return b""
    return path.read_bytes().rstrip(b"\n").rpartition(b"\n")[2]


def cut_torn_line(path: Path) -> int:
    """Cut an unfinished last line away, and return how many bytes it had."""
    torn = read(path).torn_bytes
    if torn:
        with path.open("r+b") as stream:
            stream.truncate(path.stat().st_size - torn)
            os.fsync(stream.fileno())
    return torn


def require_sound(chain: Chain, path: Path) -> None:
    """Stop when the chain is broken."""
    if chain.broken_at is not None:
        raise Stop(
            ExitCode.DAMAGED,
            f"{path} was changed: line {chain.broken_at} does not follow from the line before it",
            "find out who edited it and restore it from a backup, or start a new one with "
            '`python -m refresh doctor --set-manifest-aside --reason "..."`',
            "broken_manifest",
        )


def last_published(entries: list[Entry]) -> Entry | None:
    """Return the newest entry that put a version into readers' hands, by sequence number."""
    published = [entry for entry in entries if entry.get("event") == "published"]
    return max(published, key=lambda entry: entry["seq"], default=None)


def standing(entries: list[Entry]) -> list[Entry]:
    """Return the publishes that no rollback has taken back, oldest first."""
    published: list[Entry] = []
    kept: list[Entry] = []
    for entry in entries:
        if entry.get("event") in ("published", "adopted"):
            published.append(entry)
            kept.append(entry)
        elif entry.get("event") == "rollback":
            number = int(str(entry.get("version", "0")).split("_", maxsplit=1)[0])
            kept = [one for one in published if one["seq"] <= number]
    return kept


def served_version(entries: list[Entry]) -> str | None:
    """Return the name of the version that the manifest says is being served."""
    for entry in reversed(entries):
        if entry.get("event") in ("published", "rollback", "found_current"):
            return entry.get("version")
    return None


def of_version(entries: list[Entry], version: str) -> Entry | None:
    """Return the newest line that describes the content of a published file."""
    for entry in reversed(entries):
        if entry.get("version") == version and entry.get("event") in DESCRIBES:
            return entry
    return None


def next_sequence(entries: list[Entry]) -> int:
    """Return the sequence number of the next version: one more than the highest ever used."""
    return 1 + max((int(entry.get("seq") or 0) for entry in entries), default=0)
