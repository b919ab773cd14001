"""Load a delivery: identify it, let intake judge it, write its raw tables into the work file.

This happens before dbt starts, which takes seconds: a delivery that cannot be trusted is refused
first. The build finds the raw tables in place and does not load again.
"""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from core import duck, files
from core.messages import shown
from core.settings import Settings, is_inside
from core.stop import ExitCode, Stop
from intake.delivery import open_delivery
from intake.loader import load_delivery
from intake.refusals import MappingError
from privacy.pseudonyms import key_path, load_key
from refresh import erased

CODE_FOLDERS = (
    "analysis_py", "core", "expectations", "intake", "macros", "models", "privacy", "refresh",
    "seeds", "tests/dbt",
)  # fmt: skip
CODE_FILES = ("dbt_project.yml", "profiles.yml", "pyproject.toml", "uv.lock")
CODE_SUFFIXES = {".py", ".sql", ".yml", ".yaml", ".csv", ".md", ".toml", ".lock"}


@dataclass(frozen=True)
class DeliveryFacts:
    """What a work file says about the delivery in it.

    Attributes
    ----------
    has_erased : bool
        Whether records were left out because their patient was erased.
    unselected : tuple of str
        What records hold that no use of their file takes, by file, as notices tell it.
    """

    load_id: str
    source_system: str
    mapping: str
    extraction_date: str | None
    is_synthetic: bool
    label: str | None
    key_fingerprint: str
    has_erased: bool = False
    unselected: tuple[str, ...] = ()


def fingerprint(settings: Settings) -> str:
    """Return one hash for the files of a delivery, its mapping and the mapping's file of words."""
    try:
        names = sorted(os.listdir(settings.delivery))
    except OSError:
        raise Stop(
            ExitCode.DELIVERY_REFUSED,
            f"the delivery folder {shown(str(settings.delivery))} cannot be read",
            "name the folder that holds the exports with --delivery or REGISTRY_DELIVERY",
            "no_delivery",
        ) from None
    try:
        mapping = open_delivery(settings.delivery, settings.mapping).mapping
        parts = [f"mapping={mapping.name}={mapping.sha256}"]
    except MappingError:
        parts = [f"mapping={settings.mapping}"]  # intake refuses it, and says why
    for name in names:
        path = settings.delivery / name
        try:
            is_plain = stat.S_ISREG(path.lstat().st_mode)
            parts.append(f"{name}={files.sha256_of(path) if is_plain else 'not a plain file'}")
        except PermissionError:
            parts.append(f"{name}=unreadable")  # intake refuses it, and names it
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def code_state(root: Path) -> dict[str, Any]:
    """Return git commit, whether the code differs from it, and the fingerprint of the code."""
    commit = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    return {
        "git_commit": commit.strip() if commit else None,
        "is_changed_since_commit": bool(changes.strip()) if changes is not None else None,
        "code_fingerprint": _code_fingerprint(root),
    }


def _code_fingerprint(root: Path) -> str:
    """Return one hash for everything but the mapping that decides what a delivery becomes."""
    digest = hashlib.sha256()
    paths = [root / name for name in CODE_FILES]
    for folder in CODE_FOLDERS:
        paths += (root / folder).rglob("*")
    mappings = root / "intake" / "mappings"
    for path in sorted(paths):
        if mappings not in path.parents and path.suffix in CODE_SUFFIXES and path.is_file():
            digest.update(f"{path.relative_to(root)}={files.sha256_of(path)}\n".encode())
    return digest.hexdigest()[:16]


def _git(root: Path, *arguments: str) -> str | None:
    try:
        return subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True, text=True, timeout=20, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None


def key_fingerprint(settings: Settings) -> str:
    """Return the fingerprint of the key that this delivery would be loaded with.

    Raises
    ------
    Stop
        When intake refuses the delivery or the key, when the key is inside a folder of the data,
        or when it is missing although versions were published with it.
    """
    about = open_delivery(settings.delivery, settings.mapping).about
    path = key_path(about.is_synthetic)
    _require_key_outside(settings, path)
    require_key_present(settings, path)
    return load_key(about.is_synthetic).fingerprint


def _require_key_outside(settings: Settings, path: Path) -> None:
    for folder in (settings.root, settings.vault, settings.published, settings.delivery):
        if is_inside(path, folder):
            raise Stop(
                ExitCode.ENVIRONMENT,
                f"the pseudonym key {path} is inside {folder}; whoever copies that folder could "
                "undo the pseudonyms",
                "move the key out of it and set REGISTRY_KEY_FILE to its path",
                "key_inside",
            )


def require_key_present(settings: Settings, path: Path) -> None:
    """Stop when the key of published versions is missing: a new one must not replace it."""
    if not os.path.lexists(path) and settings.current.is_symlink():
        raise Stop(
            ExitCode.ENVIRONMENT,
            f"the pseudonym key {path} is missing, and versions were published with it",
            "restore it from its backup, or set REGISTRY_KEY_FILE to its path",
            "key_missing",
        )


def load(settings: Settings) -> None:
    """Write the delivery's raw tables into the work file, without records of erased patients.

    Raises
    ------
    Stop
        When intake refuses the delivery, its mapping or the key.
    """
    config: dict[str, Any] = {
        "memory_limit": duck.memory_limit(),
        "storage_compatibility_version": duck.VAULT_STORAGE_VERSION,
        "temp_directory": str(settings.work / "tmp"),
    }
    with duckdb.connect(str(settings.work_file), config=config) as db:
        os.chmod(settings.work_file, 0o600)
        delivery = open_delivery(settings.delivery, settings.mapping)
        key = load_key(delivery.about.is_synthetic)
        load_delivery(delivery, key, db.cursor())
        is_changed = erased.leave_out(db, settings, key)
    if is_changed:
        duck.rewrite_database(settings.work_file)


def facts_of(work_file: Path) -> DeliveryFacts:
    """Read what the freshly loaded work file says about its delivery."""
    with duckdb.connect(str(work_file), read_only=True) as db:
        row = db.execute(
            "select load_id, source_system, mapping_name || ' ' || mapping_version, "
            "extraction_date::varchar, is_synthetic, delivery_label, key_fingerprint, "
            "exists (from raw.delivery_notices where notice_code = ?) from raw.delivery",
            [erased.NOTICE],
        ).fetchall()[0]
        words = db.execute(
            "select source_file || ', ' || detail from raw.delivery_notices "
            "where notice_code = 'unselected_word' order by rowid"
        ).fetchall()
    return replace(DeliveryFacts(*row), unselected=tuple(word for (word,) in words))


def ledger_of(db: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return the ledger of an open work file, one line per file, as it goes to the manifest.

    Raises
    ------
    Stop
        When the records of a file do not add up.
    """
    ledger = duck.rows(
        db,
        "select export_name, source_file, sha256, n_bytes, n_records_read, "
        "n_staged as n_records_staged, n_quarantined as n_records_quarantined, "
        "n_deduplicated as n_records_deduplicated, n_values_refused, balance "
        "from quarantine.record_ledger order by all",
    )
    unbalanced = [line for line in ledger if line.pop("balance") != 0]
    if unbalanced or not ledger:
        names = ", ".join(shown(str(line["source_file"])) for line in unbalanced) or "no file"
        raise Stop(
            ExitCode.CHECKS_FAILED,
            f"the records of {names} do not add up: read is not staged + quarantined + "
            "deduplicated; nothing was published",
            "look at quarantine.record_ledger with --keep-work",
            "ledger",
        )
    return ledger


def private_facts_of(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Return facts of an open work file that the next is compared with; they stay in the vault.

    Returns
    -------
    dict
        ``newest_visit_date`` (ISO text or None): a calendar date of a single patient.
    """
    schema = duck.scalar(
        db,
        "select schema_name from duckdb_columns() "
        "where table_name = 'stg_clinic__visits' and column_name = 'visit_date'",
    )
    newest = None
    if schema:
        visits = duck.quote(schema, "stg_clinic__visits")
        newest = duck.scalar(db, f"select max(visit_date)::varchar from {visits}")
    return {"newest_visit_date": newest}
