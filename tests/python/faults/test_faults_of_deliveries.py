"""Faults that show in a second delivery: a clean one is published, then the other one comes."""

from __future__ import annotations

import csv
import dataclasses
import shutil

import duckdb
import fault_endings
import pytest
from fault_checks import ALL_FACTS, cells_in

from core.progress import Progress
from core.settings import Settings
from core.stop import ExitCode, Stop
from refresh import run as refresh_run
from refresh.steps import real_steps
from refresh.store import manifest, versions
from simulator.faults.cases import make_fault


@pytest.fixture(scope="module")
def refresh(track):
    """A real refresh but for dbt's own start, the analyses and the pages."""
    steps = dataclasses.replace(
        real_steps(),
        build=track.build,
        analyse=lambda settings, progress: None,
        report=lambda settings, progress: {},
    )

    def run(settings: Settings):
        with Progress(is_quiet=True) as progress:
            return refresh_run.run(settings, steps, progress)

    return run


@pytest.fixture(scope="module")
def published(clean, refresh, tmp_path_factory) -> Settings:
    """A registry that serves the clean delivery."""
    home = tmp_path_factory.mktemp("published")
    settings = Settings(delivery=clean, vault=home / "vault", published=home / "published")
    assert refresh(settings).status == "published"
    return settings


@pytest.fixture
def second(published, clean, tmp_path):
    """Make a case and return a registry of its own with the second delivery before it."""

    def deliver(case_id: str) -> Settings:
        for name in ("vault", "published"):
            shutil.copytree(getattr(published, name), tmp_path / name, symlinks=True)
        make_fault(case_id, clean, tmp_path / "made")
        expected = fault_endings.read_expected(tmp_path / "made")
        return dataclasses.replace(
            published,
            delivery=tmp_path / "made" / expected["deliveries"][-1],
            vault=tmp_path / "vault",
            published=tmp_path / "published",
        )

    return deliver


def ask(settings: Settings, sql: str) -> list[tuple]:
    with duckdb.connect(str(settings.current.resolve()), read_only=True) as db:
        return db.execute(sql).fetchall()


def served_hashes(settings: Settings) -> dict[str, str]:
    entries = manifest.read(settings.manifest)
    entry = manifest.of_version(entries, versions.name_of(versions.served(settings)))
    return {t["name"]: t["content_hash"] for t in entry["tables"] if t["schema"] == "marts"}


def stopped(refresh, settings: Settings, clean) -> Stop:
    before = versions.served(settings).read_bytes()
    with pytest.raises(Stop) as stop:
        refresh(settings)
    assert versions.served(settings).read_bytes() == before
    assert versions.verify(settings) == []
    assert manifest.read(settings.manifest)[-1]["event"] == "refused"
    assert not cells_in(" ".join([stop.value.what, *stop.value.details]), clean)
    return stop.value


@pytest.mark.fault("F150")
def test_half_of_the_register_stops_and_the_old_version_stays(refresh, second, clean):
    stop = stopped(refresh, second("F150"), clean)
    assert (stop.code, stop.rule) == (ExitCode.CHECKS_FAILED, "expectations_failed")
    assert any(line.startswith("export_patients.volume: ") for line in stop.details)


@pytest.mark.fault("F150")
def test_half_of_the_register_is_published_when_a_person_says_why(refresh, second):
    settings = second("F150")
    settings = dataclasses.replace(
        settings,
        accepted=frozenset({"volume", "newest_visit", "vanished"}),
        reason="the clinic closed one of its sites",
    )
    summary = refresh(settings)
    assert summary.entry["reason"] == settings.reason
    assert ask(settings, "select count(*) from marts.dim_patients")[0][0] < 200


@pytest.mark.fault("F170")
def test_a_late_correction_arrives_and_nobody_else_differs(refresh, second, published):
    settings = second("F170")
    summary = refresh(settings)
    assert (summary.status, summary.warnings) == ("published", [])
    assert ask(settings, "select change_code, count(*) from quality.patient_changes group by 1") \
        == [("changed", 1)]  # fmt: skip
    changes = ask(
        settings,
        "select change_code, n_records, n_patients from quality.changes "
        "where comparison_code = 'export' and table_name = 'visits' "
        "and (column_name is null and change_code = 'added' "
        "or column_name = 'easi_score' and change_code = 'recoded') order by 1",
    )
    assert changes == [("added", 1, 1), ("recoded", 1, 1)]
    with duckdb.connect(str(settings.history), read_only=True) as db:
        kept = db.execute(
            "select old_value <> new_value, old_load_id <> new_load_id from corrections "
            "where column_name = 'easi_score'"
        ).fetchall()
    assert kept == [(True, True)]


@pytest.mark.fault("F171")
def test_the_same_bytes_again_are_nothing_new(refresh, second):
    settings = second("F171")
    before = versions.served(settings)
    assert refresh(settings).status == "already_loaded"
    assert versions.served(settings) == before
    assert manifest.read(settings.manifest)[-1]["event"] == "already_loaded"
    assert len(versions.version_files(settings)) == 1


@pytest.mark.fault("F175")
def test_a_column_that_came_and_one_that_went_refuse_the_delivery(refresh, second, clean):
    stop = stopped(refresh, second("F175"), clean)
    assert (stop.code, stop.rule) == (ExitCode.DELIVERY_REFUSED, "delivery_refused")
    assert "poem_score" in stop.details[0]
    assert "ward" in stop.details[0]


@pytest.mark.fault("F176")
def test_a_number_given_to_another_person_is_flagged_for_that_patient_alone(refresh, second):
    settings = second("F176")
    summary = refresh(settings)
    assert summary.status == "published"
    assert any("another birth date" in warning for warning in summary.warnings)
    assert ask(
        settings,
        "select count(*), count(*) filter (is_identity_changed) from quality.patient_changes",
    ) == [(1, 1)]
    with duckdb.connect(str(settings.history), read_only=True) as db:
        kept = db.execute(
            "select column_name from corrections where export_name = 'patients' order by 1"
        ).fetchall()
    assert kept == [("birth_date",), ("sex",)]


def test_swapped_drug_codes_for_half_the_patients_stop_the_publish(
    refresh, published, clean, tmp_path
):
    delivery = tmp_path / "swapped"
    shutil.copytree(clean, delivery)
    drugs = {"D11AH01": ("Elocon", "D07AC13"), "D07AC13": ("Protopic", "D11AH01")}
    file = delivery / "prescriptions.csv"
    with file.open(encoding="utf-8", newline="") as stream:
        records = list(csv.DictReader(stream))
    chosen = set(sorted({record["patient_id"] for record in records})[::2])
    for record in records:
        code = record["atc_code"]
        if record["patient_id"] in chosen and code.startswith(("D07", "D11AH01")):
            record["drug_name"], record["atc_code"] = drugs.get(code, drugs["D07AC13"])
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, records[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    for name in ("vault", "published"):
        shutil.copytree(getattr(published, name), tmp_path / name, symlinks=True)
    settings = dataclasses.replace(
        published,
        delivery=delivery,
        vault=tmp_path / "vault",
        published=tmp_path / "published",
    )
    stop = stopped(refresh, settings, clean)
    assert (stop.code, stop.rule) == (ExitCode.HELD_BACK, "recode")
    assert any("topical_regimen_code" in line for line in [stop.what, *stop.details])


def test_these_are_the_cases_with_two_deliveries(clean, tmp_path):
    for case_id in ("F150", "F170", "F171", "F175", "F176"):
        make_fault(case_id, clean, tmp_path / case_id)
        assert fault_endings.read_expected(tmp_path / case_id)["deliveries"] == ["d1", "d2"]
        assert ALL_FACTS[case_id].ends_in in ALL_FACTS[case_id].allowed
