"""Put a verified candidate into readers' hands in one atomic step.

A published version is a read-only file with its own name, and ``current.duckdb`` is a symbolic
link to one of them. A reader that holds the old file keeps it; a reader that opens the link gets
one whole version; a write-ahead log that a careless tool leaves lies beside the version it opened
and can never meet the next one.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from refresh import files, killpoints, manifest
from refresh.codes import ExitCode, Stop
from refresh.manifest import Entry
from refresh.settings import KEPT_VERSIONS, Settings

READ_ONLY_MODE = 0o444


def version_name(entry: Entry) -> str:
    """Return the file name of a version: sequence number first, so that names sort in order."""
    return f"{entry['seq']:06d}_{entry['build_id']}.duckdb"


def publish(settings: Settings, candidate: Path, entry: Entry) -> Entry:
    """Name the candidate, switch ``current.duckdb`` to it and write the manifest line.

    Parameters
    ----------
    settings : Settings
        Where to publish; the lock must be held.
    candidate : Path
        A closed, verified file on the file system of the published folder.
    entry : dict
        The manifest entry; ``seq`` and ``build_id`` make the file's name.

    Returns
    -------
    dict
        The manifest line as written.

    Raises
    ------
    Stop
        When the file system cannot switch a link, or a version of that name exists.
    """
    version = settings.versions / version_name(entry)
    if version.exists():
        raise Stop(
            ExitCode.DAMAGED,
            f"{version} exists already",
            "run `python -m refresh verify`; a version is never overwritten",
        )
    digest = files.sha256_of(candidate)
    os.chmod(candidate, READ_ONLY_MODE)
    files.sync_file(candidate)
    killpoints.reach("candidate_synced", settings.published)
    os.rename(candidate, version)
    files.sync_folder(settings.versions)
    killpoints.reach("version_named", settings.published)
    switch(settings, version.name)
    killpoints.reach("switched", settings.published)
    written = manifest.append(
        settings.manifest,
        {
            **entry,
            "event": "published",
            "version": version.name,
            "file_sha256": digest,
            "n_bytes": version.stat().st_size,
        },
    )
    killpoints.reach("manifest_written", settings.published)
    prune(settings)
    killpoints.reach("pruned", settings.published)
    return written


def switch(settings: Settings, version: str) -> None:
    """Point ``current.duckdb`` at a version, atomically."""
    try:
        files.point_link(settings.current, f"{settings.versions.name}/{version}")
    except OSError as error:
        raise Stop(
            ExitCode.ENVIRONMENT,
            f"{settings.published} cannot hold a symbolic link ({error.strerror})",
            "publish on a local Linux or macOS file system; see docs/bi.md for copies to others",
            "no_links",
        ) from None


def served(settings: Settings) -> Path | None:
    """Return the version file that ``current.duckdb`` points at, or None."""
    if not settings.current.is_symlink():
        return None
    version = settings.versions / Path(os.readlink(settings.current)).name
    return version if version.exists() else None


def version_files(settings: Settings) -> list[Path]:
    """Return the version files on disk, oldest first, by sequence number."""
    if not settings.versions.is_dir():
        return []
    return sorted(path for path in settings.versions.glob("[0-9]*_*.duckdb") if path.is_file())


def prune(settings: Settings, kept: int = KEPT_VERSIONS) -> list[str]:
    """Remove all but the newest versions; the one being served is never removed."""
    keep = set(version_files(settings)[-kept:]) | {served(settings)}
    removed = [path for path in version_files(settings) if path not in keep]
    for path in removed:
        path.unlink()
        path.with_name(path.name + ".wal").unlink(missing_ok=True)
    if removed:
        files.sync_folder(settings.versions)
    return [path.name for path in removed]


def clear_incoming(settings: Settings) -> list[str]:
    """Remove what was being written for readers and never reached them; return the names."""
    leftovers = sorted(settings.incoming.glob("[!.]*")) if settings.incoming.is_dir() else []
    for leftover in leftovers:
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()
    return [leftover.name for leftover in leftovers]


def tidy(settings: Settings, build_entry_of: manifest.EntryReader) -> list[str]:
    """Finish or undo what a killed refresh left behind, and say what was done.

    A version that readers already see but that has no manifest line gets its line from the
    file's own ``metadata.build``. A version that no reader ever saw is removed.

    Parameters
    ----------
    settings : Settings
        The lock must be held.
    build_entry_of : callable
        Returns the manifest entry that a published file carries.

    Returns
    -------
    list of str
        One sentence per repair.
    """
    notes: list[str] = []
    torn = manifest.cut_torn_line(settings.manifest)
    if torn:
        notes.append("an unfinished line at the end of the manifest was cut away")
    notes += [f"an unfinished {name} was removed" for name in clear_incoming(settings)]
    chain = manifest.read(settings.manifest)
    manifest.require_sound(chain, settings.manifest)
    current = served(settings)
    if current and manifest.of_version(chain.entries, current.name) is None:
        entry = build_entry_of(current)
        manifest.append(
            settings.manifest,
            {
                **entry,
                "event": "published",
                "version": current.name,
                "file_sha256": files.sha256_of(current),
                "n_bytes": current.stat().st_size,
                "is_line_repaired": True,
            },
        )
        notes.append(f"the manifest line of {current.name} was missing and was written")
    entries = manifest.read(settings.manifest).entries
    if current and manifest.served_version(entries) != current.name:
        manifest.append(settings.manifest, {"event": "found_current", "version": current.name})
        notes.append(f"{current.name} is being served; the manifest now says so")
    for path in _unknown_versions(settings, entries):
        if path != current:
            path.unlink()
            notes.append(f"{path.name} was never served and was removed")
    return notes


def _unknown_versions(settings: Settings, entries: list[Entry]) -> list[Path]:
    """Return files that a killed publish or a killed erasure left: new ones, and second copies."""
    known = {entry.get("version") for entry in entries}
    known_numbers = {str(name).split("_")[0] for name in known if name}
    first_unused = manifest.next_sequence(entries)
    return [
        path
        for path in version_files(settings)
        if path.name not in known
        and (
            path.name.split("_")[0] in known_numbers or int(path.name.split("_")[0]) >= first_unused
        )
    ]
