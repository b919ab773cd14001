"""Counting tests, cleaning messages, paths, the command line: parts that need no dbt."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from core import messages
from core.progress import Progress
from core.settings import PROJECT_ROOT, Settings, resolve
from core.stop import ExitCode, Stop
from refresh import build
from refresh.build import RanTests, count_tests, require_all_tests
from refresh.dbt_process import DbtProcess


def artefacts(statuses):
    names = [f"test.p.check_{number}" for number in range(3)]
    manifest = {"nodes": {name: {"resource_type": "test"} for name in names}}
    manifest["nodes"]["model.p.fct"] = {"resource_type": "model"}
    results = [
        {"unique_id": name, "status": status, "failures": 2, "message": "Got 2 results"}
        for name, status in zip(names, statuses, strict=False)
    ]
    return manifest, {"results": results}


def test_tests_that_exist_ran_and_failed_are_counted():
    tests = count_tests(*artefacts(["pass", "fail", "warn"]))
    assert (tests.n_expected, tests.n_run, tests.n_failed) == (3, 3, 1)
    assert tests.failures == ("test check_1: fails for 2 rows",)


@pytest.mark.fault("P223")
@pytest.mark.parametrize("statuses", [[], ["pass"], ["pass", "pass", "skipped"]])
def test_a_test_that_did_not_run_has_failed(statuses):
    with pytest.raises(Stop) as stop:
        require_all_tests(count_tests(*artefacts(statuses)))
    assert (stop.value.code, stop.value.rule) == (ExitCode.CHECKS_FAILED, "tests_not_run")


def test_a_project_without_tests_is_not_a_pass():
    with pytest.raises(Stop):
        require_all_tests(RanTests(0, 0, 0))


def engine_message(statement):
    with duckdb.connect(":memory:") as db:
        db.execute("create table people (id varchar primary key, born date)")
        db.execute("insert into people values ('ROSSI-1967', '1967-04-03')")
        try:
            db.execute(statement)
        except duckdb.Error as error:
            return f"Runtime Error in model fct (models/fct.sql)\n  {error}"
    raise AssertionError("the statement should fail")


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("select cast(id as integer) from people", "Conversion Error"),
        ("insert into people values ('ROSSI-1967', null)", "Constraint Error"),
        ("select strptime(id, '%Y') from people", "Invalid Input Error"),
        ("select error('patient ' || id) from people", "Invalid Input Error"),
    ],
)
def test_no_value_of_an_engine_message_is_repeated(statement, kind):
    message = engine_message(statement)
    assert "ROSSI" in message
    cause = messages.cause_of(message)
    assert "ROSSI" not in cause.text
    assert kind in cause.text


@pytest.mark.parametrize(
    ("message", "code", "word"),
    [
        ("IO Error: Could not write: No space left on device", ExitCode.NO_ROOM, "disk is full"),
        ("FatalException: File too large", ExitCode.NO_ROOM, "larger than"),
        ("Out of Memory Error: could not allocate", ExitCode.NO_ROOM, "memory"),
        ('IO Error: Could not set lock on file "x"', ExitCode.LOCKED, "another process"),
        ("BinderException: Binder Error: column x not found", ExitCode.CHECKS_FAILED, "column x"),
    ],
)
def test_messages_about_the_machine_and_the_code_are_understood(message, code, word):
    cause = messages.cause_of(message)
    assert cause.code == code
    assert word in cause.text


def test_a_shown_line_holds_no_control_character_and_ends():
    assert messages.shown("a\x1b[2Jb\r\nERROR fake" + "x" * 500).startswith("a?[2Jb ERROR fake")
    assert len(messages.shown("x" * 500)) == 200


@pytest.mark.fault("P208")
def test_a_checkpoint_that_does_not_fit_is_an_error_not_silence(tmp_path):
    file = tmp_path / "warehouse.duckdb"
    script = (
        f"import sys, duckdb; sys.path.insert(0, {HERE!r})\n"
        "from pathlib import Path\n"
        "from refresh.build import checkpoint\n"
        "from core.stop import Stop\n"
        "from torture import limit_file_size\n"
        "db = duckdb.connect(sys.argv[1])\n"
        "db.execute(\"set wal_autocheckpoint = '1TB'\")\n"
        "db.execute('create table t as select range::varchar || random() from range(20000)')\n"
        "limit_file_size(100_000)\n"
        "db.close()\n"
        "try:\n"
        "    checkpoint(Path(sys.argv[1]))\n"
        "except Stop as stop:\n"
        "    print(int(stop.code))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(file)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == str(int(ExitCode.NO_ROOM)), done.stderr


@pytest.mark.fault("P258")
@pytest.mark.parametrize("name", ["vault", "published"])
@pytest.mark.parametrize("path", ["../elsewhere", "/var/registry", "a/../../b"])
def test_a_folder_outside_the_project_is_refused_unless_allowed(tmp_path, name, path):
    with pytest.raises(Stop) as stop:
        resolve({name: path}, {}, tmp_path)
    assert (stop.value.code, stop.value.rule) == (ExitCode.ENVIRONMENT, "path_outside")
    resolve({name: path}, {}, tmp_path, may_lie_outside=True)


@pytest.mark.fault("P258")
def test_a_link_that_leads_outside_is_seen(tmp_path):
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    outside.mkdir()
    (project / "published").symlink_to(outside)
    with pytest.raises(Stop) as stop:
        resolve({}, {}, project)
    assert stop.value.rule == "path_outside"


@pytest.mark.parametrize(("vault", "published"), [("a", "a"), ("a", "a/b"), ("a/b", "a")])
def test_vault_and_published_folder_must_not_be_nested(tmp_path, vault, published):
    with pytest.raises(Stop) as stop:
        resolve({"vault": vault, "published": published}, {}, tmp_path)
    assert stop.value.rule == "path_nested"


def test_the_command_line_wins_over_the_environment(tmp_path):
    found = resolve(
        {"vault": "mine", "mapping": None},
        {"REGISTRY_VAULT": "other", "REGISTRY_MAPPING": "m"},
        tmp_path,
    )
    assert (found["vault"], found["mapping"]) == (tmp_path / "mine", "m")


def test_control_characters_in_a_path_are_refused(tmp_path):
    with pytest.raises(Stop):
        resolve({"published": "a\nb"}, {}, tmp_path)


HERE = str(Path(__file__).parent)
SLEEPING_BUILD = """
import signal, sys
sys.path.insert(0, sys.argv[2])
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job begins without it
from pathlib import Path
import invented
from refresh import dbt_process, steps
from registry.main import main
from core.progress import Progress

def waiting_build(settings, progress, locks):
    sys.stdout.write("building\\n")
    sys.stdout.flush()
    import subprocess, time
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             pass_fds=locks, start_new_session=True)
    try:
        sys.stdout.write(f"{child.pid}\\n")
        sys.stdout.flush()
        # A signal just before a blocking wait would be seen only after it
        while child.poll() is None:
            time.sleep(0.05)
    finally:
        dbt_process.end(child)

import dataclasses
fake = dataclasses.replace(invented.steps(invented.Shape()), build=waiting_build)
steps.real_steps = lambda dbt: fake
sys.exit(main(["run", "--quiet", "--allow-outside", "--vault", sys.argv[1] + "/vault",
               "--published", sys.argv[1] + "/published", "--delivery", sys.argv[1]]))
"""


@pytest.mark.fault("P224")
@pytest.mark.parametrize(("sent", "wanted"), [("TERM", 143), ("INT", 130)])
def test_a_signal_stops_cleanly_and_leaves_no_child_and_no_lock(tmp_path, sent, wanted):
    (tmp_path / "visits.csv").write_text("x\n")
    command = [sys.executable, "-c", SLEEPING_BUILD, str(tmp_path), HERE]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as refresh:
        assert refresh.stdout.readline() == "building\n", refresh.stderr.read()
        child = int(refresh.stdout.readline())
        os.kill(refresh.pid, getattr(__import__("signal"), f"SIG{sent}"))
        said = refresh.stderr.read()
        assert refresh.wait(30) == wanted, said
    assert "Traceback" not in said
    assert not _is_running(child)
    assert not (tmp_path / "published" / "current.duckdb").exists()
    assert list((tmp_path / "vault" / "build").glob("*.duckdb")) == []


def _is_running(pid):
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.05)
    return True


STAND_IN_FOR_DBT = """
import json, os, time

class dbtRunner:
    def __init__(self, callbacks):
        pass

    def invoke(self, arguments):
        print(json.dumps({"ended": "a model", "total": 1}), flush=True)
        while not os.path.exists("go on"):
            time.sleep(0.02)
        raise SystemExit(0)
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A folder with a package in dbt's place, which builds until there is a file `go on`."""
    package = tmp_path / "dbt" / "cli"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "main.py").write_text(STAND_IN_FOR_DBT)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{PROJECT_ROOT}")
    return tmp_path


@pytest.mark.fault("P201")
@pytest.mark.parametrize("has_order", [False, True])
def test_the_child_of_a_killed_build_dies_with_it(stand_in, has_order):
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from core.progress import Progress\n"
        "from refresh.dbt_process import DbtProcess\n"
        "dbt = DbtProcess()\n"
        "pid = dbt.start()[0].pid\n"
        "class Said(Progress):\n"
        "    def advance(self, *_): print(pid, flush=True)\n"
        "if sys.argv[1] == 'True':\n"
        "    dbt.run(['build'], Path(sys.argv[2]), {}, (), Said())\n"
        "time.sleep(0.5)\n"
        "print(pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(has_order), str(stand_in)],
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        child = int(parent.stdout.readline())
        parent.kill()
    assert not _is_running(child)


@pytest.mark.fault("P201")
def test_dbt_holds_the_locks_until_it_ends(stand_in):
    lock = os.open(stand_in / "lock", os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    another = os.open(stand_in / "lock", os.O_RDONLY)
    tries = []

    class Watching(Progress):
        def advance(self, *_):
            os.close(lock)
            with pytest.raises(BlockingIOError):
                fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)
            tries.append("held")
            (stand_in / "go on").touch()

    done = DbtProcess().run(["build"], stand_in, {}, (lock,), Watching(is_quiet=True))
    assert (done, tries) == ((0, []), ["held"])
    fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(another)


def test_a_build_that_did_not_start_stops_with_its_kind(settings, stand_in):
    (stand_in / "dbt" / "cli" / "main.py").write_text("raise SystemExit('Parsing Error in ROSSI')")
    with pytest.raises(Stop) as stop:
        build.build(settings, Progress(is_quiet=True), (), DbtProcess())
    assert "dbt did not get as far as building" in stop.value.what
    assert "ROSSI" not in stop.value.what


def test_a_process_without_an_order_says_nothing_and_ends_with_its_context():
    with DbtProcess() as dbt:
        process, orders = dbt.start()
        assert dbt.start() == (process, orders)
        orders.close()
        assert process.stdout.read() == ""
        assert process.wait(30) == 0
    with DbtProcess() as dbt:
        process, _ = dbt.start()
        assert process.poll() is None
    assert process.poll() is not None


class Recorded:
    """In dbt's place: keeps what it was to do, and does it in this process."""

    def __init__(self, do=lambda target: None):
        self.do = do
        self.orders = []

    def run(self, arguments, folder, environment, locks, progress):
        self.orders.append((folder, environment))
        self.do(Path(arguments[arguments.index("--target-path") + 1]))
        return 0, []


def test_every_vault_and_the_project_share_what_dbt_keeps_a_parse_cache_for(tmp_path, monkeypatch):
    monkeypatch.setenv("REGISTRY_KEY_FILE", "own.key")
    monkeypatch.chdir(tmp_path)
    profile = (PROJECT_ROOT / "profiles.yml").read_text()
    for name in ("here", "there"):
        made = Settings(vault=tmp_path / name, published=tmp_path / "p", mapping="own.yml")
        made.work.mkdir(parents=True)
        dbt = Recorded()
        with pytest.raises(Stop):
            build.build(made, Progress(is_quiet=True), (), dbt)
        ((folder, given),) = dbt.orders
        assert f"'{given['REGISTRY_WAREHOUSE']}') }}}}" in profile
        assert folder / given["REGISTRY_WAREHOUSE"] == made.work_file
        assert given["REGISTRY_MAPPING"] == str(tmp_path / "own.yml")
        assert given["REGISTRY_KEY_FILE"] == str(tmp_path / "own.key")


def test_the_parse_cache_is_private_and_the_first_one_is_the_projects(settings):
    manifest, results = artefacts(["pass", "pass", "pass"])
    manifest["metadata"] = {"dbt_version": "1.11"}
    results["metadata"] = {"invocation_id": "i"}

    found = []
    (settings.root / "target").mkdir()
    (settings.root / "target" / build.PARSE_CACHE).write_bytes(b"the project's")

    def build_a_table(target):
        found.append((target / build.PARSE_CACHE).read_bytes())
        (target / "manifest.json").write_text(json.dumps(manifest))
        (target / "run_results.json").write_text(json.dumps(results))
        (target / build.PARSE_CACHE).write_bytes(b"cache")
        with duckdb.connect(str(settings.work_file)) as db:
            db.execute("create or replace table t as select 1 as n")

    done = build.build(settings, Progress(is_quiet=True), (), Recorded(build_a_table))
    assert done.tests.n_run == 3
    cache = settings.vault / build.PARSE_CACHE
    assert cache.stat().st_mode & 0o777 == 0o600
    build.build(settings, Progress(is_quiet=True), (), Recorded(build_a_table))
    assert found == [b"the project's", b"cache"]
