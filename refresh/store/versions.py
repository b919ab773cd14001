"""Published versions on disk: find them, open the served one, check that each is unchanged.

Every version is a read-only file ``versions/<number>_<build>/current.duckdb``, and the link
``current.duckdb`` leads to the served one. All files have the same name because DuckDB names the
database after the file: a saved query ``current.marts.dim_patients`` works in every version.
"""

from __future__ import annotations

import dataclasses
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from core import duck, files
from core.settings import Settings
from core.stop import ExitCode, Stop
from refresh.store import manifest, pack, vault
from refresh.store.manifest import Entry

VERSION_FILE = "current.duckdb"
READER_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "lock_configuration": "true",
}
"""No file, no network, no second database, and no way to switch that back on."""


def file_of(settings: Settings, version: str) -> Path:
    """Return the file of a version."""
    return settings.versions / version / VERSION_FILE


def name_of(file: Path) -> str:
    """Return the version that a file holds."""
    return file.parent.name


def number_of(version: str) -> int:
    """Return the sequence number in a version's name."""
    return int(version.split("_", maxsplit=1)[0])


def log_of(file: Path) -> Path:
    """Return the path of the write-ahead log that a writing tool would leave."""
    return file.with_name(file.name + ".wal")


def version_files(settings: Settings) -> list[Path]:
    """Return the version files on disk, oldest first, by sequence number."""
    return sorted(settings.versions.glob(f"[0-9]*_*/{VERSION_FILE}"))


def served(settings: Settings) -> Path | None:
    """Return the version file that ``current.duckdb`` leads to; None when it leads to none."""
    if not settings.current.is_symlink():
        return None
    target = os.path.realpath(settings.current)
    return next((f for f in version_files(settings) if os.path.realpath(f) == target), None)


def open_published(published: Path | None = None) -> duckdb.DuckDBPyConnection:
    """Return a read-only, locked-down connection to the served version.

    The link is followed first. DuckDB 1.4 shares one instance per path in a process, so the link's
    own name would give the old version as long as an earlier connection is open.

    Parameters
    ----------
    published : Path, optional
        The published folder; defaults to the project's.

    Raises
    ------
    Stop
        When nothing has been published yet, or a write-ahead log lies beside the version.
    """
    folder = published or Settings().published
    link = folder / VERSION_FILE
    if not link.exists():
        raise Stop(ExitCode.ENVIRONMENT, f"nothing is published in {folder}", "run `registry run`")
    duck.require_no_log(link)
    return duckdb.connect(os.path.realpath(link), read_only=True, config=dict(READER_CONFIG))


@dataclass(frozen=True)
class Version:
    """One published file on disk; ``entry`` is its manifest line."""

    name: str
    seq: int
    is_served: bool
    n_bytes: int
    entry: Entry | None


def listed(settings: Settings, entries: list[Entry] | None = None) -> list[Version]:
    """Return the versions on disk, oldest first, each with its manifest line."""
    entries = manifest.read(settings.manifest) if entries is None else entries
    current = served(settings)
    return [
        Version(
            name_of(path),
            number_of(name_of(path)),
            path == current,
            path.stat().st_size,
            manifest.of_version(entries, name_of(path)),
        )
        for path in version_files(settings)
    ]


@dataclass(frozen=True)
class PreviousVersion:
    """The version that a new one is compared with; all empty before the first publish.

    Attributes
    ----------
    version : Path or None
        The version file; its name belongs to a vault folder.
    entry : dict
        Its manifest line.
    delivery_facts : dict
        Facts about its delivery that only the vault holds.
    notes : tuple of str
        Versions that were changed on disk, and what is wrong with the link.
    """

    version: Path | None = None
    entry: Entry = field(default_factory=dict)
    delivery_facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def find_previous(settings: Settings, entries: list[Entry]) -> PreviousVersion:
    """Find the served version, or the newest older one whose file is unchanged.

    Where the link leads to no version, the one that the manifest names counts as served.

    Raises
    ------
    Stop
        When versions were published and none of them is unchanged, unless that was accepted.
    """
    current = served(settings)
    last = name_of(current) if current else manifest.served_version(entries)
    if last is None:
        return PreviousVersion()
    notes = link_faults(settings, entries)
    found = PreviousVersion()
    for path in reversed(version_files(settings)):
        name = name_of(path)
        entry = manifest.of_version(entries, name)
        if entry is None or _sha256(path) != entry["file_sha256"]:
            notes.append(f"{name} was changed on disk and is not used; run `registry verify`")
        elif found.version is None and number_of(name) <= number_of(last):
            found = PreviousVersion(path, entry, vault.facts_of(settings, name))
    if found.version is None and "damaged_version" not in settings.accepted:
        raise Stop(
            ExitCode.DAMAGED,
            f"the published version {last} was changed on disk or is missing, and every older one "
            "too",
            "run `registry verify`; to publish without a comparison, run again with "
            '--accept damaged_version --reason "..."',
            "damaged_version",
        )
    return dataclasses.replace(found, notes=tuple(notes))


def _sha256(path: Path) -> str:
    """Return the hash of a version; an empty one when this account cannot read it."""
    try:
        return files.sha256_of(path)
    except OSError:
        return ""


def verify(settings: Settings) -> list[str]:
    """Check the manifest, the link, and every version down to its last row.

    Returns
    -------
    list of str
        One sentence per fault; empty when all is well.
    """
    content = manifest.parse(settings.manifest)
    faults = [
        f"line {number} of {settings.manifest} cannot be read; restore the file from a backup, or "
        "delete this line"
        for number in content.unreadable
    ]
    if content.n_cut_bytes:
        faults.append(f"{settings.manifest}: the last line is unfinished; the next run removes it")
    faults += link_faults(settings, content.entries)
    on_disk = listed(settings, content.entries)
    expected = {e["version"] for e in content.entries if e.get("event") == "published"}
    expected -= manifest.removed_versions(content.entries)
    missing = expected - {version.name for version in on_disk}
    faults += [f"{name}: the file is missing" for name in sorted(missing)]
    for version in on_disk:
        faults += check_version(settings, version)
    return faults


def link_faults(settings: Settings, entries: list[Entry]) -> list[str]:
    """Compare the version that ``current.duckdb`` leads to with the manifest."""
    current = served(settings)
    recorded = manifest.served_version(entries)
    if current is not None and recorded != name_of(current):
        return [f"{name_of(current)} is being served, the manifest says {recorded}"]
    if current is None and (recorded or os.path.lexists(settings.current)):
        return [f"{settings.current} leads to no version; the manifest says {recorded}"]
    return []


def require_served_sound(settings: Settings) -> None:
    """Stop when `verify` would find a fault in the link or in the version that readers get."""
    entries = manifest.read(settings.manifest)
    faults = link_faults(settings, entries)
    for version in listed(settings, entries):
        if version.is_served:
            faults += check_version(settings, version)
    _require_none(faults)


def _require_none(faults: list[str]) -> None:
    if faults:
        raise Stop(
            ExitCode.DAMAGED,
            f"the served version is not as it was published: {faults[0]}",
            "run `registry run`: it serves a sound version; then run this command again",
            "damaged_version",
            tuple(faults[1:]),
        )


def require_served_bytes(published: Path) -> None:
    """Stop when the file that readers get is not, byte for byte, the one that was published.

    For commands that read it without ``verify``'s look at every row; a folder without a manifest
    holds a file of somebody's own.
    """
    settings = Settings(published=published)
    if not settings.manifest.exists():
        return
    entries = manifest.read(settings.manifest)
    faults = link_faults(settings, entries)
    current = served(settings)
    entry = manifest.of_version(entries, name_of(current)) if current else None
    if current and entry and _sha256(current) != entry.get("file_sha256"):
        faults.append(f"{name_of(current)}: the file was changed (its sha256 is another one)")
    _require_none(faults)


def check_version(settings: Settings, version: Version) -> list[str]:
    """Compare one version with its manifest line: mode, log, bytes, every row, the line itself."""
    path = file_of(settings, version.name)
    faults: list[str] = []
    if log_of(path).exists():
        faults.append(
            f"{version.name}: a tool opened this version for writing; remove {log_of(path)}"
        )
    if stat.S_IMODE(path.stat().st_mode) & 0o222:
        faults.append(f"{version.name}: is writable; versions are read-only")
    if version.entry is None:
        return [*faults, f"{version.name}: the manifest has no line about this file"]
    if _sha256(path) != version.entry.get("file_sha256"):
        return [*faults, f"{version.name}: the file was changed (its sha256 is another one)"]
    try:
        inside = pack.verified_entry(path)
    except Stop as stop:
        return [*faults, f"{version.name}: {stop.what}"]
    except duckdb.Error as error:
        return [*faults, f"{version.name}: DuckDB cannot read it ({type(error).__name__})"]
    altered = [name for name, value in inside.items() if version.entry.get(name) != value]
    if altered:
        faults.append(f"{version.name}: its manifest line was changed ({', '.join(altered)})")
    return faults
