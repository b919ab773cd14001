"""How every figure looks: colours, hatches, markers, and files that are the same every time.

Colours are those of Okabe and Ito (2008), chosen so that they also differ in lightness; hatches and
markers say the same a second time, for print in grey.
"""

from __future__ import annotations

import io
from contextlib import AbstractContextManager
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from analysis_py.rounding import round_half_up
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

INK = "#1a1a1a"
QUIET = "#595959"
RULE = "#c8c8c8"
BLUE = "#0072b2"
ORANGE = "#e69f00"
GREEN = "#009e73"
VERMILION = "#d55e00"
SKY = "#56b4e9"
PALE = "#e6e6e6"

RC = {
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


@dataclass(frozen=True, slots=True)
class Look:
    """Fill, hatch and text colour of a category."""

    fill: str
    hatch: str
    text: str = INK


REGIMEN_LOOKS = {
    TACROLIMUS: Look(BLUE, "", "white"),
    CORTICOSTEROIDS_AND_TACROLIMUS: Look(GREEN, "\\\\\\\\"),
    CORTICOSTEROIDS: Look(ORANGE, "////"),
    NONE: Look(PALE, ""),
    NOT_EVALUABLE: Look("white", "xxxx"),
}


def styled() -> AbstractContextManager[None]:
    """Drawing settings, for a with block; they hold for the files written inside it."""
    return mpl.rc_context(RC)


def canvas(height: float, width: float = WIDTH) -> Canvas:
    """Empty figure of the given size in inches, outside pyplot's global state."""
    figure = Canvas(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def svg_bytes(figure: Canvas) -> bytes:
    """Figure as SVG with neither date nor version in it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def png_bytes(figure: Canvas) -> bytes:
    """Figure as PNG, 200 dots per inch, with neither date nor version in it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=PNG_DPI, metadata={"Software": None})
    return buffer.getvalue()


def quiet_grid(axes: Axes, axis: str = "y") -> None:
    """Pale grid lines behind the data."""
    axes.grid(True, axis=axis, color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)


def percent(value: float, decimals: int = 1) -> str:
    """Percentage as printed: half-up, with the sign.

    Examples
    --------
    >>> percent(72.25)
    '72.3%'
    """
    return f"{round_half_up(value, decimals)}%"


def count_text(n: int) -> str:
    """Count with a thin space between thousands: 34 200."""
    return f"{n:,}".replace(",", "\u2009")
