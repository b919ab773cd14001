"""Faults of process, privacy and security, where making the fault itself shows more than its words.

The other cases of `tests/python/faults/fault_facts.csv` are marked where they are tested.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import invented
import pytest
from builds import PARSE_CACHE, ROOT
from invented import Shape, deliver, published_before, refresh

from core.settings import Settings
from core.stop import ExitCode, Stop
from intake.delivery import open_delivery
from intake.loader import load_delivery
from intake.refusals import MappingError
from privacy.pseudonyms import PseudonymKey
from refresh.steps import real_steps
from refresh.store import manifest, publish, versions

HERE = Path(__file__).parent
HOSTILE = "w4'); DROP SCHEMA marts CASCADE; --"


@pytest.fixture(scope="module")
def project(tmp_path_factory, published_demo):
    """The dbt project with one more data test, which fails when everything else is built."""
    root = tmp_path_factory.mktemp("project")
    (root / "target").mkdir()
    shutil.copy(published_demo / "vault" / PARSE_CACHE, root / "target")
    for name in ("models", "seeds", "macros", "tests/dbt"):
        shutil.copytree(ROOT / name, root / name)
    for name in ("dbt_project.yml", "profiles.yml", "selectors.yml"):
        shutil.copyfile(ROOT / name, root / name)
    (root / "tests" / "dbt" / "nobody_is_left.sql").write_text(
        "select patient_id from {{ ref('fct_treatment_algorithm') }}\n"
    )
    return root


@pytest.fixture
def with_dbt(project, tmp_path, monkeypatch):
    """A refresh of the demo by dbt itself, in folders and with a key of its own."""
    monkeypatch.setenv("REGISTRY_KEY_FILE", str(tmp_path / "demo.key"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return Settings(
        root=project,
        delivery=ROOT / "exports" / "demo",
        vault=tmp_path / "vault",
        published=tmp_path / "published",
        is_work_kept=True,
    )


@pytest.mark.fault("P222", "P246", "P250")
def test_a_data_test_that_fails_last_stops_the_publish_and_shows_no_identifier(with_dbt, tmp_path):
    others = dataclasses.replace(
        with_dbt, dbt_arguments=("--exclude", "test_type:generic", "test_type:unit")
    )
    with pytest.raises(Stop) as stop:
        refresh(others, chosen=real_steps())
    assert (stop.value.code, stop.value.rule) == (ExitCode.CHECKS_FAILED, "build_failed")
    assert [line.split(":")[0] for line in stop.value.details] == ["test nobody_is_left"]
    with duckdb.connect(str(with_dbt.work_file), read_only=True) as db:
        people = db.execute("select patient_id, pseudonym from raw.patients").fetchall()
        assert db.execute("select count(*) from marts.dim_patients").fetchone()[0] > 300
        audits = "select count(*) from duckdb_tables() where schema_name like '%audit%'"
        assert db.execute(audits).fetchone() == (0,)
    assert not with_dbt.current.exists()
    assert versions.version_files(with_dbt) == []
    assert manifest.read(with_dbt.manifest)[-1]["rule"] == "build_failed"
    key = (tmp_path / "demo.key").read_text(encoding="ascii").strip()
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "demo.key"]
    assert len(written) > 150
    names = {name for person in people for name in person if name}
    for path in written:
        content = path.read_bytes()
        assert key.encode() not in content, path.name
        if path.suffix != ".duckdb":
            words = re.findall(r"\w+", content.decode(errors="replace"))
            assert not names & set(words), path.name


@pytest.mark.fault("P223")
def test_a_selection_of_nothing_is_not_a_build(with_dbt):
    nothing = dataclasses.replace(with_dbt, dbt_arguments=("--select", "typo"))
    with pytest.raises(Stop) as stop:
        refresh(nothing, chosen=real_steps())
    assert (stop.value.code, stop.value.rule) == (ExitCode.CHECKS_FAILED, "checks_failed")
    assert not with_dbt.current.exists()


@pytest.mark.fault("P246")
def test_rows_that_a_test_stored_stay_in_the_vault(settings):
    def load(given):
        invented.write_warehouse(given.work_file, Shape())
        with duckdb.connect(str(given.work_file)) as db:
            db.execute("create schema main_dbt_test__audit")
            db.execute("create table main_dbt_test__audit.failed as select * from raw.patients")

    refresh(settings, chosen=dataclasses.replace(invented.steps(Shape()), load=load))
    with duckdb.connect(str(settings.current.resolve()), read_only=True) as db:
        schemas = db.execute("select distinct schema_name from duckdb_tables()").fetchall()
    assert {name for (name,) in schemas} == {"marts", "results", "quality", "metadata"}


@pytest.mark.fault("P212")
def test_too_little_memory_stops_with_a_message_and_leaves_nothing(settings):
    published_before(settings)
    served = versions.served(settings).read_bytes()
    deliver(settings, "next")

    def build(given, progress, locks):
        config = {
            "memory_limit": "10MB",
            "temp_directory": str(given.work / "tmp"),
            "max_temp_directory_size": "1MB",
        }
        with duckdb.connect(str(given.work_file), config=config) as db:
            db.execute("create table big as select random() as n from range(9_000_000) order by n")

    with pytest.raises(Stop) as stop:
        refresh(settings, chosen=dataclasses.replace(invented.steps(Shape()), build=build))
    assert stop.value.code == ExitCode.NO_ROOM
    assert "memory" in stop.value.what
    assert versions.served(settings).read_bytes() == served
    assert [path.name for path in settings.work.iterdir()] == [".gitignore"]


@pytest.mark.fault("P209")
def test_a_disk_that_fills_while_publishing_leaves_the_old_version(settings):
    published_before(settings)
    served = versions.served(settings).read_bytes()
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[4])\n"
        "from refresh import steps\n"
        "from registry.main import main\n"
        "import dataclasses, invented, torture\n"
        "fake = invented.steps(invented.Shape(n_patients=400, load_id='load-2'))\n"
        "def check(settings, previous):\n"
        "    torture.limit_file_size(700_000)\n"
        "    return invented.passed_report()\n"
        "steps.real_steps = lambda dbt: dataclasses.replace(fake, check=check)\n"
        "sys.exit(main(['run', '--quiet', '--allow-outside', '--vault', sys.argv[1],\n"
        "    '--published', sys.argv[2], '--delivery', sys.argv[3]]))\n"
    )
    deliver(settings, "next")
    done = subprocess.run(
        [sys.executable, "-c", script, settings.vault, settings.published, settings.delivery, HERE],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == ExitCode.NO_ROOM, done.stderr
    assert "Traceback" not in done.stderr
    assert versions.served(settings).read_bytes() == served
    assert versions.verify(settings) == []
    assert refresh(settings, Shape(load_id="load-2")).status == "published"
    assert list(settings.incoming.glob("*.duckdb*")) == []


@pytest.mark.fault("P213", "P228")
def test_a_damaged_served_version_is_found_and_the_one_before_can_be_served(settings):
    published_before(settings, ("next", Shape(n_patients=22, load_id="load-2")))
    served = versions.served(settings)
    os.chmod(served, 0o644)
    content = bytearray(served.read_bytes())
    content[len(content) // 2] ^= 1
    served.write_bytes(content)
    assert any(versions.name_of(served) in fault for fault in versions.verify(settings))
    publish.rollback(settings, None, "the file was damaged")
    assert versions.number_of(versions.name_of(versions.served(settings))) == 1
    with duckdb.connect(str(settings.current.resolve()), read_only=True) as db:
        assert db.execute("select count(*) from marts.dim_patients").fetchone() == (20,)


@pytest.mark.fault("P252")
@pytest.mark.parametrize("what", ["gone", "another", "a folder"])
def test_a_registry_without_its_key_loads_nothing(what, tmp_path, monkeypatch):
    """A register that lost its key must not go on under another one."""
    settings = Settings(
        delivery=ROOT / "exports" / "demo",
        vault=tmp_path / "vault",
        published=tmp_path / "published",
    )
    steps = dataclasses.replace(
        invented.steps(Shape()),
        key_fingerprint=real_steps().key_fingerprint,
        load=real_steps().load,
    )
    key = tmp_path / "demo.key"
    monkeypatch.setenv("REGISTRY_KEY_FILE", str(key))
    of_key = real_steps().key_fingerprint(settings)
    built = dataclasses.replace(
        invented.steps(Shape(key_fingerprint=of_key)), key_fingerprint=lambda _: of_key
    )
    refresh(settings, chosen=built)
    key.unlink()
    if what == "another":
        key.write_text(hashlib.sha256(b"another").hexdigest())
        key.chmod(0o600)
    elif what == "a folder":
        key.mkdir()
    served = versions.served(settings)
    with pytest.raises(Stop) as stop:
        refresh(settings, chosen=steps)
    assert stop.value.code == ExitCode.ENVIRONMENT
    rule = {"gone": "key_missing", "another": "key_changed", "a folder": "key"}[what]
    assert stop.value.rule == rule
    assert "REGISTRY_KEY_FILE" in stop.value.todo or rule == "key"
    assert "\n" not in stop.value.what
    assert key.exists() == (what != "gone"), "no new key takes the place of a lost one"
    assert versions.served(settings) == served
    assert [path.name for path in settings.vault.glob("0*")] == [versions.name_of(served)]
    assert [path.name for path in settings.work.iterdir()] == [".gitignore"]


@pytest.mark.parametrize("folder", ["vault", "published", "delivery", "root"])
def test_a_key_beside_the_data_is_refused_and_not_made(folder, tmp_path, monkeypatch):
    delivery = shutil.copytree(ROOT / "exports" / "demo", tmp_path / "delivery")
    given = Settings(
        root=tmp_path / "root",
        delivery=delivery,
        vault=tmp_path / "vault",
        published=tmp_path / "published",
    )
    key = getattr(given, folder) / "registry.key"
    monkeypatch.setenv("REGISTRY_KEY_FILE", str(key))
    with pytest.raises(Stop) as stop:
        real_steps().key_fingerprint(given)
    assert (stop.value.code, stop.value.rule) == (ExitCode.ENVIRONMENT, "key_inside")
    assert not key.exists()


MAPPING = f"""
version: 1
source_system: hostile
label: "{HOSTILE}"
words:
  timepoint:
    "{HOSTILE}": week_04
exports:
  patients:
    missing_codes: ["{HOSTILE}"]
    files:
      - file: patients
        columns:
          patient_id: patient_id
          sex: "{HOSTILE}"
          birth_date: birth_date
"""


@pytest.mark.fault("P256")
def test_sql_in_a_mapping_is_data(tmp_path):
    """Words, marks, labels and headers of a mapping are bound, wherever they come to SQL."""
    (tmp_path / "hostile.yml").write_text(MAPPING, encoding="utf-8")
    (tmp_path / "d").mkdir()
    header = f'patient_id,"{HOSTILE}",birth_date'
    (tmp_path / "d" / "patients.csv").write_text(f'{header}\nP1,"{HOSTILE}",1980\nP2,F,1981\n')
    delivery = open_delivery(tmp_path / "d", "hostile", tmp_path)
    with duckdb.connect(":memory:") as db:
        db.execute("create schema marts; create table marts.visits as select 1 as n")
        load_delivery(delivery, PseudonymKey(bytes(range(32))), db.cursor())
        assert db.execute("select count(*) from marts.visits").fetchone() == (1,)
        sexes = db.execute("select sex from raw.patients order by record_number").fetchall()
        assert sexes == [(HOSTILE,), ("F",)]
        words = db.execute("select source_word, code from raw.source_words").fetchall()
        assert words == [(HOSTILE.lower(), "week_04")]
        codes = db.execute("select missing_codes from raw.source_formats").fetchall()
        assert ([HOSTILE],) in codes


@pytest.mark.fault("P256")
@pytest.mark.parametrize(
    ("plain", "hostile"),
    [
        ("source_system: hostile", f'source_system: "{HOSTILE}"'),
        ("version: 1", f'version: "{HOSTILE}"'),
        ("  patients:\n", f'  "{HOSTILE}":\n'),
        ("file: patients", f'file: "{HOSTILE}"'),
        ("  timepoint:\n", f'  "{HOSTILE}":\n'),
        ("          patient_id: patient_id", f'          "{HOSTILE}": patient_id'),
    ],
)
def test_sql_in_the_place_of_a_name_is_refused(plain, hostile, tmp_path):
    assert plain in MAPPING
    (tmp_path / "hostile.yml").write_text(MAPPING.replace(plain, hostile, 1), encoding="utf-8")
    (tmp_path / "d").mkdir()
    with pytest.raises(MappingError, match=r"hostile\.yml"):
        open_delivery(tmp_path / "d", "hostile", tmp_path)


@pytest.mark.fault("P256")
def test_sql_in_a_folder_name_is_a_folder_name(settings, tmp_path):
    hostile = tmp_path / "it's; DROP SCHEMA marts CASCADE; --"
    named = dataclasses.replace(settings, vault=hostile / "vault", published=hostile / "published")
    assert refresh(named).status == "published"
    deliver(named, "next")
    assert refresh(named, Shape(load_id="load-2")).status == "published"
    assert versions.verify(named) == []
