"""The declared truth of a simulated cohort: its YAML file, read and checked, and its scores.

A score is cut points of a normal score: drawing is a search, and expected means are exact.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy import stats

from simulator.delivery import SimulatorError

DEFAULTS = Path(__file__).resolve().parent / "default_effects.yml"
TIMEPOINTS = ("baseline", "week_04", "week_16", "week_52")
FOLLOW_UP = TIMEPOINTS[1:]
SCORES = ("easi", "itch_nrs", "sleep_nrs", "dlqi")
SEVERE_EASI = 24.0
Tree = dict[str, Any]


def load_effects(path: Path | None) -> Tree:
    """Return the declared truth: the defaults, overridden by the values in ``path``.

    Parameters
    ----------
    path : Path or None
        A YAML file that holds any part of the tree of ``default_effects.yml``.

    Raises
    ------
    SimulatorError
        The file cannot be read, is not YAML, or holds an unknown key, a key twice or an impossible
        value. The message names file, line and key.
    """
    defaults = _compose(DEFAULTS)
    tree: Tree = _read(defaults, defaults, "", DEFAULTS)
    if path is not None:
        _merge(tree, _read(_compose(path), defaults, "", path))
    _check_whole(tree, path or DEFAULTS)
    return tree


def _compose(path: Path) -> yaml.Node:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SimulatorError(f"{path} cannot be read: {reason}.") from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it is not YAML"
        raise SimulatorError(f"{path}{line}: {problem}.") from error
    if node is None:
        raise SimulatorError(f"{path} is empty. Give at least one key, or no --effects.")
    return node


def _read(node: yaml.Node, default: yaml.Node, name: str, path: Path) -> Any:
    """Return the values of a node whose keys must be among those of the default tree."""
    where = f"{path}, line {node.start_mark.line + 1}"
    if isinstance(default, yaml.ScalarNode):
        if not isinstance(node, yaml.ScalarNode):
            raise SimulatorError(f"{where}: {name} takes one value.")
        value = yaml.SafeLoader("").construct_object(node)
        problem = _problem(name, value)
        if problem:
            raise SimulatorError(f"{where}: {name} is {node.value}. {problem}")
        return value
    known = {key.value: child for key, child in default.value}
    if not isinstance(node, yaml.MappingNode):
        keys = ", ".join(known)
        raise SimulatorError(f"{where}: {name or 'the file'} takes keys: {keys}.")
    values: Tree = {}
    for key, child in node.value:
        line = f"{path}, line {key.start_mark.line + 1}"
        full = f"{name}.{key.value}" if name else str(key.value)
        if key.value not in known:
            raise SimulatorError(f"{line}: {full} is no known key. Known: {', '.join(known)}.")
        if key.value in values:
            raise SimulatorError(f"{line}: {full} is given twice.")
        values[key.value] = _read(child, known[key.value], full, path)
    return values


def _problem(name: str, value: object) -> str | None:
    """Return what is wrong with a value, None where nothing is; its name decides the rule."""
    if "_date" in name:
        return None if isinstance(value, datetime.date) else "Write a day as 2018-06-04."
    number = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    for part, is_fine, message in _RULES:
        if part in name:
            return None if math.isfinite(number) and is_fine(number) else message
    return "It has no rule."


_IS_PROBABILITY = "A probability lies from 0 to 1."
_IS_RATE = "A hazard or a rate is 0 or more."
_IS_POSITIVE = "It must be above 0."
# The first part of a name that matches decides
_RULES: tuple[tuple[str, Callable[[float], bool], str], ...] = (
    ("_share", lambda value: 0 <= value < 1, "A share of the variance lies from 0 to below 1."),
    ("hazard_ratio.", lambda value: value > 0, _IS_POSITIVE),
    (".hazard.", lambda value: value >= 0, _IS_RATE),
    ("_probability", lambda value: 0 <= value <= 1, _IS_PROBABILITY),
    ("_rate", lambda value: value >= 0, _IS_RATE),
    ("_shift", lambda value: True, "It must be a number."),
    (".mean", lambda value: value > 0, _IS_POSITIVE),
    (".sd", lambda value: value > 0, _IS_POSITIVE),
    ("age.", lambda value: value > 0, _IS_POSITIVE),
    ("reference_", lambda value: value >= 0, _IS_RATE),
)


def _merge(tree: Tree, given: Mapping[str, Any]) -> None:
    for key, value in given.items():
        if isinstance(value, Mapping):
            _merge(tree[key], value)
        else:
            tree[key] = value


def _check_whole(tree: Tree, path: Path) -> None:
    """Check rules that involve more than one value."""
    days = [
        tree["calendar"][f"{name}_date"] for name in ("first_index", "last_index", "extraction")
    ]
    if not days[0] <= days[1] <= days[2]:
        raise SimulatorError(
            f"{path}: calendar must run first_index_date, last_index_date, extraction_date."
        )
    if tree["scores"]["patient_share"] + tree["scores"]["visit_share"] >= 1:
        raise SimulatorError(
            f"{path}: scores.patient_share and visit_share must stay below 1 together."
        )
    patients = tree["patients"]
    for names in (("relapsing", "late_onset"), ("generalized", "nodular_prurigo", "nummular")):
        if sum(patients[f"{name}_probability"] for name in names) > 1:
            joined = " and ".join(f"patients.{name}_probability" for name in names)
            raise SimulatorError(f"{path}: {joined} exceed 1 together.")
    if not 18 < patients["age"]["highest"] <= 110:
        raise SimulatorError(f"{path}: patients.age.highest must lie above 18, at most 110.")
    for score, top in (("easi", 72.0), ("itch_nrs", 10.0), ("sleep_nrs", 10.0), ("dlqi", 30.0)):
        for timepoint in TIMEPOINTS:
            mean, sd = (tree["scores"][score][timepoint][name] for name in ("mean", "sd"))
            lowest = SEVERE_EASI if (score, timepoint) == ("easi", "baseline") else 0.0
            centre = (mean + 0.5) / (top + 1)
            is_impossible = score.endswith("nrs") and (sd / (top + 1)) ** 2 >= centre * (1 - centre)
            if not lowest < mean < top or is_impossible:
                raise SimulatorError(
                    f"{path}: scores.{score}.{timepoint} has mean {mean} and deviation {sd}, which "
                    f"a score from {lowest:g} to {top:g} cannot have."
                )


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
