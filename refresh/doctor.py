"""Examine the machine and the folders for whatever would make a refresh fail."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from core.settings import Settings
from core.stop import Stop
from refresh import erased
from refresh.store import folders, versions

GOOD, NOTE, BAD = "good", "note", "bad"
VERSIONS = "versions"
"""Topic of what `verify` finds; a problem there ends with the exit code of `verify`."""
NETWORK_FILE_SYSTEMS = {
    "9p", "afs", "ceph", "cifs", "drvfs", "fuse.sshfs", "glusterfs", "lustre", "nfs", "nfs4",
    "smb3", "smbfs", "vboxsf", "virtiofs",
}  # fmt: skip
PINNED = ("duckdb", "dbt-core", "dbt-duckdb", "great-expectations", "duckdb-sqlalchemy", "pandas")


@dataclass(frozen=True)
class Finding:
    """Result of one check: good, a note, or bad."""

    topic: str
    state: str
    text: str


Problems = Iterator[tuple[str, str]]
"""State and text of everything odd that a check found."""


def examine(settings: Settings) -> list[Finding]:
    """Run every check; nothing is changed."""
    checks: list[tuple[str, Callable[[Settings], Problems], str]] = [
        ("Python", _check_python, "{}.{}".format(*sys.version_info)),
        ("packages", _check_packages, f"{len(PINNED)} packages are as locked"),
        ("platform", _check_platform, f"{sys.platform}, local disks"),
        ("disk space", _check_disk_space, "enough for the next refresh"),
        ("lock", _check_lock, "free"),
        ("readers", _check_readers, "none seen"),
        ("leftovers", _check_leftovers, "none"),
        ("modes", _check_modes, "vault private"),
        (VERSIONS, _check_versions, "link, manifest and every row are as published"),
    ]
    return [
        Finding(topic, state, text)
        for topic, check, good in checks
        for state, text in list(check(settings)) or [(GOOD, good)]
    ]


def _check_python(settings: Settings) -> Problems:
    del settings
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        yield BAD, "{}.{}; the project supports 3.11 to 3.13".format(*sys.version_info)


def _check_packages(settings: Settings) -> Problems:
    """Compare installed packages with the lock file."""
    lock_file = settings.root / "uv.lock"
    text = lock_file.read_text(encoding="utf-8") if lock_file.exists() else ""
    locked = dict(re.findall(r'^name = "([^"]+)"\nversion = "([^"]+)"', text, re.M))
    for name in PINNED:
        try:
            installed = version(name)
        except PackageNotFoundError:
            yield BAD, f"{name} is not installed; run `make install`"
            continue
        if installed != locked.get(name, installed):
            yield BAD, f"{name} is {installed}, the lock file has {locked[name]}"


def _check_platform(settings: Settings) -> Problems:
    """Find file systems on which a lock or the switch of a link is not atomic."""
    for name, folder in (("vault", settings.vault), ("published folder", settings.published)):
        kind = file_system_of(folder)
        if kind in NETWORK_FILE_SYSTEMS:
            yield (
                BAD,
                f"the {name} {folder} is on a network file system ({kind}): locks and the switch "
                "of a link are not atomic there; publish on a local disk and copy",
            )
    if sys.platform == "win32":
        yield BAD, "Windows: an open file cannot be replaced; use WSL or Linux"
    if settings.published.is_dir() and not _can_link(settings.published):
        yield BAD, f"{settings.published} cannot hold symbolic links"


def file_system_of(folder: Path, mounts: str | None = None) -> str:
    """Return the kind of file system that holds a folder; empty where that is unknown."""
    if mounts is None:
        try:
            mounts = Path("/proc/mounts").read_text(encoding="utf-8")
        except OSError:
            return ""
    path = Path(os.path.realpath(folder))
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        mount = Path(fields[1].replace("\\040", " "))
        if (mount == path or mount in path.parents) and len(mount.parts) > best:
            best, kind = len(mount.parts), fields[2]
    return kind


def _can_link(folder: Path) -> bool:
    probe = folder / f".link.{os.getpid()}"
    try:
        probe.symlink_to("nowhere")
        probe.unlink()
    except PermissionError:
        return True  # this account may not write here; the owner's doctor finds out
    except OSError:
        return False
    return True


def _check_disk_space(settings: Settings) -> Problems:
    if not (settings.vault.is_dir() and settings.published.is_dir()):
        yield NOTE, "nothing has been published here yet"
        return
    try:
        folders.require_disk_space(settings)
    except Stop as stop:
        yield BAD, stop.what


def _check_lock(settings: Settings) -> Problems:
    for folder in (settings.vault, settings.published):
        holder = folders.lock_holder(folder)
        if holder:
            yield NOTE, f"{folder} is locked by {holder}"


def _check_readers(settings: Settings) -> Problems:
    """Find the processes of this machine that have published files open (Linux)."""
    known = {os.path.realpath(path) for path in versions.version_files(settings)}
    for descriptors in Path("/proc").glob("[0-9]*/fd") if known else ():
        try:
            opened = {os.readlink(link) for link in descriptors.iterdir()}
        except OSError:
            continue
        for path in sorted(opened & known):
            reader = f"pid {descriptors.parent.name} reads {versions.name_of(Path(path))}"
            yield NOTE, f"{reader} (this does not stop a refresh)"


def _check_leftovers(settings: Settings) -> Problems:
    """Find what a killed run left."""
    if settings.work.is_dir() and folders.lock_holder(settings.vault) is None:
        n_files = sum(path.name != ".gitignore" for path in settings.work.iterdir())
        if n_files:
            yield NOTE, f"the vault's work folder has {n_files} files; the next run removes them"
    if erased.is_unfinished(settings):
        yield BAD, "an erasure was not finished; the next `registry run` continues it"


def _check_modes(settings: Settings) -> Problems:
    """Find private files that others can read."""
    private = [settings.vault, *settings.vault.rglob("*")] if settings.vault.is_dir() else []
    n_open = sum(not path.is_symlink() and bool(path.stat().st_mode & 0o077) for path in private)
    if n_open:
        yield (
            BAD,
            f"{n_open} files or folders of the vault are open to others; run "
            f"chmod -R go-rwx on {settings.vault}",
        )


def _check_versions(settings: Settings) -> Problems:
    """Find what `verify` finds."""
    faults = versions.verify(settings)
    for fault in faults:
        yield BAD, fault
    if not faults and versions.served(settings) is None:
        yield NOTE, "nothing has been published here yet"
