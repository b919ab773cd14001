"""The version that a new one is compared with, and what is remembered of its delivery."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import files
from core.settings import Settings
from core.stop import ExitCode, Stop
from refresh import manifest, publish, vault
from refresh.manifest import Entry


@dataclass(frozen=True)
class Baseline:
    """The newest sound version, or nothing before the first publish.

    Attributes
    ----------
    version : Path or None
        The version file; its name belongs to a vault folder.
    file : Path or None
        The file to read it from; a copy where a log lies beside the version.
    entry : dict
        Its manifest line; empty when there is no version.
    remembered : dict
        Facts of its delivery that are kept in the vault only.
    notes : tuple of str
        What is odd about newer versions.
    """

    version: Path | None = None
    file: Path | None = None
    entry: Entry = field(default_factory=dict)
    remembered: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def find(settings: Settings, entries: list[Entry]) -> Baseline:
    """Find the served version, or the newest older one that nobody has changed.

    A tool that opened a version for writing may have changed it or left a log beside it; such a
    file is not trusted, and such a log is not read.

    Raises
    ------
    Stop
        When versions exist and none of them is sound, unless that was accepted.
    """
    served = publish.served(settings)
    if served is None:
        return Baseline()
    older = [path for path in reversed(publish.version_files(settings)) if path < served]
    notes: list[str] = []
    for path in (served, *older):
        entry = manifest.of_version(entries, publish.name_of(path))
        if entry and files.sha256_of(path) == entry["file_sha256"]:
            remembered = vault.facts_of(settings, publish.name_of(path))
            return Baseline(path, _without_log(settings, path), entry, remembered, tuple(notes))
        notes.append(f"{publish.name_of(path)} was changed on disk and is not trusted; run verify")
    if "damaged_version" not in settings.accepted:
        raise Stop(
            ExitCode.DAMAGED,
            f"the published version {publish.name_of(served)} was changed on disk, and no older "
            "one is sound",
            "run `python -m refresh verify`; to publish without a comparison, run again with "
            '--accept damaged_version --reason "..."',
            "damaged_version",
        )
    return Baseline(notes=tuple(notes))


def _without_log(settings: Settings, version: Path) -> Path:
    """Return the version, or a private copy when a write-ahead log lies beside it."""
    if not publish.log_of(version).exists():
        return version
    return Path(shutil.copyfile(version, settings.work / "before.duckdb"))
