"""Reads the seeds as they are committed: every cell as text."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

SEEDS = Path(__file__).resolve().parents[3] / "seeds"


def seed_paths() -> list[Path]:
    """CSV files of all seeds, sorted by path."""
    return sorted(SEEDS.glob("*/*.csv"))


@cache
def seed(name: str) -> tuple[dict[str, str], ...]:
    """Rows of one seed."""
    [path] = SEEDS.glob(f"*/{name}.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def column(name: str, key: str) -> list[str]:
    """Cells of one column of one seed."""
    return [row[key] for row in seed(name)]
