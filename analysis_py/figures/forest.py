"""Figures S6 and S7, forest plots: hazard ratios of the start of tacrolimus, odds ratios of use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from analysis_py.figures.style import BLUE, INK, QUIET, SMALL, Figure, canvas, finish, small_text
from analysis_py.phrases import is_trustworthy, p_phrase, ratio_cell, ratio_phrase
from analysis_py.results import Estimate
from analysis_py.rounding import format_p, is_missing
from analysis_py.rows import NothingToShowError, ResultRows, known

TICKS = (0.05, 0.1, 0.2, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 8, 16, 32, 64)
LINE_HEIGHT = 0.235
# x of the columns of text, in widths of the panel.
TERM, RATIO, P_VALUE = -1.48, 1.08, 1.9
LEGEND = "Points: {}; lines: 95% Wald intervals; logarithmic axis."

Blocks = dict[str, list[Estimate]]


def hazard_ratios(rows: ResultRows) -> Figure:
    """Draw the hazard ratios of A13 and A14, with the sensitivity analyses below."""
    return _draw(
        {
            "All three terms together, Breslow ties": rows.ratios("A13", "hazard_ratio"),
            "Generalized disease alone, Breslow ties": rows.ratios("A14", "hazard_ratio"),
            "Sensitivity: each term alone": rows.ratios("A13", "hazard_ratio_univariable"),
            "Sensitivity: all three together, Efron ties": rows.ratios("A13", "hazard_ratio_efron"),
        },
        name="figure_s6_hazard_ratios",
        number="Figure S6",
        title="Who starts tacrolimus: hazard ratios",
        axis_label="Hazard ratio",
        directions=("starts later", "starts earlier"),
        caption="Evaluable patients; Cox models of the time to tacrolimus, use at baseline counted "
        f"as a start at month 0. {LEGEND.format('hazard ratios')}",
    )


def odds_ratios(rows: ResultRows) -> Figure:
    """Draw the odds ratios of A15, A18 and A19."""
    return _draw(
        {
            "Tacrolimus at baseline, each term alone": rows.ratios("A15", "odds_ratio"),
            "First tacrolimus at week 4, both terms together": rows.ratios("A18", "odds_ratio"),
            "First tacrolimus at week 16": rows.ratios("A19", "odds_ratio"),
        },
        name="figure_s7_odds_ratios",
        number="Figure S7",
        title="Who uses tacrolimus at baseline and who starts at weeks 4 and 16: odds ratios",
        axis_label="Odds ratio",
        directions=("less often", "more often"),
        caption="Logistic regressions. Baseline: evaluable patients. Weeks 4 and 16: patients "
        "without tacrolimus before, whose regimen is known at that week. "
        f"{LEGEND.format('odds ratios')}",
    )


def _draw(
    blocks: Blocks, *, axis_label: str, directions: tuple[str, str], caption: str, **words: str
) -> Figure:
    blocks = {heading: found for heading, found in blocks.items() if found}
    drawn = [row for found in blocks.values() for row in found]
    if not any(map(is_trustworthy, drawn)):
        raise NothingToShowError("no ratio could be estimated")
    n_lines = len(drawn) + len(blocks)
    height = LINE_HEIGHT * n_lines + 0.95
    figure = canvas(height)
    axes = figure.add_axes((0.42, 0.64 / height, 0.28, LINE_HEIGHT * n_lines / height))
    _frame(axes, drawn, n_lines, axis_label, directions)
    line = 0
    for heading, found in blocks.items():
        _text(axes, TERM, line, heading, weight="bold")
        for row in found:
            line += 1
            _line(axes, line, row)
        line += 1
    if not all(map(is_trustworthy, drawn)):
        caption += (
            " A row without a point was not estimable or carries a warning: see the table of "
            "models."
        )
    return finish(figure, caption=caption, alternative=_alternative(blocks), rows=drawn, **words)


def _frame(
    axes: Axes, rows: Sequence[Estimate], n_lines: int, axis_label: str, directions: tuple[str, str]
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
            fontsize=SMALL,
        )
    for x, heading in ((TERM, "Term"), (RATIO, f"{axis_label} (95% CI)"), (P_VALUE, "p")):
        _text(axes, x, -1.0, heading, color=QUIET)


def _limits(rows: Sequence[Estimate]) -> tuple[float, float]:
    ends = [
        end
        for row in rows
        if is_trustworthy(row)
        for end in (row.ci_lower, row.ci_upper, row.value)
        if end is not None and not is_missing(end) and end > 0
    ]
    lowest, highest = min([*ends, 0.75]), max([*ends, 1.5])
    return max(lowest * 0.9, 0.04), min(highest * 1.1, 80.0)


def _line(axes: Axes, line: int, row: Estimate) -> None:
    _text(axes, TERM + 0.04, line, row.term_label)
    value = known(row.value)
    if not is_trustworthy(row) or value <= 0:
        _text(axes, RATIO, line, "see warning" if row.warning else "not estimable", style="italic")
        return
    lowest, highest = axes.get_xlim()
    if not is_missing(row.ci_lower) and not is_missing(row.ci_upper):
        ends = np.array([known(row.ci_lower), known(row.ci_upper)])
        drawn = np.clip(ends, lowest, highest)
        axes.plot(drawn, [line, line], color=INK, linewidth=1.2, solid_capstyle="butt")
        for end, given, mark in zip(drawn, ends, "<>", strict=True):
            is_cut = not np.isclose(end, given)
            axes.plot(end, line, mark if is_cut else "|", color=INK, markersize=5)
    is_main = row.role == "estimate"
    axes.plot(
        np.clip(value, lowest, highest),
        line,
        "s" if is_main else "D",
        color=BLUE if is_main else "white",
        markeredgecolor=INK,
        markeredgewidth=0.7,
        markersize=6 if is_main else 4.5,
    )
    _text(axes, RATIO, line, ratio_cell(row))
    _text(axes, P_VALUE, line, format_p(row.p_value))


def _text(axes: Axes, x: float, line: float, text: str, **style: Any) -> None:
    small_text(axes, x, line, text, "y", ha="left", clip_on=False, **style)


def _alternative(blocks: Blocks) -> str:
    parts = []
    for heading, rows in blocks.items():
        terms = [
            f"{row.term_label} {ratio_phrase(row)}, {p_phrase(row.p_value)}"
            if is_trustworthy(row)
            else f"{row.term_label}: not estimable or with a warning"
            for row in rows
        ]
        parts.append(f"{heading}: {'; '.join(terms)}")
    return "Forest plot. " + ". ".join(parts) + "."
