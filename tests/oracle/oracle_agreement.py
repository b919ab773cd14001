"""When a number of ours agrees with R's."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pandas as pd

RELATIVE = 1e-8
# R's mauchly.test differs on purpose, see mauchly.R. R's glm takes standard errors from the step
# before the last, which shows where a model rests on two or four events.
COARSE = {"p_value_of_mauchly_test": 1e-2, "odds_ratio": 1e-6}


def outputs() -> Path:
    """Folder of R's outputs: those committed, or those of a fresh run."""
    fresh = os.environ.get("REGISTRY_ORACLE_OUTPUTS")
    return Path(fresh) if fresh else Path(__file__).parent / "outputs"


def read_output(name: str) -> pd.DataFrame:
    """Numbers of R under their keys; keys are text."""
    return pd.read_csv(outputs() / name, dtype={"term": str})


def agrees(ours: float | None, theirs: float, quantity: str = "") -> bool:
    """Whether two numbers agree to the relative tolerance; missing agrees with missing."""
    ours = math.nan if ours is None else ours
    if math.isnan(ours) or math.isnan(theirs):
        return math.isnan(ours) and math.isnan(theirs)
    return math.isclose(
        ours, theirs, rel_tol=COARSE.get(quantity.partition("_per_")[0], RELATIVE), abs_tol=1e-300
    )
