"""Figure S5, start of tacrolimus: Kaplan-Meier curves with intervals and numbers at risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis_py.figures.style import (
    BLUE,
    VERMILION,
    Figure,
    canvas,
    count_text,
    finish,
    horizontal_grid,
    numbers_below,
)
from analysis_py.phrases import estimate_phrase, is_trustworthy, p_phrase, percent, value_cell
from analysis_py.results import Estimate
from analysis_py.rounding import MISSING, is_missing
from analysis_py.rows import NothingToShowError, ResultRows, known
from analysis_py.vocabulary import ALL, label

TERM = "tacrolimus_start"
# The curve runs on a little after the last visit, so that its last step can be seen.
TAIL = 0.45
# Analysis, group, colour, dashes, marker.
ALL_PATIENTS = (("A12", ALL, BLUE, "-", "o"),)
BY_PHENOTYPE = (
    ("A14", "not_generalized", BLUE, "-", "o"),
    ("A14", "generalized", VERMILION, "--", "s"),
)
CAPTION = (
    "Evaluable patients; percentage who have started tacrolimus, 1 minus the Kaplan-Meier "
    "estimate, with 95% log-log intervals (Greenwood variance). Use at baseline is a start at "
    "month 0; visits are placed at their nominal months; patients without a start are censored at "
    "their last visit with a known regimen. At risk: just before the month; started so far: "
    "up to and including it."
)


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve and its counts; the sequences have one entry per time, in nominal months."""

    analysis_id: str
    group: str
    line: dict[str, Any]
    marker: dict[str, Any]
    survival: list[Estimate]
    n_at_risk: list[int]
    n_events: list[int]

    @property
    def months(self) -> list[float]:
        """Times in months."""
        return [known(row.time_months) for row in self.survival]

    @property
    def started(self) -> list[float]:
        """Percentage of patients who have started."""
        return [_started(row.value) for row in self.survival]

    @property
    def interval(self) -> tuple[list[float], list[float]]:
        """Interval of the percentage; NaN, which leaves a gap in the band, where there is none."""
        low = [_started(row.ci_upper) for row in self.survival]
        return low, [_started(row.ci_lower) for row in self.survival]


def _started(survival: float | None) -> float:
    return 100 * (1 - known(survival))


def draw(rows: ResultRows) -> Figure:
    """Draw all patients above, generalized against non-generalized disease below."""
    everybody = _curves(rows, ALL_PATIENTS)
    if not everybody:
        raise NothingToShowError("there is no evaluable patient to follow")
    panels = {"A   Evaluable patients": everybody}
    groups = _curves(rows, BY_PHENOTYPE)
    if groups:
        panels["B   By phenotype"] = groups
    curves = [*everybody, *groups]
    highest = max(np.nanmax([*curve.started, *curve.interval[1]]) for curve in curves)
    ceiling = float(min(102.0, 10 * np.ceil((highest + 4) / 10)))
    months = sorted({float(time.month) for time in rows.timepoints})
    n_panels = len(panels)
    figure = canvas(3.35 * n_panels + 0.25 * (n_panels - 1))
    areas = figure.subplots(n_panels, 1, squeeze=False)[:, 0]
    for axes, (title, drawn) in zip(areas, panels.items(), strict=True):
        axes.set_title(title)
        axes.set_ylim(0, ceiling)
        _panel(axes, drawn, months)
        axes.set_xlabel(f"Months since the first dose of {rows.index_treatment}")
        _risk_table(axes, drawn, months)
    for axes, text in zip(areas, (_mean_phrase(rows), _test_phrase(rows)), strict=False):
        axes.text(0.985, 0.06, text, transform=axes.transAxes, ha="right")
    figure.subplots_adjust(
        left=0.225, right=0.985, top=1 - 0.08 / n_panels, bottom=0.36 / n_panels + 0.02,
        hspace=0.72,
    )  # fmt: skip
    caption = CAPTION
    hazard = rows.get("A14", "is_generalized", "hazard_ratio")
    if is_trustworthy(hazard):
        ratio = estimate_phrase(hazard, 2)
        caption += f" Generalized against non-generalized: hazard ratio {ratio}."
    return finish(
        figure,
        name="figure_s5_tacrolimus_start",
        number="Figure S5",
        title="Start of tacrolimus, alone or with corticosteroids",
        caption=caption,
        alternative=_alternative(curves),
        rows=[
            row
            for curve in curves
            for row in rows.find(curve.analysis_id, group=curve.group, role="curve", term=TERM)
        ],
    )


def _curves(rows: ResultRows, looks: Sequence[tuple[str, str, str, str, str]]) -> list[Curve]:
    curves = []
    for analysis, group, colour, dashes, marker in looks:
        points = [
            row
            for row in rows.find(analysis, statistic="survival", group=group)
            if not is_missing(row.value)
        ]
        n_at_risk, n_events = (
            [
                row.n or 0
                for point in points
                if (row := rows.get(analysis, TERM, name, group=group, month=point.time_months))
            ]
            for name in ("n_at_risk", "n_events")
        )
        if points:
            line = {"color": colour, "linestyle": dashes}
            mark = {"marker": marker, "markersize": 4.5, "markeredgecolor": "black"}
            curves.append(Curve(analysis, group, line, mark, points, n_at_risk, n_events))
    return curves


def _panel(axes: Axes, curves: list[Curve], months: list[float]) -> None:
    end = max([*months, *(time for curve in curves for time in curve.months)]) + TAIL
    for curve in curves:
        started, (low, high) = curve.started, curve.interval
        times = [0.0, *curve.months, end]
        axes.plot(times, [0.0, *started, started[-1]], drawstyle="steps-post", **curve.line)
        points = curve.line | curve.marker | {"linestyle": "none", "markeredgewidth": 0.5}
        axes.plot(curve.months, started, **points)
        axes.fill_between(
            [*curve.months, end],
            [*low, low[-1]],
            [*high, high[-1]],
            step="post",
            color=curve.line["color"],
            alpha=0.16,
            linewidth=0,
        )
    axes.set_xlim(-0.25, end)
    axes.set_xticks(months)
    axes.set_ylabel("Patients who\nhave started (%)")
    horizontal_grid(axes)
    if len(curves) > 1:
        axes.legend(
            handles=[
                Line2D([], [], label=label(curve.group), **curve.line, **curve.marker)
                for curve in curves
            ],
            loc="lower right",
            bbox_to_anchor=(1.0, 0.97),
            handlelength=3,
            ncols=2,
        )


def _risk_table(axes: Axes, curves: list[Curve], months: list[float]) -> None:
    lines: list[tuple[str, list[str]]] = []
    for curve in curves:
        name = f"{label(curve.group)}: " if len(curves) > 1 else ""
        for title, numbers in (
            (f"{name}at risk", curve.n_at_risk),
            ("started so far", np.cumsum(curve.n_events).tolist()),
        ):
            at = dict(zip(curve.months, numbers, strict=True))
            cells = [count_text(at[month]) if month in at else MISSING for month in months]
            lines.append((f"{title[0].upper()}{title[1:]}".replace(" disease", ""), cells))
    numbers_below(axes, lines, months, names=(-0.035, "right"), top=-0.34, step=0.095)


def _mean_phrase(rows: ResultRows) -> str:
    mean = rows.get("A12", TERM, "restricted_mean")
    error = rows.get("A12", TERM, "restricted_mean_se")
    if not is_trustworthy(mean) or not is_trustworthy(error):
        return ""
    return (
        f"Restricted mean time to tacrolimus {value_cell(mean)} months "
        f"(standard error {value_cell(error)})"
    )


def _test_phrase(rows: ResultRows) -> str:
    test = rows.get("A14", "is_generalized", "log_rank_chi_square")
    return f"Log-rank test {p_phrase(test.p_value)}" if is_trustworthy(test) else ""


def _alternative(curves: list[Curve]) -> str:
    parts = []
    for curve in curves:
        who = "Evaluable patients" if curve.group == ALL else label(curve.group)
        points = [
            f"{percent(_started(row.value))} at month {row.time_months:g}" for row in curve.survival
        ]
        parts.append(f"{who} who have started: {', '.join(points)}")
    return "Step curves of the start of tacrolimus. " + ". ".join(parts) + "."
