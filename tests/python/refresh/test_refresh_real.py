"""The whole command on the demo delivery: dbt, expectations, analyses, report, publish.

Two refreshes of one registry: the demo, then a corrected delivery with hostile text.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from builds import ROOT, publish
from other_duckdb import RELEASES, read_with
from plain_gate import plain_gate
from short_road import ShortRoad

from core.settings import Settings
from refresh.store import manifest, versions
from refresh.store.versions import open_published

DEMO = ROOT / "exports" / "demo"
SECRETS = ("ROSSISECRET", "RSSMRA67D43H501X", "maria.rossi@example.org")
HOSTILE = "'); DROP TABLE visits; -- {{ env_var('HOME') }} <script>ROSSISECRET</script>"


class Registry:
    """A registry in a folder of its own, and the command line that works on it."""

    def __init__(self, folder: Path, key: Path):
        self.settings = Settings(vault=folder / "vault", published=folder / "published")
        self.key = key
        self.said = ""

    def call(self, command: str, *arguments: str, **environment: str) -> int:
        done = subprocess.run(
            [
                Path(sys.executable).parent / "registry", command, "--allow-outside",
                "--vault", str(self.settings.vault), "--published", str(self.settings.published),
                *arguments,
            ],
            cwd=ROOT,
            env={**os.environ, "REGISTRY_KEY_FILE": str(self.key), **environment},
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        self.said = done.stdout + done.stderr
        return done.returncode

    def run(self, delivery: Path, *arguments: str, **environment: str) -> int:
        return self.call("run", "--quiet", "--delivery", str(delivery), *arguments, **environment)

    def run_by(self, road: ShortRoad, delivery: Path) -> int:
        """Run with the SQL that dbt left for the demo, judged by the plain gate."""
        with plain_gate():
            code, self.said = publish(delivery, self.settings, self.key, road.build)
        return code

    def query(self, sql: str) -> list[tuple]:
        with open_published(self.settings.published) as db:
            return db.execute(sql).fetchall()

    def vault_query(self, sql: str) -> list[tuple]:
        file = self.settings.vault_current / "warehouse.duckdb"
        with duckdb.connect(str(file), read_only=True) as db:
            return db.execute(sql).fetchall()


def copy_of_demo(folder: Path, extraction: str) -> Path:
    shutil.copytree(DEMO, folder)
    about = (folder / "delivery.yml").read_text(encoding="utf-8")
    lines = [line for line in about.splitlines() if not line.startswith("extraction_date")]
    text = "\n".join([*lines, f"extraction_date: {extraction}"]) + "\n"
    (folder / "delivery.yml").write_text(text, encoding="utf-8")
    return folder


def edit(file: Path, change) -> None:
    with file.open(encoding="utf-8", newline="") as stream:
        header, *records = list(csv.reader(stream))
    header, records = change(header, records)
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header, *records])


@pytest.fixture(scope="module")
def key(published_demo, tmp_path_factory) -> Path:
    return shutil.copyfile(
        published_demo / "key" / "demo.key", tmp_path_factory.mktemp("key") / "k"
    )


@pytest.fixture(scope="module")
def registry(published_demo, tmp_path_factory, key) -> Registry:
    """The demo, published."""
    folder = tmp_path_factory.mktemp("registry")
    for name in ("vault", "published"):
        shutil.copytree(published_demo / name, folder / name, symlinks=True)
    key.chmod(0o600)
    return Registry(folder, key)


@pytest.fixture(scope="module")
def corrected(registry, road, tmp_path_factory) -> dict:
    """The next delivery: one week-4 EASI corrected, identifiers in new columns, hostile text."""
    visit, patient = registry.vault_query(
        "select visit_id, chosen.patient_id from cohort.cohort_visits as chosen "
        "join staging.stg_clinic__visits as visits using (source_file, record_number) "
        "where timepoint_code = 'week_04' and chosen.easi_score between 5 and 20 "
        "order by visit_id limit 1"
    )[0]
    delivery = copy_of_demo(tmp_path_factory.mktemp("deliveries") / "corrected", "2020-12-31")

    def correct(header, records):
        at = header.index("easi_score")
        for record in records:
            if record[0] == visit:
                record[at] = "55.5"
        return header, records

    def identify(header, records):
        extra = [SECRETS[0], SECRETS[1]]
        return [*header, "surname", 'x"); DROP TABLE patients; --'], [r + extra for r in records]

    def prescribe(header, records):
        rows = [
            [f"RX{number}", patient, text, "", "", "", "", "2020-02-01", ""]
            for number, text in enumerate([HOSTILE, SECRETS[2]])
        ]
        return header, records + rows

    edit(delivery / "visits.csv", correct)
    edit(delivery / "patients.csv", identify)
    edit(delivery / "prescriptions.csv", prescribe)
    before = dict(registry.query("select result_id, value from results.estimates"))
    code = registry.run_by(road, delivery)
    return {"code": code, "said": registry.said, "visit": visit, "delivery": delivery,
            "before": before}  # fmt: skip


def test_the_demo_is_published_with_all_its_parts(registry):
    schemas = {row[0] for row in registry.query("select schema_name from duckdb_tables()")}
    assert schemas == {"marts", "results", "quality", "metadata"}
    assert registry.query("select count(*) from marts.dim_patients") == [(342,)]
    assert registry.query("select count(*) > 300 from results.estimates") == [(True,)]
    served = manifest.read(registry.settings.manifest)[0]
    assert served["tests"]["n_run"] == served["tests"]["n_expected"] > 90
    assert served["expectations"]["n_errors"] == served["expectations"]["n_failed"] == 0
    assert versions.verify(registry.settings) == []


def test_every_table_and_column_of_the_published_file_is_described(registry):
    assert (
        registry.query("select schema_name, table_name from duckdb_tables() where comment is null")
        == []
    )
    assert (
        registry.query(
            "select table_name, column_name from duckdb_columns() "
            "where not internal and comment is null"
        )
        == []
    )


@pytest.mark.parametrize("release", RELEASES)
def test_another_duckdb_reads_the_published_demo(registry, release):
    version, n_tables, n_columns, n_described = read_with(release, registry.settings.current)
    assert version == release
    assert int(n_tables) > 20
    assert n_columns == n_described


def test_the_pages_are_there_and_load_nothing(registry):
    for name in ("quality.html", "report.html"):
        text = (registry.settings.published / "report" / name).read_text(encoding="utf-8")
        assert not re.search(r"<(link|script|img|iframe)[^>]+(src|href)=.?(https?:)?//", text)


def test_nothing_of_a_patient_is_left_outside_the_vault(registry):
    patients = {row[0] for row in registry.vault_query("select patient_id from raw.patients")}
    assert len(patients) > 300
    for path in registry.settings.published.rglob("*"):
        if path.suffix in (".html", ".jsonl", ".csv", ".json", ".svg"):
            words = set(path.read_text(encoding="utf-8").replace('"', " ").split())
            assert not words & patients, path.name
    assert [path.name for path in registry.settings.work.iterdir()] == [".gitignore"]
    for path in registry.settings.vault.rglob("*"):
        if not path.is_symlink():
            assert stat.S_IMODE(path.stat().st_mode) in (0o600, 0o700), path.name


@pytest.mark.fault("P219")
def test_the_same_delivery_again_is_a_no_op(registry):
    before = registry.settings.manifest.read_text(encoding="utf-8").count("\n")
    served = versions.served(registry.settings)
    assert registry.run(DEMO, "--json") == 0, registry.said
    assert json.loads(registry.said)["status"] == "already_loaded"
    assert versions.served(registry.settings) == served
    entries = manifest.read(registry.settings.manifest)
    assert len(entries) == before + 1
    assert entries[-1]["event"] == "already_loaded"


def test_a_refused_delivery_is_reported_per_file_without_a_trace(registry, tmp_path):
    delivery = copy_of_demo(tmp_path / "d", "2021-06-30")
    visits = delivery / "visits.csv"
    visits.write_text(visits.read_text().replace("easi_score", "EASI_total", 1))
    (delivery / "patients.csv").write_text("<html>login</html>")
    served = versions.served(registry.settings)
    assert registry.run(delivery) == 4
    assert "visits.csv" in registry.said
    assert "patients.csv" in registry.said
    assert "Traceback" not in registry.said
    assert versions.served(registry.settings) == served
    assert manifest.read(registry.settings.manifest)[-1]["rule"] == "delivery_refused"


def test_a_corrected_score_changes_marts_and_results_and_is_reported(registry, corrected):
    assert corrected["code"] == 0, corrected["said"]
    changed = registry.query(
        "select n_records, n_patients from quality.changes where comparison_code = 'export' "
        "and table_name = 'visits' and column_name = 'easi_score' and change_code = 'changed'"
    )
    assert changed == [(1, 1)]
    assert registry.query(
        "select count(*) from marts.fct_patient_timepoints "
        "where timepoint_code = 'week_04' and easi_score = 55.5"
    ) == [(1,)]
    moved = registry.query(
        "select result_id, value_before, value_after from quality.result_changes "
        "where change_code = 'changed' and value_before <> value_after"
    )
    assert moved
    assert all(corrected["before"][result] == before for result, before, _ in moved)
    assert "results moved" in corrected["said"]
    assert registry.query(
        "select label, unit from quality.result_changes "
        "where result_id = 'a04.assessed.all.week_04.easi.mean'"
    ) == [("EASI, Week 4: mean", "points")]


def test_only_the_corrected_patient_differs(registry, corrected):
    changed = registry.query(
        "select table_name, column_name, n_patients from quality.changes "
        "where comparison_code = 'mart' and column_name is not null"
    )
    assert {"fct_patient_timepoints", "fct_scores"} <= {table for table, _, _ in changed}
    assert {n_patients for _, _, n_patients in changed} == {1}
    assert registry.query(
        "select change_code, count(*) from quality.patient_changes group by all"
    ) == [("changed", 1)]
    with duckdb.connect(str(registry.settings.history), read_only=True) as db:
        rows = db.execute(
            "select record_key, new_value, old_load_id <> new_load_id from corrections "
            "where column_name = 'easi_score'"
        ).fetchall()
    assert rows == [(corrected["visit"], "55.5", True)]


@pytest.mark.fault("P246")
def test_no_identifier_or_free_text_of_the_delivery_leaves_the_vault(registry, corrected):
    folder = registry.settings.published
    for secret in SECRETS:
        assert secret not in corrected["said"]
        for path in folder.rglob("*"):
            if path.is_file():
                assert secret.encode() not in path.read_bytes(), path.name
    with duckdb.connect(os.path.realpath(registry.settings.current), read_only=True) as db:
        columns = db.execute(
            "select schema_name, table_name, column_name from duckdb_columns() "
            "where not internal and data_type like '%VARCHAR%'"
        ).fetchall()
        for schema, table, column in columns:
            found = db.execute(
                f'select count(*) from "{schema}"."{table}" '
                f"where contains(\"{column}\"::varchar, 'ROSSI') "
                f"or contains(\"{column}\"::varchar, 'DROP TABLE')"
            ).fetchone()[0]
            assert found == 0, (schema, table, column)


def test_an_older_delivery_is_refused_after_a_newer_one(registry, corrected):
    assert registry.run(DEMO) == 4
    assert "newer one has been published" in registry.said
    other = copy_of_demo(corrected["delivery"].parent / "older", "2020-11-30")
    assert registry.run(other) == 4
    assert "2020-11-30" in registry.said
