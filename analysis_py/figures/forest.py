"""Forest plots: hazard ratios of starting tacrolimus, odds ratios of use and initiation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from analysis_py.figures.figure import Figure, finish
from analysis_py.figures.style import BLUE, INK, QUIET, canvas, styled
from analysis_py.report_rows import NothingToShowError, ResultRows
from analysis_py.report_words import estimate_phrase, is_trustworthy, p_phrase
from analysis_py.results import Estimate
from analysis_py.rounding import format_interval, format_number, format_p, is_missing

TICKS = (0.05, 0.1, 0.2, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 8, 16, 32, 64)
LINE_HEIGHT = 0.235


@dataclass(frozen=True, slots=True)
class Block:
    """A heading and the rows of results under it."""

    heading: str
    rows: tuple[Estimate, ...]


def draw_hazard_ratios(rows: ResultRows) -> Figure:
    """Draw the hazard ratios of A13 and A14, with the sensitivity analyses below.

    Raises
    ------
    NothingToShowError
        If no hazard ratio could be estimated.
    """
    blocks = (
        Block("All three terms together, Breslow ties", _of(rows, "A13", "hazard_ratio")),
        Block("Generalized disease alone, Breslow ties", _of(rows, "A14", "hazard_ratio")),
        Block("Sensitivity: each term alone", _of(rows, "A13", "hazard_ratio_univariable")),
        Block(
            "Sensitivity: all three together, Efron ties", _of(rows, "A13", "hazard_ratio_efron")
        ),
    )
    return _draw(
        blocks,
        name="figure_s6_hazard_ratios",
        number="Figure S6",
        title="Who starts tacrolimus: hazard ratios",
        axis_label="Hazard ratio",
        directions=("starts later", "starts earlier"),
        caption="Evaluable patients; Cox models of the time to tacrolimus, use at baseline counted "
        "as a start at month 0. Points: hazard ratios; lines: 95% Wald intervals; "
        "logarithmic axis.",
    )


def draw_odds_ratios(rows: ResultRows) -> Figure:
    """Draw the odds ratios of A15, A18 and A19.

    Raises
    ------
    NothingToShowError
        If no odds ratio could be estimated.
    """
    blocks = (
        Block("Tacrolimus at baseline, each term alone", _of(rows, "A15", "odds_ratio")),
        Block("First tacrolimus at week 4, both terms together", _of(rows, "A18", "odds_ratio")),
        Block("First tacrolimus at week 16", _of(rows, "A19", "odds_ratio")),
    )
    return _draw(
        blocks,
        name="figure_s7_odds_ratios",
        number="Figure S7",
        title="Who uses tacrolimus at baseline and who starts at weeks 4 and 16: odds ratios",
        axis_label="Odds ratio",
        directions=("less often", "more often"),
        caption="Logistic regressions. Baseline: evaluable patients. Weeks 4 and 16: patients "
        "without tacrolimus before, whose regimen is known at that week. Points: odds ratios; "
        "lines: 95% Wald intervals; logarithmic axis.",
    )


def _of(rows: ResultRows, analysis_id: str, statistic: str) -> tuple[Estimate, ...]:
    return tuple(rows.find(analysis_id, statistic=statistic))


def _draw(
    blocks: Sequence[Block],
    *,
    name: str,
    number: str,
    title: str,
    axis_label: str,
    directions: tuple[str, str],
    caption: str,
) -> Figure:
    blocks = [block for block in blocks if block.rows]
    drawn = [row for block in blocks for row in block.rows]
    if not any(map(is_trustworthy, drawn)):
        raise NothingToShowError("no ratio could be estimated")
    n_lines = len(drawn) + len(blocks)
    with styled():
        height = LINE_HEIGHT * n_lines + 0.95
        figure = canvas(height)
        axes = figure.add_axes((0.42, 0.64 / height, 0.28, LINE_HEIGHT * n_lines / height))
        _frame(axes, drawn, n_lines, axis_label, directions)
        line = 0
        for block in blocks:
            _text(axes, -1.48, line, block.heading, weight="bold")
            line += 1
            for row in block.rows:
                _line(axes, line, row)
                line += 1
        warned = [row for row in drawn if not is_trustworthy(row)]
        if warned:
            caption += (
                " A row without a point was not estimable or carries a warning: see the table of "
                "models."
            )
        return finish(
            figure,
            name=name,
            number=number,
            title=title,
            caption=caption,
            alternative=_alternative(blocks),
            rows=drawn,
        )


def _frame(
    axes: Axes,
    rows: Sequence[Estimate],
    n_lines: int,
    axis_label: str,
    directions: tuple[str, str],
) -> None:
    lowest, highest = _limits(rows)
    axes.set_xscale("log")
    axes.set_xlim(lowest, highest)
    axes.set_ylim(n_lines - 0.4, -0.6)
    shown = [tick for tick in TICKS if lowest <= tick <= highest]
    if len(shown) > 6:
        shown = [tick for tick in shown if np.isclose(np.log2(tick) % 1, 0)]
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in shown]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.axvline(1, color=INK, linewidth=0.8)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"{axis_label} (logarithmic axis)", labelpad=14)
    for text, side, shift in (
        (f"← {directions[0]}", "right", -5),
        (f"{directions[1]} →", "left", 5),
    ):
        axes.annotate(
            text,
            (1, 0),
            xycoords=axes.get_xaxis_transform(),
            xytext=(shift, -23),
            textcoords="offset points",
            ha=side,
            va="center",
            fontsize=7.5,
        )
    for x, heading in ((-1.48, "Term"), (1.08, f"{axis_label} (95% CI)"), (1.9, "p")):
        _text(axes, x, -1.0, heading, color=QUIET)


def _limits(rows: Sequence[Estimate]) -> tuple[float, float]:
    ends = [
        end
        for row in rows
        if is_trustworthy(row)
        for end in (row.ci_lower, row.ci_upper, row.value)
        if not is_missing(end) and end > 0
    ]
    lowest, highest = min([*ends, 0.75]), max([*ends, 1.5])
    return max(lowest * 0.9, 0.04), min(highest * 1.1, 80.0)


def _line(axes: Axes, line: int, row: Estimate) -> None:
    _text(axes, -1.44, line, row.term_label)
    if not is_trustworthy(row) or row.value <= 0:
        _text(axes, 1.08, line, "see warning" if row.warning else "not estimable", style="italic")
        return
    lowest, highest = axes.get_xlim()
    if not is_missing(row.ci_lower) and not is_missing(row.ci_upper):
        ends = [max(row.ci_lower, lowest), min(row.ci_upper, highest)]
        axes.plot(ends, [line, line], color=INK, linewidth=1.2, solid_capstyle="butt")
        for end, given, mark in zip(ends, (row.ci_lower, row.ci_upper), "<>", strict=True):
            is_cut = not np.isclose(end, given)
            axes.plot(end, line, mark if is_cut else "|", color=INK, markersize=5)
    axes.plot(
        np.clip(row.value, lowest, highest),
        line,
        "s" if row.role == "estimate" else "D",
        color=BLUE if row.role == "estimate" else "white",
        markeredgecolor=INK,
        markeredgewidth=0.7,
        markersize=6 if row.role == "estimate" else 4.5,
    )
    interval = format_interval(row.ci_lower, row.ci_upper, 2)
    _text(axes, 1.08, line, f"{format_number(row.value, 2)} ({interval})")
    _text(axes, 1.9, line, format_p(row.p_value))


def _text(axes: Axes, x: float, line: float, text: str, **style: str) -> None:
    axes.text(
        x,
        line,
        text,
        transform=axes.get_yaxis_transform(),
        ha="left",
        va="center",
        fontsize=7.5,
        clip_on=False,
        **style,
    )


def _alternative(blocks: Sequence[Block]) -> str:
    parts = []
    for block in blocks:
        terms = [
            f"{row.term_label} {estimate_phrase(row, 2)}, {p_phrase(row.p_value)}"
            if is_trustworthy(row)
            else f"{row.term_label}: not estimable or with a warning"
            for row in block.rows
        ]
        parts.append(f"{block.heading}: {'; '.join(terms)}")
    return "Forest plot. " + ". ".join(parts) + "."
