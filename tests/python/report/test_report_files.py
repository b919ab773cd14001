"""write_report: both kinds of warehouse file, read-only, complete or not at all, deterministic."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import duckdb
import pytest
from report_warehouses import SECRET, publish, twin_marts
from warehouse_files import write_warehouse

from analysis_py.report import write_report
from analysis_py.report.account import Quality, read_quality
from analysis_py.report.appendix import software
from analysis_py.report.data_quality import FILE_HAS_NO_QUALITY, data_quality
from analysis_py.report.first_screen import at_a_glance
from analysis_py.report.source import COMPUTED, STORED, ReportSource, read_source
from analysis_py.store import write_results
from core.stop import Stop


def quiet(_: str) -> None:
    pass


def quality_of(path: Path) -> Quality:
    with duckdb.connect(str(path), read_only=True) as db:
        return read_quality(db)


@pytest.fixture(scope="module")
def published(
    build_file: Path, source: ReportSource, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return publish(build_file, tmp_path_factory.mktemp("published") / "quality.duckdb", source)


@pytest.fixture(scope="module")
def written(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an old report, after the report of the read-only published file."""
    folder = tmp_path_factory.mktemp("written") / "new" / "folder"
    (folder / "figures").mkdir(parents=True)
    (folder / "figures" / "figure_1_easi_bands.svg").write_text("old")
    (folder / "report.html").write_text("old")
    before = hashlib.sha256(published.read_bytes()).hexdigest()
    published.chmod(0o444)
    assert write_report(published, folder) == folder / "report.html"
    assert hashlib.sha256(published.read_bytes()).hexdigest() == before
    assert not published.with_name(published.name + ".wal").exists()
    return folder


def test_the_report_of_a_published_file_is_written_beside_its_files(written: Path) -> None:
    names = sorted(path.name for path in written.iterdir())
    assert names == ["figures", "quality.html", "report.html", "tables.docx", "tables.xlsx"]
    assert {path.suffix for path in (written / "figures").iterdir()} == {".csv", ".png", ".svg"}


def test_a_report_replaces_the_one_before(written: Path) -> None:
    for path in written.rglob("*.*"):
        assert path.read_bytes() != b"old", path


def test_the_report_and_the_quality_page_show_the_same_section(written: Path) -> None:
    sections = [
        re.search(r'<section aria-labelledby="data-quality">.*?</section>', text, re.DOTALL).group()
        for text in (
            (written / name).read_text("utf-8") for name in ("report.html", "quality.html")
        )
    ]
    assert sections[0] == sections[1]
    assert SECRET not in sections[0], "a name that no code list knows is text of the clinic"
    cells = re.sub(r"<[^>]+>", " ", sections[0].partition("Names that no code list")[2]).split()
    assert cells[-1:] != ["none."]
    assert "Drug 3 194 4325 65" in " ".join(cells)
    assert "Comorbidity" not in cells
    for words in (
        "✗ failed (new)",
        "! could not be evaluated",
        "– not applicable",
        "✓ passed",
        "4 of 121 expectations were judged",
        "Visits: enough visits failed",
        "completeness, verification",
        "at most 1%",
        "EASI at week 4",
        "fct_scores",
        "Names that no code list knows",
    ):
        assert words in sections[0].replace("\u00a0", " "), words


def test_results_of_a_published_file_are_read_back_exactly(
    published: Path, source: ReportSource
) -> None:
    again = read_source(published, quiet)
    assert (again.origin, source.origin) == (STORED, COMPUTED)
    assert list(again.rows) == list(source.rows)
    assert again.study.compared == source.study.compared
    assert again.study.software == source.study.software


def test_build_and_published_file_give_the_same_account(build_file: Path, published: Path) -> None:
    build, version = quality_of(build_file), quality_of(published)
    for table in ("ledger", "refusals", "notices"):
        assert build[table], table
        assert build[table] == version[table], table


def test_results_of_another_delivery_are_not_shown(
    build_file: Path, source: ReportSource, tmp_path: Path
) -> None:
    path = tmp_path / "stale.duckdb"
    shutil.copy(build_file, path)
    write_results(path, source.study)
    with duckdb.connect(str(path)) as db:
        db.execute("update results.run set load_id = 'another'")
    assert read_source(path, quiet).origin == COMPUTED


def test_results_of_another_version_are_not_shown(
    build_file: Path, source: ReportSource, tmp_path: Path
) -> None:
    path = tmp_path / "older.duckdb"
    shutil.copy(build_file, path)
    write_results(path, source.study)
    with duckdb.connect(str(path)) as db:
        db.execute("alter table results.estimates drop column comparator")
    assert read_source(path, quiet).origin == COMPUTED


def test_a_file_with_marts_alone_says_that_it_has_no_account_of_the_records(
    frames: dict, tmp_path: Path
) -> None:
    path = write_warehouse(tmp_path / "raw.duckdb", twin_marts(frames))
    quality = quality_of(path)
    assert quality.tables is None
    assert data_quality(quality).blocks[0].text == FILE_HAS_NO_QUALITY


def test_a_build_and_its_published_file_give_the_same_tables_figures_and_sections(
    written: Path, files: dict[str, bytes]
) -> None:
    """Drawn twice, once from computed and once from stored results."""
    again = {name: (written / name).read_bytes() for name in files}
    pages = {"report.html", "quality.html"}
    assert [name for name in files if name not in pages and files[name] != again[name]] == []
    one, other = sections_of(files["report.html"]), sections_of(again["report.html"])
    assert len(one) > 10
    about_this_file = {"at-a-glance", "data-quality", "software"}
    assert {name for name in one | other if one.get(name) != other.get(name)} == about_this_file


def test_what_a_report_says_of_its_own_file_is_the_same_each_time(published: Path) -> None:
    first, again = read_source(published, quiet), read_source(published, quiet)
    for section in (at_a_glance, software):
        assert section(first) == section(again)
    assert data_quality(first.quality) == data_quality(again.quality)


def sections_of(page: bytes) -> dict[str, str]:
    found = re.findall(
        r'<section aria-labelledby="([^"]+)">(.*?)</section>', page.decode(), re.DOTALL
    )
    return dict(found)


def test_a_folder_that_is_a_file_is_refused_in_words(published: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    with pytest.raises(Stop, match=r"could not be written to .*taken"):
        write_report(published, taken)
    assert taken.read_text() == "a file"


def test_a_file_that_is_missing_or_no_warehouse_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="there is no warehouse file"):
        write_report(tmp_path / "nowhere.duckdb", tmp_path / "out")
    other = tmp_path / "notes.duckdb"
    other.write_text("not a database " * 1000)
    with pytest.raises(Stop, match="is not a DuckDB file"):
        write_report(other, tmp_path / "out")
    assert not (tmp_path / "out").exists()
