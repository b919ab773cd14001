"""dbt calls intake through this dbt-duckdb plugin, which is behind the source ``intake.delivery``.

The on-run-start hook renders that source, so ``dbt build`` alone loads a delivery. A refused
delivery stops dbt before any model runs. The on-run-end hook renders the source
``intake.delivery_after_build``: a delivery that changed meanwhile fails the build.
"""

from __future__ import annotations

import atexit
import gc
import os
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.duckdb.utils import SourceConfig
from dbt_common.exceptions import DbtRuntimeError

from core.settings import DEFAULT_DELIVERY
from core.stop import Stop
from intake import raw_tables
from intake.delivery import Delivery, FolderPlan, open_delivery, plan_folder, require_unchanged
from intake.loader import load_delivery
from privacy.pseudonyms import load_key


class Plugin(BasePlugin):
    """Loads the delivery named by the environment or the source's meta."""

    _loaded: tuple[Delivery, FolderPlan, dict[str, Any]] | None = None

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Make the folder of the warehouse, so that a bare ``dbt build`` works in a fresh clone."""
        del plugin_config
        path = getattr(self.creds, "path", None)
        if path and path != ":memory:":
            if Path(path).stem.lower() in ("system", "temp"):
                raise DbtRuntimeError(
                    f"{path}: DuckDB keeps the names system and temp to itself; name the file "
                    "otherwise"
                )
            Path(path).parent.mkdir(parents=True, exist_ok=True)

    def update_connection_config(self, creds: Any, config: dict[str, Any]) -> None:
        """Stop in one line where another process has the warehouse open; dbt would show a trace."""
        try:
            duckdb.connect(creds.path, config=dict(config)).close()
        except duckdb.IOException as error:
            if "Could not set lock on file" not in str(error):
                raise
            raise DbtRuntimeError(
                f"{creds.path}: another process has this warehouse open; close it there"
            ) from None

    def configure_connection(self, conn: Any) -> None:
        """Keep the connection of the warehouse; ``load`` works on a cursor of its own."""
        self._connection = conn
        # dbt's manifest lives as long as the process; without this the garbage collector visits
        # all of it again and again, and once more at the end: a sixth of a small build.
        gc.freeze()
        atexit.register(gc.freeze)

    def load(self, source_config: SourceConfig) -> Any:
        """Judge and load the delivery.

        Parameters
        ----------
        source_config : SourceConfig
            Its meta may hold ``delivery`` and ``mapping``; REGISTRY_DELIVERY and
            REGISTRY_MAPPING come first. With ``is_after_build`` nothing is loaded: the folder is
            compared with its state before it was.

        Returns
        -------
        pyarrow.Table
            The one row of raw.delivery.

        Raises
        ------
        DbtRuntimeError
            The delivery, its mapping or the key is refused, or the delivery changed.
        """
        # The adapter does not quote the database's name, which comes from the file's: without it,
        # a warehouse may be called our-clinic.duckdb.
        source_config.database = None
        if source_config.get("is_after_build", False):
            return self._unchanged()
        folder = os.environ.get("REGISTRY_DELIVERY") or source_config.get(
            "delivery", DEFAULT_DELIVERY
        )
        mapping = os.environ.get("REGISTRY_MAPPING", source_config.get("mapping", ""))
        cursor = self._connection.cursor()
        try:
            delivery = open_delivery(Path(folder), mapping)
            key = load_key(delivery.about.is_synthetic)
            plan = plan_folder(delivery)
            row = load_delivery(delivery, key, cursor, self._working_folder())
            self._loaded = delivery, plan, row
            return pa.Table.from_pylist([row], raw_tables.DELIVERY)
        except Stop as stop:
            raise _error(stop) from None
        finally:
            cursor.close()

    def _unchanged(self) -> pa.Table:
        """Return the row of raw.delivery once more, if the folder is as it was before loading."""
        if self._loaded is None:
            raise DbtRuntimeError("no delivery was loaded")
        delivery, plan, row = self._loaded
        try:
            require_unchanged(delivery, plan)
        except Stop as stop:
            raise _error(stop) from None
        return pa.Table.from_pylist([row], raw_tables.DELIVERY)

    def _working_folder(self) -> Path | None:
        """Return the warehouse's folder, where working copies are made; None without a file."""
        path = getattr(self.creds, "path", None)
        folder = Path(path).parent if path and path != ":memory:" else None
        return folder if folder is not None and folder.is_dir() else None


def _error(stop: Stop) -> DbtRuntimeError:
    return DbtRuntimeError("\n  ".join(filter(None, [stop.what, *stop.details, stop.todo])))
