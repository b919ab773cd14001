"""Flow chart: who is in the register, who left at which criterion, who is analysed."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from analysis_py.figures.figure import Figure, finish
from analysis_py.figures.style import INK, PALE, canvas, count_text, styled
from analysis_py.report_rows import NothingToShowError, ResultRows, Timepoint
from analysis_py.results import Estimate

NAME = "figure_s1_cohort_flow"
TITLE = "Flow of patients into the cohort"
EVALUABLE = "is_evaluable"
BOX_HEIGHT = 0.36
STEP = 0.56
LEFT, WIDTH = 0.1, 4.1
SIDE_LEFT, SIDE_WIDTH = 4.6, 2.3
CAPTION = (
    "Criteria are applied in this order; a patient is counted as excluded at the first criterion "
    "that is not met. In brackets: all patients of the register who do not meet it."
)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the flow chart, in patients."""

    code: str
    label: str
    n_patients: int
    n_excluded: int
    n_failing: int


def draw(rows: ResultRows, timepoints: Sequence[Timepoint]) -> Figure:
    """Draw a box per criterion met, a box beside it for those who left, and the analysed below.

    Raises
    ------
    NothingToShowError
        If A01 was not run.
    """
    steps, drawn = _steps(rows)
    if not steps:
        raise NothingToShowError("the results hold no flow into the cohort")
    totals = _totals(rows, timepoints)
    drawn += [row for _, row in totals]
    height = STEP * (len(steps) + (1 if totals else 0)) + 0.12
    with styled():
        figure = canvas(height)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, 7.0)
        axes.set_ylim(-height, 0)
        axes.set_axis_off()
        for number, step in enumerate(steps):
            _step(axes, number, step, is_first=number == 0, is_analysed=_is_analysed(steps, number))
        if totals:
            _timepoints(axes, len(steps), totals)
        return finish(
            figure,
            name=NAME,
            number="Figure S1",
            title=TITLE,
            caption=CAPTION,
            alternative=_alternative(steps),
            rows=drawn,
        )


def _steps(rows: ResultRows) -> tuple[list[Step], list[Estimate]]:
    flow = [row for row in rows.find("A01", role="flow") if row.n is not None]
    codes = list(dict.fromkeys(row.term for row in flow))
    steps = []
    for code in codes:
        numbers = {row.statistic: row for row in flow if row.term == code}
        steps.append(
            Step(
                code,
                numbers["n_patients"].term_label,
                *(int(numbers[name].n or 0) for name in ("n_patients", "n_excluded", "n_failing")),
            )
        )
    return steps, flow


def _totals(rows: ResultRows, timepoints: Sequence[Timepoint]) -> list[tuple[Timepoint, Estimate]]:
    found = [(t, rows.get("A10", "column_total", "n", timepoint=t.code)) for t in timepoints]
    return [(time, row) for time, row in found if row is not None]


def _is_analysed(steps: list[Step], number: int) -> bool:
    """Whether the step is the enrolled or the evaluable population."""
    code = steps[number].code
    is_before = number + 1 < len(steps) and steps[number + 1].code == EVALUABLE
    return code == EVALUABLE or is_before


def _step(axes: Axes, number: int, step: Step, *, is_first: bool, is_analysed: bool) -> None:
    top = -(0.06 + STEP * number)
    fill = PALE if is_analysed else "white"
    _box(axes, LEFT, top, width=WIDTH, height=BOX_HEIGHT, fill=fill)
    is_enrolled = is_analysed and step.code != EVALUABLE
    name = f"{step.label} (enrolled)" if is_enrolled else step.label
    _words(axes, LEFT + 0.1, top - BOX_HEIGHT / 2, name, 52, bold=is_analysed)
    axes.text(
        LEFT + WIDTH - 0.1,
        top - BOX_HEIGHT / 2,
        f"n = {count_text(step.n_patients)}",
        ha="right",
        va="center",
        fontsize=8,
        weight="bold",
    )
    if is_first:
        return
    x = LEFT + WIDTH / 2
    _arrow(axes, (x, top + STEP - BOX_HEIGHT), (x, top))
    if step.n_excluded or step.n_failing:
        middle = top + (STEP - BOX_HEIGHT) / 2
        _arrow(axes, (x, middle), (SIDE_LEFT, middle))
        _box(axes, SIDE_LEFT, middle + 0.15, width=SIDE_WIDTH, height=0.3, fill="white")
        text = f"Excluded: {count_text(step.n_excluded)}"
        if step.n_failing != step.n_excluded:
            text += f" ({count_text(step.n_failing)} in the register)"
        _words(axes, SIDE_LEFT + 0.1, middle, text, 44)


def _timepoints(axes: Axes, number: int, totals: list[tuple[Timepoint, Estimate]]) -> None:
    top = -(0.06 + STEP * number)
    x = LEFT + WIDTH / 2
    _arrow(axes, (x, top + STEP - BOX_HEIGHT), (x, top))
    width = SIDE_LEFT + SIDE_WIDTH - LEFT
    _box(axes, LEFT, top, width=width, height=BOX_HEIGHT, fill="white")
    text = "Topical regimen known:   " + "     ".join(
        f"{time.label} n = {count_text(row.n or 0)}" for time, row in totals
    )
    _words(axes, LEFT + 0.1, top - BOX_HEIGHT / 2, text, 140)


def _box(axes: Axes, left: float, top: float, *, width: float, height: float, fill: str) -> None:
    axes.add_patch(
        Rectangle((left, top - height), width, height, facecolor=fill, edgecolor=INK, linewidth=0.8)
    )


def _words(axes: Axes, x: float, y: float, text: str, width: int, *, bold: bool = False) -> None:
    axes.text(
        x,
        y,
        textwrap.fill(text, width) if "     " not in text else text,
        ha="left",
        va="center_baseline",
        fontsize=7.5,
        weight="bold" if bold else "normal",
    )


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate(
        "",
        end,
        xytext=start,
        arrowprops={
            "arrowstyle": "-|>",
            "color": INK,
            "linewidth": 0.8,
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )


def _alternative(steps: list[Step]) -> str:
    parts = [f"{steps[0].label}: {steps[0].n_patients}"]
    parts += [f"{step.label}: {step.n_patients}, excluded {step.n_excluded}" for step in steps[1:]]
    return "Flow chart of patients. " + ". ".join(parts) + "."
