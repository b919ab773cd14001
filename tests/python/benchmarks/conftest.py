"""A small simulated cohort, and what each contender writes from it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from builds import ROOT
from short_road import ShortRoad

from intake.delivery import open_delivery
from privacy.pseudonyms import load_key
from simulator.cohort.write import write_cohort

N_PATIENTS = 400
SEED = 11


@dataclass(frozen=True)
class Bench:
    """The delivery, the folder for results, and the environment of the contenders."""

    delivery: Path
    folder: Path
    environment: dict[str, str]

    def run(self, module: str, output: str, *more: str) -> Path:
        """Run a contender and return its output."""
        out = self.folder / output
        done = subprocess.run(
            [sys.executable, "-m", module, str(self.delivery), str(out), *more],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return out


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A simulated delivery and one key for all contenders."""
    folder = tmp_path_factory.mktemp("bench")
    delivery = folder / "delivery"
    write_cohort(N_PATIENTS, SEED, None, delivery, file_format="csv", overwrite=False)
    key = {"REGISTRY_KEY_FILE": str(folder / "test.key")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGISTRY_KEY_FILE", key["REGISTRY_KEY_FILE"])
        load_key(is_synthetic=True)
        yield Bench(delivery, folder, key)


@pytest.fixture(scope="session")
def ours(bench: Bench, road: ShortRoad) -> Path:
    """The warehouse of the cohort: intake, then the statements that dbt wrote for the demo."""
    delivery = open_delivery(bench.delivery, "")
    key = load_key(is_synthetic=True)
    return road.build_delivery(delivery, key, bench.folder / "warehouse.duckdb")


@pytest.fixture(scope="session")
def floor(bench: Bench) -> Path:
    """The output of the bare script."""
    return bench.run("benchmarks.floor", "floor.duckdb")
