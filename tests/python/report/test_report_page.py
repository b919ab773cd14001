"""The pages: well formed, self-contained, accessible, escaped, and with counts only."""

from __future__ import annotations

import re
from html import unescape
from itertools import pairwise

import pytest
from html_outline import Outline, outline_of
from report_warehouses import HOSTILE, LOAD_ID, SECRET

from analysis_py import published
from analysis_py.figures import FIGURES
from analysis_py.report.account import Quality
from analysis_py.report.first_screen import alerts, at_a_glance
from analysis_py.report.page import HERE, INTERNAL_NOTE, render_page
from analysis_py.report.source import ReportSource
from analysis_py.rows import ResultRows
from analysis_py.tables import TABLES

LARGEST = 5 * 1024 * 1024
PAGES = ("report.html", "quality.html")
AA = 4.5
SECTIONS = (
    "at-a-glance",
    "cohort",
    "data-quality",
    "effectiveness",
    "topical-therapy",
    "tacrolimus-start",
    "early-response",
    "safety-and-practice",
    "comparison",
    "methods",
    "warnings",
    "software",
    "delivery",
)


@pytest.fixture(scope="module")
def outline(page: str) -> Outline:
    return outline_of(page)


@pytest.fixture(scope="module", params=["page", "quality_page"])
def either(request: pytest.FixtureRequest) -> str:
    """The report, then the quality page."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def text(page: str) -> str:
    return words_of(page)


def words_of(page: str) -> str:
    """Visible words of a page, single blanks."""
    without = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(without).replace("\u00a0", " "))


def test_every_element_is_closed_in_its_turn(either: str) -> None:
    assert outline_of(either).faults == []


def test_the_page_is_one_small_file(page: str) -> None:
    assert len(page.encode()) < LARGEST


def test_nothing_is_loaded_from_anywhere(either: str) -> None:
    page, outline = either, outline_of(either)
    for element in outline.elements:
        for name in ("src", "srcset", "data", "action", "poster", "background"):
            assert name not in element.attributes, element.tag
        target = element.attributes.get("href", "#")
        assert target.startswith(("#", "figures/", "data:,")) or target in PAGES, target
    assert outline.all("script", "iframe", "object", "embed", "img") == []
    assert not re.search(r"https?:|//[a-z]|@import|@font-face", page)
    assert all(url.startswith("#") for url in re.findall(r"url\(([^)]*)\)", page))


def test_the_policy_of_the_page_forbids_the_network(either: str) -> None:
    policies = [
        e.attributes for e in outline_of(either).all("meta") if "http-equiv" in e.attributes
    ]
    assert policies[0]["content"].startswith("default-src 'none'")


def test_every_link_has_a_target(either: str, files: dict[str, bytes]) -> None:
    outline = outline_of(either)
    identifiers = [e.attributes["id"] for e in outline.elements if "id" in e.attributes]
    assert len(identifiers) == len(set(identifiers)), "an id is used twice"
    named = set(identifiers)
    for element in outline.elements:
        target = element.attributes.get("href", "")
        if target.startswith("#"):
            assert target[1:] in named, target
        elif target.startswith("figures/"):
            assert target in files
        for name in ("aria-labelledby", "aria-describedby", "for"):
            for identifier in element.attributes.get(name, "").split():
                assert identifier in named, identifier
        for reference in re.findall(r"url\(#([^)]+)\)", " ".join(element.attributes.values())):
            assert reference in named, reference


def test_headings_come_in_order(either: str) -> None:
    levels = [int(e.tag[1]) for e in outline_of(either).all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_sections_are_in_the_order_of_the_contents(outline: Outline) -> None:
    ids = tuple(e.attributes["aria-labelledby"] for e in outline.all("section"))
    assert ids == SECTIONS
    links = [e.attributes["href"] for e in outline.all("a") if e.within("nav")]
    assert links == [f"#{name}" for name in SECTIONS]


def test_language_landmarks_and_skip_link(outline: Outline) -> None:
    assert outline.all("html")[0].attributes["lang"] == "en-GB"
    for landmark in ("header", "nav", "main", "footer"):
        assert len(outline.all(landmark)) == 1
    assert outline.all("title")[0].text
    assert outline.all("a")[0].attributes["href"] == "#main"


def test_every_drawing_has_a_text_alternative(outline: Outline) -> None:
    drawings = outline.all("svg")
    assert len(drawings) == len(FIGURES)
    for drawing in drawings:
        assert drawing.attributes["role"] == "img"
        name, description = drawing.attributes["aria-labelledby"].split()
        texts = {e.attributes.get("id"): e.text for e in outline.all("title", "desc")}
        assert texts[name]
        assert len(texts[description]) > 80


def test_every_table_has_a_caption_and_heads_with_scope(outline: Outline) -> None:
    tables = outline.all("table")
    assert len(tables) >= len(TABLES) + 5
    captions = [e for e in outline.all("caption") if e.text]
    assert len(captions) == len(tables)
    for head in outline.all("th"):
        assert head.attributes["scope"] in ("col", "row", "rowgroup")


def test_every_table_and_figure_is_there(text: str) -> None:
    for number in ("Table I.", "Table II.", "Figure 1.", *(f"Table S{n}." for n in range(1, 11))):
        assert number in text
    for n in range(1, 8):
        assert f"Figure S{n}." in text


def test_text_of_a_delivery_is_not_markup(either: str) -> None:
    assert "<script" not in either
    assert "<b>Unknown" not in either
    assert "\x1b" not in either
    assert HOSTILE in words_of(either)
    assert "<b>Unknown</b>" in unescape(either)


def test_no_value_of_a_patient_is_in_any_file(files: dict[str, bytes]) -> None:
    for name, content in files.items():
        assert SECRET.encode() not in content, name
        assert b"Rossi" not in content, name


def test_the_page_says_that_the_data_are_synthetic(either: str) -> None:
    outline = outline_of(either)
    banner = outline.all("aside")[0]
    assert banner.text.startswith("SYNTHETIC DATA, no real patients")
    strips = [e for e in outline.all("div") if e.attributes.get("class") == "strip"]
    assert strips[0].text == (
        f"SYNTHETIC DATA, no real patients · internal: exact counts · load {LOAD_ID[:16]}"
    )
    assert LOAD_ID in words_of(either)


def test_the_page_says_that_it_is_internal(either: str) -> None:
    assert INTERNAL_NOTE in words_of(either)


def test_refusals_are_counted_with_what_to_do(either: str) -> None:
    text = words_of(either)
    assert "Records read 1542" in text
    assert "Records refused 4" in text
    assert "No date visits.csv visit_date record refused 2 1200" in text
    assert "Correct it & deliver again." in text
    assert "visits.csv Extra column 2" in text


def test_the_page_has_the_numbers_of_the_study(text: str) -> None:
    for words in (
        "72.2% (39 of 54)",
        "Pearson chi-square p = 0.027",
        "restricted mean time to the start 8.3 (95% CI",
        "Female sex (reference: male): hazard ratio 1.51 (95% CI 1.03–2.21), p = 0.034",
        "Age at dupilumab initiation (per 10 years): hazard ratio 0.88 (95% CI 0.78–0.99)",
        "DLQI at baseline (per 5 points): odds ratio 0.814 (95% CI 0.663–0.999), p = 0.049",
        "difference 16.5 (95% CI 1.9–28.5) percentage points, association, not adjusted",
        "Left out because not known: use of tacrolimus at baseline, 0 of 307 evaluable patients",
        "log-rank test p = 0.018",
        "31 (11.0) ; p = 0.003",
        "proportional hazards: holds (p = 0.544)",
    ):
        assert words in text, words


def test_the_first_section_answers_before_the_list_of_contents(page: str) -> None:
    first = words_of(page.partition('<nav class="contents"')[0])
    for words in (
        "Patients enrolled 342",
        "EASI, mean change to week 52 −25.9 95% CI −26.9 to −24.9; 203 patients assessed at both",
        "EASI-75 at week 52 86.2%",
        "Started tacrolimus 110 of 307 65 of them at baseline",
        "72.2% against 55.8% 39 of 54 and 126 of 226; difference 16.5 (95% CI 1.9–28.5) percentage "
        "points; association, not adjusted",
        "EASI not known at week 52 139 of 342",
        "Female sex (reference: male) 1.51",
        "What is not known: use of tacrolimus at baseline, 0 of 307 evaluable patients",
        "names not recognised: none; 4 of 1,542 records refused",
    ):
        assert words in first, words
    # Means of different patients are never put side by side as a change.
    assert "→ 3.2" not in first


def test_the_pages_say_which_version_they_show_and_link_each_other(
    page: str, quality_page: str
) -> None:
    for text, other in ((page, "quality.html"), (quality_page, "report.html")):
        assert re.search(
            "A build that is not published · data extracted 2020 · built 20[0-9-]{8} · ",
            words_of(text),
        )
        assert f'<a href="{other}">' in text


def test_without_a_score_or_without_patients_both_pages_warn_at_the_top(
    edge_rows: dict[str, ResultRows],
) -> None:
    nothing = Quality({})
    assert alerts(edge_rows["one_patient"], nothing) == ()
    found = alerts(edge_rows["no_scores"], nothing)
    assert [text.partition(" has no value")[0] for text in found] == [
        *("EASI", "Itch NRS", "Sleep NRS", "DLQI")
    ]
    assert alerts(edge_rows["no_patient"], nothing)[0].startswith(
        "No patient meets every criterion"
    )


def test_a_warning_is_above_everything_else(source: ReportSource) -> None:
    page = render_page(
        [at_a_glance(source)],
        source.study.delivery,
        source.edition,
        ["DLQI has no value <b>"],
        title="Registry report",
        about="About",
        other=("quality.html", "Data quality"),
    )
    warning = page.index('role="alert"')
    assert page.index("DLQI has no value &lt;b&gt;") > warning
    assert warning < page.index('<main id="main">')


def test_many_unknown_names_are_an_alert_with_counts_and_without_names(
    source: ReportSource,
) -> None:
    counted = {"n_terms": 3, "n_records": 194, "n_records_staged": 4325, "n_patients": 65}
    judged = {"subject_code": "export", "expectation_code": "drug_name_understood"}
    quality = Quality(
        {
            "unrecognised": [{"term_kind": "drug", **counted}],
            "expectations": [judged | {"state_code": "failed"}],
        }
    )
    [text] = alerts(source.rows, quality)
    assert "drug in 194 of 4,325 records of 65 patients (different names: 3)" in text
    passed = Quality({**quality.tables, "expectations": [judged | {"state_code": "passed"}]})
    assert alerts(source.rows, passed) == ()


def test_all_printed_numbers_are_compared_those_that_differ_first(
    outline: Outline, source: ReportSource
) -> None:
    rows = [
        e.attributes["class"]
        for e in outline.all("tr")
        if e.attributes.get("class") in published.STATUSES
    ]
    assert len(rows) == 351
    order = [published.DIFFERS, published.CORRECTED, published.EQUAL, published.CONFIRMED]
    order.append(published.NOT_COMPUTABLE)
    assert [order.index(row) for row in rows] == sorted(order.index(row) for row in rows)
    counts = published.counts(source.study.compared)
    assert {status: rows.count(status) for status in order} == counts


def test_every_status_can_be_chosen(outline: Outline) -> None:
    style = (HERE / "style.css").read_text(encoding="utf-8")
    choices = [e.attributes["id"] for e in outline.all("input")]
    assert choices[0] == "show-all"
    for status in published.STATUSES:
        assert f"show-{status}" in choices
        assert f"#show-{status}:checked ~ .scroll tbody tr:not(.{status})" in style


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_rule_with_a_ground_has_enough_contrast() -> None:
    style = (HERE / "style.css").read_text(encoding="utf-8")
    variables = dict(re.findall(r"(--[a-z-]+):\s*(#[0-9a-f]{6});", style))
    assert len(variables) >= 10
    # Texts on the page itself, or on the shade of a fact.
    pairs = {(name, "--paper") for name in ("--ink", "--quiet", "--link", "--care-ink")}
    pairs |= {(name, "--shade") for name in ("--ink", "--quiet", "--link")}
    for rule in re.findall(r"\{([^{}]*)\}", style):
        ground = re.search(r"background: var\((--[a-z-]+)\)", rule)
        ink = re.search(r"(?<![a-z-])color: var\((--[a-z-]+)\)", rule)
        if ground:
            pairs.add((ink.group(1) if ink else "--ink", ground.group(1)))
    # A link of a folded note within a coloured row.
    pairs |= {("--link", "--stop-paper"), ("--link", "--care-paper")}
    for ink, ground in pairs:
        assert contrast(variables[ink], variables[ground]) >= AA, (ink, ground)
