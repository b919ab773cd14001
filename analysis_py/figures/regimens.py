"""Figures of topical therapy: S3 (regimens at each timepoint) and S4 (flow between them)."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Patch, PathPatch, Rectangle
from matplotlib.path import Path

from analysis_py.figures.style import (
    REGIMEN_LOOKS,
    Figure,
    canvas,
    count_text,
    finish,
    horizontal_grid,
    numbers_below,
    small_text,
)
from analysis_py.phrases import percent, percent_phrase
from analysis_py.results import Estimate
from analysis_py.rounding import is_missing
from analysis_py.rows import NothingToShowError, ResultRows, known
from analysis_py.vocabulary import (
    CORTICOSTEROIDS,
    CORTICOSTEROIDS_AND_TACROLIMUS,
    NONE,
    NOT_EVALUABLE,
    TACROLIMUS,
    label,
)

# From the bottom of the bar: the regimens with tacrolimus are neighbours.
STACK = (TACROLIMUS, CORTICOSTEROIDS_AND_TACROLIMUS, CORTICOSTEROIDS, NONE)
SMALLEST_PERCENT_LABELLED = 4.5
BARS_CAPTION = (
    "Evaluable patients whose topical regimen is known at the timepoint; percentages of the number "
    "under each bar. Patients not evaluable at the timepoint are counted below it and are not part "
    "of the bar. None: emollients only."
)

# From top to bottom in every column of the flow.
ORDER = (*reversed(STACK), NOT_EVALUABLE)
NODE_WIDTH = 0.085
GAP = 0.025
ROOM = 1.0 - GAP * (len(ORDER) - 1)
"""Height of a whole column without the gaps."""
SMALLEST_NODE_LABELLED = 0.02
FLOW_OPACITY = 0.45
# The pale fills of these columns could not be seen when transparent.
FLOW_FILLS = {NONE: "#b4b4b4", NOT_EVALUABLE: "#ececec"}
FLOW_CAPTION = (
    "Every evaluable patient at every timepoint; heights are numbers of patients. A band runs from "
    "the regimen at one timepoint to the regimen at the next, in the colour of the former. "
    "Not evaluable: no visit, or regimen not known, at the timepoint."
)
UNKNOWN = "the topical regimen of no patient is known at any timepoint"

Nodes = dict[str, tuple[float, float]]
"""Regimen of a column -> top and height on the drawing (0 to 1)."""


def bars(rows: ResultRows) -> Figure:
    """Draw one bar per timepoint."""
    shares = {
        time.code: {
            regimen: row
            for regimen in STACK
            if (row := rows.get("A10", regimen, "percent", timepoint=time.code)) is not None
            and not is_missing(row.value)
        }
        for time in rows.timepoints
    }
    drawn = [row for found in shares.values() for row in found.values()]
    if not drawn:
        raise NothingToShowError(UNKNOWN)
    figure = canvas(4.1)
    axes = figure.subplots()
    for position, found in enumerate(shares.values()):
        _bar(axes, position, found)
    totals = [row for _, row in rows.over_time("A10", "column_total", "n")]
    numbers_below(
        axes,
        (
            ("n", ["" if row is None else count_text(row.n) for row in totals]),
            ("Not evaluable", list(map(_not_evaluable, totals))),
        ),
        range(len(totals)),
        names=(-0.015, "right"),
        top=-0.125,
        step=0.06,
    )
    axes.set_xticks(range(len(shares)), [time.label for time in rows.timepoints])
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.55, len(shares) - 0.45)
    axes.set_ylim(0, 100)
    axes.set_ylabel("Evaluable patients (%)")
    horizontal_grid(axes)
    names = {code: label(code).replace(" and ", "\nand ").replace(" (", "\n(") for code in STACK}
    axes.legend(
        handles=[Patch(label=names[code], **REGIMEN_LOOKS[code].patch) for code in reversed(STACK)],
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        handlelength=1.8,
        handleheight=1.6,
        labelspacing=1.0,
    )
    figure.subplots_adjust(left=0.14, right=0.79, top=0.97, bottom=0.2)
    parts = []
    for time in rows.timepoints:
        listed = [
            f"{label(regimen)} {percent_phrase(row)}"
            for regimen, row in reversed(shares[time.code].items())
        ]
        if listed:
            parts.append(f"{time.label}: {', '.join(listed)}")
    return finish(
        figure,
        name="figure_s3_topical_regimens",
        number="Figure S3",
        title=f"Topical therapy beside {rows.index_treatment} over time",
        caption=BARS_CAPTION,
        alternative="Stacked bar chart of topical regimens. " + ". ".join(parts) + ".",
        rows=drawn,
    )


def _not_evaluable(total: Estimate | None) -> str:
    return "" if total is None else count_text((total.denominator or 0) - (total.n or 0))


def _bar(axes: Axes, position: int, shares: dict[str, Estimate]) -> None:
    bottom = 0.0
    for regimen, row in shares.items():
        look, value = REGIMEN_LOOKS[regimen], known(row.value)
        axes.bar([position], [value], 0.72, bottom=bottom, **look.patch)
        if value >= SMALLEST_PERCENT_LABELLED:
            text = f"{percent(value)} ({count_text(row.n)})"
            # A ground behind the text, so that it can be read over a hatch.
            plate = {"facecolor": look.fill, "edgecolor": "none", "pad": 1.2}
            middle = bottom + value / 2
            bbox = plate if look.hatch else None
            small_text(axes, position, middle, text, color=look.text, bbox=bbox)
        bottom += value


def flow(rows: ResultRows) -> Figure:
    """Draw a column per timepoint and the bands between them."""
    flows = [row for row in rows.find("A10", statistic="n_flow") if row.n]
    if all(row.group == row.term == NOT_EVALUABLE for row in flows):
        raise NothingToShowError(UNKNOWN)
    codes = [time.code for time in rows.timepoints]
    columns = _columns(flows, codes)
    total = sum(columns[0].values())
    nodes = [_stack(column, total) for column in columns]
    figure = canvas(4.6)
    axes = figure.add_axes((0.01, 0.07, 0.98, 0.91))
    for later in range(1, len(nodes)):
        here = [row for row in flows if row.timepoint == codes[later]]
        _bands(axes, later, here, nodes, total)
    for position, column in enumerate(nodes):
        _column(axes, position, column, columns[position], is_last=position == len(nodes) - 1)
    for position, time in enumerate(rows.timepoints):
        axes.text(
            position + (0 if position == 0 else NODE_WIDTH / 2),
            -0.035,
            time.label,
            ha="left" if position == 0 else "center",
            va="top",
            fontsize=8.5,
            weight="bold",
        )
    axes.set_xlim(-0.02, len(nodes) - 1 + NODE_WIDTH + 1.5)
    axes.set_ylim(-0.06, 1.0)
    axes.set_axis_off()
    parts = [
        f"{time.label}: "
        + ", ".join(f"{label(code)} {column[code]}" for code in ORDER if column[code])
        for time, column in zip(rows.timepoints, columns, strict=True)
    ]
    stayed = sum(row.n or 0 for row in flows if row.group == row.term != NOT_EVALUABLE)
    moved = sum(
        row.n or 0
        for row in flows
        if row.group != row.term and NOT_EVALUABLE not in (row.group, row.term)
    )
    return finish(
        figure,
        name="figure_s4_regimen_flow",
        number="Figure S4",
        title="Flow between topical regimens",
        caption=FLOW_CAPTION,
        alternative="Flow chart of topical regimens, in patients. "
        + ". ".join(parts)
        + f". Between neighbouring timepoints {stayed} times a patient kept the regimen and "
        f"{moved} times changed to another one.",
        rows=flows,
    )


def _columns(flows: list[Estimate], codes: Sequence[str]) -> list[dict[str, int]]:
    """Patients per regimen at each timepoint, added up from the flows."""
    columns: list[dict[str, int]] = [dict.fromkeys(ORDER, 0) for _ in codes]
    for row in flows:
        later = codes.index(row.timepoint)
        columns[later][row.term] += row.n or 0
        if later == 1:
            columns[0][row.group] += row.n or 0
    return columns


def _stack(column: dict[str, int], total: int) -> Nodes:
    """Place the regimens of a column under one another, without the empty ones."""
    top, nodes = 1.0, {}
    for code in ORDER:
        if column[code]:
            height = ROOM * column[code] / total
            nodes[code] = (top, height)
            top -= height + GAP
    return nodes


def _bands(axes: Axes, later: int, flows: list[Estimate], nodes: list[Nodes], total: int) -> None:
    """Draw the bands into one column, from top to bottom at both ends."""
    numbers = {(row.group, row.term): row.n or 0 for row in flows}
    leaving, arriving = (
        {code: top for code, (top, _) in column.items()} for column in nodes[later - 1 : later + 1]
    )
    for before in ORDER:
        for after in ORDER:
            height = ROOM * numbers.get((before, after), 0) / total
            if height:
                tops = leaving[before], arriving[after]
                _band(axes, later, tops, height=height, regimen=before)
                leaving[before] -= height
                arriving[after] -= height


def _band(
    axes: Axes, later: int, tops: tuple[float, float], *, height: float, regimen: str
) -> None:
    top_left, top_right = tops
    left, right = later - 1 + NODE_WIDTH, float(later)
    middle = (left + right) / 2
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


def _column(
    axes: Axes, position: int, nodes: Nodes, counts: dict[str, int], *, is_last: bool
) -> None:
    for code, (top, height) in nodes.items():
        corner = (position, top - height)
        axes.add_patch(Rectangle(corner, NODE_WIDTH, height, **REGIMEN_LOOKS[code].patch))
        if height >= SMALLEST_NODE_LABELLED or is_last:
            n = count_text(counts[code])
            text = f"{label(code)}  {n}" if is_last else n
            small_text(axes, position + NODE_WIDTH + 0.012, top - height / 2, text, ha="left")
