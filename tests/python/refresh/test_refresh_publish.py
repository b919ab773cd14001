"""Pack, publish, manifest, rollback and verify, on an invented warehouse of twenty patients."""

from __future__ import annotations

import json
import os
import stat

import duckdb
import pytest

from core.stop import ExitCode, Stop
from refresh import fake_build, manifest, pack, publish, versions
from refresh.hashing import combined
from refresh.reader import open_published


def build_entry(settings, build_id="aaaa1111"):
    entries = manifest.read(settings.manifest).entries
    return {
        "seq": manifest.next_sequence(entries),
        "build_id": build_id,
        "load_id": "load-1",
        "source_system": "clinic",
        "is_synthetic": True,
        "packed_at": manifest.now(),
    }


def publish_once(settings, shape=None, build_id="aaaa1111"):
    settings.work_file.unlink(missing_ok=True)
    fake_build.write_warehouse(settings.work_file, shape or fake_build.Shape())
    entry = build_entry(settings, build_id)
    candidate = settings.incoming / "candidate.duckdb"
    tables = pack.pack(settings.work_file, candidate, entry, settings.published)
    entry["tables"] = [table.as_entry() for table in tables]
    return publish.publish(settings, candidate, entry)


def test_published_file_holds_only_what_may_be_published(settings):
    publish_once(settings)
    with open_published(settings.published) as db:
        schemas = {
            row[0] for row in db.execute("select schema_name from duckdb_tables()").fetchall()
        }
    assert schemas == {"marts", "results", "metadata"}


def test_comments_travel_into_the_published_file_and_its_dictionary(settings):
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
    version = publish.file_of(settings, line["version"])
    assert stat.S_IMODE(version.stat().st_mode) == 0o444
    assert os.readlink(settings.current) == f"versions/{line['version']}/current.duckdb"
    assert [path.name for path in version.parent.iterdir()] == ["current.duckdb"]


@pytest.mark.fault("P230")
def test_published_file_is_written_in_the_oldest_storage_version(settings):
    publish_once(settings)
    with duckdb.connect(os.path.realpath(settings.current), read_only=True) as db:
        tags = db.execute("select tags from duckdb_databases() where not internal").fetchone()[0]
    assert tags["storage_version"].startswith("v1.0.0")


def test_content_hash_ignores_record_order_and_file_names(settings, tmp_path):
    hashes = []
    for order in ("n", "-n"):
        file = tmp_path / f"order{order}.duckdb"
        with duckdb.connect(str(file)) as db:
            db.execute("create schema marts")
            db.execute(
                "create table marts.t as select n, 'v' || n as word, "
                f"row_number() over (order by {order}) as source_record_number, "
                f"'file {order}' as source_file from range(500) as r(n) order by {order}"
            )
        candidate = tmp_path / f"candidate{order}.duckdb"
        tables = pack.pack(file, candidate, build_entry(settings), settings.published)
        hashes.append((combined(tables), tables[0].row_hash))
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
def test_content_hash_sees_every_change(settings, tmp_path, change):
    hashes = []
    for number, statement in enumerate(["select 1", change]):
        file = tmp_path / f"w{number}.duckdb"
        with duckdb.connect(str(file)) as db:
            db.execute("create schema marts; create table marts.t as select n from range(50) r(n)")
            db.execute(statement)
        tables = pack.pack(
            file, tmp_path / f"c{number}.duckdb", build_entry(settings), settings.published
        )
        hashes.append(combined(tables))
    assert hashes[0] != hashes[1]


def test_a_build_without_marts_is_not_published(settings):
    with duckdb.connect(str(settings.work_file)) as db:
        db.execute("create table t as select 1 as n")
    with pytest.raises(Stop) as stop:
        pack.pack(
            settings.work_file,
            settings.incoming / "c.duckdb",
            build_entry(settings),
            settings.published,
        )
    assert stop.value.code == ExitCode.CHECKS_FAILED


def test_only_the_newest_seven_versions_are_kept(settings):
    for number in range(9):
        publish_once(settings, build_id=f"bbbb000{number}")
    assert [version.seq for version in versions.listed(settings)] == [3, 4, 5, 6, 7, 8, 9]


def test_the_served_version_is_kept_however_old_it_is(settings):
    for number in range(4):
        publish_once(settings, build_id=f"bbbb000{number}")
    versions.rollback(settings, 1, "the newer ones were wrong")
    publish.prune(settings, kept=2)
    assert [version.seq for version in versions.listed(settings)] == [1, 3, 4]


@pytest.mark.fault("P228")
def test_rollback_serves_the_version_before_and_is_recorded(settings):
    first = publish_once(settings)
    publish_once(settings, fake_build.Shape(n_patients=21), "bbbb2222")
    versions.rollback(settings, None, "the second one was wrong")
    with open_published(settings.published) as db:
        assert db.execute("select count(*) from marts.dim_patients").fetchone() == (20,)
    last = manifest.read(settings.manifest).entries[-1]
    assert (last["event"], last["version"]) == ("rollback", first["version"])
    assert last["reason"] == "the second one was wrong"
    assert versions.verify(settings) == []


def test_after_a_rollback_the_next_version_gets_a_new_number(settings):
    publish_once(settings)
    publish_once(settings, build_id="bbbb2222")
    versions.rollback(settings, 1, "back")
    assert publish_once(settings, build_id="cccc3333")["seq"] == 3


@pytest.mark.fault("P231")
def test_versions_are_ordered_by_number_when_the_clock_goes_back(settings, monkeypatch):
    publish_once(settings)
    monkeypatch.setattr(manifest, "now", lambda: "1999-01-01T00:00:00+00:00")
    second = publish_once(settings, build_id="0000aaaa")
    assert [version.seq for version in versions.listed(settings)] == [1, 2]
    assert publish.name_of(publish.served(settings)) == second["version"]
    assert manifest.last_published(manifest.read(settings.manifest).entries)["seq"] == 2


@pytest.mark.fault("P213")
@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_a_flipped_byte_is_found_and_the_version_is_not_served_again(settings, share):
    line = publish_once(settings)
    publish_once(settings, build_id="bbbb2222")
    version = publish.file_of(settings, line["version"])
    os.chmod(version, 0o644)
    content = bytearray(version.read_bytes())
    content[int(len(content) * share)] ^= 1
    version.write_bytes(content)
    os.chmod(version, 0o444)
    assert any("sha256" in fault for fault in versions.verify(settings))
    with pytest.raises(Stop) as stop:
        versions.rollback(settings, 1, "back")
    assert stop.value.code == ExitCode.DAMAGED


@pytest.mark.fault("P260")
def test_an_edited_manifest_line_is_found_by_number(settings):
    for build_id in ("aaaa1111", "bbbb2222", "cccc3333"):
        publish_once(settings, build_id=build_id)
    lines = settings.manifest.read_text().splitlines()
    entry = json.loads(lines[1])
    entry["tables"][0]["n_rows"] += 1
    lines[1] = json.dumps(entry, sort_keys=True)
    settings.manifest.write_text("\n".join(lines) + "\n")
    assert manifest.read(settings.manifest).broken_at == 2
    assert any("line 2" in fault for fault in versions.verify(settings))
    with pytest.raises(Stop) as stop:
        publish_once(settings, build_id="dddd4444")
    assert stop.value.rule == "broken_manifest"


def test_an_edited_last_line_is_found_by_the_file_it_describes(settings):
    publish_once(settings)
    entry = json.loads(settings.manifest.read_text())
    entry["tables"][0]["n_rows"] += 1
    settings.manifest.write_text(json.dumps(entry, sort_keys=True) + "\n")
    assert versions.verify(settings) != []


def test_a_removed_manifest_line_is_found(settings):
    for build_id in ("aaaa1111", "bbbb2222", "cccc3333"):
        publish_once(settings, build_id=build_id)
    lines = settings.manifest.read_text().splitlines()
    settings.manifest.write_text("\n".join([lines[0], lines[2]]) + "\n")
    assert manifest.read(settings.manifest).broken_at == 2


def test_a_cut_last_line_is_removed_and_written_again_from_the_file(settings):
    publish_once(settings)
    publish_once(settings, build_id="bbbb2222")
    whole = settings.manifest.read_bytes()
    settings.manifest.write_bytes(whole[:-100])
    notes = publish.tidy(settings, pack.build_entry_of)
    assert len(notes) == 2
    entries = manifest.read(settings.manifest).entries
    assert [entry["seq"] for entry in entries] == [1, 2]
    assert entries[-1]["is_line_repaired"] is True
    assert versions.verify(settings) == []


def test_a_reader_keeps_its_version_and_a_new_one_gets_the_new(settings):
    publish_once(settings)
    old_reader = open_published(settings.published)
    publish_once(settings, fake_build.Shape(n_patients=33), "bbbb2222")
    new_reader = open_published(settings.published)
    count = "select count(*) from marts.dim_patients"
    assert old_reader.execute(count).fetchone() == (20,)
    assert new_reader.execute(count).fetchone() == (33,)


def test_a_log_left_by_a_writing_tool_does_not_reach_the_next_version(settings):
    line = publish_once(settings)
    stray = publish.log_of(publish.file_of(settings, line["version"]))
    stray.write_bytes(b"not a log of this database")
    publish_once(settings, fake_build.Shape(n_patients=33), "bbbb2222")
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
def test_a_reader_can_neither_write_nor_leave_the_file(settings, statement):
    publish_once(settings)
    with open_published(settings.published) as db, pytest.raises(duckdb.Error):
        db.execute(statement)


def test_nothing_published_is_said_in_words(settings):
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
