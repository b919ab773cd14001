"""The page in a real browser: seen, printed, measured. Says so where no browser is installed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path

import pytest
from browser import MISSING, find_browser, run_browser, with_probe

from analysis_py import published
from analysis_py.report.source import ReportSource

# Contrast of every text with what is painted behind it, width of the page, rows that are shown.
PROBE = """
function rgb(text) { return text.match(/[\\d.]+/g).map(Number); }
function light(c) {
  const part = c.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
}
function ground(element) {
  for (let e = element; e; e = e.parentElement) {
    const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0) return c;
  }
  return [255, 255, 255];
}
const faint = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let texts = 0;
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.nodeValue.trim() || element.closest('svg, script')) continue;
  texts += 1;
  const ink = light(rgb(getComputedStyle(element).color)), behind = light(ground(element));
  const ratio = (Math.max(ink, behind) + 0.05) / (Math.min(ink, behind) + 0.05);
  if (ratio < 4.5) faint.push([element.className || element.tagName, ratio.toFixed(2)]);
}
function shown() {
  return [...document.querySelectorAll('.filtered tbody tr')]
    .filter(row => getComputedStyle(row).display !== 'none').length;
}
const rows = {};
for (const choice of document.querySelectorAll('input[name=shown-rows]')) {
  choice.checked = true;
  rows[choice.id] = shown();
}
const drawings = [...document.querySelectorAll('svg.drawing')].map(d => d.getBoundingClientRect());
const found = {
  texts, faint, rows,
  width: document.documentElement.scrollWidth, window: window.innerWidth,
  drawings: drawings.map(d => [Math.round(d.width), Math.round(d.height)]),
  sticky: getComputedStyle(document.querySelector('.banner')).position,
  requests: performance.getEntriesByType('resource').map(e => e.name),
};
document.body.innerHTML = '<pre id="found">' + JSON.stringify(found) + '</pre>';
"""

TELEPHONE = """
onload = () => {
  const page = document.querySelector('iframe').contentDocument;
  const box = e => e.getBoundingClientRect();
  const tables = [...page.querySelectorAll('table')];
  const contents = page.querySelector('nav');
  const first = page.querySelector('.facts');
  document.querySelector('#found').textContent = JSON.stringify({
    width: page.documentElement.scrollWidth,
    tables: tables.length,
    wide: [...page.querySelectorAll('table, tbody td, tbody th')].filter(e => box(e).right > 391)
      .map(e => e.textContent.slice(0, 40)),
    facts: [...first.children].filter(e => box(e).bottom <= 844).length,
    contents: contents && box(contents).top,
  });
};
"""


@pytest.fixture(scope="module")
def browser() -> str:
    found = find_browser()
    if found is None:
        pytest.skip(MISSING)
    return found


@pytest.fixture(scope="module")
def page_file(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def measure(browser: str, page: str, folder: Path, width: int) -> dict:
    path = folder / "probe.html"
    path.write_text(with_probe(page, PROBE), encoding="utf-8")
    dumped = run_browser(browser, folder, f"--window-size={width},900", "--dump-dom", path.as_uri())
    return json.loads(unescape(re.search(r'<pre id="found">(.*?)</pre>', dumped).group(1)))


@pytest.fixture(scope="module")
def measured(browser: str, page: str, tmp_path_factory: pytest.TempPathFactory) -> dict:
    return measure(browser, page, tmp_path_factory.mktemp("probe"), 1280)


def test_every_text_can_be_read_against_its_ground(measured: dict) -> None:
    assert measured["texts"] > 1000
    assert measured["faint"] == []


def test_the_page_is_no_wider_than_the_window(measured: dict) -> None:
    assert measured["width"] <= measured["window"]


@pytest.mark.parametrize("name", ["page", "quality_page"])
def test_pages_and_every_table_fit_a_telephone(
    browser: str, name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A frame of 390 x 844, because the window of a browser cannot be so narrow."""
    page, frame = request.getfixturevalue(name), tmp_path / "frame.html"
    frame.write_text(
        '<pre id="found"></pre><iframe style="width:390px;height:844px;border:0" '
        f'srcdoc="{escape(page)}"></iframe><script>{TELEPHONE}</script>',
        encoding="utf-8",
    )
    dumped = run_browser(browser, tmp_path, "--dump-dom", frame.as_uri())
    found = json.loads(unescape(re.search(r'<pre id="found">(.*?)</pre>', dumped).group(1)))
    assert found["width"] == 390
    assert found["tables"] > (20 if name == "page" else 2)
    assert found["wide"] == []
    assert found["facts"] == (6 if name == "page" else 4), "not all in the first screen"
    assert found["contents"] is None or found["contents"] > 844


def test_no_table_of_the_quality_page_scrolls_in_a_small_window(
    browser: str, published_demo: Path, tmp_path: Path
) -> None:
    """What to do about a refusal is in the last columns; folded tables are opened first."""
    quality_page = (published_demo / "published" / "report" / "quality.html").read_text("utf-8")
    script = """
    for (const folded of document.querySelectorAll('details')) folded.open = true;
    const boxes = [...document.querySelectorAll('.scroll')];
    const wide = boxes.filter(box => box.scrollWidth > box.clientWidth);
    const found = [boxes.length, wide.map(box => box.textContent.trim().slice(0, 40))];
    document.body.innerHTML = '<pre id="found">' + JSON.stringify(found) + '</pre>';
    """
    path = tmp_path / "probe.html"
    path.write_text(with_probe(quality_page, script), encoding="utf-8")
    dumped = run_browser(browser, tmp_path, "--window-size=1000,900", "--dump-dom", path.as_uri())
    n_tables, wide = json.loads(unescape(re.search(r'id="found">(.*?)</pre>', dumped).group(1)))
    assert n_tables > 4
    assert wide == []


def test_every_drawing_has_a_size(measured: dict) -> None:
    assert len(measured["drawings"]) == 8
    assert all(width > 600 and height > 100 for width, height in measured["drawings"])


def test_nothing_was_asked_of_the_network(measured: dict) -> None:
    assert measured["requests"] == []


def test_the_choice_of_rows_works_without_a_script(measured: dict, source: ReportSource) -> None:
    counts = published.counts(source.study.compared)
    expected = {f"show-{status}": n for status, n in counts.items()}
    assert measured["rows"] == {"show-all": 351, **expected}


def test_the_banner_stays_in_sight(measured: dict) -> None:
    assert measured["sticky"] == "sticky"


def test_a_picture_of_the_page_is_not_blank(browser: str, page_file: Path, tmp_path: Path) -> None:
    from PIL import Image

    picture = tmp_path / "page.png"
    run_browser(
        browser, tmp_path, "--window-size=1280,4000", f"--screenshot={picture}", page_file.as_uri()
    )
    colours = Image.open(picture).convert("RGB").getcolors(maxcolors=1 << 24)
    assert len(colours) > 100


def test_every_printed_page_says_that_the_data_are_synthetic(
    browser: str, page_file: Path, tmp_path: Path
) -> None:
    printed = tmp_path / "report.pdf"
    run_browser(
        browser, tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={printed}", page_file.as_uri()
    )
    assert printed.read_bytes().startswith(b"%PDF")
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed: the printed pages were not read")
    text = subprocess.run(
        ["pdftotext", "-raw", printed, "-"], capture_output=True, text=True, check=True
    ).stdout
    pages = text.rstrip("\f").split("\f")
    assert len(pages) > 10
    for number, words in enumerate(pages, start=1):
        assert "SYNTHETIC DATA" in " ".join(words.split()), f"page {number}"
