"""Start of tacrolimus over time: Kaplan-Meier curves with intervals and numbers at risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis_py.figures.figure import Figure, finish
from analysis_py.figures.style import (
    BLUE,
    QUIET,
    VERMILION,
    canvas,
    count_text,
    quiet_grid,
    styled,
)
from analysis_py.report_rows import NothingToShowError, ResultRows, Timepoint
from analysis_py.report_words import estimate_phrase, is_trustworthy, p_phrase
from analysis_py.results import Estimate
from analysis_py.rounding import format_number, is_missing, round_half_up
from analysis_py.vocabulary import ALL, label

NAME = "figure_s5_tacrolimus_start"
TITLE = "Start of tacrolimus, alone or with corticosteroids"
TERM = "tacrolimus_start"
# The curve runs on a little after the last visit, so that its last step can be seen.
TAIL = 0.45


@dataclass(frozen=True, slots=True)
class Line:
    """How a curve is drawn: analysis and group it comes from, colour, dashes, marker."""

    analysis_id: str
    group: str
    colour: str
    dashes: str
    marker: str


ALL_PATIENTS = (Line("A12", ALL, BLUE, "-", "o"),)
BY_PHENOTYPE = (
    Line("A14", "not_generalized", BLUE, "-", "o"),
    Line("A14", "generalized", VERMILION, "--", "s"),
)


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve and its counts; all tuples have one entry per time, in nominal months."""

    line: Line
    survival: tuple[Estimate, ...]
    n_at_risk: tuple[int, ...]
    n_events: tuple[int, ...]

    @property
    def months(self) -> list[float]:
        """Times in months."""
        return [float(row.time_months or 0) for row in self.survival]


def draw(rows: ResultRows, timepoints: Sequence[Timepoint]) -> Figure:
    """Draw everybody above, generalized against non-generalized disease below.

    Raises
    ------
    NothingToShowError
        If there is no evaluable patient, or A12 was not run.
    """
    everybody = _curves(rows, ALL_PATIENTS)
    if not everybody:
        raise NothingToShowError("there is no evaluable patient to follow")
    groups = _curves(rows, BY_PHENOTYPE)
    panels = [("A   Evaluable patients", everybody)]
    if groups:
        panels.append(("B   By phenotype", groups))
    ceiling = _ceiling([*everybody, *groups])
    months = sorted({float(time.month) for time in timepoints})
    with styled():
        figure = canvas(3.35 * len(panels) + 0.25 * (len(panels) - 1))
        areas = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
        for axes, (title, curves) in zip(areas, panels, strict=True):
            _panel(axes, title, curves, months, ceiling)
            _risk_table(axes, curves, months)
        areas[0].text(0.985, 0.06, _mean_phrase(rows), transform=areas[0].transAxes, ha="right")
        if groups:
            areas[1].text(0.985, 0.06, _test_phrase(rows), transform=areas[1].transAxes, ha="right")
        figure.subplots_adjust(
            left=0.225, right=0.985, top=1 - 0.08 / len(panels), bottom=0.36 / len(panels) + 0.02,
            hspace=0.72,
        )  # fmt: skip
        drawn = [row for _, curves in panels for curve in curves for row in _rows(rows, curve)]
        return finish(
            figure,
            name=NAME,
            number="Figure S5",
            title=TITLE,
            caption=_caption(rows),
            alternative=_alternative(panels),
            rows=drawn,
        )


def _curves(rows: ResultRows, lines: Sequence[Line]) -> list[Curve]:
    curves = []
    for line in lines:
        points = [
            row
            for row in rows.find(line.analysis_id, statistic="survival", group=line.group)
            if not is_missing(row.value)
        ]
        if points:
            counts = {
                name: tuple(_count(rows, line, name, point) for point in points)
                for name in ("n_at_risk", "n_events")
            }
            curves.append(Curve(line, tuple(points), **counts))
    return curves


def _count(rows: ResultRows, line: Line, statistic: str, point: Estimate) -> int:
    row = rows.get(line.analysis_id, TERM, statistic, group=line.group, month=point.time_months)
    return int(row.n or 0) if row is not None else 0


def _rows(rows: ResultRows, curve: Curve) -> list[Estimate]:
    found = rows.find(curve.line.analysis_id, group=curve.line.group, role="curve")
    return [row for row in found if row.term == TERM]


def _panel(
    axes: Axes, title: str, curves: list[Curve], months: list[float], ceiling: float
) -> None:
    axes.set_title(title)
    end = max([*months, *(time for curve in curves for time in curve.months)]) + TAIL
    for curve in curves:
        line = curve.line
        started = [100 * (1 - row.value) for row in curve.survival]
        times = [0.0, *curve.months, end]
        axes.plot(
            times,
            [0.0, *started, started[-1]],
            drawstyle="steps-post",
            color=line.colour,
            linestyle=line.dashes,
        )
        axes.plot(
            curve.months,
            started,
            linestyle="none",
            marker=line.marker,
            markersize=4.5,
            color=line.colour,
            markeredgecolor="black",
            markeredgewidth=0.5,
        )
        low, high = _interval(curve)
        axes.fill_between(
            [*curve.months, end],
            [*low, low[-1]],
            [*high, high[-1]],
            step="post",
            color=line.colour,
            alpha=0.16,
            linewidth=0,
        )
    axes.set_xlim(-0.25, end)
    axes.set_xticks(months)
    axes.set_ylim(0, ceiling)
    axes.set_ylabel("Patients who\nhave started (%)")
    axes.set_xlabel("Months since the first dose of dupilumab")
    quiet_grid(axes)
    if len(curves) > 1:
        axes.legend(
            handles=[
                Line2D(
                    [],
                    [],
                    color=curve.line.colour,
                    linestyle=curve.line.dashes,
                    marker=curve.line.marker,
                    markeredgecolor="black",
                    markersize=4.5,
                    label=label(curve.line.group),
                )
                for curve in curves
            ],
            loc="lower right",
            bbox_to_anchor=(1.0, 0.97),
            handlelength=3,
            ncols=2,
        )


def _interval(curve: Curve) -> tuple[list[float], list[float]]:
    """Interval of the percentage started; where survival has none, the point itself."""
    low, high = [], []
    for row in curve.survival:
        upper = row.value if is_missing(row.ci_upper) else row.ci_upper
        lower = row.value if is_missing(row.ci_lower) else row.ci_lower
        low.append(100 * (1 - upper))
        high.append(100 * (1 - lower))
    return low, high


def _ceiling(curves: list[Curve]) -> float:
    highest = max(max(_interval(curve)[1]) for curve in curves)
    return float(min(102.0, 10 * np.ceil((highest + 4) / 10)))


def _risk_table(axes: Axes, curves: list[Curve], months: list[float]) -> None:
    lines: list[tuple[str, list[str]]] = []
    for curve in curves:
        name = f"{label(curve.line.group)}: " if len(curves) > 1 else ""
        cumulative = np.cumsum(curve.n_events)
        for words, numbers in (
            ("at risk", curve.n_at_risk),
            ("started so far", cumulative),
        ):
            known = dict(zip(curve.months, numbers, strict=True))
            cells = [count_text(int(known[m])) if m in known else "–" for m in months]
            title = f"{name}{words}" if words == "at risk" or not name else words
            lines.append((title[0].upper() + title[1:], cells))
    for number, (title, cells) in enumerate(lines):
        height = -0.34 - 0.095 * number
        axes.text(
            -0.035,
            height,
            title.replace(" disease", ""),
            transform=axes.transAxes,
            ha="right",
            va="center",
            fontsize=7.5,
            color=QUIET,
        )
        for month, cell in zip(months, cells, strict=True):
            axes.text(
                month,
                height,
                cell,
                transform=axes.get_xaxis_transform(),
                ha="center",
                va="center",
                fontsize=7.5,
                color=QUIET,
            )


def _mean_phrase(rows: ResultRows) -> str:
    mean = rows.get("A12", TERM, "restricted_mean")
    error = rows.get("A12", TERM, "restricted_mean_se")
    if not is_trustworthy(mean) or not is_trustworthy(error):
        return ""
    return (
        f"Restricted mean time to tacrolimus {format_number(mean.value, 1)} months "
        f"(standard error {format_number(error.value, 1)})"
    )


def _test_phrase(rows: ResultRows) -> str:
    test = rows.get("A14", "is_generalized", "log_rank_chi_square")
    return f"Log-rank test {p_phrase(test.p_value)}" if is_trustworthy(test) else ""


def _caption(rows: ResultRows) -> str:
    text = (
        "Evaluable patients; percentage who have started tacrolimus, 1 minus the Kaplan-Meier "
        "estimate, with 95% log-log intervals (Greenwood variance). Use at baseline is a start at "
        "month 0; visits stand at their nominal months; patients without a start are censored at "
        "their last visit with a known regimen. At risk: just before the month; started so far: "
        "up to and including it."
    )
    hazard = rows.get("A14", "is_generalized", "hazard_ratio")
    if is_trustworthy(hazard):
        text += f" Generalized against non-generalized: hazard ratio {estimate_phrase(hazard, 2)}."
    return text


def _alternative(panels: list[tuple[str, list[Curve]]]) -> str:
    parts = []
    for _, curves in panels:
        for curve in curves:
            who = "Evaluable patients" if curve.line.group == ALL else label(curve.line.group)
            points = [
                f"{round_half_up(100 * (1 - row.value), 1)}% at month {row.time_months:g}"
                for row in curve.survival
            ]
            parts.append(f"{who} who have started: {', '.join(points)}")
    return "Step curves of the start of tacrolimus. " + ". ".join(parts) + "."
