"""Figure S1, the flow chart: patients in the register, excluded at each criterion, analysed."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from analysis_py.figures.style import INK, PALE, Figure, canvas, count_text, finish, small_text
from analysis_py.results import Estimate
from analysis_py.rows import NothingToShowError, ResultRows, Timepoint

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


def draw(rows: ResultRows) -> Figure:
    """Draw a box per criterion, a box beside it for the excluded, and the analysed below."""
    flow = [row for row in rows.find("A01", role="flow") if row.n is not None]
    steps = _steps(flow)
    if not steps:
        raise NothingToShowError("the results have no flow into the cohort")
    totals = [
        (time, row) for time, row in rows.over_time("A10", "column_total", "n") if row is not None
    ]
    height = STEP * (len(steps) + (1 if totals else 0)) + 0.12
    figure = canvas(height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, 7.0)
    axes.set_ylim(-height, 0)
    axes.set_axis_off()
    for number, step in enumerate(steps):
        is_enrolled = number + 1 < len(steps) and steps[number + 1].code == EVALUABLE
        _step(axes, number, step, is_enrolled=is_enrolled)
    if totals:
        _timepoints(axes, len(steps), totals)
    return finish(
        figure,
        name="figure_s1_cohort_flow",
        number="Figure S1",
        title="Flow of patients into the cohort",
        caption=CAPTION,
        alternative=_alternative(steps),
        rows=[*flow, *(row for _, row in totals)],
    )


def _steps(flow: list[Estimate]) -> list[Step]:
    steps = []
    for code in dict.fromkeys(row.term for row in flow):
        numbers = {row.statistic: row for row in flow if row.term == code}
        counts = (numbers[name].n or 0 for name in ("n_patients", "n_excluded", "n_failing"))
        steps.append(Step(code, numbers["n_patients"].term_label, *counts))
    return steps


def _step(axes: Axes, number: int, step: Step, *, is_enrolled: bool) -> None:
    top = -(0.06 + STEP * number)
    middle = top - BOX_HEIGHT / 2
    is_analysed = is_enrolled or step.code == EVALUABLE
    _box(axes, LEFT, top, WIDTH, BOX_HEIGHT, fill=PALE if is_analysed else "white")
    name = f"{step.label} (enrolled)" if is_enrolled else step.label
    _words(
        axes,
        LEFT + 0.1,
        middle,
        textwrap.fill(name, 52),
        weight="bold" if is_analysed else "normal",
    )
    n = f"n = {count_text(step.n_patients)}"
    small_text(axes, LEFT + WIDTH - 0.1, middle, n, ha="right", fontsize=8, weight="bold")
    if number == 0:
        return
    x = LEFT + WIDTH / 2
    _arrow(axes, (x, top + STEP - BOX_HEIGHT), (x, top))
    if step.n_excluded or step.n_failing:
        between = top + (STEP - BOX_HEIGHT) / 2
        _arrow(axes, (x, between), (SIDE_LEFT, between))
        _box(axes, SIDE_LEFT, between + 0.15, SIDE_WIDTH, 0.3)
        text = f"Excluded: {count_text(step.n_excluded)}"
        if step.n_failing != step.n_excluded:
            text += f" ({count_text(step.n_failing)} in the register)"
        _words(axes, SIDE_LEFT + 0.1, between, text)


def _timepoints(axes: Axes, number: int, totals: list[tuple[Timepoint, Estimate]]) -> None:
    top = -(0.06 + STEP * number)
    x = LEFT + WIDTH / 2
    _arrow(axes, (x, top + STEP - BOX_HEIGHT), (x, top))
    _box(axes, LEFT, top, SIDE_LEFT + SIDE_WIDTH - LEFT, BOX_HEIGHT)
    text = "Topical regimen known:   " + "     ".join(
        f"{time.label} n = {count_text(row.n)}" for time, row in totals
    )
    _words(axes, LEFT + 0.1, top - BOX_HEIGHT / 2, text)


def _box(
    axes: Axes, left: float, top: float, width: float, height: float, *, fill: str = "white"
) -> None:
    corner = (left, top - height)
    axes.add_patch(Rectangle(corner, width, height, facecolor=fill, edgecolor=INK, linewidth=0.8))


def _words(axes: Axes, x: float, y: float, text: str, weight: str = "normal") -> None:
    small_text(axes, x, y, text, ha="left", va="center_baseline", weight=weight)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    look = {"arrowstyle": "-|>", "color": INK, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, xytext=start, arrowprops=look)


def _alternative(steps: list[Step]) -> str:
    parts = [f"{steps[0].label}: {steps[0].n_patients}"]
    parts += [f"{step.label}: {step.n_patients}, excluded {step.n_excluded}" for step in steps[1:]]
    return "Flow chart of patients. " + ". ".join(parts) + "."
