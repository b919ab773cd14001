"""A whole refresh on an invented build: publish, no-op, stops, what changed."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
import subprocess
import sys

import duckdb
import invented
import pytest
from invented import Shape, deliver, passed_report, published_before, refresh

from core.stop import ExitCode, Stop, Terminated
from expectations.rules import CheckReport
from refresh import publish_rules, summary
from refresh.build import BuildResult, RanTests
from refresh.store import folders, manifest, publish, versions
from refresh.store.versions import open_published
from refresh.summary import Summary


def test_a_refresh_publishes_and_summarises_every_file(settings):
    summary = refresh(settings)
    assert summary.status == "published"
    assert {line["source_file"] for line in summary.ledger} == {"patients.csv", "visits.csv"}
    assert summary.refusals[0]["rule_code"] == "out_of_range"
    assert summary.refusals[0]["n_records"] == 1
    assert versions.verify(settings) == []


def test_the_value_that_was_refused_is_not_in_the_published_file(settings):
    published_before(settings)
    with open_published(settings.published) as db:
        columns = db.execute(
            "select column_name from duckdb_columns() where table_name = 'refusals'"
        ).fetchall()
    assert ("value_shown",) not in columns


def test_vault_folders_and_files_are_private(settings):
    published_before(settings)
    modes = {
        stat.S_IMODE(path.lstat().st_mode)
        for path in settings.vault.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    assert modes == {0o600}
    assert stat.S_IMODE(settings.vault.stat().st_mode) == 0o700


def test_the_work_folder_is_empty_afterwards(settings):
    published_before(settings)
    assert [path.name for path in settings.work.iterdir()] == [".gitignore"]


def test_the_same_delivery_twice_is_a_no_op_and_is_recorded(settings):
    first = refresh(settings)
    again = refresh(settings)
    assert again.status == "already_loaded"
    assert [entry["event"] for entry in manifest.read(settings.manifest)] == [
        "published",
        "already_loaded",
    ]
    assert versions.name_of(versions.served(settings)) == first.entry["version"]
    assert len(versions.version_files(settings)) == 1


@pytest.mark.fault("P219")
def test_a_forced_second_run_gives_the_same_content_under_a_new_number(settings):
    first = refresh(settings)
    again = refresh(settings, is_forced=True)
    hashes = [
        {t["name"]: t["content_hash"] for t in s.entry["tables"] if t["schema"] == "marts"}
        for s in (first, again)
    ]
    assert hashes[0] == hashes[1]
    assert again.entry["seq"] == 2


def test_a_corrected_score_is_published_and_reported(settings):
    published_before(settings)
    deliver(settings, "corrected")
    summary = refresh(settings, Shape(corrected_easi=((7, 3.5),), load_id="load-2"))
    assert [row["result_id"] for row in summary.result_changes] == ["mean_easi_week_04"]
    with open_published(settings.published) as db:
        person = invented.pseudonym(7)
        assert db.execute(
            "select easi_score::double from marts.fct_patient_timepoints "
            "where patient_id = ? and timepoint_code = 'week_04'",
            [person],
        ).fetchone() == (3.5,)
        assert db.execute(
            "select comparison_code, table_name, column_name, change_code, n_records, n_patients "
            "from quality.changes where column_name is not null order by all"
        ).fetchall() == [
            ("export", "visits", "easi_score", "changed", 1, 1),
            ("export", "visits", "easi_score", "recoded", 1, 1),
            ("mart", "fct_patient_timepoints", "easi_score", "changed", 1, 1),
            ("mart", "fct_patient_timepoints", "easi_score", "recoded", 1, 1),
        ]
        assert db.execute(
            "select patient_id, change_code from quality.patient_changes"
        ).fetchall() == [(person, "changed")]


def test_the_old_value_of_a_correction_stays_in_the_vault_with_both_loads(settings):
    published_before(settings)
    deliver(settings, "corrected")
    refresh(settings, Shape(corrected_easi=((7, 3.5),), load_id="load-2"))
    with duckdb.connect(str(settings.history), read_only=True) as db:
        assert db.execute("select * from corrections").fetchall() == [
            (2, "visits", "V000071", "P0007", "easi_score", "25.0", "3.5", "load-1", "load-2")
        ]


def test_new_and_vanished_patients_are_counted(settings):
    published_before(settings)
    deliver(settings, "two more")
    summary = refresh(settings, Shape(n_patients=22, load_id="load-2"))
    added = {
        (row["comparison_code"], row["table_name"], row["n_records"])
        for row in summary.changes
        if row["change_code"] == "added"
    }
    assert {("export", "patients", 2), ("mart", "dim_patients", 2)} <= added
    deliver(settings, "one less")
    summary = refresh(settings, Shape(n_patients=21, load_id="load-3"))
    assert ("vanished", 1) in {
        (row["change_code"], row["n_records"])
        for row in summary.changes
        if row["table_name"] == "dim_patients"
    }


def test_swapped_treatment_codes_for_half_the_patients_stop_the_publish(settings):
    published_before(settings)
    deliver(settings, "swapped")
    with pytest.raises(Stop) as stop:
        refresh(settings, Shape(is_recoded=True, load_id="load-2"))
    assert (stop.value.code, stop.value.rule) == (ExitCode.HELD_BACK, "recode")
    assert "10 of 20 patients" in stop.value.what
    assert [entry["event"] for entry in manifest.read(settings.manifest)] == [
        "published",
        "refused",
    ]
    assert len(versions.version_files(settings)) == 1


def test_a_recode_can_be_accepted_by_name_and_the_reason_is_recorded(settings):
    published_before(settings)
    deliver(settings, "swapped")
    summary = refresh(
        settings,
        Shape(is_recoded=True, load_id="load-2"),
        accepted=frozenset({"recode"}),
        reason="pharmacy corrected its codes",
    )
    assert summary.entry["accepted"] == ["recode"]
    assert summary.entry["reason"] == "pharmacy corrected its codes"


def test_unknown_terms_are_counted_and_none_is_published(settings, capsys):
    """A doctor's name in free text is shared by her patients: no number of them makes it safe."""
    published = refresh(settings, Shape(n_unmapped=9))
    with open_published(settings.published) as db:
        rows = db.execute("select * from quality.unmapped_terms order by n_terms desc").fetchall()
        text = db.sql("from quality.unmapped_terms").df().to_string()
    assert rows == [
        ("adverse_event", 2, 9, 9, 100),
        ("drug", 0, 0, 0, 0),
        ("comorbidity", 0, 0, 0, 0),
    ]
    assert "Rossi" not in text
    assert "malaise" not in text
    summary.show(published)
    shown = capsys.readouterr().out
    assert "adverse event: 9 of 100 records, 9 patients, 2 different names" in shown
    assert "malaise" not in shown
    assert "drug: " not in shown


def test_clearly_more_unknown_terms_than_before_stop_and_can_be_accepted(settings):
    published_before(settings, first=Shape(n_unmapped=1))
    deliver(settings, "written in another way")
    more = Shape(n_unmapped=12, load_id="load-2")
    with pytest.raises(Stop) as stop:
        refresh(settings, more)
    assert (stop.value.code, stop.value.rule) == (ExitCode.HELD_BACK, "unmapped_terms")
    assert "12 of 100 adverse event records of 12 patients" in stop.value.what
    assert "Rossi" not in str(stop.value.what) + str(stop.value.details)
    again = refresh(settings, more, accepted=frozenset({"unmapped_terms"}), reason="known")
    assert again.status == "published"


@pytest.mark.parametrize(
    ("n_records", "n_patients", "stops_it"),
    [(21, 6, True), (20, 6, False), (21, 5, False)],
)
def test_unknown_terms_are_judged_by_patients_and_share(n_records, n_patients, stops_it):
    def counts(n_records, n_patients):
        return {
            "drug": {"n_records": n_records, "n_patients": n_patients, "n_records_staged": 1000}
        }

    before, now = counts(10, 1), counts(n_records, n_patients)
    found = [finding.rule for finding in publish_rules.about_unmapped_terms(now, before)]
    assert found == (["unmapped_terms"] if stops_it else [])
    assert publish_rules.about_unmapped_terms(now, {}) == []


def test_a_score_that_became_missing_stops_the_publish(settings):
    published_before(settings)
    deliver(settings, "without EASI")
    with pytest.raises(Stop) as stop:
        refresh(settings, Shape(n_without_easi=20, load_id="load-2"))
    assert (stop.value.code, stop.value.rule) == (ExitCode.HELD_BACK, "emptied")
    assert "easi_score became missing for 20 of the 20 patients" in stop.value.what
    few = refresh(settings, Shape(n_without_easi=4, load_id="load-2"))
    assert few.status == "published"


def test_half_the_patients_missing_stops_the_publish(settings):
    published_before(settings)
    deliver(settings, "half")
    with pytest.raises(Stop) as stop:
        refresh(settings, Shape(n_patients=10, load_id="load-2"))
    assert stop.value.rule == "vanished"


def test_an_older_extraction_is_refused(settings):
    published_before(settings, first=Shape(extraction_date="2021-06-30"))
    deliver(settings, "older")
    with pytest.raises(Stop) as stop:
        refresh(settings, Shape(extraction_date="2021-01-31", load_id="load-0"))
    assert (stop.value.code, stop.value.rule) == (ExitCode.DELIVERY_REFUSED, "older_delivery")


def test_a_delivery_that_was_followed_by_a_newer_one_is_refused(settings):
    refresh(settings, Shape(extraction_date=None))
    first = (settings.delivery / "visits.csv").read_text(encoding="utf-8")
    deliver(settings, "second")
    refresh(settings, Shape(extraction_date=None, load_id="load-2"))
    deliver(settings, first)
    with pytest.raises(Stop) as stop:
        refresh(settings, Shape(extraction_date=None))
    assert stop.value.rule == "older_delivery"


def three_versions_and_back_to_the_second(settings):
    published_before(settings, *((text, Shape(load_id=text)) for text in ("second", "third")))
    publish.rollback(settings, 2, "the third was wrong")


def test_a_scheduled_run_does_not_undo_a_rollback_but_force_does(settings):
    three_versions_and_back_to_the_second(settings)
    again = refresh(settings, Shape(load_id="third"))
    assert again.status == "rolled_back"
    assert "--force" in again.notes[-1]
    assert manifest.read(settings.manifest)[-1]["event"] == "rolled_back"
    assert versions.number_of(versions.name_of(versions.served(settings))) == 2
    assert refresh(settings, Shape(load_id="third"), is_forced=True).entry["seq"] == 4


def test_the_delivery_that_a_rollback_serves_again_is_a_no_op_and_older_ones_are_refused(settings):
    three_versions_and_back_to_the_second(settings)
    deliver(settings, "second")
    assert refresh(settings, Shape(load_id="second")).status == "already_loaded"
    publish.rollback(settings, 3, "it was right after all")
    with pytest.raises(Stop) as stop:
        refresh(settings, Shape(load_id="second"))
    assert stop.value.rule == "older_delivery"


def test_a_rolled_back_version_that_is_damaged_is_built_again(settings):
    three_versions_and_back_to_the_second(settings)
    damaged = versions.version_files(settings)[-1]
    os.chmod(damaged, 0o644)
    damaged.write_bytes(b"not a database")
    assert refresh(settings, Shape(load_id="third")).status == "published"


@pytest.mark.parametrize(
    ("error", "code"),
    [(KeyError("P0001"), 1), (KeyboardInterrupt(), 130), (Terminated(), 143)],
)
def test_a_crash_or_signal_is_recorded_without_its_words(settings, error, code):
    def fail(*_):
        raise error

    steps = dataclasses.replace(invented.steps(Shape()), analyse=fail)
    with pytest.raises(type(error)):
        refresh(settings, chosen=steps)
    assert not error.is_published
    line = manifest.read(settings.manifest)[-1]
    assert (line["event"], line["exit_code"]) == ("refused", code)
    assert line["why"].startswith("Running analyses: ")
    assert "P0001" not in json.dumps(line)


def test_a_fault_after_the_publish_is_not_recorded_as_a_refusal(settings):
    def fail(*_):
        raise KeyError("no page")

    with pytest.raises(KeyError) as error:
        refresh(settings, chosen=dataclasses.replace(invented.steps(Shape()), report=fail))
    assert error.value.is_published
    assert [entry["event"] for entry in manifest.read(settings.manifest)] == ["published"]


@pytest.mark.fault("P250")
def test_another_key_is_refused(settings):
    published_before(settings)
    deliver(settings, "other key")
    with pytest.raises(Stop) as stop:
        refresh(settings, Shape(key_fingerprint="ffffffff", load_id="load-2"))
    assert (stop.value.code, stop.value.rule) == (ExitCode.ENVIRONMENT, "key_changed")


def test_a_delivery_of_another_registry_is_refused(settings):
    published_before(settings)
    deliver(settings, "other")
    with pytest.raises(Stop) as stop:
        refresh(settings, Shape(source_system="elsewhere", load_id="load-2"))
    assert stop.value.rule == "other_source"


def test_another_person_under_the_same_number_is_flagged(settings):
    published_before(settings)
    deliver(settings, "reassigned")

    def load(given):
        invented.write_warehouse(given.work_file, Shape(load_id="load-2"))
        with duckdb.connect(str(given.work_file)) as db:
            db.execute(
                "update raw.patients set birth_date = '1999-01-01', "
                "sex = case sex when 'F' then 'M' else 'F' end where patient_id = 'P0004'"
            )
            db.execute(
                "update marts.dim_patients set sex_code = 'female' where patient_id = ?",
                [invented.pseudonym(4)],
            )

    summary = refresh(settings, chosen=dataclasses.replace(invented.steps(Shape()), load=load))
    assert any("another birth date" in warning for warning in summary.warnings)


@pytest.mark.parametrize(
    ("state", "severity", "rule"),
    [
        ("failed", "critical", "expectations_failed"),
        ("error", "critical", "expectations_not_run"),
        ("error", "warning", "expectations_not_run"),
    ],
)
def test_an_expectation_that_failed_or_did_not_run_stops_the_publish(
    settings, state, severity, rule
):
    with pytest.raises(Stop) as stop:
        refresh(settings, report=passed_report(state, severity))
    assert (stop.value.code, stop.value.rule) == (ExitCode.CHECKS_FAILED, rule)
    assert not settings.current.exists()


def test_a_stop_names_every_expectation_that_has_to_be_accepted(settings):
    (outcome,) = passed_report("failed").outcomes
    codes = [f"rule_{n}" for n in range(5)]
    outcomes = tuple(dataclasses.replace(outcome, expectation_code=code) for code in codes)
    with pytest.raises(Stop) as stop:
        publish_rules.require_expectations_passed(settings, CheckReport(outcomes, 5), {})
    assert all(f"--accept {each.name}" in stop.value.todo for each in outcomes)


def test_fewer_outcomes_than_expectations_stop_the_publish(settings):
    report = dataclasses.replace(passed_report(), n_expected=2)
    with pytest.raises(Stop) as stop:
        refresh(settings, report=report)
    assert stop.value.rule == "expectations_not_run"


def test_a_failed_warning_is_shown_and_does_not_stop(settings):
    summary = refresh(settings, report=passed_report("failed", "warning"))
    assert summary.status == "published"
    assert any("has_patients" in warning for warning in summary.warnings)


def test_the_trend_of_an_expectation_is_kept_over_builds(settings):
    for number, state in enumerate(["failed", "failed", "passed", "passed"]):
        deliver(settings, f"delivery {number}")
        refresh(settings, report=passed_report(state, "warning"))
    with open_published(settings.published) as db:
        assert db.execute(
            "select build_number, state_code, trend_code from quality.expectation_results "
            "order by build_number"
        ).fetchall() == [
            (1, "failed", "new"),
            (2, "failed", "persisting"),
            (3, "passed", "resolved"),
            (4, "passed", None),
        ]


def test_a_failed_build_leaves_the_old_version_and_is_recorded(settings):
    published_before(settings)
    deliver(settings, "next")

    def build(given, progress, locks):
        raise Stop(ExitCode.CHECKS_FAILED, "the build failed", rule="build_failed")

    steps = dataclasses.replace(invented.steps(Shape(load_id="load-2")), build=build)
    with pytest.raises(Stop):
        refresh(settings, chosen=steps)
    last = manifest.read(settings.manifest)[-1]
    assert (last["event"], last["rule"]) == ("refused", "build_failed")
    assert versions.verify(settings) == []


def test_fewer_tests_than_at_the_last_publish_stop(settings):
    many = BuildResult(RanTests(100, 100, 0), {})
    few = BuildResult(RanTests(10, 10, 0), {})
    base = invented.steps(Shape())
    refresh(settings, chosen=dataclasses.replace(base, build=lambda *_: many))
    deliver(settings, "next")
    with pytest.raises(Stop) as stop:
        refresh(settings, chosen=dataclasses.replace(base, build=lambda *_: few))
    assert (stop.value.code, stop.value.rule) == (ExitCode.CHECKS_FAILED, "fewer_checks")


def test_what_no_export_takes_is_named(settings):
    def load(given):
        invented.write_warehouse(given.work_file, Shape())
        with duckdb.connect(str(given.work_file)) as db:
            db.execute(
                "insert into raw.delivery_notices (source_file, notice_code, detail) "
                "values ('scores.csv', 'unselected_word', 'parameter: HADS (12 records)')"
            )

    summary = refresh(settings, chosen=dataclasses.replace(invented.steps(Shape()), load=load))
    named = "not read, no export takes it: scores.csv, parameter: HADS (12 records)"
    assert named in summary.notes


def test_an_unbalanced_ledger_stops(settings):
    def load(given):
        invented.write_warehouse(given.work_file, Shape())
        with duckdb.connect(str(given.work_file)) as db:
            db.execute("update quarantine.record_ledger set balance = 1")

    with pytest.raises(Stop) as stop:
        refresh(settings, chosen=dataclasses.replace(invented.steps(Shape()), load=load))
    assert stop.value.rule == "ledger"


@pytest.mark.parametrize(
    "statement",
    [
        "alter table marts.dim_patients add column note varchar; "
        "update marts.dim_patients set note = 'P0003'",
        "alter table marts.dim_patients add column birth_date date",
        "update marts.dim_patients set index_season_start_date = date '2019-12-02'",
        "update marts.dim_patients set index_season_start_date = date '2020-01-01'",
        "create table marts.fct_extra as select visit_id as remark from raw.visits",
    ],
)
def test_a_mart_that_points_at_a_person_is_not_published(settings, statement):
    def load(given):
        invented.write_warehouse(given.work_file, Shape())
        with duckdb.connect(str(given.work_file)) as db:
            db.execute(statement)

    with pytest.raises(Stop) as stop:
        refresh(settings, chosen=dataclasses.replace(invented.steps(Shape()), load=load))
    assert stop.value.rule == "person_in_published_file"
    assert "P0003" not in settings.manifest.read_text(encoding="utf-8")
    assert list(settings.incoming.glob("*.duckdb")) == []


@pytest.mark.fault("P213")
def test_a_damaged_version_stops_the_next_run(settings):
    published_before(settings)
    served = versions.served(settings)
    os.chmod(served, 0o644)
    content = bytearray(served.read_bytes())
    content[len(content) // 2] ^= 1
    served.write_bytes(content)
    deliver(settings, "next")
    with pytest.raises(Stop) as stop:
        refresh(settings, Shape(load_id="load-2"))
    assert (stop.value.code, stop.value.rule) == (ExitCode.DAMAGED, "damaged_version")


def test_the_next_run_compares_with_an_older_version_when_the_newest_was_changed(settings):
    published_before(settings, ("next", Shape(n_patients=22, load_id="load-2")))
    served = versions.served(settings)
    os.chmod(served, 0o644)
    with duckdb.connect(str(served)) as db:
        db.execute("update marts.dim_patients set sex_code = 'female'")
    os.chmod(served, 0o444)
    deliver(settings, "three")
    summary = refresh(settings, Shape(n_patients=22, load_id="load-3"))
    assert summary.entry["seq"] == 3
    assert any("is not used" in note for note in summary.notes)
    added = {row["n_records"] for row in summary.changes if row["table_name"] == "dim_patients"}
    assert added == {2}


def test_a_log_beside_a_version_is_not_read_as_part_of_it(settings):
    published_before(settings)
    served = versions.served(settings)
    served.with_name(served.name + ".wal").write_bytes(b"rubbish")
    in_vault = settings.vault / served.parent.name / f"{settings.work_file.name}.wal"
    in_vault.write_bytes(b"rubbish")
    deliver(settings, "two")
    assert refresh(settings, Shape(load_id="load-2")).entry["seq"] == 2
    assert not in_vault.exists()


HOLD = """
import sys, time
from pathlib import Path
from core.settings import Settings
from refresh.store import folders
home = Path(sys.argv[1])
with folders.locked(Settings(vault=home / "vault", published=home / "published"), "a test"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.fault("P207")
def test_a_second_refresh_names_the_holder_of_the_lock_and_ends(settings):
    command = [sys.executable, "-c", HOLD, str(settings.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(Stop) as stop:
            refresh(settings)
        assert stop.value.code == ExitCode.LOCKED
        assert f"a test, pid {other.pid}" in stop.value.what
        assert ", since 20" in stop.value.what
        assert manifest.read(settings.manifest) == []
        other.kill()
    assert folders.lock_holder(settings.vault) is None
    assert refresh(settings).status == "published"


@pytest.mark.fault("P208")
def test_too_little_disk_space_stops_before_anything_is_written(settings, monkeypatch):
    monkeypatch.setattr("refresh.store.folders.free_bytes", lambda folder: 1_000_000)
    with pytest.raises(Stop) as stop:
        refresh(settings)
    assert stop.value.code == ExitCode.NO_ROOM
    assert "1 MB free" in stop.value.what


def test_an_engine_error_is_shown_without_its_words(settings):
    def load(given):
        with duckdb.connect(":memory:") as db:
            db.execute("select cast('Maria Rossi 1967-04-03' as integer)")

    with pytest.raises(Stop) as stop:
        refresh(settings, chosen=dataclasses.replace(invented.steps(Shape()), load=load))
    assert "Rossi" not in stop.value.what
    assert "Conversion Error" in stop.value.what
    assert "Rossi" not in settings.manifest.read_text(encoding="utf-8")


@pytest.mark.fault("P205")
def test_a_reader_with_the_old_version_open_does_not_stop_a_refresh(settings):
    published_before(settings)
    with open_published(settings.published) as reader:
        deliver(settings, "next")
        refresh(settings, Shape(n_patients=22, load_id="load-2"))
        assert reader.execute("select count(*) from marts.dim_patients").fetchone() == (20,)
    with open_published(settings.published) as reader:
        assert reader.execute("select count(*) from marts.dim_patients").fetchone() == (22,)


def test_only_two_vaults_are_kept_and_the_link_follows(settings):
    for number in range(4):
        deliver(settings, f"delivery {number}")
        refresh(settings, Shape(load_id=f"load-{number}"))
    folders = sorted(path.name[:6] for path in settings.vault.glob("0*"))
    assert folders == ["000003", "000004"]
    assert os.readlink(settings.vault_current).startswith("000004_")


def test_the_manifest_line_is_inside_the_published_file(settings):
    summary = refresh(settings)
    with open_published(settings.published) as db:
        inside = json.loads(db.execute("select manifest_entry from metadata.build").fetchone()[0])
    for name in ("seq", "build_id", "load_id", "inputs", "tests", "expectations", "tables"):
        assert inside[name] == summary.entry[name]


def test_the_summary_shows_the_results_that_moved_most_with_their_denominators(capsys):
    def row(name, before, after, n_after=341, unit="points"):
        return {
            "result_id": f"a04.{name}", "label": name, "unit": unit, "change_code": "changed",
            "value_before": before, "value_after": after, "n_before": 342, "n_after": n_after,
        }  # fmt: skip

    moved = [row(f"same_{i}", 25.0, 25.0) for i in range(9)]
    moved += [row("EASI: mean", 100.0, 101.0, 342), row("new", None, 3.0)]
    moved += [row("Started: patients", 1100.0, 2200.0, 2200, "patients")]
    moved += [row("DLQI: mean", 10.0, 10.04)]
    found = Summary("published", {"seq": 2}, result_changes=moved)
    summary.show(found)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines() if "->" in line]
    assert lines[:4] == [
        "Started: patients 1,100 -> 2,200 patients",
        "EASI: mean 100.0 -> 101.0 points",
        "DLQI: mean 10.00 -> 10.04 points (n 342 -> 341)",
        "same_0 25.0 -> 25.0 points (n 342 -> 341)",
    ]
    assert len(lines) == summary.SHOWN_RESULTS


def test_the_summary_names_the_changed_columns(settings, capsys):
    published_before(settings)
    deliver(settings, "corrected")
    summary.show(refresh(settings, Shape(corrected_easi=((7, 3.5),), load_id="load-2")))
    said = capsys.readouterr().out
    assert "export visits: 1 changed, 1 patients (easi_score 1)\n" in said
    assert "mart fct_patient_timepoints: 1 changed, 1 patients (easi_score 1)\n" in said


def test_of_many_changed_columns_the_most_frequent_are_named(capsys):
    columns = [{"name": f"column_{i}", "n": 9 - i} for i in range(6)]
    line = {
        "comparison_code": "mart", "table_name": "dim_patients", "change_code": "changed",
        "n_records": 9, "n_patients": 9, "columns": columns,
    }  # fmt: skip
    summary.show(Summary("published", {"seq": 2}, changes=[line]))
    said = capsys.readouterr().out
    assert "(column_0 9, column_1 8, column_2 7, column_3 6 and 2 more)" in said


def test_a_delivery_that_changes_during_a_refresh_is_not_published(settings):
    def goes_on_copying(given, progress):
        with (given.delivery / "visits.csv").open("a", encoding="utf-8") as file:
            file.write("V2,A1\n")

    slow = dataclasses.replace(invented.steps(Shape()), analyse=goes_on_copying)
    with pytest.raises(Stop) as stop:
        refresh(settings, chosen=slow)
    assert (stop.value.code, stop.value.rule) == (ExitCode.DELIVERY_REFUSED, "delivery_changed")
    assert versions.served(settings) is None
    refresh(settings)
    assert versions.served(settings) is not None
