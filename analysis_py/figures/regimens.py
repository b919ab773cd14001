"""Topical regimens over time, stacked to 100%."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from analysis_py.figures.figure import Figure, finish
from analysis_py.figures.style import (
    INK,
    QUIET,
    REGIMEN_LOOKS,
    canvas,
    count_text,
    percent,
    quiet_grid,
    styled,
)
from analysis_py.report_rows import NothingToShowError, ResultRows, Timepoint
from analysis_py.report_words import percent_phrase
from analysis_py.results import Estimate
from analysis_py.rounding import is_missing
from analysis_py.vocabulary import (
    CORTICOSTEROIDS,
    CORTICOSTEROIDS_AND_TACROLIMUS,
    NONE,
    TACROLIMUS,
    label,
)

NAME = "figure_s3_topical_regimens"
TITLE = "Topical therapy beside dupilumab over time"
# From the bottom of the bar: the regimens with tacrolimus are neighbours.
STACK = (TACROLIMUS, CORTICOSTEROIDS_AND_TACROLIMUS, CORTICOSTEROIDS, NONE)
SMALLEST_LABELLED = 4.5
CAPTION = (
    "Evaluable patients whose topical regimen is known at the timepoint; percentages of the number "
    "under each bar. Patients not evaluable at the timepoint are counted below it and are not part "
    "of the bar. None: emollients only."
)


def draw(rows: ResultRows, timepoints: Sequence[Timepoint]) -> Figure:
    """Draw one bar per timepoint.

    Raises
    ------
    NothingToShowError
        If no regimen is known at any timepoint.
    """
    shares = {
        time.code: {
            regimen: row
            for regimen in STACK
            if (row := rows.get("A10", regimen, "percent", timepoint=time.code)) is not None
            and not is_missing(row.value)
        }
        for time in timepoints
    }
    drawn = [row for found in shares.values() for row in found.values()]
    if not drawn:
        raise NothingToShowError("the topical regimen of no patient is known at any timepoint")
    with styled():
        figure = canvas(4.1)
        axes = figure.subplots()
        for position, time in enumerate(timepoints):
            _bar(axes, position, shares[time.code])
            _below(axes, position, rows, time)
        _frame(axes, timepoints)
        axes.legend(
            handles=[
                Patch(
                    facecolor=REGIMEN_LOOKS[regimen].fill,
                    hatch=REGIMEN_LOOKS[regimen].hatch,
                    edgecolor=INK,
                    linewidth=0.6,
                    label=label(regimen).replace(" and ", "\nand ").replace(" (", "\n("),
                )
                for regimen in reversed(STACK)
            ],
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            handlelength=1.8,
            handleheight=1.6,
            labelspacing=1.0,
        )
        figure.subplots_adjust(left=0.14, right=0.79, top=0.97, bottom=0.2)
        return finish(
            figure,
            name=NAME,
            number="Figure S3",
            title=TITLE,
            caption=CAPTION,
            alternative=_alternative(shares, timepoints),
            rows=drawn,
        )


def _bar(axes: Axes, position: int, shares: dict[str, Estimate]) -> None:
    bottom = 0.0
    for regimen, row in shares.items():
        look = REGIMEN_LOOKS[regimen]
        axes.bar(
            [position],
            [row.value],
            0.72,
            bottom=bottom,
            color=look.fill,
            hatch=look.hatch,
            edgecolor=INK,
            linewidth=0.6,
        )
        if row.value >= SMALLEST_LABELLED:
            axes.text(
                position,
                bottom + row.value / 2,
                f"{percent(row.value)} ({count_text(row.n)})",
                ha="center",
                va="center",
                fontsize=7.5,
                color=look.text,
                bbox=_plate(look.fill) if look.hatch else None,
            )
        bottom += row.value


def _plate(fill: str) -> dict[str, object]:
    """Ground behind a label, so that it can be read over a hatch."""
    return {"facecolor": fill, "edgecolor": "none", "pad": 1.2}


def _below(axes: Axes, position: int, rows: ResultRows, time: Timepoint) -> None:
    total = rows.get("A10", "column_total", "n", timepoint=time.code)
    if total is None:
        return
    missing = total.denominator - total.n
    for line, text in enumerate((count_text(total.n), count_text(missing))):
        axes.text(
            position,
            -0.125 - 0.06 * line,
            text,
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="center",
            fontsize=7.5,
            color=QUIET,
        )


def _frame(axes: Axes, timepoints: Sequence[Timepoint]) -> None:
    axes.set_xticks(range(len(timepoints)), [time.label for time in timepoints])
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.55, len(timepoints) - 0.45)
    axes.set_ylim(0, 100)
    axes.set_ylabel("Evaluable patients (%)")
    quiet_grid(axes)
    for line, text in enumerate(("n", "Not evaluable")):
        axes.text(
            -0.015,
            -0.125 - 0.06 * line,
            text,
            transform=axes.transAxes,
            ha="right",
            va="center",
            fontsize=7.5,
            color=QUIET,
        )


def _alternative(shares: dict[str, dict[str, Estimate]], timepoints: Sequence[Timepoint]) -> str:
    parts = [
        f"{time.label}: "
        + ", ".join(
            f"{label(regimen)} {percent_phrase(row)}"
            for regimen, row in reversed(shares[time.code].items())
        )
        for time in timepoints
        if shares[time.code]
    ]
    return "Stacked bar chart of topical regimens. " + ". ".join(parts) + "."
