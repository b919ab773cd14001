"""An erased patient is in no table of any file, and no delivery brings the person back."""

from __future__ import annotations

import dataclasses
import os
import shutil
import stat

import duckdb
import invented
import pytest
from invented import Shape, make_folders

from core import files
from core.progress import Progress
from core.stop import ExitCode, Stop
from privacy.pseudonyms import load_key
from refresh import cli, erase, erased, manifest, versions
from refresh import run as refresh_run
from refresh.scan import Person, scan, scan_file
from refresh.versions import open_published


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """Three versions of an invented registry, P0007 corrected once, with a key of their own."""
    home = tmp_path_factory.mktemp("registry")
    settings = make_folders(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGISTRY_KEY_FILE", str(home / "key"))
        key = load_key(True, say=lambda line: None)
        patch.setattr(invented, "pseudonym", lambda n: key.pseudonym(f"P{n:04d}"))
        shape = Shape(key_fingerprint=key.fingerprint)
        for number, corrected in enumerate([(), ((7, 3.5),), ((7, 4.5),)]):
            (settings.delivery / "visits.csv").write_text(f"delivery {number}")
            given = dataclasses.replace(shape, load_id=f"load-{number}", corrected_easi=corrected)
            with Progress(is_quiet=True) as progress:
                refresh_run.run(settings, invented.steps(given), progress)
    return settings


@pytest.fixture
def registry(first, settings, key):
    """A copy of it, with its key."""
    for name in ("delivery", "vault", "published"):
        shutil.rmtree(getattr(settings, name))
        shutil.copytree(getattr(first, name), getattr(settings, name), symlinks=True)
    return settings


@pytest.fixture
def key(first, tmp_path, monkeypatch):
    """Its key, and invented pseudonyms that come from it."""
    shutil.copy(first.root / "key", tmp_path / "key")
    monkeypatch.setenv("REGISTRY_KEY_FILE", str(tmp_path / "key"))
    made = load_key(True)
    monkeypatch.setattr(invented, "pseudonym", lambda n: made.pseudonym(f"P{n:04d}"))
    return made


def erase_patient(settings, patient, *more):
    return cli.main(
        [
            "erase",
            "--patient",
            patient,
            "--allow-outside",
            "--no-run",
            "--vault",
            str(settings.vault),
            "--published",
            str(settings.published),
            *more,
        ]
    )


def person_of(key, patient):
    return Person.of(patient, erased.pseudonyms_of(patient, key.pseudonym))


def test_a_patient_is_found_in_vault_history_and_every_version(registry, key):
    found = {hit.file for hit in scan(registry, person_of(key, "P0007"))}
    names = {versions.name_of(path) for path in versions.version_files(registry)}
    assert {name.rsplit("/", 1)[-1] for name in found} == {
        "warehouse.duckdb",
        "history.duckdb",
        "current.duckdb",
    }
    assert {f"{name}/current.duckdb" for name in names} <= found


def test_an_erased_patient_is_nowhere_and_everybody_else_stays(registry, key):
    assert erase_patient(registry, "P0007") == 0
    assert scan(registry, person_of(key, "P0007")) == []
    assert versions.verify(registry) == []
    assert len(versions.listed(registry)) == 3
    for version in versions.version_files(registry):
        with duckdb.connect(str(version), read_only=True) as db:
            assert db.execute("select count(*) from marts.dim_patients").fetchone() == (19,)
            assert db.execute("select count(*) from marts.fct_patient_timepoints").fetchone() == (
                76,
            )
            assert db.execute(
                "select comment from duckdb_tables() where table_name = 'dim_patients'"
            ).fetchone()[0]
        assert stat.S_IMODE(version.stat().st_mode) == 0o444
    with duckdb.connect(str(registry.vault_current / "warehouse.duckdb"), read_only=True) as db:
        assert db.execute("select count(*) from raw.visits").fetchone() == (76,)


def test_the_bytes_of_the_erased_patient_are_gone_too(registry, key):
    name = key.pseudonym("P0007").encode()
    erase_patient(registry, "P0007")
    for folder in (registry.vault, registry.published):
        for path in folder.rglob("*"):
            if path.is_file():
                assert name not in path.read_bytes(), path.name


def test_the_manifest_says_that_somebody_was_erased_but_not_who(registry, key):
    erase_patient(registry, "P0007", "--reason", "request of the patient")
    text = registry.manifest.read_text() + (registry.tombstones).read_text()
    assert '"event": "erased"' in text
    assert "P0007" not in text
    assert key.pseudonym("P0007") not in text


def test_erasing_twice_is_fine(registry, key):
    assert erase_patient(registry, "P0007") == 0
    assert erase_patient(registry, "P0007") == 0


def test_two_patients_one_after_the_other(registry, key):
    assert erase_patient(registry, "P0007") == 0
    assert erase_patient(registry, "p0008") == 0
    assert versions.verify(registry) == []
    with open_published(registry.published) as db:
        assert db.execute("select count(*) from marts.dim_patients").fetchone() == (18,)


def test_an_unknown_patient_changes_nothing_and_is_not_repeated(registry, capsys):
    before = registry.manifest.read_text()
    assert erase_patient(registry, "ROSSI-1967") == ExitCode.USAGE
    assert "ROSSI" not in capsys.readouterr().err
    assert registry.manifest.read_text() == before
    assert erased.marks(registry) == set()


def test_a_word_that_is_nobody_s_identifier_erases_nothing(registry):
    before = registry.manifest.read_text()
    for word in ("female", "invented", "baseline", "patients.csv"):
        assert erase_patient(registry, word) == ExitCode.USAGE
    assert registry.manifest.read_text() == before


def test_an_identifier_that_is_also_a_word_leaves_descriptions_alone(registry, key):
    """dim_patients is described as invented; somebody's identifier is that word."""
    file = versions.served(registry)
    person = Person.of("Invented", {key.pseudonym("Invented")})
    with files.working_copy(file) as copy:
        os.chmod(copy, 0o600)
        erase.delete_person(copy, person)
        with duckdb.connect(str(copy)) as db:
            described = db.execute("select count(*) from metadata.tables").fetchone()
        assert scan_file(copy, person) == []
    with duckdb.connect(str(file), read_only=True) as db:
        assert db.execute("select count(*) from metadata.tables").fetchone() == described
        words = "select count(*) from metadata.tables where table_description ilike '%invented%'"
        assert db.execute(words).fetchone() != (0,)


def test_another_key_does_not_erase_the_wrong_person(registry, tmp_path, monkeypatch, capsys):
    other = tmp_path / "other"
    monkeypatch.setenv("REGISTRY_KEY_FILE", str(other))
    assert erase_patient(registry, "P0007") == ExitCode.ENVIRONMENT
    assert not other.exists(), "no new key takes the place of a lost one"
    load_key(is_synthetic=True, say=lambda line: None)
    assert erase_patient(registry, "P0007") == ExitCode.ENVIRONMENT


def test_a_later_delivery_does_not_bring_the_patient_back(registry, key):
    erase_patient(registry, "P0007")
    file = registry.vault / "loaded.duckdb"
    invented.write_warehouse(file, Shape(key_fingerprint=key.fingerprint))
    with duckdb.connect(str(file)) as db:
        db.execute(
            "update raw.visits set patient_id = ' p0007 ' where patient_id = 'P0007' "
            "and record_number % 2 = 0"
        )
        assert erased.leave_out(db, registry, key.pseudonym) == 5
        left = db.execute(
            "select (select count(*) from raw.patients where patient_id = 'P0007'), "
            "(select count(*) from raw.visits where upper(trim(patient_id)) = 'P0007')"
        ).fetchone()
        counts = dict(
            db.execute("select export_name, n_records_read from raw.delivery_files").fetchall()
        )
        notices = db.execute(
            "select source_file, detail from raw.delivery_notices order by all"
        ).fetchall()
    assert left == (0, 0)
    assert counts == {"patients": 19, "visits": 76}
    assert notices == [("patients.csv", "1"), ("visits.csv", "4")]


def test_a_killed_erasure_is_seen_and_can_be_run_again(registry, key, monkeypatch):
    def broken(*arguments):
        raise OSError("killed here")

    with monkeypatch.context() as patch:
        patch.setattr(erase, "replace_version", broken)
        assert erase_patient(registry, "P0007") == ExitCode.UNEXPECTED
    assert (registry.vault / erased.UNFINISHED).exists()
    assert erase_patient(registry, "P0007") == 0
    assert not (registry.vault / erased.UNFINISHED).exists()
    assert scan(registry, person_of(key, "P0007")) == []


def test_a_short_number_does_not_take_other_rows_with_it(tmp_path):
    file = tmp_path / "w.duckdb"
    with duckdb.connect(str(file)) as db:
        db.execute(
            "create schema marts; "
            "create table marts.fct_published_results as select '12' as printed; "
            "create table marts.people as select unnest(['12', '112', '12-2']) as patient_id, "
            "unnest(['12 visits', 'a', 'b']) as remark"
        )
    erase.delete_person(file, Person.of("12", {"pabcdefabcdefabcde"}))
    with duckdb.connect(str(file)) as db:
        assert db.execute("from marts.fct_published_results").fetchall() == [("12",)]
        assert db.execute("select patient_id from marts.people").fetchall() == [("112",), ("12-2",)]


def test_a_long_number_is_not_found_inside_another(tmp_path):
    file = tmp_path / "w.duckdb"
    with duckdb.connect(str(file)) as db:
        db.execute(
            "create table t as select unnest(['10001', '100012', '10001-2', 'see 10001.']) as note"
        )
    erase.delete_person(file, Person.of("10001", set()))
    with duckdb.connect(str(file)) as db:
        notes = {row[0] for row in db.execute("from t").fetchall()}
    assert notes == {"100012", "10001-2"}


def test_a_blank_identifier_is_refused(registry):
    with pytest.raises(Stop):
        erase.identify(registry, "  ")


def test_the_identifier_can_come_from_standard_input(registry, key, monkeypatch):
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("P0007\n"))
    assert erase_patient(registry, "-") == 0
    assert scan(registry, person_of(key, "P0007")) == []


def test_a_reader_that_holds_an_old_file_does_not_stop_an_erasure(registry, key):
    served = os.path.realpath(registry.current)
    with duckdb.connect(served, read_only=True) as reader:
        assert erase_patient(registry, "P0007") == 0
        assert reader.execute("select count(*) from marts.dim_patients").fetchone() == (20,)
    with open_published(registry.published) as reader:
        assert reader.execute("select count(*) from marts.dim_patients").fetchone() == (19,)


def test_the_vault_stays_private_after_an_erasure(registry, key):
    erase_patient(registry, "P0007")
    modes = {
        stat.S_IMODE(path.stat().st_mode)
        for path in registry.vault.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    assert modes == {0o600}
    assert os.readlink(registry.vault_current) == versions.name_of(versions.served(registry))
    replaced = [entry for entry in manifest.read(registry.manifest) if "replaces" in entry]
    assert len(replaced) == 3
