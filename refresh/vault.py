"""The vault: the private folder that keeps raw records, quarantine and the build's tables.

It holds one folder per version, with the same name as the published file, and a link to the one
that is being served. Only the newest two are kept: raw records are copied as rarely as possible.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from core import files
from core.settings import KEPT_VAULTS, Settings
from refresh import killpoints

FACTS = "facts.json"


def keep(settings: Settings, stem: str, facts: dict[str, Any]) -> Path:
    """Move the work file into the vault folder of a version that is about to be published.

    Parameters
    ----------
    stem : str
        Name of the version without its suffix.
    facts : dict
        What the next delivery is judged against and may not be published, for example the
        newest visit date.

    Returns
    -------
    Path
        The kept file.
    """
    folder = settings.vault / stem
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    files.write_whole(folder / FACTS, json.dumps(facts, sort_keys=True), 0o600)
    kept = folder / settings.work_file.name
    os.chmod(settings.work_file, 0o600)
    os.rename(settings.work_file, kept)
    files.sync_folder(folder)
    files.sync_folder(settings.vault)
    killpoints.reach("vault_kept", settings.published)
    return kept


def facts_of(settings: Settings, stem: str | None) -> dict[str, Any]:
    """Return what is remembered about a kept load; empty when it is not kept any more."""
    if stem is None:
        return {}
    try:
        return json.loads((settings.vault / stem / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def follow(settings: Settings, served: Path | None) -> list[str]:
    """Let ``vault/current`` follow the served version and remove folders that lead nowhere.

    Parameters
    ----------
    served : Path or None
        The version file that readers get.

    Returns
    -------
    list of str
        One sentence per removed folder.
    """
    removed: list[str] = []
    stem = served.parent.name if served else None
    folders = sorted(path for path in settings.vault.glob("[0-9]*_*") if path.is_dir())
    served_number = int(stem.split("_")[0]) if stem else 0
    newest = [path for path in folders if int(path.name.split("_")[0]) <= served_number]
    keep_names = {path.name for path in newest[-KEPT_VAULTS:]} | {stem}
    for path in folders:
        if path.name in keep_names:
            continue
        shutil.rmtree(path)
        removed.append(f"the vault folder {path.name} was removed")
    if stem and (settings.vault / stem).is_dir():
        files.point_link(settings.vault_current, stem)
    return removed


def protect(settings: Settings) -> None:
    """Give the vault its modes: folders 0700, files 0600."""
    for path in settings.vault.rglob("*"):
        if path.is_symlink():
            continue
        wanted = 0o700 if path.is_dir() else 0o600
        if path.stat().st_mode & 0o777 != wanted:
            os.chmod(path, wanted)
