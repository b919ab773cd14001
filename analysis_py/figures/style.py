"""How every figure looks and is written: colours, hatches, small text, SVG and PNG bytes.

Colours are those of Okabe and Ito (2008), which also differ in lightness; hatches and markers
repeat the distinction for print in grey. The same results give the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from analysis_py.results import Estimate
from analysis_py.rows import frame_of
from analysis_py.vocabulary import (
    CORTICOSTEROIDS,
    CORTICOSTEROIDS_AND_TACROLIMUS,
    NONE,
    NOT_EVALUABLE,
    TACROLIMUS,
)

WIDTH = 7.0
"""Width of a figure in inches: the text width of an A4 page with 1.6 cm margins."""

PNG_DPI = 200
PNG_COMPRESSION = 3  # of 9; a tenth larger than 6, in half the time

INK = "#1a1a1a"
QUIET = "#595959"
RULE = "#c8c8c8"
BLUE = "#0072b2"
ORANGE = "#e69f00"
GREEN = "#009e73"
VERMILION = "#d55e00"
PALE = "#e6e6e6"

RC: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "hatch.linewidth": 0.6,
    "hatch.color": INK,
    "lines.linewidth": 1.4,
    "svg.fonttype": "path",
    "svg.hashsalt": "dupilumab-registry",
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
}
SMALL = 7.5


@dataclass(frozen=True, slots=True)
class Look:
    """Fill, hatch and text colour of a category."""

    fill: str
    hatch: str
    text: str = INK

    @property
    def patch(self) -> dict[str, Any]:
        """Arguments of a bar or rectangle."""
        return {"facecolor": self.fill, "hatch": self.hatch, "edgecolor": INK, "linewidth": 0.6}


REGIMEN_LOOKS = {
    TACROLIMUS: Look(BLUE, "", "white"),
    CORTICOSTEROIDS_AND_TACROLIMUS: Look(GREEN, "\\\\\\\\"),
    CORTICOSTEROIDS: Look(ORANGE, "////"),
    NONE: Look(PALE, ""),
    NOT_EVALUABLE: Look("white", "xxxx"),
}


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes
    ----------
    name : str
        Stem of its files.
    number : str
        "Figure 1" is in the paper; "Figure S1" and on are ours.
    caption : str
        Population, denominators, intervals and tests.
    alternative : str
        What the figure shows, in words and numbers, for readers who cannot see it.
    data : pandas.DataFrame
        The results that were drawn, unrounded.
    """

    name: str
    number: str
    title: str
    caption: str
    alternative: str
    svg: bytes
    png: bytes
    data: pd.DataFrame


def canvas(height: float) -> Canvas:
    """Empty figure of the given height in inches, outside pyplot's global state."""
    figure = Canvas(figsize=(WIDTH, height))
    FigureCanvasAgg(figure)
    return figure


def finish(figure: Canvas, *, rows: Iterable[Estimate], **words: str) -> Figure:
    """Write the drawn canvas into its files, without date and version.

    ``words`` are name, number, title, caption and alternative of the :class:`Figure`.
    """
    svg, png = io.BytesIO(), io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    figure.savefig(
        png,
        format="png",
        dpi=PNG_DPI,
        metadata={"Software": None},
        pil_kwargs={"compress_level": PNG_COMPRESSION},
    )
    return Figure(**words, svg=svg.getvalue(), png=png.getvalue(), data=frame_of(rows))


def small_text(axes: Axes, x: float, y: float, text: str, on: str = "data", **style: Any) -> None:
    """Write small text, centred unless `ha` and `va` say otherwise.

    Parameters
    ----------
    on : str
        What x and y count: "data", "axes" (0 to 1), "x" (x in data, y in axes) or "y".
    """
    transform = {
        "data": axes.transData,
        "axes": axes.transAxes,
        "x": axes.get_xaxis_transform(),
        "y": axes.get_yaxis_transform(),
    }[on]
    given: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": SMALL} | style
    axes.text(x, y, text, transform=transform, **given)


def numbers_below(
    axes: Axes,
    lines: Sequence[tuple[str, Sequence[str]]],
    places: Sequence[float],
    *,
    names: tuple[float, str],
    top: float,
    step: float,
    on: str = "x",
) -> None:
    """Write a small table of numbers under a panel.

    Parameters
    ----------
    lines : sequence
        Name and cells of each line.
    places : sequence of float
        x of each cell.
    names : tuple
        x (0 to 1) and alignment of the names.
    top, step : float
        Height of the first line and distance between lines, in heights of the panel.
    """
    for number, (name, cells) in enumerate(lines):
        height = top - step * number
        small_text(axes, names[0], height, name, "axes", ha=names[1], color=QUIET)
        for place, cell in zip(places, cells, strict=True):
            small_text(axes, place, height, cell, on, color=QUIET)


def horizontal_grid(axes: Axes) -> None:
    """Pale grid lines behind the data."""
    axes.grid(True, axis="y", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)


def count_text(n: int | None) -> str:
    """Count with a thin space between thousands: 34 200."""
    return f"{n or 0:,}".replace(",", "\u2009")
