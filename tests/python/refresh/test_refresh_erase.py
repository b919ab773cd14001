"""An erased patient is in no file that is left, and nothing that is left can be subtracted."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import stat

import duckdb
import invented
import pytest

from core import duck
from core.progress import Progress
from core.stop import ExitCode, Stop
from privacy.pseudonyms import load_key
from refresh import doctor, erase, erased
from refresh.erased import Place, Recognition
from refresh.store import manifest, publish, versions
from refresh.store.versions import open_published
from registry.main import main

N_DELIVERIES = 3


def steps_of(key, shape, *changes):
    """A refresh whose marts follow from raw records without the erased patients.

    The raw records are those of the shape after the changes, which are SQL.
    """

    def load(settings):
        invented.write_warehouse(settings.work_file, shape)
        with duckdb.connect(str(settings.work_file)) as db:
            for change in changes:
                db.execute(change)
            erased.leave_out(db, settings, key)
            left = "(select pseudonym from raw.patients)"
            for table in ("dim_patients", "fct_patient_timepoints"):
                db.execute(f"delete from marts.{table} where patient_id not in {left}")
            db.execute(
                "update marts.fct_cohort_attrition set n_patients = "
                "(select count(*) from raw.patients)"
            )
            db.execute(
                "update quarantine.record_ledger as ledger set n_records_read = "
                "files.n_records_read, n_staged = files.n_records_read "
                "from raw.delivery_files as files where files.source_file = ledger.source_file"
            )
        duck.rewrite_database(settings.work_file)

    return dataclasses.replace(invented.steps(shape), load=load)


def shape_of(key, number, **more):
    corrected = ((7, 3.0 + number / 2),) if number else ()
    return invented.Shape(
        key_fingerprint=key.fingerprint,
        load_id=f"load-{number}",
        corrected_easi=corrected,
        **more,
    )


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """Three versions of an invented registry, P0007 corrected once, with a key of their own."""
    home = tmp_path_factory.mktemp("registry")
    settings = invented.make_folders(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGISTRY_KEY_FILE", str(home / "key"))
        key = load_key(True)
        patch.setattr(invented, "pseudonym", lambda n: key.pseudonym(f"P{n:04d}"))
        for number in range(N_DELIVERIES):
            invented.deliver(settings, f"delivery {number}")
            invented.refresh(settings, chosen=steps_of(key, shape_of(key, number)))
    return settings


@pytest.fixture
def key(first, tmp_path, monkeypatch):
    """Its key, and invented pseudonyms that come from it."""
    shutil.copy(first.root / "key", tmp_path / "key")
    monkeypatch.setenv("REGISTRY_KEY_FILE", str(tmp_path / "key"))
    made = load_key(True)
    monkeypatch.setattr(invented, "pseudonym", lambda n: made.pseudonym(f"P{n:04d}"))
    return made


@pytest.fixture
def registry(first, settings, key):
    """A copy of the three versions, with their key."""
    return invented.copy_registry(first, settings)


def erase_patient(settings, key, patient, reason="", steps=None):
    steps = steps or steps_of(key, shape_of(key, N_DELIVERIES - 1))
    with Progress(is_quiet=True) as progress:
        return erase.erase(settings, patient, reason, steps, progress)


def places_of(settings, key, patient):
    return erased.find(settings, Recognition(key, {key.tombstone(patient): False}))


def count(settings, query):
    with open_published(settings.published) as db:
        return db.execute(query).fetchone()[0]


def test_a_patient_is_found_in_vaults_history_and_every_version(registry, key):
    found = {place.file for place in places_of(registry, key, "P0007")}
    names = [versions.name_of(path) for path in versions.version_files(registry)]
    assert len(names) == N_DELIVERIES
    assert {f"{name}/current.duckdb" for name in names} < found
    assert f"{names[-1]}/warehouse.duckdb" in found
    assert f"{registry.vault.name}/history.duckdb" in found


def test_an_erased_patient_is_nowhere_and_everybody_else_stays(registry, key):
    erasure = erase_patient(registry, key, "P0007")
    assert erasure.summary.status == "published"
    assert places_of(registry, key, "P0007") == []
    assert [path.name for path in registry.work.iterdir()] == [".gitignore"]
    assert versions.verify(registry) == []
    assert count(registry, "select count(*) from marts.dim_patients") == 19
    assert count(registry, "select count(*) from marts.fct_patient_timepoints") == 76
    with duckdb.connect(str(registry.vault_current / "warehouse.duckdb"), read_only=True) as db:
        assert db.execute("select count(*) from raw.visits").fetchone() == (76,)


def test_every_older_version_and_vault_is_deleted_and_none_is_rewritten(registry, key):
    before = {path.parent.name for path in versions.version_files(registry)}
    erase_patient(registry, key, "P0007")
    (left,) = versions.listed(registry)
    assert left.is_served
    assert left.name not in before
    folders = [path.name for path in registry.vault.glob("[0-9]*_*")]
    assert folders == [left.name] == [os.readlink(registry.vault_current)]
    events = [entry["event"] for entry in manifest.read(registry.manifest)]
    assert events.count("published") == N_DELIVERIES + 1


def test_the_bytes_of_the_erased_patient_are_gone_too(registry, key):
    name = key.pseudonym("P0007").encode()
    erase_patient(registry, key, "P0007")
    for folder in (registry.vault, registry.published):
        for path in folder.rglob("*"):
            if path.is_file():
                assert name not in path.read_bytes(), path.name


def test_the_first_version_afterwards_shows_no_comparison_and_the_second_does(registry, key):
    assert count(registry, "select count(*) from quality.patient_changes") > 0
    erase_patient(registry, key, "P0007")
    for table in ("changes", "patient_changes", "result_changes"):
        assert count(registry, f"select count(*) from quality.{table}") == 0
    builds = "select count(distinct build_number) from quality.expectation_results"
    assert count(registry, builds) == 1, "results of earlier builds count the person"
    invented.deliver(registry, "one more")
    more = dataclasses.replace(shape_of(key, N_DELIVERIES), other_sex=(3,))
    invented.refresh(registry, chosen=steps_of(key, more))
    assert count(registry, "select count(*) from quality.patient_changes") == 1


def test_no_count_of_a_deleted_version_is_left_to_subtract_from(registry, key):
    """20 patients and 80 visits before, 19 and 76 after: only the latter may be on disk."""
    assert '"n_rows": 20' in registry.manifest.read_text()
    erase_patient(registry, key, "P0007", "request of the patient")
    *older, served, removed, last = manifest.read(registry.manifest)
    assert [served["event"], removed["event"], last["event"]] == ["published", "removed", "erased"]
    assert [entry["event"] for entry in older].count("published") == N_DELIVERIES
    for entry in older:
        assert set(entry) <= erased.FIELDS_WITHOUT_COUNTS
        assert not [value for value in entry.values() if value in (20, 80, "20", "80")]
    text = registry.manifest.read_text()
    assert "request of the patient" in text
    assert '"n_rows": 20' not in text
    for file in [*registry.vault.rglob("*.duckdb"), versions.served(registry)]:
        with duckdb.connect(str(file), read_only=True) as db:
            for schema, table, column in db.execute(
                "select schema_name, table_name, column_name from duckdb_columns() "
                "where column_name in ('n_records_read', 'n_patients', 'n_records_staged')"
            ).fetchall():
                values = {
                    n for (n,) in db.execute(f"select {column} from {schema}.{table}").fetchall()
                }
                assert not values & {20, 80}, (file, table, column)


def test_nothing_says_how_many_records_the_person_had(registry, key):
    erase_patient(registry, key, "P0007")
    notices = "select source_file, n_notices from quality.notices order by all"
    with open_published(registry.published) as db:
        assert db.execute(notices).fetchall() == [("patients.csv", 1), ("visits.csv", 1)]
    notes = manifest.last_published(manifest.read(registry.manifest))["notes"]
    assert not any(digit in " ".join(notes) for digit in "123456789")


def test_neither_manifest_nor_tombstone_says_who_was_erased(registry, key):
    erase_patient(registry, key, "P0007")
    text = registry.manifest.read_text() + registry.tombstones.read_text()
    assert "P0007" not in text
    assert key.pseudonym("P0007") not in text
    assert stat.S_IMODE(registry.tombstones.stat().st_mode) == 0o600


def test_corrections_of_others_stay_in_the_history(registry, key):
    with duckdb.connect(str(registry.history)) as db:
        db.execute(
            "insert into corrections by name select 1 as build_number, 'visits' as export_name, "
            "'V000031' as record_key, 'P0003' as patient_id, 'easi_score' as column_name, "
            "'7' as old_value, '8' as new_value"
        )
        db.execute(
            "insert into corrections by name select 1 as build_number, 'visits' as export_name, "
            "'V000041' as record_key, 'P0004' as patient_id, 'patient_id' as column_name, "
            "'P0007' as old_value, 'P0004' as new_value"
        )
    erase_patient(registry, key, "P0007")
    with duckdb.connect(str(registry.history), read_only=True) as db:
        left = db.execute("select patient_id, record_key from corrections").fetchall()
    assert left == [("P0003", "V000031")]


def test_erasing_twice_keeps_what_was_published_since(registry, key):
    erase_patient(registry, key, "P0007")
    invented.deliver(registry, "one more")
    invented.refresh(registry, chosen=steps_of(key, shape_of(key, N_DELIVERIES)))
    erasure = erase_patient(registry, key, "P0007")
    assert erasure.summary is None
    assert "erased before" in erasure.lines[0]
    assert len(versions.listed(registry)) == 2


def test_two_patients_one_after_the_other(registry, key):
    erase_patient(registry, key, "P0007")
    erase_patient(registry, key, "p0008")
    assert versions.verify(registry) == []
    assert count(registry, "select count(*) from marts.dim_patients") == 18


# -- what is not erased ----------------------------------------------------------------------------


def test_an_unknown_patient_changes_nothing_and_is_not_repeated(registry, key):
    before = registry.manifest.read_text()
    for word in ("ROSSI-1967", "female", "invented", "baseline", "patients.csv", "V000071"):
        with pytest.raises(Stop) as stopped:
            erase_patient(registry, key, word)
        assert stopped.value.rule == "unknown_patient"
        assert word not in str(vars(stopped.value))
    assert registry.manifest.read_text() == before
    assert erased.marks(registry) == {}


def test_a_blank_identifier_is_refused(registry, key):
    with pytest.raises(Stop) as stopped:
        erase_patient(registry, key, "  ")
    assert stopped.value.code == ExitCode.USAGE


def test_another_key_does_not_erase_the_wrong_person(registry, key, tmp_path, monkeypatch):
    other = tmp_path / "other"
    monkeypatch.setenv("REGISTRY_KEY_FILE", str(other))
    with pytest.raises(Stop, match="is missing"):
        erase_patient(registry, key, "P0007")
    assert not other.exists(), "a lost key is not replaced"
    load_key(is_synthetic=True)
    with pytest.raises(Stop) as stopped:
        erase_patient(registry, key, "P0007")
    assert stopped.value.rule == "key_changed"


@pytest.fixture
def loaded(registry, key):
    """A freshly loaded work file; identifiers are numbers, and visits have the same ones."""
    file = registry.vault / "loaded.duckdb"
    invented.write_warehouse(file, invented.Shape(key_fingerprint=key.fingerprint))
    with duckdb.connect(str(file)) as db:
        for table in ("patients", "visits"):
            db.execute(f"update raw.{table} set patient_id = (10000 + patient_id[2:]::int)::text")
        db.execute("update raw.visits set visit_id = (10000 + record_number)::text")
        db.execute("alter table raw.visits add column remark varchar")
        db.execute("update raw.visits set remark = 'as for 10007' where patient_id = '10012'")
    return file


def remember(settings, key, *patients, is_case_sensitive=False):
    settings.tombstones.write_text(
        "".join(
            json.dumps({"tombstone": key.tombstone(p), "is_case_sensitive": is_case_sensitive})
            + "\n"
            for p in patients
        )
    )


def test_with_numbers_as_identifiers_nobody_else_loses_a_record(loaded, registry, key):
    remember(registry, key, "10007")
    with duckdb.connect(str(loaded)) as db:
        assert erased.leave_out(db, registry, key)
        gone = "select count(*) from raw.{} where patient_id = '10007'"
        assert db.execute(gone.format("patients")).fetchone() == (0,)
        assert db.execute(gone.format("visits")).fetchone() == (0,)
        assert db.execute("select count(*) from raw.patients").fetchone() == (19,)
        assert db.execute("select count(*) from raw.visits").fetchone() == (76,)
        assert db.execute(
            "select patient_id from raw.visits where visit_id = '10007'"
        ).fetchone() == ("10002",)


def test_texts_of_others_that_hold_the_identifier_are_listed_without_the_text(
    loaded, registry, key
):
    remember(registry, key, "10007")
    with duckdb.connect(str(loaded)) as db:
        erased.leave_out(db, registry, key)
    places = erased.mentions(registry, "10007")
    records = tuple(f"visits.csv record {number}" for number in (45, 46, 47, 48))
    assert places == [
        Place(f"{registry.vault.name}/loaded.duckdb", "raw.visits.remark", 4, records)
    ]
    lines = erase.Erasure(None, places).lines
    assert any("raw.visits.remark, rows: 4 (visits.csv record 45, " in line for line in lines)
    assert "10007" not in " ".join(lines)


def test_a_mention_is_a_word_and_not_a_part_of_another_number(loaded, registry, key):
    with duckdb.connect(str(loaded)) as db:
        db.execute(
            "create table raw.notes as select unnest("
            "['100071', '10007-2', 'see 10007.', 'X_10007', '7', 'seen 7 times']) as note"
        )
    notes = [p for p in erased.mentions(registry, "10007") if p.column == "raw.notes.note"]
    assert [place.n_rows for place in notes] == [1]
    notes = [p for p in erased.mentions(registry, "7") if p.column == "raw.notes.note"]
    assert [place.n_rows for place in notes] == [1], "a short number alone may be a score"


def test_a_later_delivery_does_not_bring_the_patient_back(registry, key):
    remember(registry, key, "P0007")
    file = registry.vault / "loaded.duckdb"
    invented.write_warehouse(file, invented.Shape(key_fingerprint=key.fingerprint))
    with duckdb.connect(str(file)) as db:
        db.execute(
            "update raw.visits set patient_id = ' p0007 ' where patient_id = 'P0007' "
            "and record_number % 2 = 0"
        )
        assert erased.leave_out(db, registry, key)
        assert not erased.leave_out(db, registry, key)
        left = db.execute(
            "select (select count(*) from raw.patients where patient_id = 'P0007'), "
            "(select count(*) from raw.visits where upper(trim(patient_id)) = 'P0007')"
        ).fetchone()
        counts = dict(
            db.execute("select export_name, n_records_read from raw.delivery_files").fetchall()
        )
    assert left == (0, 0)
    assert counts == {"patients": 19, "visits": 76}


def test_one_number_of_two_centres_is_two_people(registry, key):
    """P0007 of Rome is erased; P0007 of Milan loses nothing."""
    file = registry.vault / "loaded.duckdb"
    invented.write_warehouse(file, invented.Shape(key_fingerprint=key.fingerprint))
    with duckdb.connect(str(file)) as db:
        for table in ("patients", "visits"):
            db.execute(f"alter table raw.{table} add column centre_code varchar default 'rome'")
            db.execute(
                f"update raw.{table} set centre_code = 'milan', patient_id = 'P0007' "
                "where patient_id = 'P0008'"
            )
        db.execute("update raw.visits set patient_id = '\tp0007 ' where patient_id = 'P0007'")
        assert erased.spellings(db, "rome:p0007") == erased.spellings(db, "milan:P0007") == 1
        assert erased.spellings(db, "P0007") == 0
        remember(registry, key, "rome:P0007")
        assert erased.leave_out(db, registry, key)
        left = db.execute(
            "select centre_code, count(*) from raw.visits "
            "where upper(trim(patient_id, chr(9) || ' ')) = 'P0007' group by all"
        ).fetchall()
        people = db.execute("select centre_code from raw.patients where patient_id = 'P0007'")
        assert (left, people.fetchall()) == ([("milan", 4)], [("milan",)])


def test_the_command_erases_a_number_of_one_centre_and_leaves_the_other(
    settings, key, monkeypatch, capsys
):
    """P0007 is a patient of Rome and one of Milan, both corrected; one visit changed its owner."""
    names = {8: "milan:P0007"}
    monkeypatch.setattr(
        invented, "pseudonym", lambda n: key.pseudonym(names.get(n, f"rome:P{n:04d}"))
    )
    of_centres = [
        change
        for table in ("patients", "visits")
        for change in (
            f"alter table raw.{table} add column centre_code varchar default 'rome'",
            f"update raw.{table} set centre_code = 'milan', patient_id = 'P0007' "
            "where patient_id = 'P0008'",
        )
    ]
    wrong_owner = "update raw.visits set patient_id = 'P0007' where visit_id = 'V000033'"
    invented.deliver(settings, "first")
    first = steps_of(key, shape_of(key, 0), *of_centres, wrong_owner)
    invented.refresh(settings, chosen=first)
    corrected = dataclasses.replace(shape_of(key, 1), corrected_easi=((7, 3.5), (8, 4.5)))
    invented.deliver(settings, "second")
    second = steps_of(key, corrected, *of_centres)
    invented.refresh(settings, chosen=second)

    def history():
        with duckdb.connect(str(settings.history), read_only=True) as db:
            return db.execute(
                "select patient_id, column_name, old_value from corrections order by all"
            ).fetchall()

    of_milan = ("milan:P0007", "easi_score", "26.0")
    assert history() == [
        of_milan, ("rome:P0003", "patient_id", "rome:P0007"), ("rome:P0007", "easi_score", "25.0"),
    ]  # fmt: skip
    monkeypatch.setattr("refresh.steps.real_steps", lambda: second)
    folders = ["--vault", str(settings.vault), "--published", str(settings.published)]
    command = ["erase", "P0007", "--delivery", str(settings.delivery), "--allow-outside", *folders]
    assert main(command) == ExitCode.USAGE
    assert "needs --centre" in capsys.readouterr().err
    assert main([*command, "--centre", "Rome"]) == ExitCode.OK
    assert "Proved" in capsys.readouterr().out
    assert history() == [of_milan]
    people = "select count(*) from marts.dim_patients where patient_id = '{}'"
    assert count(settings, people.format(key.pseudonym("rome:P0007"))) == 0
    assert count(settings, people.format(key.pseudonym("milan:P0007"))) == 1
    assert count(settings, "select count(*) from marts.dim_patients") == 19


def test_two_patients_whose_identifiers_differ_in_case_are_two_people(registry, key):
    with duckdb.connect(str(registry.vault_current / "warehouse.duckdb")) as db:
        db.execute("update raw.patients set patient_id = 'p0007' where patient_id = 'P0008'")
    assert erase._differs_by_case_from_another(registry, "P0007")
    assert not erase._differs_by_case_from_another(registry, "P0009")
    tombstones = {key.tombstone("P0007"): True}
    assert Recognition(key, tombstones).of(["P0007", "p0007", " P0007"]) == ["P0007", " P0007"]
    assert Recognition(key, {key.tombstone("P0007"): False}).of(["p0007"]) == ["p0007"]


# -- an erasure that does not get through ----------------------------------------------------------


def failing_steps(key):
    def load(settings):
        raise Stop(ExitCode.DELIVERY_REFUSED, "patients.csv: is cut", "ask for it", "refused")

    return dataclasses.replace(steps_of(key, shape_of(key, 0)), load=load)


def test_a_refresh_that_fails_says_what_is_done_and_what_not_and_the_next_run_continues(
    registry, key
):
    with pytest.raises(Stop) as stopped:
        erase_patient(registry, key, "P0007", steps=failing_steps(key))
    stop = stopped.value
    assert stop.code == ExitCode.DELIVERY_REFUSED
    assert "not erased yet: patients.csv: is cut" in stop.what
    assert [line.split(":")[0] for line in stop.details][:2] == ["done", "not done"]
    assert "run the same command again" in stop.todo
    assert len(versions.listed(registry)) == N_DELIVERIES
    assert any("erasure was not finished" in f.text for f in doctor.examine(registry))
    invented.refresh(registry, chosen=steps_of(key, shape_of(key, N_DELIVERIES - 1)))
    assert not erased.is_unfinished(registry)
    assert places_of(registry, key, "P0007") == []
    assert len(versions.listed(registry)) == 1


def test_the_same_command_continues_too(registry, key):
    with pytest.raises(Stop):
        erase_patient(registry, key, "P0007", steps=failing_steps(key))
    assert erase_patient(registry, key, "P0007").summary.status == "published"
    assert places_of(registry, key, "P0007") == []


@pytest.mark.parametrize("place", ["publish.remove", "_clear_history", "manifest.rewrite"])
def test_an_erasure_killed_while_it_deletes_is_finished_by_the_next_run(
    registry, key, place, monkeypatch
):
    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"refresh.erased.{place}", killed)
        with pytest.raises(KeyboardInterrupt):
            erase_patient(registry, key, "P0007")
    assert erased.is_unfinished(registry)
    summary = invented.refresh(registry, chosen=steps_of(key, shape_of(key, N_DELIVERIES - 1)))
    assert summary.status == "already_loaded"
    assert "an unfinished erasure was finished" in " ".join(summary.notes)
    assert places_of(registry, key, "P0007") == []
    assert len(versions.listed(registry)) == 1


def test_a_person_who_is_still_found_stops_the_erasure_and_the_place_is_named(registry, key):
    copy = registry.vault / "copy.duckdb"
    shutil.copy(registry.vault_current / "warehouse.duckdb", copy)
    with pytest.raises(Stop) as stopped:
        erase_patient(registry, key, "P0007")
    assert stopped.value.rule == "erasure_incomplete"
    assert any(
        "copy.duckdb: raw.patients.patient_id, rows: 1 (patients.csv record 7)" in d
        for d in stopped.value.details
    )
    assert erased.is_unfinished(registry)
    copy.unlink()
    erase_patient(registry, key, "P0007")
    assert not erased.is_unfinished(registry)


def test_a_reader_that_holds_an_old_file_does_not_stop_an_erasure(registry, key):
    served = versions.served(registry)
    with duck.connect(served, registry.vault / ".search", read_only=True) as reader:
        erase_patient(registry, key, "P0007")
        assert reader.execute("select count(*) from marts.dim_patients").fetchone() == (20,)
    assert count(registry, "select count(*) from marts.dim_patients") == 19


def test_vault_and_versions_keep_their_modes(registry, key):
    erase_patient(registry, key, "P0007")
    modes = {
        stat.S_IMODE(path.stat().st_mode)
        for path in registry.vault.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    assert modes == {0o600}
    assert stat.S_IMODE(publish.versions.served(registry).stat().st_mode) == 0o444
