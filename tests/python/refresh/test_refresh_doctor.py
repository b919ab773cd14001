"""What the doctor finds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torture

from analysis_py.marts import Marts
from core.stop import ExitCode, Stop
from refresh import doctor
from refresh.store import folders, versions
from refresh.store.versions import open_published


def states(settings):
    return {finding.topic: (finding.state, finding.text) for finding in doctor.examine(settings)}


def test_a_healthy_registry_has_no_problem(published):
    assert {state for state, _ in states(published).values()} <= {"good", "note"}


def test_a_log_beside_a_version_is_a_problem(published):
    served = versions.served(published)
    served.with_name(served.name + ".wal").write_bytes(b"x")
    assert states(published)["versions"][0] == "bad"
    for read in (
        lambda: versions.open_published(published.published),
        lambda: Marts(published.current),
    ):
        with pytest.raises(Stop, match="is a write-ahead log") as stop:
            read()
        assert stop.value.code == ExitCode.DAMAGED


def test_an_open_vault_and_a_writable_version_are_problems(published):
    os.chmod(published.vault / "history.duckdb", 0o644) if (
        published.vault / "history.duckdb"
    ).exists() else os.chmod(published.vault, 0o755)
    assert states(published)["modes"][0] == "bad"
    os.chmod(published.vault, 0o700)
    os.chmod(versions.served(published), 0o644)
    assert "is writable" in states(published)["versions"][1]


def test_a_reader_is_named_and_stops_nothing(published):
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from refresh.store.versions import open_published\n"
        "db = open_published(Path(sys.argv[1]))\n"
        "print('open', flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", code, str(published.published)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout.readline() == "open\n"
        state, text = states(published)["readers"]
        reader.kill()
    if os.path.isdir("/proc/self/fd"):
        assert (state, f"pid {reader.pid}" in text) == ("note", True)


def test_the_holder_of_the_lock_is_named(published):
    with folders.locked(published, "a test"):
        assert f"a test, pid {os.getpid()}" in states(published)["lock"][1]
    assert states(published)["lock"] == ("good", "free")


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        ("dev / ext4 rw 0 0\nsrv:/x /data nfs4 rw 0 0", "nfs4"),
        ("dev / ext4 rw 0 0\n//srv/x /data cifs rw 0 0", "cifs"),
        ("dev / ext4 rw 0 0\ndev /data/other xfs rw 0 0", "ext4"),
        ("dev / ext4 rw 0 0\ndev /data\\040two xfs rw 0 0", "ext4"),
    ],
)
def test_a_network_file_system_is_recognised(tmp_path, mounts, kind):
    assert doctor.file_system_of(Path("/data/registry"), mounts) == kind


def test_a_package_that_is_not_as_locked_is_a_problem(settings):
    (settings.root / "uv.lock").write_text('[[package]]\nname = "duckdb"\nversion = "9.9.9"\n')
    assert states(settings)["packages"][0] == "bad"


def test_too_little_disk_space_is_a_problem(published, monkeypatch):
    monkeypatch.setattr("refresh.store.folders.free_bytes", lambda folder: 1_000_000)
    assert states(published)["disk space"][0] == "bad"


def test_a_link_to_a_missing_file_is_a_problem(published):
    os.chmod(versions.served(published), 0o600)
    versions.served(published).unlink()
    assert states(published)["versions"][0] == "bad"


def test_an_unreadable_line_of_the_manifest_is_a_problem(published):
    with published.manifest.open("a") as stream:
        stream.write("not JSON\n")
    state, text = states(published)["versions"]
    assert (state, "line 2 of" in text) == ("bad", True)


@pytest.mark.fault("P232")
def test_a_copy_taken_during_publishes_is_one_whole_version(published, tmp_path):
    pid = torture._start(lambda: torture.publish_many(published, range(100, 103)))
    copies = 0
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        folder = tmp_path / f"copy_{copies}"
        folder.mkdir()
        (folder / "current.duckdb").write_bytes(published.current.read_bytes())
        with open_published(folder) as db:
            inside = db.execute(
                "select (select load_id from metadata.build) = "
                "(select load_id from marts.dim_delivery)"
            ).fetchone()
        assert inside == (True,)
        copies += 1
    assert versions.number_of(versions.name_of(versions.served(published))) == 4
    assert copies > 0
