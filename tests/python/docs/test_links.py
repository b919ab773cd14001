"""What the documents point at is there: files, headings, make targets, the landing page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from doc_files import ROOT, document

DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for path in (
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "models" / "_docs" / "overview.md",
        *(ROOT / "docs").rglob("*.md"),
    )
)
FOLDERS = "analysis_py|docs|expectations|exports|intake|macros|models|refresh|seeds|simulator|tests"


def anchors(text: str) -> set[str]:
    """Names under which the headings of a page can be linked."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    folder = (ROOT / name).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", document(name)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (folder / path).resolve() if path else ROOT / name
        assert linked.exists(), f"{name}: {target}"
        if anchor:
            assert anchor in anchors(linked.read_text("utf-8")), f"{name}: {target}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_that_are_named_exist(name: str) -> None:
    for path in re.findall(rf"`((?:{FOLDERS})/[\w./]*)`", document(name)):
        if "a20_" not in path:
            assert (ROOT / path).exists(), f"{name}: {path}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_make_targets_that_are_named_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z]+)", document(name), re.MULTILINE)) <= targets


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_path_of_one_machine_is_named(name: str) -> None:
    assert not re.search(r"(?<![\w.])/(?:home|root|tmp|Users|work)/", document(name))


def test_the_landing_page_is_one_docs_block() -> None:
    text = document("models/_docs/overview.md").strip()
    assert text.startswith("{% docs __overview__ %}")
    assert text.endswith("{% enddocs %}")


def test_decisions_are_numbered_without_gaps_and_named_alike() -> None:
    paths = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [path.name[:4] for path in paths] == [f"{n:04d}" for n in range(1, len(paths) + 1)]
    for path in paths:
        title = Path(path).read_text("utf-8").splitlines()[0]
        assert title.startswith(f"# {path.name[:4]} ")
