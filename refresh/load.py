"""Let intake judge a delivery and write it into the work file, before dbt starts.

dbt's own start takes seconds; a delivery that cannot be trusted is refused before that. The build
finds the load in place and does not repeat it.
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from core import duck
from core.settings import Settings, is_inside
from core.stop import ExitCode, Stop
from intake.delivery import open_delivery
from intake.loader import load_delivery
from privacy.pseudonyms import key_path, load_key
from refresh import erased


def key_fingerprint(settings: Settings) -> str:
    """Return the fingerprint of the key that this delivery would be loaded with.

    Raises
    ------
    Stop
        When intake refuses the delivery or the key, when the key lies where the data lie, or
        when it is gone although versions were published with it.
    """
    about = open_delivery(settings.delivery, settings.mapping).about
    path = key_path(about.is_synthetic)
    _require_key_apart(settings, path)
    require_key_kept(settings, path)
    return load_key(about.is_synthetic).fingerprint


def _require_key_apart(settings: Settings, path: Path) -> None:
    for folder in (settings.root, settings.vault, settings.published, settings.delivery):
        if is_inside(path, folder):
            raise Stop(
                ExitCode.ENVIRONMENT,
                f"the pseudonym key {path} lies inside {folder}; whoever copies that folder could "
                "undo the pseudonyms",
                "move the key out of it and name its place in REGISTRY_KEY_FILE",
                "key_inside",
            )


def require_key_kept(settings: Settings, path: Path) -> None:
    """Stop when the key of published versions is gone: no new one may take its place."""
    if not os.path.lexists(path) and settings.current.is_symlink():
        raise Stop(
            ExitCode.ENVIRONMENT,
            f"the pseudonym key {path} is missing, and versions were published with it",
            "put it back from its safe place, or name where it lies in REGISTRY_KEY_FILE",
            "key_missing",
        )


def load(settings: Settings) -> None:
    """Let intake judge the delivery and write its raw tables into the work file.

    ``dbt build`` finds the load there and does not load again. Records of erased patients are
    taken out before anything else reads them.

    Raises
    ------
    Stop
        When intake refuses the delivery, its mapping or the key.
    """
    config = {
        "memory_limit": duck.memory_limit(),
        "storage_compatibility_version": duck.VAULT_STORAGE_VERSION,
        "temp_directory": str(settings.work / "tmp"),
    }
    with duckdb.connect(str(settings.work_file), config=config) as db:
        os.chmod(settings.work_file, 0o600)
        delivery = open_delivery(settings.delivery, settings.mapping)
        key = load_key(delivery.about.is_synthetic)
        load_delivery(delivery, key, db.cursor())
        n_left_out = erased.leave_out(db, settings, key.pseudonym)
    if n_left_out:
        duck.rewrite_database(settings.work_file)
