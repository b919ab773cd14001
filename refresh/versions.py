"""Published versions: list them, go back to one, and verify that each is what it was."""

from __future__ import annotations

import getpass
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import duckdb

from core import files
from core.settings import Settings
from core.stop import ExitCode, Stop
from refresh import killpoints, manifest, publish
from refresh.hashing import TableContent
from refresh.manifest import Entry
from refresh.pack import verify_against


@dataclass(frozen=True)
class Version:
    """One published file that is still kept."""

    name: str
    seq: int
    is_served: bool
    n_bytes: int
    entry: Entry | None


def listed(settings: Settings) -> list[Version]:
    """Return the kept versions, oldest first, each with its manifest entry."""
    entries = manifest.read(settings.manifest).entries
    current = publish.served(settings)
    return [
        Version(
            publish.name_of(path),
            publish.number_of(publish.name_of(path)),
            path == current,
            path.stat().st_size,
            manifest.of_version(entries, publish.name_of(path)),
        )
        for path in publish.version_files(settings)
    ]


def rollback(settings: Settings, to: int | None, reason: str) -> Entry:
    """Serve an older version again.

    Parameters
    ----------
    settings : Settings
        The lock must be held.
    to : int or None
        Sequence number; None means the newest version before the one being served.
    reason : str
        Why; goes to the manifest.

    Returns
    -------
    dict
        The manifest line that records the step.

    Raises
    ------
    Stop
        When there is no such version, or the chosen file is damaged.
    """
    known = listed(settings)
    served = next((version for version in known if version.is_served), None)
    if to is None:
        before = [version for version in known if served and version.seq < served.seq]
        chosen = before[-1] if before else None
    else:
        chosen = next((version for version in known if version.seq == to), None)
    if chosen is None:
        raise Stop(
            ExitCode.USAGE,
            "there is no such version to go back to",
            "`python -m refresh versions` lists what is kept",
        )
    faults = check_version(settings, chosen)
    if faults:
        raise Stop(
            ExitCode.DAMAGED,
            f"version {chosen.seq} cannot be served: {faults[0]}",
            "choose another one from `python -m refresh versions`",
        )
    publish.switch(settings, chosen.name)
    killpoints.reach("switched", settings.published)
    return manifest.append(
        settings.manifest,
        {
            "event": "rollback",
            "version": chosen.name,
            "from_version": served.name if served else None,
            "reason": reason,
            "operator": operator(),
        },
    )


def operator() -> str:
    """Return the account that runs this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


def verify(settings: Settings) -> list[str]:
    """Check the manifest's chain, the link, and every kept version down to its last row.

    Returns
    -------
    list of str
        One sentence per fault; empty when all is well.
    """
    faults: list[str] = []
    chain = manifest.read(settings.manifest)
    if chain.broken_at is not None:
        faults.append(
            f"{settings.manifest.name}: line {chain.broken_at} does not follow from the line "
            "before it; it was edited, removed or inserted"
        )
    if chain.torn_bytes:
        faults.append(f"{settings.manifest.name}: the last line is unfinished; a run mends it")
    served = publish.served(settings)
    if settings.current.is_symlink() and served is None:
        faults.append(f"{settings.current} points at a version that is not there")
    said = manifest.served_version(chain.entries)
    if served and said != publish.name_of(served):
        faults.append(f"{publish.name_of(served)} is being served, the manifest says {said}")
    for version in listed(settings):
        faults += check_version(settings, version)
    for file in publish.version_files(settings):
        if publish.log_of(file).exists():
            faults.append(
                f"{publish.name_of(file)}: somebody opened this version for writing; remove "
                f"{publish.log_of(file)}"
            )
    return faults


def check_version(settings: Settings, version: Version) -> list[str]:
    """Compare one version file with its manifest entry: mode, bytes, and every row."""
    path = publish.file_of(settings, version.name)
    if version.entry is None:
        return [f"{version.name}: the manifest does not know this file"]
    faults: list[str] = []
    if stat.S_IMODE(path.stat().st_mode) & 0o222:
        faults.append(f"{version.name}: is writable; versions are read-only")
    if files.sha256_of(path) != version.entry.get("file_sha256"):
        return [*faults, f"{version.name}: sha256 differs from the manifest; the file was changed"]
    return faults + _content_faults(path, version.entry)


def _content_faults(path: Path, entry: Entry) -> list[str]:
    try:
        verify_against(path, [TableContent(**table) for table in entry["tables"]])
    except Stop as stop:
        return [f"{publish.name_of(path)}: {stop.what}"]
    except duckdb.Error as error:
        return [f"{publish.name_of(path)}: DuckDB cannot read it ({type(error).__name__})"]
    return []
