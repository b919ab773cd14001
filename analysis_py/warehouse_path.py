"""Where the warehouse file is when nobody says so."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "REGISTRY_WAREHOUSE"
DEFAULT = Path("build") / "warehouse.duckdb"


def warehouse_path(given: str | os.PathLike[str] | None = None) -> Path:
    """Return the path given, else the environment's REGISTRY_WAREHOUSE, else the default."""
    return Path(given or os.environ.get(VARIABLE) or DEFAULT)
