"""Open the published file as an analyst should: read-only, locked down, one whole version."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from core.settings import Settings
from core.stop import ExitCode, Stop

READER_CONFIG = {"enable_external_access": "false", "lock_configuration": "true"}
"""No file, no network, no second database, and no way to switch that back on."""


def open_published(published: Path | None = None) -> duckdb.DuckDBPyConnection:
    """Return a read-only connection to the version that is being served now.

    The link is followed first: a second connection in the same process then gets the new version
    after a refresh, where the link's own name would give the old one again (DuckDB shares
    one instance per path).

    Parameters
    ----------
    published : Path, optional
        The published folder; defaults to the project's.

    Raises
    ------
    Stop
        When nothing has been published yet.
    """
    folder = published or Settings().published
    link = folder / "current.duckdb"
    if not link.exists():
        raise Stop(
            ExitCode.ENVIRONMENT, f"nothing is published in {folder}", "run `python -m refresh run`"
        )
    return duckdb.connect(os.path.realpath(link), read_only=True, config=dict(READER_CONFIG))
