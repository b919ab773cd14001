"""Put a verified candidate into readers' hands in one atomic step.

A published version is a read-only file in a folder of its own, and ``current.duckdb`` is a
symbolic link to one of them. A reader that holds the old file keeps it; a reader that opens the
link gets one whole version; a write-ahead log that a careless tool leaves lies beside the version
it opened and can never meet the next one. Every version file is itself named ``current.duckdb``,
because DuckDB names the database after the file (newer releases after the link's target), and a
BI tool that remembers ``current.marts.dim_patients`` must find it in the next version.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from core import files
from core.settings import KEPT_VERSIONS, Settings
from core.stop import ExitCode, Stop
from refresh import killpoints, manifest
from refresh.manifest import Entry

READ_ONLY_MODE = 0o444
VERSION_FILE = "current.duckdb"


def version_name(entry: Entry) -> str:
    """Return the name of a version: sequence number first, so that names sort in order."""
    return f"{entry['seq']:06d}_{entry['build_id']}"


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
    """Return where a tool that writes would leave its write-ahead log."""
    return file.with_name(file.name + ".wal")


def publish(settings: Settings, candidate: Path, entry: Entry) -> Entry:
    """Name the candidate, switch ``current.duckdb`` to it and write the manifest line.

    Parameters
    ----------
    settings : Settings
        Where to publish; the lock must be held.
    candidate : Path
        A closed, verified file on the file system of the published folder.
    entry : dict
        The manifest entry; ``seq`` and ``build_id`` make the version's name.

    Returns
    -------
    dict
        The manifest line as written.

    Raises
    ------
    Stop
        When the file system cannot switch a link, or a version of that name exists.
    """
    version = version_name(entry)
    file = file_of(settings, version)
    if file.exists():
        raise Stop(
            ExitCode.DAMAGED,
            f"{file} exists already",
            "run `python -m refresh verify`; a version is never overwritten",
        )
    digest = files.sha256_of(candidate)
    os.chmod(candidate, READ_ONLY_MODE)
    files.sync_file(candidate)
    killpoints.reach("candidate_synced", settings.published)
    place(settings, candidate, version)
    killpoints.reach("version_named", settings.published)
    switch(settings, version)
    killpoints.reach("switched", settings.published)
    written = manifest.append(
        settings.manifest,
        {
            **entry,
            "event": "published",
            "version": version,
            "file_sha256": digest,
            "n_bytes": file.stat().st_size,
        },
    )
    killpoints.reach("manifest_written", settings.published)
    prune(settings)
    killpoints.reach("pruned", settings.published)
    return written


def place(settings: Settings, file: Path, version: str) -> Path:
    """Move a finished, synced file into the folder of its version."""
    target = file_of(settings, version)
    target.parent.mkdir(exist_ok=True)
    os.chmod(target.parent, 0o755)
    os.rename(file, target)
    files.sync_folder(target.parent)
    files.sync_folder(settings.versions)
    return target


def switch(settings: Settings, version: str) -> None:
    """Point ``current.duckdb`` at a version, atomically."""
    try:
        target = file_of(settings, version).relative_to(settings.published)
        files.point_link(settings.current, str(target))
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
    file = settings.published / os.readlink(settings.current)
    return file if file.exists() else None


def version_files(settings: Settings) -> list[Path]:
    """Return the version files on disk, oldest first, by sequence number."""
    if not settings.versions.is_dir():
        return []
    return sorted(settings.versions.glob(f"[0-9]*_*/{VERSION_FILE}"))


def prune(settings: Settings, kept: int = KEPT_VERSIONS) -> list[str]:
    """Remove all but the newest versions; the one being served is never removed."""
    keep = set(version_files(settings)[-kept:]) | {served(settings)}
    removed = [name_of(path) for path in version_files(settings) if path not in keep]
    for version in removed:
        remove(settings, version)
    return removed


def remove(settings: Settings, version: str) -> None:
    """Remove a version's folder with whatever a tool left in it."""
    shutil.rmtree(settings.versions / version)
    files.sync_folder(settings.versions)


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
    if lacks_lines(settings, chain.entries):
        raise Stop(
            ExitCode.DAMAGED,
            f"{settings.manifest} was cut or removed: version {name_of(current)} is being served, "
            f"and the lines end before version {manifest.next_sequence(chain.entries)}",
            "restore it from a backup, or start a new one with "
            '`python -m refresh doctor --set-manifest-aside --reason "..."`',
            "broken_manifest",
        )
    if current and manifest.of_version(chain.entries, name_of(current)) is None:
        entry = build_entry_of(current)
        manifest.append(
            settings.manifest,
            {
                **entry,
                "event": "published",
                "version": name_of(current),
                "file_sha256": files.sha256_of(current),
                "n_bytes": current.stat().st_size,
                "is_line_repaired": True,
            },
        )
        notes.append(f"the manifest line of {name_of(current)} was missing and was written")
    entries = manifest.read(settings.manifest).entries
    if current and manifest.served_version(entries) != name_of(current):
        manifest.append(settings.manifest, {"event": "found_current", "version": name_of(current)})
        notes.append(f"{name_of(current)} is being served; the manifest now says so")
    for version in _unknown_versions(settings, entries):
        if current is None or version != name_of(current):
            remove(settings, version)
            notes.append(f"{version} was never served and was removed")
    return notes


def lacks_lines(settings: Settings, entries: list[Entry]) -> bool:
    """Whether more lines are missing than the one that a killed publish leaves unwritten."""
    current = served(settings)
    return bool(current) and number_of(name_of(current)) > manifest.next_sequence(entries)


def _unknown_versions(settings: Settings, entries: list[Entry]) -> list[str]:
    """Return versions that a killed publish or erasure left: new ones, and second copies."""
    known = {str(entry["version"]) for entry in entries if entry.get("version")}
    known_numbers = {number_of(version) for version in known}
    first_unused = manifest.next_sequence(entries)
    return [
        folder.name
        for folder in sorted(settings.versions.glob("[0-9]*_*"))
        if folder.name not in known
        and (number_of(folder.name) in known_numbers or number_of(folder.name) >= first_unused)
    ]
