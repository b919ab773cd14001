"""Figure 1: bands of EASI at week 4 by use of tacrolimus at baseline."""

from __future__ import annotations

from matplotlib.axes import Axes

from analysis_py.figures.figure import Figure, finish
from analysis_py.figures.style import (
    BLUE,
    INK,
    ORANGE,
    Look,
    canvas,
    count_text,
    percent,
    quiet_grid,
    styled,
)
from analysis_py.report_rows import NothingToShowError, ResultRows
from analysis_py.report_words import estimate_phrase, is_trustworthy, p_phrase, percent_phrase
from analysis_py.results import Estimate
from analysis_py.rounding import is_missing
from analysis_py.vocabulary import WEEK_04, label

NAME = "figure_1_easi_bands"
TITLE = "EASI after 4 weeks by use of tacrolimus at baseline"
LOOKS = {
    "tacrolimus_at_baseline": Look(BLUE, ""),
    "no_tacrolimus_at_baseline": Look(ORANGE, "////"),
}
PANELS = {
    "study": "A   The study's own cuts",
    "leshem": "B   Severity strata of Leshem et al. 2015",
}
BAR = 0.36


def draw(rows: ResultRows) -> Figure:
    """Draw the percentage of each group in each band, with Wilson intervals and numbers.

    Raises
    ------
    NothingToShowError
        If nobody has EASI recorded at week 4, or A17 was not run.
    """
    drawn = [row for row in rows.find("A17", statistic="percent") if row.denominator]
    if not drawn:
        raise NothingToShowError("no evaluable patient has EASI recorded at week 4")
    panels = {
        scheme: [row for row in drawn if row.term.startswith(f"{scheme}_")] for scheme in PANELS
    }
    with styled():
        figure = canvas(5.6)
        axes = figure.subplots(2, 1)
        for place, (scheme, title) in zip(axes, PANELS.items(), strict=True):
            _panel(place, panels[scheme])
            place.set_title(title)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="upper center", ncols=1, bbox_to_anchor=(0.5, 1.0))
        figure.subplots_adjust(left=0.08, right=0.99, top=0.86, bottom=0.075, hspace=0.42)
        return finish(
            figure,
            name=NAME,
            number="Figure 1",
            title=TITLE,
            caption=_caption(rows),
            alternative=_alternative(panels["study"]),
            rows=drawn,
        )


def _panel(axes: Axes, rows: list[Estimate]) -> None:
    bands = list(dict.fromkeys(row.term for row in rows))
    for position, (group, look) in enumerate(LOOKS.items()):
        shift = (position - 0.5) * (BAR + 0.03)
        members = [row for row in rows if row.group == group and not is_missing(row.value)]
        if not members:
            continue
        places = [bands.index(row.term) + shift for row in members]
        axes.bar(
            places,
            [row.value for row in members],
            BAR,
            color=look.fill,
            hatch=look.hatch,
            edgecolor=INK,
            linewidth=0.6,
            label=f"{label(group)} (n = {count_text(members[0].denominator)})",
        )
        for place, row in zip(places, members, strict=True):
            _whisker(axes, place, row)
    axes.set_xticks(range(len(bands)), [_band_label(rows, band) for band in bands])
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.55, len(bands) - 0.45)
    axes.set_ylim(0, 118)
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.set_ylabel("Patients of the group (%)")
    quiet_grid(axes)


def _whisker(axes: Axes, place: float, row: Estimate) -> None:
    lower, upper = max(0.0, row.value - row.ci_lower), max(0.0, row.ci_upper - row.value)
    axes.errorbar(
        [place], [row.value], [[lower], [upper]], fmt="none", ecolor=INK, elinewidth=1, capsize=2.5
    )
    axes.annotate(
        f"{percent(row.value)}\n{count_text(row.n)}" if row.n else "0",
        (place, row.ci_upper),
        xytext=(0, 2),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=7,
        linespacing=1.15,
    )


def _band_label(rows: list[Estimate], band: str) -> str:
    text = next(row.term_label for row in rows if row.term == band)
    return text.replace(" (", "\n(")


def _caption(rows: ResultRows) -> str:
    test = rows.get("A16", "easi_below_7", "chi_square", timepoint=WEEK_04)
    difference = rows.get("A16", "easi_below_7", "percentage_point_difference", timepoint=WEEK_04)
    text = (
        "Evaluable patients with EASI recorded at week 4. Bars: percentage of the group, with the "
        "number of patients; whiskers: 95% Wilson intervals. Tacrolimus at baseline: alone or with "
        "corticosteroids. The bands of the printed figure are not known; both sets are shown."
    )
    if is_trustworthy(test) and difference is not None:
        text += (
            f" EASI < 7: difference {estimate_phrase(difference, 1)} percentage points, "
            f"Pearson chi-square without continuity correction, {p_phrase(test.p_value)}."
        )
    return text


def _alternative(rows: list[Estimate]) -> str:
    parts = []
    for group in LOOKS:
        shares = [f"{row.term_label} {percent_phrase(row)}" for row in rows if row.group == group]
        if shares:
            parts.append(f"{label(group)}: {', '.join(shares)}")
    return "Bar chart of EASI bands at week 4. " + ". ".join(parts) + "."
