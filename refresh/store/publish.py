"""The publish switch: make a verified candidate the version that readers get, in one atomic step.

`switch` replaces the link ``current.duckdb`` by one rename. A reader that has the old file open
keeps it; a reader that opens the link gets one whole version. Each version has a folder of its
own, so a write-ahead log left by a tool never lies beside the next version.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import duckdb

from core import files
from core.settings import KEPT_VERSIONS, Settings
from core.stop import ExitCode, Stop
from refresh.store import folders, manifest, pack, vault, versions
from refresh.store.manifest import Entry

READ_ONLY_MODE = 0o444


def version_name(entry: Entry) -> str:
    """Return the name of a version: sequence number first, so that names sort in order."""
    return f"{entry['seq']:06d}_{entry['build_id']}"


def publish(settings: Settings, candidate: Path, entry: Entry) -> Entry:
    """Name the candidate, switch ``current.duckdb`` to it and write the manifest line.

    Parameters
    ----------
    settings : Settings
        Both folders are locked.
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
        When the file system cannot hold a link, or a version of that name exists.
    """
    version = version_name(entry)
    if versions.file_of(settings, version).exists():
        raise Stop(
            ExitCode.DAMAGED,
            f"{versions.file_of(settings, version)} exists already",
            "run `registry verify`; a version is never overwritten",
        )
    sha256 = files.sha256_of(candidate)
    os.chmod(candidate, READ_ONLY_MODE)
    files.sync_file(candidate)
    place(settings, candidate, version)
    switch(settings, version)
    written = _record_version(settings, version, sha256, entry)
    prune(settings)
    vault.follow(settings, versions.served(settings))
    return written


def place(settings: Settings, file: Path, version: str) -> Path:
    """Move a finished, synced file into the folder of its version."""
    target = versions.file_of(settings, version)
    target.parent.mkdir(exist_ok=True)
    os.chmod(target.parent, 0o755)
    os.rename(file, target)
    files.sync_folder(target.parent)
    files.sync_folder(settings.versions)
    return target


def switch(settings: Settings, version: str) -> None:
    """Point ``current.duckdb`` at a version, atomically."""
    try:
        target = versions.file_of(settings, version).relative_to(settings.published)
        files.point_link(settings.current, str(target))
    except OSError as error:
        raise Stop(
            ExitCode.ENVIRONMENT,
            f"{settings.published} cannot hold a symbolic link ({error.strerror})",
            "publish on a local Linux or macOS file system; docs/bi.md says how to copy from there",
            "no_links",
        ) from None


def _record_version(settings: Settings, version: str, sha256: str, entry: Entry) -> Entry:
    return manifest.append(
        settings.manifest,
        {
            **entry,
            "event": "published",
            "version": version,
            "file_sha256": sha256,
            "n_bytes": versions.file_of(settings, version).stat().st_size,
        },
    )


def rollback(settings: Settings, to: int | None, reason: str) -> Entry:
    """Serve an older version again.

    Parameters
    ----------
    to : int or None
        Sequence number; None means the newest version before the served one.
    reason : str
        Recorded in the manifest.

    Returns
    -------
    dict
        The manifest line that records the step.

    Raises
    ------
    Stop
        When there is no such version, or the chosen file was changed.
    """
    with folders.locked(settings, "registry rollback"):
        notes = tidy(settings)
        entries = manifest.read(settings.manifest)
        known = versions.listed(settings, entries)
        served = next((version for version in known if version.is_served), None)
        last = served.name if served else manifest.served_version(entries)
        if to is None:
            before = [one for one in known if last and one.seq < versions.number_of(last)]
            chosen = before[-1] if before else None
        else:
            chosen = next((version for version in known if version.seq == to), None)
        if chosen is None:
            raise Stop(
                ExitCode.USAGE,
                "there is no such version to go back to",
                "`registry versions` lists the versions",
            )
        faults = versions.check_version(settings, chosen)
        if faults:
            raise Stop(
                ExitCode.DAMAGED,
                f"version {chosen.seq} cannot be served: {faults[0]}",
                "choose another one from `registry versions`",
            )
        switch(settings, chosen.name)
        line = manifest.append(
            settings.manifest,
            {
                "event": "rollback",
                "version": chosen.name,
                "from_version": last,
                "reason": reason,
                "notes": notes,
            },
        )
        vault.follow(settings, versions.served(settings))
    return line


def prune(settings: Settings, kept: int = KEPT_VERSIONS) -> None:
    """Remove all but the newest versions; the served one stays."""
    on_disk = versions.version_files(settings)
    keep = set(on_disk[-kept:]) | {versions.served(settings)}
    remove(settings, [versions.name_of(path) for path in on_disk if path not in keep], "old")


def remove(settings: Settings, names: list[str], reason: str) -> None:
    """Remove versions for good, after the manifest line that records it."""
    if names:
        manifest.append(
            settings.manifest, {"event": "removed", "versions": names, "reason": reason}
        )
        _delete(settings, names)


def _delete(settings: Settings, names: list[str]) -> None:
    for name in names:
        shutil.rmtree(settings.versions / name)
    files.sync_folder(settings.versions)


def clear_incoming(settings: Settings) -> list[str]:
    """Remove unfinished files and pages that no reader saw; return their names."""
    leftovers = sorted(settings.incoming.glob("[!.]*")) if settings.incoming.is_dir() else []
    for leftover in leftovers:
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()
    return [leftover.name for leftover in leftovers]


def tidy(settings: Settings) -> list[str]:
    """Finish or undo what a killed process left behind; both folders are locked.

    A kill leaves at most one version without a manifest line. If readers got it, its line is
    written from ``metadata.build`` inside the file; if not, it is removed. More versions without
    a line mean that the manifest lost lines, and all of them are written again.

    Returns
    -------
    list of str
        One sentence per repair.
    """
    notes = [f"an unfinished {name} was removed" for name in clear_incoming(settings)]
    notes += _take_back_writing(settings)
    if manifest.remove_cut_line(settings.manifest):
        notes.append("an unfinished line at the end of the manifest was removed")
    entries = manifest.read(settings.manifest)
    on_disk = {folder.name for folder in settings.versions.glob("[0-9]*_*")}
    removed = on_disk & manifest.removed_versions(entries)
    removed |= {name for name in on_disk if not versions.file_of(settings, name).exists()}
    _delete(settings, sorted(removed))
    without_line = sorted(
        name for name in on_disk - removed if manifest.of_version(entries, name) is None
    )
    current = versions.served(settings)
    current_name = versions.name_of(current) if current else None
    if len(without_line) == 1 and _is_newer(without_line[0], current_name):
        _delete(settings, without_line)
        notes.append(f"{without_line[0]} was never served and was removed")
    else:
        notes += [_write_missing_line(settings, name) for name in without_line]
    if current_name and manifest.served_version(manifest.read(settings.manifest)) != current_name:
        manifest.append(settings.manifest, {"event": "found_current", "version": current_name})
        notes.append(f"{current_name} is being served, and the manifest now says so")
    return notes + vault.follow(settings, current)


def _take_back_writing(settings: Settings) -> list[str]:
    """Remove write-ahead logs beside versions and in the vault; make versions read-only again.

    DuckDB shows a reader what the log says as if it were in the file.
    """
    notes = []
    for file in versions.version_files(settings):
        name = versions.name_of(file)
        log = versions.log_of(file)
        if log.exists():
            log.unlink()
            notes.append(
                f"{name}: a tool had opened this version for writing; its write-ahead log was "
                "removed. Readers may have seen what it wrote until they connect again"
            )
        if stat.S_IMODE(file.stat().st_mode) & 0o222:
            os.chmod(file, READ_ONLY_MODE)
            notes.append(f"{name} could be written and is read-only again")
    for file in sorted(settings.vault.glob(f"[0-9]*_*/{settings.work_file.name}")):
        if versions.log_of(file).exists():
            versions.log_of(file).unlink()
            notes.append(f"{file.parent.name}: a write-ahead log in the vault was removed")
    return notes


def _is_newer(version: str, served: str | None) -> bool:
    return served is None or versions.number_of(version) > versions.number_of(served)


def _write_missing_line(settings: Settings, version: str) -> str:
    """Write the manifest line of a version from the file itself, if its content is unchanged."""
    file = versions.file_of(settings, version)
    try:
        entry = pack.verified_entry(file)
    except (Stop, duckdb.Error):
        return f"{version} has no manifest line and is damaged; run `registry verify`"
    _record_version(settings, version, files.sha256_of(file), {**entry, "is_line_repaired": True})
    return f"the manifest line of {version} was missing and was written"
