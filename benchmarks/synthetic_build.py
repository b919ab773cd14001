"""One `dbt build` of a synthetic delivery into a warehouse of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[1]


class BuildError(RuntimeError):
    """The build failed or lost patients; the text is meant for people."""


def build_delivery(delivery: Path, folder: Path, n_patients: int, *options: str) -> Path:
    """Build a delivery in which every patient is eligible.

    Parameters
    ----------
    delivery : Path
        Folder with the exports.
    folder : Path
        For warehouse, key, dbt's target and logs; made if missing.
    n_patients : int
        Patients that must be enrolled.
    *options : str
        Further options of `dbt build`.

    Returns
    -------
    Path
        The warehouse file.

    Raises
    ------
    BuildError
        If dbt fails, or another number of patients is enrolled.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    warehouse = folder / "warehouse.duckdb"
    warehouse.unlink(missing_ok=True)
    environment = {
        **os.environ,
        "REGISTRY_DELIVERY": str(delivery.resolve()),
        "REGISTRY_MAPPING": "",
        "REGISTRY_WAREHOUSE": str(warehouse),
        "REGISTRY_KEY_FILE": str(folder / "synthetic.key"),
        "DBT_USE_COLORS": "false",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    places = ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    done = subprocess.run(
        [str(Path(sys.executable).parent / "dbt"), "build", *options, *places],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BuildError(f"dbt build of {delivery} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        enrolled = connection.sql("select count(*) from marts.dim_patients").fetchone()[0]
    if enrolled != n_patients:
        raise BuildError(f"{enrolled} of {n_patients} synthetic patients were enrolled, not all")
    return warehouse
