"""The record of every refresh: one JSON object per line in ``manifest.jsonl``.

Lines are appended; only an erasure changes earlier ones. A line that describes a version carries
the sha256 of its file. Order is by sequence number, never by clock. A last line without an end of
line was cut by a kill: nothing was acknowledged, and the next run removes it.
"""

from __future__ import annotations

import getpass
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core import files
from core.stop import ExitCode, Stop

Entry = dict[str, Any]


@dataclass(frozen=True)
class Content:
    """What a manifest file holds.

    Attributes
    ----------
    entries : list of dict
        Every readable line, in order.
    unreadable : list of int
        Numbers (from 1) of lines that are not a JSON object.
    n_cut_bytes : int
        Length of an unfinished last line.
    """

    entries: list[Entry]
    unreadable: list[int]
    n_cut_bytes: int


def parse(path: Path) -> Content:
    """Read a manifest, damaged or not. A missing file is an empty manifest."""
    text = path.read_bytes() if path.exists() else b""
    *lines, rest = text.split(b"\n")
    parsed = [_parse_line(line) for line in lines]
    return Content(
        [entry for entry in parsed if entry is not None],
        [number for number, entry in enumerate(parsed, start=1) if entry is None],
        len(rest),
    )


def _parse_line(line: bytes) -> Entry | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def read(path: Path) -> list[Entry]:
    """Return every line, oldest first.

    Raises
    ------
    Stop
        When a line cannot be read.
    """
    content = parse(path)
    if content.unreadable:
        raise Stop(
            ExitCode.DAMAGED,
            f"line {content.unreadable[0]} of {path} cannot be read",
            "restore the file from a backup, or delete this line: the next run writes the lines "
            "of existing versions again",
            "unreadable_manifest",
        )
    return content.entries


def append(path: Path, entry: Entry) -> Entry:
    """Add one line and wait until it is on disk; return it with time and account filled in."""
    remove_cut_line(path)
    complete = {"at": now(), "operator": operator(), **entry}
    line = json.dumps(complete, sort_keys=True, ensure_ascii=True).encode() + b"\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    files.sync_folder(path.parent)
    return complete


def rewrite(path: Path, entries: list[Entry]) -> None:
    """Replace every line; only an erasure does this, to remove counts."""
    lines = [json.dumps(entry, sort_keys=True, ensure_ascii=True) + "\n" for entry in entries]
    files.write_whole(path, "".join(lines))


def remove_cut_line(path: Path) -> int:
    """Remove an unfinished last line, and return its length in bytes."""
    n_bytes = parse(path).n_cut_bytes
    if n_bytes:
        with path.open("r+b") as stream:
            stream.truncate(path.stat().st_size - n_bytes)
            os.fsync(stream.fileno())
    return n_bytes


def now() -> str:
    """Return the present moment in UTC, for people to read."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def operator() -> str:
    """Return the account that runs this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


def last_published(entries: list[Entry]) -> Entry | None:
    """Return the line of the newest published version, by sequence number."""
    published = [entry for entry in entries if entry.get("event") == "published"]
    return max(published, key=lambda entry: entry["seq"], default=None)


def not_rolled_back(entries: list[Entry]) -> list[Entry]:
    """Return the published versions that no rollback has taken back, oldest first."""
    published: list[Entry] = []
    kept: list[Entry] = []
    for entry in entries:
        if entry.get("event") == "published":
            published.append(entry)
            kept.append(entry)
        elif entry.get("event") == "rollback":
            number = int(str(entry["version"]).split("_", maxsplit=1)[0])
            kept = [one for one in published if one["seq"] <= number]
    return sorted(kept, key=lambda entry: entry["seq"])


def served_version(entries: list[Entry]) -> str | None:
    """Return the name of the version that is being served according to the manifest."""
    for entry in reversed(entries):
        if entry.get("event") in ("published", "rollback", "found_current"):
            return entry.get("version")
    return None


def of_version(entries: list[Entry], version: str) -> Entry | None:
    """Return the line about the publication of a version."""
    for entry in reversed(entries):
        if entry.get("version") == version and entry.get("event") == "published":
            return entry
    return None


def removed_versions(entries: list[Entry]) -> set[str]:
    """Return the names of versions that were removed on purpose."""
    return {
        name
        for entry in entries
        if entry.get("event") == "removed"
        for name in entry.get("versions", [])
    }


def next_sequence(entries: list[Entry]) -> int:
    """Return the sequence number of the next version: one more than the highest ever used."""
    return 1 + max((int(entry.get("seq") or 0) for entry in entries), default=0)
