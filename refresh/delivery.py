"""The delivery as the refresh sees it: its identity, what it declares, its ledger."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from core import files
from core.settings import Settings
from core.stop import ExitCode, Stop
from refresh import erased
from refresh.messages import shown

CODE_FOLDERS = (
    "core",
    "analysis_py", "expectations", "intake", "macros", "models", "refresh", "seeds", "tests/dbt",
)  # fmt: skip
CODE_FILES = ("dbt_project.yml", "profiles.yml", "pyproject.toml", "uv.lock")
LEDGER_COLUMNS = (
    "export_name", "source_file", "sha256", "n_bytes", "n_records_read", "n_records_staged",
    "n_records_quarantined", "n_records_deduplicated", "n_values_refused", "balance",
)  # fmt: skip
CODE_SUFFIXES = {".py", ".sql", ".yml", ".yaml", ".csv", ".md", ".toml", ".lock"}


@dataclass(frozen=True)
class DeliveryFacts:
    """What a work file says about the delivery that it holds.

    Attributes
    ----------
    n_erased : int
        Records left out because their patient was erased.
    """

    load_id: str
    source_system: str
    mapping: str
    extraction_date: str | None
    is_synthetic: bool
    label: str | None
    key_fingerprint: str
    n_erased: int = 0


def fingerprint(settings: Settings) -> str:
    """Return one hash for the bytes, names and mapping of a delivery, without parsing it."""
    parts = [f"mapping={settings.mapping}"]
    try:
        names = sorted(os.listdir(settings.delivery))
    except OSError:
        raise Stop(
            ExitCode.DELIVERY_REFUSED,
            f"the delivery folder {shown(str(settings.delivery))} cannot be read",
            "name the folder that holds the exports with --delivery or REGISTRY_DELIVERY",
            "no_delivery",
        ) from None
    for name in names:
        path = settings.delivery / name
        is_plain = stat.S_ISREG(path.lstat().st_mode)
        parts.append(f"{name}={files.sha256_of(path) if is_plain else 'not a plain file'}")
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def code_fingerprint(root: Path) -> str:
    """Return one hash for everything that decides what a delivery becomes."""
    digest = hashlib.sha256()
    paths = [root / name for name in CODE_FILES]
    for folder in CODE_FOLDERS:
        paths += (root / folder).rglob("*")
    for path in sorted(paths):
        if path.suffix in CODE_SUFFIXES and path.is_file():
            digest.update(f"{path.relative_to(root)}={files.sha256_of(path)}\n".encode())
    return digest.hexdigest()[:16]


def code_state(root: Path) -> dict[str, Any]:
    """Return git commit, whether the code differs from it, and the fingerprint of the code."""
    commit = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    return {
        "git_commit": commit.strip() if commit else None,
        "is_changed_since_commit": bool(changes.strip()) if changes is not None else None,
        "code_fingerprint": code_fingerprint(root),
    }


def _git(root: Path, *arguments: str) -> str | None:
    try:
        return subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True, text=True, timeout=20, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None


def facts_of(work_file: Path) -> DeliveryFacts:
    """Read what the freshly loaded work file says about its delivery."""
    with duckdb.connect(str(work_file), read_only=True) as db:
        row = db.execute(
            "select load_id, source_system, mapping_name || ' ' || mapping_version, "
            "extraction_date::varchar, is_synthetic, delivery_label, key_fingerprint "
            "from raw.delivery"
        ).fetchone()
        n_erased = db.execute(
            "select coalesce(sum(try_cast(detail as bigint)), 0)::bigint "
            "from raw.delivery_notices where notice_code = ?",
            [erased.NOTICE],
        ).fetchone()[0]
    return DeliveryFacts(*row, n_erased=n_erased)


def ledger_of(work_file: Path) -> list[dict[str, Any]]:
    """Return what became of the records of every file, as it goes to the manifest.

    Raises
    ------
    Stop
        When a file's records do not add up.
    """
    with duckdb.connect(str(work_file), read_only=True) as db:
        rows = db.execute(
            "select export_name, source_file, sha256, n_bytes, n_records_read, n_staged, "
            "n_quarantined, n_deduplicated, n_values_refused, balance "
            "from quarantine.record_ledger order by all"
        ).fetchall()
    ledger = [dict(zip(LEDGER_COLUMNS, row, strict=True)) for row in rows]
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


def private_facts_of(work_file: Path) -> dict[str, Any]:
    """Return what the next delivery is judged against and may not be published.

    Returns
    -------
    dict
        ``newest_visit_date`` (ISO text or None): a calendar date of a single patient.
    """
    with duckdb.connect(str(work_file), read_only=True) as db:
        typed = db.execute(
            "select schema_name from duckdb_columns() "
            "where table_name = 'stg_clinic__visits' and column_name = 'visit_date'"
        ).fetchall()
        newest = None
        if typed:
            newest = db.execute(
                f'select max(visit_date)::varchar from "{typed[0][0]}".stg_clinic__visits'
            ).fetchone()[0]
    return {"newest_visit_date": newest}
