"""Data that R and our estimators are both given: public sets, the twin, small tables.

    python oracle_inputs.py FOLDER

writes each as FOLDER/<name>.csv. The public sets are those that lifelines and statsmodels ship:
rossi (recidivism, Rossi et al. 1980), lung (NCCTG lung cancer, Loprinzi et al. 1994), waltons
(lifespans of flies), spector (Spector and Mazzeo 1980), elnino (sea surface temperature, NOAA) and
grunfeld (investment of US firms, Grunfeld 1958).
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import statsmodels.datasets as public
from lifelines.datasets import load_lung, load_rossi, load_waltons

SKELETON = Path(__file__).parents[2] / "simulator" / "data" / "cohort_skeleton_307.csv"

# stayed, left, entered, never. approval: Agresti 1990, p. 350; the others are edge cases and the
# twelve tables of the twin.
PAIRS = {
    "approval": (794, 150, 86, 570),
    "nobody_left": (33, 0, 12, 238),
    "nobody_entered": (33, 12, 0, 238),
    "balanced": (10, 7, 7, 10),
    "one_pair": (0, 0, 1, 0),
}
# Rows of 2 x k tables of counts.
TABLES = {
    "early_response": ((39, 15), (126, 100)),
    "party": ((762, 327, 468), (484, 239, 477)),
    "small": ((3, 9), (8, 2)),
}
# n of a total.
PROPORTIONS = {"twenty_of_307": (20, 307), "none_of_12": (0, 12), "all_of_5": (5, 5)}


def inputs() -> dict[str, pd.DataFrame]:
    """Every data set by name."""
    skeleton = pd.read_csv(SKELETON)
    lung = load_lung().rename(columns={"ph.ecog": "ecog"})
    elnino = public.elnino.load_pandas().data
    grunfeld = public.grunfeld.load_pandas().data
    wide = grunfeld[grunfeld["year"] < 1939].pivot(index="firm", columns="year", values="invest")
    return {
        "rossi": load_rossi()[["week", "arrest", "fin", "age", "prio"]].rename(
            columns={"week": "time", "arrest": "event"}
        ),
        "lung": lung[["time", "status", "age", "sex", "ecog"]].rename(columns={"status": "event"}),
        "waltons": load_waltons().rename(columns={"T": "time", "E": "event"}),
        "skeleton": skeleton,
        "spector": public.spector.load_pandas().data,
        "elnino": elnino[["JAN", "APR", "JUL", "OCT"]].dropna().reset_index(drop=True),
        "grunfeld": wide.set_axis([f"y{year}" for year in wide], axis=1).reset_index(drop=True),
        "pairs": pd.DataFrame(
            [(name, *counts) for name, counts in {**PAIRS, **_skeleton_pairs(skeleton)}.items()],
            columns=["name", "stayed", "left", "entered", "never"],
        ),
        "tables": pd.DataFrame(
            [
                (name, row, column, count)
                for name, rows in TABLES.items()
                for row, counts in enumerate(rows, start=1)
                for column, count in enumerate(counts, start=1)
            ],
            columns=["name", "row", "column", "count"],
        ),
        "proportions": pd.DataFrame(
            [(name, n, total) for name, (n, total) in PROPORTIONS.items()],
            columns=["name", "n", "total"],
        ),
    }


def _skeleton_pairs(skeleton: pd.DataFrame) -> dict[str, tuple[int, int, int, int]]:
    pairs = {}
    for position, week in ((1, 4), (2, 16), (3, 52)):
        first, later = skeleton["path"].str[0], skeleton["path"].str[position]
        known = later != "X"
        for letter in "NCTB":
            before, after = (first == letter)[known], (later == letter)[known]
            pairs[f"{letter}_week_{week}"] = (
                int((before & after).sum()),
                int((before & ~after).sum()),
                int((~before & after).sum()),
                int((~before & ~after).sum()),
            )
    return pairs


def write(folder: Path) -> None:
    """Write every data set."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in inputs().items():
        frame.to_csv(folder / f"{name}.csv", index=False)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
