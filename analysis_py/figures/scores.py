"""Figures of the scores: S2 (means over the year) and 1 (bands of EASI at week 4)."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis_py.figures.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    QUIET,
    VERMILION,
    Figure,
    Look,
    canvas,
    count_text,
    finish,
    horizontal_grid,
    numbers_below,
)
from analysis_py.phrases import (
    ASSOCIATION,
    estimate_phrase,
    is_trustworthy,
    p_phrase,
    percent,
    percent_phrase,
)
from analysis_py.results import Estimate
from analysis_py.rounding import MISSING, format_number, is_missing
from analysis_py.rows import NothingToShowError, ResultRows, Timepoint, known
from analysis_py.vocabulary import WEEK_04, label

# Score, analysis, colour, marker.
SCORES = (
    ("easi", "A04", BLUE, "o"),
    ("itch_nrs", "A07", VERMILION, "s"),
    ("sleep_nrs", "A06", GREEN, "^"),
    ("dlqi", "A08", ORANGE, "D"),
)
TRAJECTORIES_CAPTION = (
    "Patients with the score recorded at the timepoint (available cases). Points: means; whiskers: "
    "95% t intervals, often smaller than the point. Weeks are drawn to scale; lower is better for "
    "every score. n: patients with the score recorded; they differ between the timepoints, the "
    "change of those assessed twice is in Table S2."
)
GROUP_LOOKS = {
    "tacrolimus_at_baseline": Look(BLUE, ""),
    "no_tacrolimus_at_baseline": Look(ORANGE, "////"),
}
SCHEMES = {
    "study": "A   The study's own cuts",
    "leshem": "B   Severity strata of Leshem et al. 2015",
}
BANDS_CAPTION = (
    "Evaluable patients with EASI recorded at week 4. Bars: percentage of the group, with the "
    "number of patients; whiskers: 95% Wilson intervals. Tacrolimus at baseline: alone or with "
    "corticosteroids. The bands of the printed figure are not known; both sets are shown."
)
BAR = 0.36

Means = list[tuple[Timepoint, Estimate]]


def trajectories(rows: ResultRows) -> Figure:
    """Draw one panel per score."""
    panels: dict[str, Means] = {
        score: [
            (time, row)
            for time, row in rows.over_time(analysis, score, "mean")
            if row is not None and not is_missing(row.value)
        ]
        for score, analysis, *_ in SCORES
    }
    drawn = [row for means in panels.values() for _, row in means]
    if not drawn:
        raise NothingToShowError("no score is recorded at any timepoint")
    figure = canvas(6.9)
    for axes, (score, _, colour, marker) in zip(figure.subplots(2, 2).flat, SCORES, strict=True):
        axes.set_title(label(score))
        _means(axes, rows, panels[score], color=colour, marker=marker)
    figure.subplots_adjust(
        left=0.085, right=0.985, top=0.955, bottom=0.185, hspace=0.78, wspace=0.24
    )
    parts = []
    for score, means in panels.items():
        points = [
            f"{format_number(row.value, 1)} at {time.label.lower()} (n = {row.n})"
            for time, row in means
        ]
        parts.append(f"{label(score)}: {', '.join(points) if points else 'not recorded'}")
    return finish(
        figure,
        name="figure_s2_score_trajectories",
        number="Figure S2",
        title="Scores from baseline to week 52",
        caption=TRAJECTORIES_CAPTION,
        alternative="Line charts of mean scores. " + ". ".join(parts) + ".",
        rows=drawn,
    )


def _means(axes: Axes, rows: ResultRows, means: Means, **look: Any) -> None:
    timepoints = rows.timepoints
    weeks = [time.week for time in timepoints]
    axes.set_xlabel(f"Weeks since the first dose of {rows.index_treatment}")
    axes.set_ylabel("Mean score (points)")
    axes.set_xticks(weeks)
    axes.set_xlim(min(weeks) - 3, max(weeks) + 3)
    horizontal_grid(axes)
    found = {time.code: row for time, row in means}
    shown = [found.get(time.code) for time in timepoints]
    numbers_below(
        axes,
        (
            ("Week", [str(week) for week in weeks]),
            ("n", ["0" if row is None else count_text(row.n) for row in shown]),
            ("Mean", [MISSING if row is None else format_number(row.value, 1) for row in shown]),
        ),
        [0.2 + 0.8 * (i + 0.5) / len(weeks) for i in range(len(weeks))],
        names=(0.0, "left"),
        top=-0.37,
        step=0.1,
        on="axes",
    )
    if not means:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "not recorded", transform=axes.transAxes, ha="center", color=QUIET)
        return
    values = [known(row.value) for _, row in means]
    lower = [_arm(row.value, row.ci_lower) for _, row in means]
    upper = [_arm(row.ci_upper, row.value) for _, row in means]
    axes.errorbar(
        [time.week for time, _ in means],
        values,
        [lower, upper],
        markersize=5,
        markeredgecolor="black",
        markeredgewidth=0.5,
        ecolor="black",
        elinewidth=1,
        capsize=3,
        **look,
    )
    highest = max(value + arm for value, arm in zip(values, upper, strict=True))
    axes.set_ylim(0, highest * 1.12 or 1)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=highest > 4))


def _arm(high: float | None, low: float | None) -> float:
    """Length of a whisker; none where an end is missing."""
    return 0.0 if is_missing(high) or is_missing(low) else max(0.0, known(high) - known(low))


def easi_bands(rows: ResultRows) -> Figure:
    """Draw the percentage of each group in each band, with Wilson intervals and numbers."""
    drawn = [row for row in rows.find("A17", statistic="percent") if row.denominator]
    if not drawn:
        raise NothingToShowError("no evaluable patient has EASI recorded at week 4")
    panels = {
        scheme: [row for row in drawn if row.term.startswith(f"{scheme}_")] for scheme in SCHEMES
    }
    figure = canvas(5.6)
    areas = figure.subplots(2, 1)
    for axes, (scheme, title) in zip(areas, SCHEMES.items(), strict=True):
        _bands(axes, panels[scheme])
        axes.set_title(title)
    handles, labels = areas[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper center", ncols=1, bbox_to_anchor=(0.5, 1.0))
    figure.subplots_adjust(left=0.08, right=0.99, top=0.86, bottom=0.075, hspace=0.42)
    caption = BANDS_CAPTION
    test = rows.get("A16", "easi_below_7", "chi_square", timepoint=WEEK_04)
    difference = rows.get("A16", "easi_below_7", "percentage_point_difference", timepoint=WEEK_04)
    if is_trustworthy(test) and difference is not None:
        caption += (
            f" EASI < 7: difference {estimate_phrase(difference, 1)} percentage points "
            f"({ASSOCIATION}), Pearson chi-square without continuity correction, "
            f"{p_phrase(test.p_value)}."
        )
    parts = []
    for group in GROUP_LOOKS:
        members = [row for row in panels["study"] if row.group == group]
        if members:
            listed = ", ".join(f"{row.term_label} {percent_phrase(row)}" for row in members)
            parts.append(f"{label(group)}: {listed}")
    return finish(
        figure,
        name="figure_1_easi_bands",
        number="Figure 1",
        title="EASI after 4 weeks by use of tacrolimus at baseline",
        caption=caption,
        alternative="Bar chart of EASI bands at week 4. " + ". ".join(parts) + ".",
        rows=drawn,
    )


def _bands(axes: Axes, rows: list[Estimate]) -> None:
    bands = {row.term: row.term_label.replace(" (", "\n(") for row in reversed(rows)}
    codes = list(dict.fromkeys(row.term for row in rows))
    for position, (group, look) in enumerate(GROUP_LOOKS.items()):
        shift = (position - 0.5) * (BAR + 0.03)
        members = [row for row in rows if row.group == group and not is_missing(row.value)]
        if not members:
            continue
        places = [codes.index(row.term) + shift for row in members]
        name = f"{label(group)} (n = {count_text(members[0].denominator)})"
        axes.bar(places, [known(row.value) for row in members], BAR, label=name, **look.patch)
        for place, row in zip(places, members, strict=True):
            _whisker(axes, place, row)
    axes.set_xticks(range(len(codes)), [bands[code] for code in codes])
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.55, len(codes) - 0.45)
    axes.set_ylim(0, 118)
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.set_ylabel("Patients of the group (%)")
    horizontal_grid(axes)


def _whisker(axes: Axes, place: float, row: Estimate) -> None:
    arms = [[_arm(row.value, row.ci_lower)], [_arm(row.ci_upper, row.value)]]
    axes.errorbar(
        [place], [known(row.value)], arms, fmt="none", ecolor=INK, elinewidth=1, capsize=2.5
    )
    axes.annotate(
        f"{percent(row.value)}\n{count_text(row.n)}" if row.n else "0",
        (place, known(row.ci_upper)),
        xytext=(0, 2),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=7,
        linespacing=1.15,
    )
