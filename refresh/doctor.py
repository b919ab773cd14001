"""Examine the machine and the folders for whatever would make a refresh fail."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from core.settings import Settings
from core.stop import Stop
from refresh import erased, folders, manifest, versions

GOOD, NOTE, BAD = "good", "note", "bad"
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


Results = Iterator[tuple[str, str]]
"""State and text of what a check found."""


def examine(settings: Settings) -> list[Finding]:
    """Run every check; nothing is changed."""
    checks: dict[str, Callable[[Settings], Results]] = {
        "Python": _check_python,
        "packages": _check_packages,
        "platform": _check_platform,
        "disk space": _check_disk_space,
        "lock": _check_lock,
        "readers": _check_readers,
        "leftovers": _check_leftovers,
        "modes": _check_modes,
        "manifest": _check_manifest,
    }
    return [
        Finding(topic, state, text)
        for topic, check in checks.items()
        for state, text in check(settings)
    ]


def _check_python(settings: Settings) -> Results:
    del settings
    major, minor = sys.version_info[:2]
    if (3, 11) <= (major, minor) <= (3, 13):
        yield GOOD, f"{major}.{minor}"
    else:
        yield BAD, f"{major}.{minor}; the project supports 3.11 to 3.13"


def _check_packages(settings: Settings) -> Results:
    """Compare installed packages with the lock file."""
    lock_file = settings.root / "uv.lock"
    text = lock_file.read_text(encoding="utf-8") if lock_file.exists() else ""
    locked = dict(re.findall(r'^name = "([^"]+)"\nversion = "([^"]+)"', text, re.M))
    is_good = True
    for name in PINNED:
        try:
            installed = version(name)
        except PackageNotFoundError:
            is_good = False
            yield BAD, f"{name} is not installed; run `make install`"
            continue
        if installed != locked.get(name, installed):
            is_good = False
            yield BAD, f"{name} is {installed}, the lock file has {locked[name]}"
    if is_good:
        yield GOOD, f"{len(PINNED)} packages are as locked"


def _check_platform(settings: Settings) -> Results:
    """Find file systems on which a lock or the switch of a link is not atomic."""
    is_good = True
    for name, folder in (("vault", settings.vault), ("published folder", settings.published)):
        kind = file_system_of(folder)
        if kind in NETWORK_FILE_SYSTEMS:
            is_good = False
            yield (
                BAD,
                f"the {name} {folder} is on a network file system ({kind}): locks and the switch "
                "of a link are not atomic there; publish on a local disk and copy",
            )
    if sys.platform == "win32":
        is_good = False
        yield BAD, "Windows: an open file cannot be replaced; use WSL or Linux"
    if settings.published.is_dir() and not _can_link(settings.published):
        is_good = False
        yield BAD, f"{settings.published} cannot hold symbolic links"
    if is_good:
        yield GOOD, f"{sys.platform}, local disks"


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


def _check_disk_space(settings: Settings) -> Results:
    if not (settings.vault.is_dir() and settings.published.is_dir()):
        yield NOTE, "nothing has been published here yet"
        return
    try:
        folders.require_disk_space(settings)
    except Stop as stop:
        yield BAD, stop.what
        return
    free = min(folders.free_bytes(folder) for folder in (settings.vault, settings.published))
    yield GOOD, f"{free / 1e9:.1f} GB free"


def _check_lock(settings: Settings) -> Results:
    holders = {folders.lock_holder(folder) for folder in (settings.vault, settings.published)}
    names = sorted(holder for holder in holders if holder)
    yield (NOTE, f"held by {'; '.join(names)}") if names else (GOOD, "free")


def _check_readers(settings: Settings) -> Results:
    """Find the processes of this machine that have published files open (Linux)."""
    known = {os.path.realpath(path) for path in versions.version_files(settings)}
    readers: set[str] = set()
    for descriptors in Path("/proc").glob("[0-9]*/fd") if known else ():
        try:
            opened = {os.readlink(link) for link in descriptors.iterdir()}
        except OSError:
            continue
        readers |= {
            f"pid {descriptors.parent.name} reads {versions.name_of(Path(path))}"
            for path in opened & known
        }
    if readers:
        yield NOTE, "; ".join(sorted(readers)) + " (this does not stop a refresh)"
    else:
        yield GOOD, "none seen"


def _check_leftovers(settings: Settings) -> Results:
    """Find what a killed run or a writing tool left."""
    is_good = True
    if settings.work.is_dir() and folders.lock_holder(settings.vault) is None:
        n_files = sum(path.name != ".gitignore" for path in settings.work.iterdir())
        if n_files:
            is_good = False
            yield NOTE, f"the vault's work folder has {n_files} files; the next run removes them"
    if (settings.vault / erased.UNFINISHED).exists():
        is_good = False
        yield BAD, "an erasure was not finished; run the same `registry erase` again"
    for file in versions.version_files(settings):
        log = versions.log_of(file)
        if log.exists():
            is_good = False
            yield BAD, f"{log}: a tool opened a version for writing; remove this file"
    if is_good:
        yield GOOD, "none"


def _check_modes(settings: Settings) -> Results:
    """Find private files that others can read, and versions that can be written."""
    private = [settings.vault, *settings.vault.rglob("*")] if settings.vault.is_dir() else []
    n_open = sum(not path.is_symlink() and bool(path.stat().st_mode & 0o077) for path in private)
    if n_open:
        yield (
            BAD,
            f"{n_open} files or folders of the vault are open to others; run "
            f"chmod -R go-rwx on {settings.vault}",
        )
    writable = [
        versions.name_of(path)
        for path in versions.version_files(settings)
        if stat.S_IMODE(path.stat().st_mode) & 0o222
    ]
    if writable:
        yield BAD, f"writable versions: {', '.join(writable)}"
    if not (n_open or writable):
        yield GOOD, "vault private, versions read-only"


def _check_manifest(settings: Settings) -> Results:
    """Check that the manifest can be read and a version is served; `verify` reads every row."""
    try:
        entries = manifest.read(settings.manifest)
    except Stop as stop:
        yield BAD, f"{stop.what}; {stop.todo}"
        return
    served = versions.served(settings)
    if settings.current.is_symlink() and served is None:
        yield BAD, f"{settings.current} leads to a missing file; run `registry rollback`"
    elif served is None:
        yield NOTE, "nothing has been published here yet"
    elif manifest.of_version(entries, versions.name_of(served)) is None:
        yield BAD, f"there is no line about {versions.name_of(served)}; the next run writes it"
    else:
        yield GOOD, f"{len(entries)} lines, {versions.name_of(served)} is served"
