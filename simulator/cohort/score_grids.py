"""Scores as cut points of a normal score: drawing is a search, and expected means are exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from simulator.cohort.effects import TIMEPOINTS, Tree

SCORES = ("easi", "itch_nrs", "sleep_nrs", "dlqi")
SEVERE_EASI = 24.0


@dataclass(frozen=True)
class Grid:
    """One score at one timepoint.

    Attributes
    ----------
    values : numpy.ndarray, shape (k,)
        The values that the score can take, ascending, in its own unit.
    cuts : numpy.ndarray, shape (k - 1,)
        Normal scores at which the next value begins.
    """

    values: np.ndarray
    cuts: np.ndarray

    def draw(self, normal: np.ndarray) -> np.ndarray:
        """Return indices into ``values`` for normal scores."""
        return np.searchsorted(self.cuts, normal).astype(np.int16)

    def probabilities(self) -> np.ndarray:
        """Return the probability of each value for a standard normal score."""
        return np.diff(np.concatenate([[0.0], stats.norm.cdf(self.cuts), [1.0]]))


def make_grid(score: str, timepoint: str, effects: Tree) -> Grid:
    """Return the grid of a score at a timepoint under the declared truth."""
    declared = effects["scores"][score][timepoint]
    mean, sd = float(declared["mean"]), float(declared["sd"])
    if score == "easi":
        lowest = SEVERE_EASI if timepoint == "baseline" else 0.0
        tenths = np.arange(round(lowest * 10), 721)
        shape = ((mean - lowest) / sd) ** 2
        levels = stats.gamma.cdf(
            (tenths[:-1] + 0.5) / 10 - lowest, shape, scale=(mean - lowest) / shape
        )
        values = tenths / 10
    elif score == "dlqi":
        values = np.arange(31.0)
        shape = (mean / sd) ** 2
        levels = stats.gamma.cdf(values[:-1] + 0.5, shape, scale=mean / shape)
    else:
        values = np.arange(11.0)
        centre, spread = (mean + 0.5) / 11, sd / 11
        size = centre * (1 - centre) / spread**2 - 1
        levels = stats.beta.cdf((values[:-1] + 1) / 11, centre * size, (1 - centre) * size)
    return Grid(values, stats.norm.ppf(levels))


def make_grids(effects: Tree) -> dict[str, tuple[Grid, ...]]:
    """Return the grids of the four scores over the four timepoints."""
    return {
        score: tuple(make_grid(score, timepoint, effects) for timepoint in TIMEPOINTS)
        for score in SCORES
    }
