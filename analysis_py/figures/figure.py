"""A drawn figure: its files, its words, and the rows it was drawn from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure as Canvas

from analysis_py.figures.style import png_bytes, svg_bytes
from analysis_py.report_rows import frame_of
from analysis_py.results import Estimate


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes
    ----------
    name : str
        Stem of its files.
    number : str
        "Figure 1" is the printed one; "Figure S1" and on are ours.
    title : str
    caption : str
        Population, denominators, intervals and tests.
    alternative : str
        What the figure shows, in words and numbers, for those who cannot see it.
    svg, png : bytes
    data : pandas.DataFrame
        Rows of results that were drawn, unrounded.
    """

    name: str
    number: str
    title: str
    caption: str
    alternative: str
    svg: bytes
    png: bytes
    data: pd.DataFrame


def finish(
    figure: Canvas,
    *,
    name: str,
    number: str,
    title: str,
    caption: str,
    alternative: str,
    rows: Iterable[Estimate],
) -> Figure:
    """Write the drawn canvas into its files; call it inside the style's with block."""
    return Figure(
        name=name,
        number=number,
        title=title,
        caption=caption,
        alternative=alternative,
        svg=svg_bytes(figure),
        png=png_bytes(figure),
        data=frame_of(rows),
    )
