"""Look at the machine and the folders, and say what would make a refresh fail or lie."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from core import files
from core.settings import Settings
from core.stop import ExitCode, Stop
from refresh import erased, lock, manifest, pack, publish, room, versions
from refresh.hashing import TableContent

GOOD, NOTE, BAD = "good", "note", "bad"
NETWORK_FILE_SYSTEMS = {
    "9p", "afs", "ceph", "cifs", "drvfs", "fuse.sshfs", "glusterfs", "lustre", "nfs", "nfs4",
    "smb3", "smbfs", "vboxsf", "virtiofs",
}  # fmt: skip
PINNED = ("duckdb", "dbt-core", "dbt-duckdb", "great-expectations", "duckdb-sqlalchemy", "pandas")
LAST_BYTES = 4096


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: good, a note, or bad."""

    topic: str
    state: str
    text: str


def examine(settings: Settings) -> list[Finding]:
    """Look at everything; nothing is changed."""
    looks: tuple[Callable[[Settings], list[Finding]], ...] = (
        look_at_python,
        look_at_pins,
        look_at_platform,
        look_at_space,
        look_at_lock,
        look_at_readers,
        look_at_leftovers,
        look_at_modes,
        look_at_versions,
    )
    return [finding for look in looks for finding in look(settings)]


def look_at_python(settings: Settings) -> list[Finding]:
    """Compare the interpreter with what the project supports."""
    del settings
    major, minor = sys.version_info[:2]
    is_fit = (3, 11) <= (major, minor) <= (3, 13)
    text = f"{major}.{minor}" + ("" if is_fit else "; the project supports 3.11 to 3.13")
    return [Finding("Python", GOOD if is_fit else BAD, text)]


def look_at_pins(settings: Settings) -> list[Finding]:
    """Compare installed packages with the lock file."""
    locked = locked_versions(settings.root / "uv.lock")
    findings = []
    for name in PINNED:
        try:
            found = version(name)
        except PackageNotFoundError:
            findings.append(Finding("pins", BAD, f"{name} is not installed; run `make install`"))
            continue
        wanted = locked.get(name)
        if wanted and found != wanted:
            findings.append(Finding("pins", BAD, f"{name} is {found}, the lock file says {wanted}"))
    return findings or [Finding("pins", GOOD, f"{len(PINNED)} packages are as locked")]


def locked_versions(lock_file: Path) -> dict[str, str]:
    """Return package versions from uv.lock; empty when there is none."""
    if not lock_file.exists():
        return {}
    pairs = re.findall(
        r'^name = "([^"]+)"\nversion = "([^"]+)"', lock_file.read_text(encoding="utf-8"), re.M
    )
    return dict(pairs)


def look_at_platform(settings: Settings) -> list[Finding]:
    """Find file systems on which a lock or the switch of a link is not what it should be."""
    findings = []
    for name, folder in (("vault", settings.vault), ("published folder", settings.published)):
        kind = file_system_of(folder)
        if kind in NETWORK_FILE_SYSTEMS:
            findings.append(
                Finding(
                    "platform",
                    BAD,
                    f"the {name} {folder} lies on a network file system ({kind}): locks and the "
                    "switch of a link are not atomic there; publish on a local disk and copy",
                )
            )
    if sys.platform == "win32":
        findings.append(
            Finding("platform", BAD, "Windows: an open file cannot be replaced; use WSL or Linux")
        )
    if settings.published.is_dir() and not _can_link(settings.published):
        findings.append(
            Finding("platform", BAD, f"{settings.published} cannot hold symbolic links")
        )
    return findings or [Finding("platform", GOOD, f"{sys.platform}, local disks")]


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
        return True  # not ours to write; the owner's doctor will tell
    except OSError:
        return False
    return True


def look_at_space(settings: Settings) -> list[Finding]:
    """Ask whether the next refresh has room."""
    existing = [f for f in (settings.vault, settings.published) if f.is_dir()]
    if len(existing) < 2:
        return [Finding("space", NOTE, "nothing has been published here yet")]
    try:
        room.require(settings)
    except Stop as stop:
        return [Finding("space", BAD, stop.what)]
    free = min(room.free_bytes(folder) for folder in existing)
    return [Finding("space", GOOD, f"{free / 1e9:.1f} GB free")]


def look_at_lock(settings: Settings) -> list[Finding]:
    """Say who holds the lock."""
    holders = {h for f in (settings.vault, settings.published) if (h := lock.holder(f))}
    if holders:
        return [Finding("lock", NOTE, f"held by {'; '.join(sorted(holders))}")]
    return [Finding("lock", GOOD, "nobody holds it")]


def look_at_readers(settings: Settings) -> list[Finding]:
    """Say which processes of this machine hold published files open (Linux)."""
    known = {os.path.realpath(path) for path in publish.version_files(settings)}
    if not known or not Path("/proc/self/fd").is_dir():
        return [Finding("readers", GOOD, "none seen")]
    holders: dict[str, int] = {}
    for descriptors in Path("/proc").glob("[0-9]*/fd"):
        try:
            opened = {os.readlink(link) for link in descriptors.iterdir()}
        except OSError:
            continue
        if opened & known:
            pid = descriptors.parent.name
            for path in opened & known:
                holders[f"pid {pid} reads {publish.name_of(Path(path))}"] = 1
    if not holders:
        return [Finding("readers", GOOD, "none seen")]
    return [Finding("readers", NOTE, "; ".join(sorted(holders)) + " (they stop nothing)")]


def look_at_leftovers(settings: Settings) -> list[Finding]:
    """Find what a killed run or a writing tool left."""
    findings = []
    if settings.work.is_dir() and lock.holder(settings.vault) is None:
        files = [path.name for path in settings.work.iterdir() if path.name != ".gitignore"]
        if files:
            text = f"the vault's work folder holds {len(files)} files; the next run clears it"
            findings.append(Finding("leftovers", NOTE, text))
    if (settings.vault / erased.UNFINISHED).exists():
        text = "an erasure was not finished; run the same `erase` again"
        findings.append(Finding("leftovers", BAD, text))
    for file in publish.version_files(settings):
        if not publish.log_of(file).exists():
            continue
        text = f"{publish.log_of(file)}: a tool opened a version for writing; remove this file"
        findings.append(Finding("leftovers", BAD, text))
    return findings or [Finding("leftovers", GOOD, "none")]


def look_at_modes(settings: Settings) -> list[Finding]:
    """Find private files that others could read, and versions that somebody could write."""
    findings = []
    private = [settings.vault, *settings.vault.rglob("*")] if settings.vault.is_dir() else []
    open_to_others = [
        path for path in private if not path.is_symlink() and path.stat().st_mode & 0o077
    ]
    if open_to_others:
        text = f"{len(open_to_others)} files or folders of the vault are open to others"
        findings.append(Finding("modes", BAD, f"{text}; run chmod -R go-rwx on {settings.vault}"))
    writable = [
        publish.name_of(path)
        for path in publish.version_files(settings)
        if stat.S_IMODE(path.stat().st_mode) & 0o222
    ]
    if writable:
        findings.append(Finding("modes", BAD, f"writable versions: {', '.join(writable)}"))
    return findings or [Finding("modes", GOOD, "vault private, versions read-only")]


def look_at_versions(settings: Settings) -> list[Finding]:
    """Check the manifest's chain and the link; `verify` reads every row."""
    chain = manifest.read(settings.manifest)
    if chain.broken_at is not None:
        text = f"line {chain.broken_at} does not follow from the line before it; run verify"
        return [Finding("manifest", BAD, text)]
    if publish.lacks_lines(settings, chain.entries):
        text = "was cut or removed; restore it from a backup, or use --set-manifest-aside"
        return [Finding("manifest", BAD, text)]
    if not chain.entries:
        return [Finding("manifest", NOTE, "empty: nothing has been published here yet")]
    served = publish.served(settings)
    if served is None:
        return [Finding("manifest", BAD, f"{settings.current} leads nowhere; run rollback")]
    return [
        Finding(
            "manifest", GOOD, f"{len(chain.entries)} lines, {publish.name_of(served)} is served"
        )
    ]


def set_manifest_aside(settings: Settings, reason: str) -> None:
    """Keep a broken manifest under another name and begin a new one that points at it.

    Raises
    ------
    Stop
        When no reason is given, or the manifest is sound.
    """
    if not reason:
        raise Stop(ExitCode.USAGE, "setting the manifest aside wants --reason", "", "no_reason")
    with lock.held([settings.vault, settings.published], "python -m refresh doctor"):
        chain = manifest.read(settings.manifest)
        if chain.broken_at is None and not publish.lacks_lines(settings, chain.entries):
            raise Stop(ExitCode.USAGE, "the manifest is sound; nothing was done", "", "sound")
        number = 1 + len(list(settings.published.glob("manifest.broken_*.jsonl")))
        aside = settings.published / f"manifest.broken_{number:03d}.jsonl"
        settings.manifest.touch()
        os.rename(settings.manifest, aside)
        manifest.append(
            settings.manifest,
            {
                "event": "set_aside",
                "seq": manifest.next_sequence(chain.entries) - 1,
                "broken_manifest": aside.name,
                "broken_at": chain.broken_at,
                "reason": reason,
                "operator": versions.operator(),
            },
        )
        for file in publish.version_files(settings):
            adopt(settings, file)
        served = publish.served(settings)
        if served is not None:
            version = publish.name_of(served)
            manifest.append(settings.manifest, {"event": "found_current", "version": version})


def adopt(settings: Settings, file: Path) -> None:
    """Write a manifest line for a version file from what it says of itself, once it proves true.

    Raises
    ------
    Stop
        When the file does not hold what it says.
    """
    entry = pack.build_entry_of(file)
    pack.verify_against(file, [TableContent(**table) for table in entry["tables"]])
    manifest.append(
        settings.manifest,
        {
            **entry,
            "event": "adopted",
            "version": publish.name_of(file),
            "file_sha256": files.sha256_of(file),
            "n_bytes": file.stat().st_size,
        },
    )
