"""The figure of cost against size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.contenders import BY_NAME
from benchmarks.summary import Summary, growth

COLOURS = {
    "ours": "#0b5394", "floor": "#444444", "floor_three": "#999999", "pandas": "#b45f06",
    "polars": "#38761d",
}  # fmt: skip
MARKERS = {"ours": "o", "floor": "s", "floor_three": "D", "pandas": "^", "polars": "v"}


def draw(summaries: Sequence[Summary], path: Path) -> None:
    """Draw wall seconds against patients, both logarithmic, with each exponent in the legend.

    Parameters
    ----------
    summaries : sequence of Summary
    path : Path
        SVG file; the same numbers give the same bytes.
    """
    with mpl.rc_context({"svg.hashsalt": "benchmarks", "font.size": 9, "svg.fonttype": "path"}):
        figure = Figure(figsize=(6.4, 3.8), layout="constrained")
        axes = figure.add_subplot()
        for name in dict.fromkeys(summary.contender for summary in summaries):
            points = [
                (each.n_patients, each.wall_seconds)
                for each in summaries
                if each.contender == name and not math.isnan(each.wall_seconds)
            ]
            slope = growth(summaries, name, lambda each: each.wall_seconds)
            label = BY_NAME[name].label + (f" (exponent {slope:.2f})" if slope else "")
            axes.plot(
                *zip(*sorted(points), strict=True) if points else ([], []),
                marker=MARKERS[name],
                color=COLOURS[name],
                linewidth=1.2,
                markersize=4,
                label=label,
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("patients (synthetic)")
        axes.set_ylabel("wall time, seconds (median)")
        axes.grid(which="major", linewidth=0.4, color="#cccccc")
        axes.legend(frameon=False, fontsize=8)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None})
