"""Small warehouse files for tests: frames as schema marts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pandas as pd


def write_warehouse(path: Path, marts: Mapping[str, pd.DataFrame]) -> Path:
    """Write frames as tables of schema marts; text columns as VARCHAR, empty ones too."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        for name, frame in marts.items():
            typed = frame.copy()
            for column in typed:
                if typed[column].dtype == object:
                    typed[column] = typed[column].astype("string")
            connection.register("incoming", typed)
            connection.execute(f'create table marts."{name}" as select * from incoming')
            connection.unregister("incoming")
    return path
