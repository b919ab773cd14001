"""The vault: the private folder with raw records, quarantine and the tables of the build.

It has one folder per version, named like the version, and a link to the served one. The newest
two are kept, so that raw records exist in few copies.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from core import files
from core.settings import KEPT_VAULTS, Settings

FACTS = "facts.json"


def keep(settings: Settings, version: str, facts: dict[str, Any]) -> None:
    """Move the work file into the vault folder of a version that is about to be published.

    Parameters
    ----------
    facts : dict
        Facts about the delivery that the next one is compared with and that may not be
        published, for example the newest visit date.
    """
    folder = settings.vault / version
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    files.write_whole(folder / FACTS, json.dumps(facts, sort_keys=True), 0o600)
    os.chmod(settings.work_file, 0o600)
    os.rename(settings.work_file, folder / settings.work_file.name)
    files.sync_folder(folder)
    files.sync_folder(settings.vault)


def file_of(settings: Settings, version: str | None) -> Path | None:
    """Return the vault file of a version; None when it is not kept."""
    if version is None:
        return None
    file = settings.vault / version / settings.work_file.name
    return file if file.exists() else None


def facts_of(settings: Settings, version: str) -> dict[str, Any]:
    """Return the private facts about a version's delivery; empty when they are not kept."""
    try:
        facts = json.loads((settings.vault / version / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(facts)


def follow(settings: Settings, served: Path | None) -> list[str]:
    """Point ``vault/current`` at the served version and remove folders that are not kept.

    Returns
    -------
    list of str
        One sentence per removed folder.
    """
    version = served.parent.name if served else None
    folders = sorted(path for path in settings.vault.glob("[0-9]*_*") if path.is_dir())
    served_number = int(version.split("_")[0]) if version else 0
    up_to_served = [path for path in folders if int(path.name.split("_")[0]) <= served_number]
    kept = {path.name for path in up_to_served[-KEPT_VAULTS:]} | {version}
    removed = [path for path in folders if path.name not in kept]
    for path in removed:
        shutil.rmtree(path)
    if version and (settings.vault / version).is_dir():
        files.point_link(settings.vault_current, version)
    return [f"the vault folder {path.name} was removed" for path in removed]


def protect(settings: Settings) -> None:
    """Give the vault its modes: folders 0700, files 0600."""
    for path in settings.vault.rglob("*"):
        if path.is_symlink():
            continue
        mode = 0o700 if path.is_dir() else 0o600
        if path.stat().st_mode & 0o777 != mode:
            os.chmod(path, mode)
