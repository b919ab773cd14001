"""The quality page: self-contained, escaped, counts only."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import duckdb
import pytest

from expectations.page import write_page
from refresh import quality_tables

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)> \"& {{ 7 * 7 }} \x1b[2J"


class Tags(HTMLParser):
    """Collects the tags of a page and everything that would be loaded."""

    def __init__(self):
        super().__init__()
        self.tags, self.loads, self.handlers = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href", "action")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    file = folder / "w.duckdb"
    with duckdb.connect(str(file)) as db:
        db.execute("create schema marts")
        db.execute(
            "create table marts.dim_delivery as select ? as delivery_label, "
            "'clinic' as source_system, true as is_synthetic",
            [HOSTILE],
        )
        quality_tables.create_all(db)
        db.execute(
            "insert into quality.refusals values ('visits', $1, $1, $1, $1, $1, $1, $1, 3, 100)",
            [HOSTILE],
        )
        for state in ("passed", "failed", "error", "not_applicable"):
            db.execute(
                "insert into quality.expectation_results values (4, 'suite', $1, 'c', $1, 'new', "
                "'critical', 'export', 'completeness', 'verification', $2, 3, 40, null, $2, false)",
                [state, HOSTILE],
            )
        db.execute(
            "insert into quality.record_ledger values ('visits', $1, 1000, 996, 3, 1, 2, 0)",
            [HOSTILE],
        )
    text = write_page(file, folder / "quality.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(text)
    return text, tags


def test_nothing_is_loaded_and_nothing_runs(page):
    text, tags = page
    assert tags.loads == []
    assert tags.handlers == []
    assert not {"script", "img", "iframe", "link", "object", "form"} & set(tags.tags)
    assert "http" not in text
    assert "@import" not in text
    assert "url(" not in text


def test_text_of_a_delivery_is_shown_and_never_markup(page):
    text, _ = page
    assert "&lt;script&gt;alert" in text
    assert "\x1b" not in text
    assert "{{ 7 * 7 }}" in text


def test_every_state_is_told_in_words_not_by_colour_alone(page):
    text, _ = page
    for word in ("passed", "failed", "could not be evaluated", "not applicable"):
        assert word in text


def test_counts_and_denominators_are_there(page):
    text, _ = page
    assert re.search(r"<td class='n'>1,000</td><td class='n'>996</td>", text)


def test_synthetic_data_say_so(page):
    assert "Synthetic data" in page[0]


def test_headings_and_tables_are_marked_up_for_screen_readers(page):
    text, tags = page
    assert "<html lang='en'>" in text
    assert tags.tags.count("h1") == 1
    assert tags.tags.count("table") == tags.tags.count("caption")
    assert "scope='col'" in text


def test_the_number_that_ran_stands_beside_the_number_that_should(tmp_path, page):
    file = tmp_path / "w.duckdb"
    with duckdb.connect(str(file)) as db:
        db.execute(
            "create schema marts; create table marts.dim_delivery as select 'd' as delivery_label, "
            "'clinic' as source_system, true as is_synthetic; create schema metadata"
        )
        db.execute(
            "create table metadata.build as select ? as manifest_entry",
            [json.dumps({"expectations": {"n_expected": 121}})],
        )
        quality_tables.create_all(db)
    written = write_page(file, tmp_path / "q.html").read_text(encoding="utf-8")
    assert "0 of 121 expectations were judged" in written
    assert "4 expectations were judged" in page[0]
