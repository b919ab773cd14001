"""Flow of patients between topical regimens from one timepoint to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from analysis_py.figures.figure import Figure, finish
from analysis_py.figures.style import INK, REGIMEN_LOOKS, canvas, count_text, styled
from analysis_py.report_rows import NothingToShowError, ResultRows, Timepoint
from analysis_py.results import Estimate
from analysis_py.vocabulary import (
    CORTICOSTEROIDS,
    CORTICOSTEROIDS_AND_TACROLIMUS,
    NONE,
    NOT_EVALUABLE,
    TACROLIMUS,
    label,
)

NAME = "figure_s4_regimen_flow"
TITLE = "Flow between topical regimens"
# From top to bottom in every column.
ORDER = (NONE, CORTICOSTEROIDS, CORTICOSTEROIDS_AND_TACROLIMUS, TACROLIMUS, NOT_EVALUABLE)
NODE_WIDTH = 0.085
GAP = 0.025
SMALLEST_LABELLED = 0.02
FLOW_OPACITY = 0.45
# The pale fills of these columns would not be seen through.
FLOW_FILLS = {NONE: "#b4b4b4", NOT_EVALUABLE: "#ececec"}
CAPTION = (
    "Every evaluable patient at every timepoint; heights are numbers of patients. A band runs from "
    "the regimen at one timepoint to the regimen at the next and carries the colour of the regimen "
    "it leaves. Not evaluable: no visit, or regimen not known, at the timepoint."
)


@dataclass(frozen=True, slots=True)
class Node:
    """A regimen at a timepoint: patients, and top and height on the drawing (0 to 1)."""

    n: int
    top: float
    height: float


def draw(rows: ResultRows, timepoints: Sequence[Timepoint]) -> Figure:
    """Draw the columns and the bands between them.

    Raises
    ------
    NothingToShowError
        If no regimen is known at any timepoint.
    """
    flows = [row for row in rows.find("A10", statistic="n_flow") if row.n]
    if all(row.group == row.term == NOT_EVALUABLE for row in flows):
        raise NothingToShowError("the topical regimen of no patient is known at any timepoint")
    columns = _columns(flows, timepoints)
    total = sum(columns[0].values())
    nodes = [_stack(column, total) for column in columns]
    with styled():
        figure = canvas(4.6)
        axes = figure.add_axes((0.01, 0.07, 0.98, 0.91))
        _bands(axes, flows, nodes, timepoints, total)
        for position, column in enumerate(nodes):
            _column(axes, position, column, len(nodes))
        for position, time in enumerate(timepoints):
            axes.text(
                position + (0 if position == 0 else NODE_WIDTH / 2),
                -0.035,
                time.label,
                ha="left" if position == 0 else "center",
                va="top",
                fontsize=8.5,
                weight="bold",
            )
        axes.set_xlim(-0.02, len(timepoints) - 1 + NODE_WIDTH + 1.5)
        axes.set_ylim(-0.06, 1.0)
        axes.set_axis_off()
        return finish(
            figure,
            name=NAME,
            number="Figure S4",
            title=TITLE,
            caption=CAPTION,
            alternative=_alternative(columns, flows, timepoints),
            rows=flows,
        )


def _columns(flows: list[Estimate], timepoints: Sequence[Timepoint]) -> list[dict[str, int]]:
    """Patients per regimen at each timepoint, added up from the flows."""
    columns: list[dict[str, int]] = [dict.fromkeys(ORDER, 0) for _ in timepoints]
    place = {time.code: i for i, time in enumerate(timepoints)}
    for row in flows:
        later = place[row.timepoint]
        columns[later][row.term] += row.n
        if later == 1:
            columns[0][row.group] += row.n
    return columns


def _stack(column: dict[str, int], total: int) -> dict[str, Node]:
    """Place the regimens of a column under one another; empty ones take no room."""
    present = [code for code in ORDER if column[code]]
    room = 1.0 - GAP * (len(ORDER) - 1)
    top, nodes = 1.0, {}
    for code in present:
        height = room * column[code] / total
        nodes[code] = Node(column[code], top, height)
        top -= height + GAP
    return nodes


def _bands(
    axes: Axes,
    flows: list[Estimate],
    nodes: list[dict[str, Node]],
    timepoints: Sequence[Timepoint],
    total: int,
) -> None:
    room = 1.0 - GAP * (len(ORDER) - 1)
    for later in range(1, len(timepoints)):
        numbers = {
            (row.group, row.term): row.n for row in flows if row.timepoint == timepoints[later].code
        }
        leaving = {code: node.top for code, node in nodes[later - 1].items()}
        arriving = {code: node.top for code, node in nodes[later].items()}
        for before in ORDER:
            for after in ORDER:
                height = room * numbers.get((before, after), 0) / total
                if height:
                    tops = leaving[before], arriving[after]
                    _band(axes, later, tops, height=height, regimen=before)
                    leaving[before] -= height
                    arriving[after] -= height


def _band(
    axes: Axes, later: int, tops: tuple[float, float], *, height: float, regimen: str
) -> None:
    left, right = later - 1 + NODE_WIDTH, float(later)
    middle = (left + right) / 2
    top_left, top_right = tops
    path = Path(
        [
            (left, top_left),
            (middle, top_left),
            (middle, top_right),
            (right, top_right),
            (right, top_right - height),
            (middle, top_right - height),
            (middle, top_left - height),
            (left, top_left - height),
            (left, top_left),
        ],
        [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY],
    )
    fill = FLOW_FILLS.get(regimen, REGIMEN_LOOKS[regimen].fill)
    axes.add_patch(
        PathPatch(path, facecolor=fill, edgecolor="#7a7a7a", linewidth=0.25, alpha=FLOW_OPACITY)
    )


def _column(axes: Axes, position: int, nodes: dict[str, Node], n_columns: int) -> None:
    for code, node in nodes.items():
        look = REGIMEN_LOOKS[code]
        axes.add_patch(
            Rectangle(
                (position, node.top - node.height),
                NODE_WIDTH,
                node.height,
                facecolor=look.fill,
                hatch=look.hatch,
                edgecolor=INK,
                linewidth=0.6,
            )
        )
        middle = node.top - node.height / 2
        is_last = position == n_columns - 1
        if node.height >= SMALLEST_LABELLED or is_last:
            axes.text(
                position + NODE_WIDTH + 0.012,
                middle,
                f"{label(code)}  {count_text(node.n)}" if is_last else count_text(node.n),
                ha="left",
                va="center",
                fontsize=7.5,
            )


def _alternative(
    columns: list[dict[str, int]], flows: list[Estimate], timepoints: Sequence[Timepoint]
) -> str:
    parts = [
        f"{time.label}: "
        + ", ".join(f"{label(code)} {column[code]}" for code in ORDER if column[code])
        for time, column in zip(timepoints, columns, strict=True)
    ]
    stayed = sum(row.n for row in flows if row.group == row.term != NOT_EVALUABLE)
    moved = sum(
        row.n
        for row in flows
        if row.group != row.term and NOT_EVALUABLE not in (row.group, row.term)
    )
    return (
        "Flow chart of topical regimens, in patients. "
        + ". ".join(parts)
        + f". Between neighbouring timepoints {stayed} times a patient kept the regimen and "
        f"{moved} times changed to another one."
    )
