"""Where a refresh reads and writes, from the command line, then the environment, then defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.stop import ExitCode, Stop

PROJECT_ROOT = Path(__file__).resolve().parents[1]
DEFAULT_DELIVERY = "exports/demo"
KEPT_VERSIONS = 7
KEPT_VAULTS = 2
STORAGE_VERSION = "v1.0.0"
"""DuckDB storage version of published files: the oldest, so that 1.4 LTS and later read it."""


@dataclass(frozen=True)
class Settings:
    """Paths and switches of one refresh.

    Attributes
    ----------
    root : Path
        The project folder: dbt_project.yml lies here.
    delivery : Path
        Folder of exports to load.
    mapping : str
        Name of the mapping; empty means what the delivery itself declares.
    vault : Path
        Folder with mode 0700 for everything that holds values of patients.
    published : Path
        Folder that analysts and BI tools read.
    accepted : frozenset of str
        Rules that a named person accepted for this run (``--accept``).
    reason : str
        Why they were accepted; goes to the manifest.
    is_forced : bool
        Build and publish although the same delivery and code are published already.
    is_work_kept : bool
        Leave the work folder for inspection; it stays private.
    dbt_arguments : tuple of str
        Further arguments of ``dbt build``; a selection makes the test count fall short.
    """

    root: Path = PROJECT_ROOT
    delivery: Path = PROJECT_ROOT / DEFAULT_DELIVERY
    mapping: str = ""
    vault: Path = PROJECT_ROOT / "vault"
    published: Path = PROJECT_ROOT / "published"
    accepted: frozenset[str] = field(default_factory=frozenset)
    reason: str = ""
    is_forced: bool = False
    is_work_kept: bool = False
    dbt_arguments: tuple[str, ...] = ()

    @property
    def versions(self) -> Path:
        """Folder of the read-only published versions."""
        return self.published / "versions"

    @property
    def current(self) -> Path:
        """The symbolic link that readers open."""
        return self.published / "current.duckdb"

    @property
    def manifest(self) -> Path:
        """The append-only record of every refresh."""
        return self.published / "manifest.jsonl"

    @property
    def incoming(self) -> Path:
        """Folder in which a candidate is written, on the file system of the versions."""
        return self.published / ".incoming"

    @property
    def work(self) -> Path:
        """Folder of the build in progress; cleared by every run.

        Its name is that of the project's own, so that dbt's parse cache is valid in both.
        """
        return self.vault / "build"

    @property
    def work_file(self) -> Path:
        """DuckDB file that dbt builds into.

        Its name stays the same for every build: views carry the name of their database.
        """
        return self.work / "warehouse.duckdb"

    @property
    def vault_current(self) -> Path:
        """Link to the vault folder that belongs to the published version."""
        return self.vault / "current"

    @property
    def history(self) -> Path:
        """DuckDB file with every corrected value, old and new, and both load ids."""
        return self.vault / "history.duckdb"

    @property
    def tombstones(self) -> Path:
        """Keyed hashes of erased patients."""
        return self.vault / "erased.jsonl"


def resolve(
    options: Mapping[str, str | None],
    environ: Mapping[str, str] | None = None,
    root: Path = PROJECT_ROOT,
    may_lie_outside: bool = False,
) -> dict[str, Path | str]:
    """Return delivery, mapping, vault and published folder from options and environment.

    Parameters
    ----------
    options : mapping
        Values of ``--delivery``, ``--mapping``, ``--vault`` and ``--published``; None = not given.
    environ : mapping, optional
        Defaults to the environment of the process.
    may_lie_outside : bool
        Whether vault and published folder may lie outside the project (``--allow-outside``
        or REGISTRY_ALLOW_OUTSIDE=1).

    Raises
    ------
    Stop
        When a folder that will be written lies outside the project and that was not allowed,
        when vault and published folder lie inside each other, or when a path holds control
        characters.
    """
    environ = os.environ if environ is None else environ
    may_lie_outside = may_lie_outside or environ.get("REGISTRY_ALLOW_OUTSIDE") == "1"
    defaults = {"delivery": DEFAULT_DELIVERY, "vault": "vault", "published": "published"}
    found: dict[str, Path | str] = {}
    for name, default in defaults.items():
        text = options.get(name) or environ.get(f"REGISTRY_{name.upper()}") or default
        if any(ord(character) < 32 for character in text):
            raise Stop(
                ExitCode.ENVIRONMENT,
                f"the path of the {name} folder holds control characters",
                "name the folder in plain text",
                "path",
            )
        path = Path(text).expanduser()
        path = Path(os.path.abspath(path if path.is_absolute() else root / path))
        if name != "delivery" and not may_lie_outside and not is_inside(path, root):
            raise Stop(
                ExitCode.ENVIRONMENT,
                f"the {name} folder {path} lies outside the project {root}",
                "choose a folder inside it, or allow it with --allow-outside "
                "(REGISTRY_ALLOW_OUTSIDE=1)",
                "path_outside",
            )
        found[name] = path
    vault, published = Path(found["vault"]), Path(found["published"])
    if is_inside(vault, published) or is_inside(published, vault):
        raise Stop(
            ExitCode.ENVIRONMENT,
            f"vault ({vault}) and published folder ({published}) lie inside each other",
            "give them two separate folders: one is private, the other is read by everybody",
            "path_nested",
        )
    found["mapping"] = options.get("mapping") or environ.get("REGISTRY_MAPPING") or ""
    return found


def is_inside(path: Path, folder: Path) -> bool:
    """Whether path is folder or lies below it, links followed where they exist."""
    real, real_folder = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
    return real == real_folder or real_folder in real.parents
