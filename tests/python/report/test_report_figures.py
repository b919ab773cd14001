"""Figures: drawn from rows of results, deterministic, distinguishable without colour."""

from __future__ import annotations

import io
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from analysis_py.figures import FIGURES, Figure, draw_all
from analysis_py.figures.scores import GROUP_LOOKS
from analysis_py.figures.style import REGIMEN_LOOKS, WIDTH
from analysis_py.report.source import ReportSource
from analysis_py.rows import NothingToShowError, ResultRows


@pytest.fixture(scope="module")
def figures(source: ReportSource) -> dict[str, Figure]:
    return draw_all(source.rows)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_drawn_with_its_words_and_files(figures: dict[str, Figure], name: str) -> None:
    figure = figures[name]
    assert figure.title
    assert figure.caption.endswith(".")
    assert len(figure.alternative) > 80
    ElementTree.fromstring(figure.svg)
    assert b"<dc:date>" not in figure.svg
    image = Image.open(io.BytesIO(figure.png))
    assert image.width == WIDTH * 200
    assert np.asarray(image.convert("L")).std() > 10, "an empty picture"


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_cut_off_at_the_edge(figures: dict[str, Figure], name: str) -> None:
    pixels = np.asarray(Image.open(io.BytesIO(figures[name].png)).convert("L"))
    for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
        assert edge.min() > 250


@pytest.mark.parametrize("name", FIGURES)
def test_source_data_are_the_rows_of_results(
    figures: dict[str, Figure], source: ReportSource, name: str
) -> None:
    known = source.study.results.to_frame().set_index("result_id")
    data = figures[name].data.set_index("result_id")
    assert len(data)
    columns = ["value", "ci_lower", "ci_upper", "n", "denominator"]
    pd.testing.assert_frame_equal(data[columns], known.loc[data.index, columns])


def test_figure_1_says_what_the_paper_prints(figures: dict[str, Figure]) -> None:
    figure = figures["easi_bands"]
    assert "EASI < 7 72.2% (39 of 54)" in figure.alternative
    assert "EASI < 7 55.8% (126 of 226)" in figure.alternative
    assert "p = 0.027" in figure.caption
    assert "difference 16.5 (95% CI 1.9–28.5) percentage points (association" in figure.caption


def test_the_flow_between_regimens_keeps_every_patient(figures: dict[str, Figure]) -> None:
    flows = figures["regimen_flow"].data
    for _, part in flows.groupby("timepoint"):
        assert part["n"].sum() == 307


def lightness(colour: str) -> float:
    """CIE lightness, 0 (black) to 100 (white)."""
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)
    )
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return 116 * y ** (1 / 3) - 16 if y > 0.008856 else 903.3 * y


@pytest.mark.parametrize("looks", [REGIMEN_LOOKS, GROUP_LOOKS])
def test_categories_differ_in_grey_and_by_hatch(looks: dict) -> None:
    for first, second in combinations(looks.values(), 2):
        assert (
            first.hatch != second.hatch or abs(lightness(first.fill) - lightness(second.fill)) > 30
        )
        assert abs(lightness(first.fill) - lightness(second.fill)) > 8


@pytest.fixture(scope="module")
def edge_figures(
    edge_rows: dict[str, ResultRows],
) -> dict[str, dict[str, Figure | NothingToShowError]]:
    return {name: draw_all(rows) for name, rows in edge_rows.items()}


def test_a_cohort_at_the_edge_is_drawn_or_the_reason_is_given(edge_figures: dict) -> None:
    for drawn in edge_figures.values():
        assert set(drawn) == set(FIGURES)
        for figure in drawn.values():
            if isinstance(figure, NothingToShowError):
                assert str(figure)
            else:
                ElementTree.fromstring(figure.svg)


def test_without_scores_the_score_charts_say_so(edge_figures: dict) -> None:
    drawn = edge_figures["no_scores"]
    assert str(drawn["score_trajectories"]) == "no score is recorded at any timepoint"
    assert str(drawn["easi_bands"]) == "no evaluable patient has EASI recorded at week 4"
    assert isinstance(drawn["topical_regimens"], Figure)


def test_a_separated_ratio_is_not_drawn_as_if_it_were_fine(edge_figures: dict) -> None:
    figure = edge_figures["only_women_start"]["hazard_ratios"]
    assert "Female sex (reference: male): not estimable or with a warning" in figure.alternative
    assert "A row without a point" in figure.caption
