"""Room on the disks, asked for before anything is written."""

from __future__ import annotations

import shutil
from pathlib import Path

from core.settings import Settings
from core.stop import ExitCode, Stop
from refresh import publish

SPACE_FACTOR = 3
"""Free space wanted, in sizes of what was written last: work file, candidate, temporary files."""

LEAST_FREE_BYTES = 50_000_000


def require(settings: Settings) -> None:
    """Stop when the disks of vault or published folder hold less than a refresh may need."""
    delivered = sum(p.stat().st_size for p in settings.delivery.glob("*") if p.is_file())
    vaults = [p.stat().st_size for p in settings.vault.glob("[0-9]*_*/warehouse.duckdb")]
    last_vault = max(vaults, default=2 * delivered)
    versions = [path.stat().st_size for path in publish.version_files(settings)]
    for folder, last in (
        (settings.vault, last_vault),
        (settings.published, max(versions, default=0)),
    ):
        wanted = max(LEAST_FREE_BYTES, SPACE_FACTOR * last)
        free = free_bytes(folder)
        if free < wanted:
            raise Stop(
                ExitCode.NO_ROOM,
                f"{folder} has {free / 1e6:,.0f} MB free, {wanted / 1e6:,.0f} MB may be needed",
                "free space on this disk, or choose another folder; nothing was changed",
                "no_room",
            )


def free_bytes(folder: Path) -> int:
    """Return the free space of the disk that holds a folder, in bytes."""
    return shutil.disk_usage(folder).free
