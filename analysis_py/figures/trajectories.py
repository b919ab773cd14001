"""Scores over the year: means with 95% intervals and the number of patients."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis_py.figures.figure import Figure, finish
from analysis_py.figures.style import (
    BLUE,
    GREEN,
    ORANGE,
    QUIET,
    VERMILION,
    canvas,
    count_text,
    quiet_grid,
    styled,
)
from analysis_py.report_rows import NothingToShowError, ResultRows, Timepoint
from analysis_py.results import Estimate
from analysis_py.rounding import format_number, is_missing
from analysis_py.vocabulary import label

NAME = "figure_s2_score_trajectories"
TITLE = "Scores from baseline to week 52"
# Score, analysis, colour, marker.
SCORES = (
    ("easi", "A04", BLUE, "o"),
    ("itch_nrs", "A07", VERMILION, "s"),
    ("sleep_nrs", "A06", GREEN, "^"),
    ("dlqi", "A08", ORANGE, "D"),
)
CAPTION = (
    "Patients with the score recorded at the timepoint (available cases). Points: means; whiskers: "
    "95% t intervals, often smaller than the point. Weeks are drawn to scale; lower is better for "
    "every score. n: patients with the score recorded."
)


def draw(rows: ResultRows, timepoints: Sequence[Timepoint]) -> Figure:
    """Draw one panel per score.

    Raises
    ------
    NothingToShowError
        If no score is recorded at any timepoint.
    """
    panels = {score: _means(rows, analysis, score, timepoints) for score, analysis, *_ in SCORES}
    drawn = [row for means in panels.values() for _, row in means]
    if not drawn:
        raise NothingToShowError("no score is recorded at any timepoint")
    with styled():
        figure = canvas(6.9)
        axes = figure.subplots(2, 2).flat
        for place, (score, _, colour, marker) in zip(axes, SCORES, strict=True):
            _panel(place, label(score), panels[score], timepoints, colour=colour, marker=marker)
        figure.subplots_adjust(
            left=0.085, right=0.985, top=0.955, bottom=0.185, hspace=0.78, wspace=0.24
        )
        return finish(
            figure,
            name=NAME,
            number="Figure S2",
            title=TITLE,
            caption=CAPTION,
            alternative=_alternative(panels),
            rows=drawn,
        )


def _means(
    rows: ResultRows, analysis: str, score: str, timepoints: Sequence[Timepoint]
) -> list[tuple[Timepoint, Estimate]]:
    found = [
        (timepoint, rows.get(analysis, score, "mean", timepoint=timepoint.code))
        for timepoint in timepoints
    ]
    return [(time, row) for time, row in found if row is not None and not is_missing(row.value)]


def _panel(
    axes: Axes,
    title: str,
    means: list[tuple[Timepoint, Estimate]],
    timepoints: Sequence[Timepoint],
    *,
    colour: str,
    marker: str,
) -> None:
    axes.set_title(title)
    axes.set_xlabel("Weeks since the first dose of dupilumab")
    axes.set_ylabel("Mean score (points)")
    weeks = [time.week for time in timepoints]
    axes.set_xticks(weeks)
    axes.set_xlim(min(weeks) - 3, max(weeks) + 3)
    quiet_grid(axes)
    _numbers(axes, means, timepoints)
    if not means:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "not recorded", transform=axes.transAxes, ha="center", color=QUIET)
        return
    values = [row.value for _, row in means]
    lower = [_arm(row.value, row.ci_lower) for _, row in means]
    upper = [_arm(row.ci_upper, row.value) for _, row in means]
    axes.errorbar(
        [time.week for time, _ in means],
        values,
        [lower, upper],
        color=colour,
        marker=marker,
        markersize=5,
        markeredgecolor="black",
        markeredgewidth=0.5,
        ecolor="black",
        elinewidth=1,
        capsize=3,
    )
    highest = max(value + arm for value, arm in zip(values, upper, strict=True))
    axes.set_ylim(0, highest * 1.12 or 1)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=highest > 4))


def _numbers(
    axes: Axes, means: list[tuple[Timepoint, Estimate]], timepoints: Sequence[Timepoint]
) -> None:
    """Small table under a panel: weeks, patients, means."""
    known = {time.code: row for time, row in means}
    columns = [0.2 + 0.8 * (i + 0.5) / len(timepoints) for i in range(len(timepoints))]
    lines = (
        ("Week", [str(time.week) for time in timepoints]),
        ("n", [count_text(known[t.code].n) if t.code in known else "0" for t in timepoints]),
        (
            "Mean",
            [
                format_number(known[t.code].value if t.code in known else None, 1)
                for t in timepoints
            ],
        ),
    )
    for line, (name, cells) in enumerate(lines):
        height = -0.37 - 0.1 * line
        for x, text in zip([0.0, *columns], [name, *cells], strict=True):
            axes.text(
                x,
                height,
                text,
                transform=axes.transAxes,
                fontsize=7.5,
                color=QUIET,
                ha="left" if x == 0.0 else "center",
                va="center",
            )


def _arm(high: float | None, low: float | None) -> float:
    return 0.0 if is_missing(high) or is_missing(low) else max(0.0, high - low)


def _alternative(panels: dict[str, list[tuple[Timepoint, Estimate]]]) -> str:
    parts = []
    for score, means in panels.items():
        points = [
            f"{format_number(row.value, 1)} at {time.label.lower()} (n = {row.n})"
            for time, row in means
        ]
        parts.append(f"{label(score)}: {', '.join(points) if points else 'not recorded'}")
    return "Line charts of mean scores. " + ". ".join(parts) + "."
