"""Pack, publish, manifest, rollback and verify, on an invented warehouse of twenty patients."""

from __future__ import annotations

import json
import os
import shutil
import stat

import duckdb
import invented
import pytest

from core.stop import ExitCode, Stop
from refresh.store import manifest, pack, publish, versions
from refresh.store.versions import open_published


def publish_once(settings, shape=None, build_id="aaaa1111"):
    settings.work_file.unlink(missing_ok=True)
    invented.write_warehouse(settings.work_file, shape or invented.Shape())
    return invented.publish_work_file(settings, build_id=build_id)


@pytest.fixture(scope="module")
def made_of_three(tmp_path_factory):
    made = invented.make_folders(tmp_path_factory.mktemp("three"))
    for build_id in ("aaaa1111", "bbbb2222", "cccc3333"):
        publish_once(made, build_id=build_id)
    return made


@pytest.fixture
def names(made_of_three, settings):
    """The names of three published versions; each test has a copy of its own."""
    invented.copy_registry(made_of_three, settings)
    return [version.name for version in versions.listed(settings)]


ENTRY = {"seq": 1, "build_id": "aaaa1111", "packed_at": "2020-12-31T00:00:00+00:00"}


def marts_hash(contents):
    return {table.name: table.content_hash for table in contents if table.schema == "marts"}


def test_published_file_holds_only_what_may_be_published(settings):
    publish_once(settings)
    with open_published(settings.published) as db:
        schemas = {
            row[0] for row in db.execute("select schema_name from duckdb_tables()").fetchall()
        }
    assert schemas == {"marts", "results", "metadata"}


def test_comments_are_copied_into_the_published_file_and_its_dictionary(settings):
    publish_once(settings)
    with open_published(settings.published) as db:
        table = db.execute(
            "select comment from duckdb_tables() where table_name = 'dim_patients'"
        ).fetchone()
        column = db.execute(
            "select column_description from metadata.columns where column_name = 'sex_code'"
        ).fetchone()
    assert table == ("One row per enrolled patient; it's invented.",)
    assert column == ("Sex: female or male.",)


def test_rows_are_ordered_by_pseudonym_not_by_the_order_of_the_export(settings):
    publish_once(settings)
    with open_published(settings.published) as db:
        ids = [row[0] for row in db.execute("select patient_id from marts.dim_patients").fetchall()]
    assert len(ids) == 20
    assert ids == sorted(ids)


@pytest.mark.fault("P255")
def test_published_version_is_read_only_and_has_no_log(settings):
    line = publish_once(settings)
    version = versions.file_of(settings, line["version"])
    assert stat.S_IMODE(version.stat().st_mode) == 0o444
    assert os.readlink(settings.current) == f"versions/{line['version']}/current.duckdb"
    assert [path.name for path in version.parent.iterdir()] == ["current.duckdb"]


@pytest.mark.fault("P230")
def test_published_file_is_written_in_the_oldest_storage_version(settings):
    publish_once(settings)
    with duckdb.connect(os.path.realpath(settings.current), read_only=True) as db:
        tags = db.execute("select tags from duckdb_databases() where not internal").fetchone()[0]
    assert tags["storage_version"].startswith("v1.0.0")


def test_content_hash_ignores_record_order_and_references(tmp_path):
    hashes = []
    for order in ("n", "-n"):
        file = tmp_path / f"order{order}.duckdb"
        with duckdb.connect(str(file)) as db:
            db.execute("create schema marts")
            db.execute(
                "create table marts.t as select n, 'v' || n as word, "
                f"md5('load {order} ' || n) as record_reference "
                f"from range(500) as r(n) order by {order}"
            )
        candidate = tmp_path / f"candidate{order}.duckdb"
        tables = pack.pack(file, candidate, ENTRY)
        hashes.append((marts_hash(tables), tables[0].row_hash))
    assert hashes[0][0] == hashes[1][0]
    assert hashes[0][1] != hashes[1][1]


@pytest.mark.parametrize(
    "change",
    [
        "update marts.t set n = n + 1 where n = 7",
        "insert into marts.t select * from marts.t where n = 7",
        "delete from marts.t where n = 7",
        "alter table marts.t rename n to m",
    ],
)
def test_content_hash_sees_every_change(tmp_path, change):
    hashes = []
    for number, statement in enumerate(["select 1", change]):
        file = tmp_path / f"w{number}.duckdb"
        with duckdb.connect(str(file)) as db:
            db.execute("create schema marts; create table marts.t as select n from range(50) r(n)")
            db.execute(statement)
        tables = pack.pack(file, tmp_path / f"c{number}.duckdb", ENTRY)
        hashes.append(marts_hash(tables))
    assert hashes[0] != hashes[1]


def test_a_build_without_marts_is_not_published(settings):
    with duckdb.connect(str(settings.work_file)) as db:
        db.execute("create table t as select 1 as n")
    with pytest.raises(Stop) as stop:
        pack.pack(settings.work_file, settings.incoming / "c.duckdb", ENTRY)
    assert stop.value.code == ExitCode.CHECKS_FAILED


def test_only_the_newest_seven_versions_are_kept(settings):
    for number in range(9):
        publish_once(settings, build_id=f"bbbb000{number}")
    assert [version.seq for version in versions.listed(settings)] == [3, 4, 5, 6, 7, 8, 9]


def test_the_served_version_is_kept_however_old_it_is(settings):
    for number in range(4):
        publish_once(settings, build_id=f"bbbb000{number}")
    publish.rollback(settings, 1, "the newer ones were wrong")
    publish.prune(settings, kept=2)
    assert [version.seq for version in versions.listed(settings)] == [1, 3, 4]


@pytest.mark.fault("P228")
def test_rollback_serves_the_version_before_and_is_recorded(settings):
    first = publish_once(settings)
    publish_once(settings, invented.Shape(n_patients=21), "bbbb2222")
    publish.rollback(settings, None, "the second one was wrong")
    with open_published(settings.published) as db:
        assert db.execute("select count(*) from marts.dim_patients").fetchone() == (20,)
    last = manifest.read(settings.manifest)[-1]
    assert (last["event"], last["version"]) == ("rollback", first["version"])
    assert last["reason"] == "the second one was wrong"
    assert versions.verify(settings) == []


def test_after_a_rollback_the_next_version_gets_a_new_number(settings):
    publish_once(settings)
    publish_once(settings, build_id="bbbb2222")
    publish.rollback(settings, 1, "back")
    assert publish_once(settings, build_id="cccc3333")["seq"] == 3


@pytest.mark.fault("P231")
def test_versions_are_ordered_by_number_when_the_clock_goes_back(settings, monkeypatch):
    publish_once(settings)
    monkeypatch.setattr(manifest, "now", lambda: "1999-01-01T00:00:00+00:00")
    second = publish_once(settings, build_id="0000aaaa")
    assert [version.seq for version in versions.listed(settings)] == [1, 2]
    assert versions.name_of(versions.served(settings)) == second["version"]
    assert manifest.last_published(manifest.read(settings.manifest))["seq"] == 2


@pytest.mark.fault("P213")
@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_a_flipped_byte_is_found_and_the_version_is_not_served_again(settings, names, share):
    version = versions.file_of(settings, names[0])
    os.chmod(version, 0o644)
    content = bytearray(version.read_bytes())
    content[int(len(content) * share)] ^= 1
    version.write_bytes(content)
    os.chmod(version, 0o444)
    assert any("sha256" in fault for fault in versions.verify(settings))
    with pytest.raises(Stop) as stop:
        publish.rollback(settings, 1, "back")
    assert stop.value.code == ExitCode.DAMAGED


@pytest.mark.fault("P260")
@pytest.mark.parametrize(
    ("name", "value"),
    [("source_system", "elsewhere"), ("seq", 9), ("packed_at", "1999"), ("tables", [])],
)
def test_an_edited_manifest_line_differs_from_the_file_it_describes(settings, names, name, value):
    lines = settings.manifest.read_text().splitlines()
    entry = json.loads(lines[1])
    entry[name] = value
    lines[1] = json.dumps(entry)
    settings.manifest.write_text("\n".join(lines) + "\n")
    assert versions.verify(settings) == [f"{names[1]}: its manifest line was changed ({name})"]


def test_an_edited_sha256_is_found(settings):
    publish_once(settings)
    entry = json.loads(settings.manifest.read_text())
    settings.manifest.write_text(json.dumps({**entry, "file_sha256": "0" * 64}) + "\n")
    assert any("the file was changed" in fault for fault in versions.verify(settings))


@pytest.mark.fault("P260")
@pytest.mark.parametrize("line", ["{", "[]", "", "\x00\x00"])
def test_an_unreadable_manifest_line_stops_with_its_number_and_advice(settings, names, line):
    lines = settings.manifest.read_text().splitlines()
    lines[1] = line
    settings.manifest.write_text("\n".join(lines) + "\n")
    assert any("line 2 of" in fault for fault in versions.verify(settings))
    with pytest.raises(Stop) as stop:
        publish.tidy(settings)
    assert (stop.value.code, stop.value.rule) == (ExitCode.DAMAGED, "unreadable_manifest")
    assert "line 2 of" in stop.value.what
    assert "delete this line" in stop.value.todo


@pytest.mark.parametrize("kept", [[], [0], [2], [0, 1], [0, 2], [1, 2]])
def test_lost_manifest_lines_are_found_and_written_again_from_the_files(settings, names, kept):
    before = manifest.read(settings.manifest)
    lines = settings.manifest.read_text().splitlines(keepends=True)
    settings.manifest.write_text("".join(lines[number] for number in kept))
    faults = versions.verify(settings)
    lost = [name for number, name in enumerate(names) if number not in kept]
    for name in lost:
        assert f"{name}: the manifest has no line about this file" in faults
    assert sum("was missing and was written" in note for note in publish.tidy(settings)) == len(
        lost
    )
    assert versions.verify(settings) == []
    after = manifest.read(settings.manifest)
    for entry in before:
        written = manifest.of_version(after, entry["version"])
        assert written["file_sha256"] == entry["file_sha256"]
        assert written["tables"] == entry["tables"]
    assert manifest.next_sequence(after) == 4


def test_a_version_that_was_changed_gets_no_new_line(settings, names):
    settings.manifest.write_text("")
    file = versions.file_of(settings, names[1])
    os.chmod(file, 0o644)
    with duckdb.connect(str(file)) as db:
        db.execute("delete from marts.dim_patients where sex_code = 'female'")
    notes = publish.tidy(settings)
    assert f"{names[1]} has no manifest line and is damaged; run `registry verify`" in notes
    assert any(fault.startswith(names[1]) for fault in versions.verify(settings))
    assert manifest.of_version(manifest.read(settings.manifest), names[0]) is not None


def test_a_missing_version_is_found(settings, names):
    shutil.rmtree(settings.versions / names[0])
    assert versions.verify(settings) == [f"{names[0]}: the file is missing"]


def test_a_version_removed_because_of_its_age_is_not_missing(settings, names):
    publish.prune(settings, kept=1)
    assert versions.verify(settings) == []
    assert manifest.removed_versions(manifest.read(settings.manifest)) == set(names[:2])


def test_a_cut_last_line_is_removed_and_written_again_from_the_file(settings):
    publish_once(settings)
    publish_once(settings, build_id="bbbb2222")
    whole = settings.manifest.read_bytes()
    settings.manifest.write_bytes(whole[:-100])
    notes = publish.tidy(settings)
    assert len(notes) == 2
    entries = manifest.read(settings.manifest)
    assert [entry["seq"] for entry in entries] == [1, 2]
    assert entries[-1]["is_line_repaired"] is True
    assert versions.verify(settings) == []


def test_a_reader_keeps_its_version_and_a_new_one_gets_the_new(settings):
    publish_once(settings)
    old_reader = open_published(settings.published)
    publish_once(settings, invented.Shape(n_patients=33), "bbbb2222")
    new_reader = open_published(settings.published)
    count = "select count(*) from marts.dim_patients"
    assert old_reader.execute(count).fetchone() == (20,)
    assert new_reader.execute(count).fetchone() == (33,)


def test_a_second_connection_of_the_process_sees_the_new_version(settings):
    """As docs/bi.md says of DuckDB 1.5; with 1.4 the first connection decides."""
    publish_once(settings)
    count = "select count(*) from marts.dim_patients"
    with duckdb.connect(str(settings.current), read_only=True) as first:
        publish_once(settings, invented.Shape(n_patients=33), "bbbb2222")
        with duckdb.connect(str(settings.current), read_only=True) as second:
            assert first.execute(count).fetchone() == (20,)
            assert second.execute(count).fetchone() == (33,)


def test_a_log_left_by_a_writing_tool_does_not_reach_the_next_version(settings):
    line = publish_once(settings)
    stray = versions.log_of(versions.file_of(settings, line["version"]))
    stray.write_bytes(b"not a log of this database")
    publish_once(settings, invented.Shape(n_patients=33), "bbbb2222")
    with open_published(settings.published) as db:
        assert db.execute("select count(*) from marts.dim_patients").fetchone() == (33,)
    assert any("for writing" in fault for fault in versions.verify(settings))


@pytest.mark.fault("P255")
@pytest.mark.parametrize(
    "statement",
    [
        "create table marts.t (n integer)",
        "insert into marts.fct_cohort_attrition select * from marts.fct_cohort_attrition",
        "copy marts.dim_patients to 'out.csv'",
        "attach 'other.duckdb'",
        "select * from read_csv('/etc/hostname')",
        "set enable_external_access = true",
    ],
)
def test_a_reader_can_neither_write_nor_leave_the_file(settings, names, statement):
    assert names
    with open_published(settings.published) as db, pytest.raises(duckdb.Error):
        db.execute(statement)


def test_opening_before_the_first_publish_stops_with_a_message(settings):
    with pytest.raises(Stop) as stop:
        open_published(settings.published)
    assert "nothing is published" in stop.value.what


def test_the_database_has_the_same_name_in_every_version(settings):
    names = []
    for build_id in ("aaaa1111", "bbbb2222"):
        publish_once(settings, build_id=build_id)
        for path in (settings.current, os.path.realpath(settings.current)):
            with duckdb.connect(str(path), read_only=True) as db:
                names.append(db.execute("select current_database()").fetchone()[0])
    assert set(names) == {"current"}
