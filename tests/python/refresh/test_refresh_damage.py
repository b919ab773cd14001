"""Published files that something else wrote to: a log, other bytes, no bytes, another link.

No refresh and no release serves them in silence, and doctor, export and run see what verify sees.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from invented import Shape, deliver, published_before, refresh

from core.settings import Settings
from core.stop import ExitCode, Stop
from refresh import doctor
from refresh.store import folders, manifest, publish, versions
from refresh.store.versions import open_published
from registry.main import main

WRITE_AND_DIE = """
import os, signal, sys
import duckdb
db = duckdb.connect(sys.argv[1])
db.execute("set wal_autocheckpoint = '1TB'; delete from marts.dim_patients")
os.kill(os.getpid(), signal.SIGKILL)
"""
N_PATIENTS = "select count(*) from marts.dim_patients"


def write_log(settings: Settings) -> None:
    served = versions.served(settings)
    os.chmod(served, 0o644)
    subprocess.run([sys.executable, "-c", WRITE_AND_DIE, served], check=False)
    os.chmod(served, 0o444)
    with duckdb.connect(os.path.realpath(served), read_only=True) as db:
        assert db.execute(N_PATIENTS).fetchone() == (0,), "another tool sees what the log says"
    with pytest.raises(Stop, match="is a write-ahead log"):
        open_published(settings.published)


def alter(settings: Settings) -> None:
    served = versions.served(settings)
    os.chmod(served, 0o644)
    with duckdb.connect(str(served)) as db:
        db.execute("delete from marts.dim_patients")
    os.chmod(served, 0o444)


def empty(settings: Settings) -> None:
    served = versions.served(settings)
    os.chmod(served, 0o644)
    served.write_bytes(b"")
    os.chmod(served, 0o444)


def lose(settings: Settings) -> None:
    versions.served(settings).unlink()


def lead_elsewhere(settings: Settings) -> None:
    (settings.published / "other").mkdir()
    other = settings.published / "other" / "current.duckdb"
    duckdb.connect(str(other)).close()
    settings.current.unlink()
    settings.current.symlink_to("other/current.duckdb")


def replace_link(settings: Settings) -> None:
    settings.current.unlink()
    duckdb.connect(str(settings.current)).close()


def lose_link(settings: Settings) -> None:
    settings.current.unlink()


DAMAGES = (write_log, alter, empty, lose, lead_elsewhere, replace_link, lose_link)


def two_versions(settings: Settings) -> None:
    published_before(settings, ("next", Shape(load_id="load-2")))


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_seen_by_every_command_and_ended_by_the_next_run(
    settings, damage, tmp_path, capsys, monkeypatch
):
    two_versions(settings)
    damage(settings)
    monkeypatch.delenv("REGISTRY_WAREHOUSE", raising=False)
    monkeypatch.setenv("REGISTRY_PUBLISHED", str(settings.published))
    faults = versions.verify(settings)
    assert faults
    assert [f.text for f in doctor.examine(settings) if f.topic == doctor.VERSIONS] == faults
    options = ["--allow-outside", "--vault", str(settings.vault)]
    options += ["--published", str(settings.published)]
    for command in (["verify"], ["doctor"], ["export", "--out", str(tmp_path / "out")]):
        assert main([*command, *options]) == ExitCode.DAMAGED, command
    for command in (["analyse", "A01"], ["compare"], ["report", "--out", str(tmp_path / "out")]):
        assert main(command) == ExitCode.DAMAGED, command
    assert not (tmp_path / "out").exists()
    assert "fault of the program" not in capsys.readouterr().err
    summary = refresh(settings, Shape(load_id="load-2"))
    assert summary.notes
    with open_published(settings.published) as db:
        assert db.execute(N_PATIENTS).fetchone() == (20,)
    versions.require_served_sound(settings)
    assert manifest.read(settings.manifest)[-1]["notes"]


@pytest.mark.parametrize("damage", [empty, lose, lose_link])
def test_the_only_version_is_damaged(settings, damage):
    """There is nothing to compare with: the run stops, or compares with what is still sound."""
    published_before(settings)
    damage(settings)
    if damage is not lose_link:
        with pytest.raises(Stop) as stop:
            refresh(settings)
        assert (stop.value.code, stop.value.rule) == (ExitCode.DAMAGED, "damaged_version")
        accepted = frozenset({"damaged_version"})
        assert refresh(settings, accepted=accepted, reason="restored").status == "published"
    else:
        assert refresh(settings).notes
    with open_published(settings.published) as db:
        assert db.execute(N_PATIENTS).fetchone() == (20,)


def test_a_refused_delivery_says_too_that_the_served_version_is_damaged(settings):
    two_versions(settings)
    alter(settings)
    deliver(settings, "third")
    with pytest.raises(Stop) as stop:
        refresh(settings, Shape(load_id="load-3", source_system="other"))
    assert stop.value.rule == "other_source"
    assert any("was changed on disk" in line for line in stop.value.details)


def test_a_damaged_older_version_is_named(settings):
    two_versions(settings)
    oldest = versions.version_files(settings)[0]
    os.chmod(oldest, 0o644)
    oldest.write_bytes(b"")
    summary = refresh(settings, Shape(load_id="load-2"))
    assert summary.status == "already_loaded"
    assert any(versions.name_of(oldest) in note for note in summary.notes)


def test_a_rolled_back_delivery_does_not_leave_readers_on_a_damaged_version(settings):
    later = (("next", Shape(load_id="load-2")), ("third", Shape(load_id="load-3")))
    published_before(settings, *later)
    first = versions.version_files(settings)[0]
    publish.rollback(settings, None, "wrong")
    alter(settings)
    with pytest.raises(Stop) as stop:
        refresh(settings, Shape(load_id="load-3"))
    assert stop.value.code == ExitCode.DAMAGED
    assert "rollback --to" in stop.value.todo
    publish.rollback(settings, 1, "damaged")
    assert versions.served(settings) == first


def test_a_rollback_removes_a_log_and_says_so(settings):
    two_versions(settings)
    write_log(settings)
    line = publish.rollback(settings, 2, "the same again")
    assert any("write-ahead log was removed" in note for note in line["notes"])
    with open_published(settings.published) as db:
        assert db.execute(N_PATIENTS).fetchone() == (20,)


def test_a_rollback_without_a_link_serves_the_version_before(settings):
    two_versions(settings)
    lose_link(settings)
    publish.rollback(settings, None, "the link was lost")
    assert versions.number_of(versions.name_of(versions.served(settings))) == 1


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (PermissionError(errno.EPERM, "Operation not permitted", "/srv/vault"), 9, "/srv/vault"),
        (PermissionError(errno.EACCES, "Permission denied", "/srv/vault"), 9, "/srv/vault"),
        (OSError(errno.EROFS, "Read-only file system", "/srv/vault"), 9, "read-only"),
        (OSError(errno.ENOSPC, "No space left on device"), 7, "as many files as it can"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), 7, "quota"),
        (OSError(errno.EIO, "Input/output error"), 9, "refused a file or folder"),
        (MemoryError(), 7, "memory"),
        (duckdb.IOException('IO Error: Could not set lock on file "x": held in y'), 3, "holds"),
        (duckdb.IOException("IO Error: x is not a valid DuckDB database file!"), 8, "database"),
    ],
)
def test_a_failure_of_the_machine_is_one_line_with_its_exit_code(
    error, code, words, monkeypatch, capsys
):
    def fail(settings):
        raise error

    monkeypatch.setattr(versions, "listed", fail)
    assert main(["versions"]) == code
    shown = capsys.readouterr().err
    assert words in shown.splitlines()[0]
    assert "fault of the program" not in shown


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can change owners")
def test_a_folder_of_another_account_is_one_line_and_exit_code_9(settings):
    """The command runs as an account that may enter the folder and does not own it."""
    published_before(settings)
    os.chmod(settings.vault, 0o777)
    nobody = 65534
    script = (
        "import os, sys\n"
        "from registry.main import main\n"
        "from refresh import run\n"
        f"os.setgid({nobody}); os.setuid({nobody})\n"
        "sys.exit(main(['run', '--quiet', '--allow-outside', '--vault', sys.argv[1],\n"
        "    '--published', sys.argv[2], '--delivery', sys.argv[3]]))\n"
    )
    for folder in (settings.vault, *settings.vault.parents):
        if not os.stat(folder).st_mode & 0o001:
            os.chmod(folder, os.stat(folder).st_mode | 0o011)
        if folder.name.startswith("pytest-of"):
            break
    done = subprocess.run(
        [sys.executable, "-c", script, settings.vault, settings.published, settings.delivery],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.returncode == ExitCode.ENVIRONMENT, done.stderr
    assert done.stderr.count("\n") == 2
    assert str(settings.vault) in done.stderr


def test_a_disk_without_inodes_stops_before_anything_is_written(settings, monkeypatch):
    monkeypatch.setattr(folders, "files_that_fit", lambda folder: 10)
    with pytest.raises(Stop) as stop:
        refresh(settings)
    assert stop.value.code == ExitCode.NO_ROOM
    assert "inodes" in stop.value.what
    assert versions.version_files(settings) == []


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
@pytest.mark.parametrize("is_ignored", [False, True])
def test_a_signal_ends_a_refresh_cleanly(settings, name, code, is_ignored):
    """Two signals, as a closing terminal and a service manager send; nohup ignores SIGHUP."""
    script = (
        "import dataclasses, os, signal, sys\n"
        "sys.path.insert(0, sys.argv[4])\n"
        "import invented\n"
        "from refresh import steps\n"
        "from registry.main import main\n"
        f"number = signal.{name}\n"
        # The suite itself may run under nohup.
        f"signal.signal(signal.SIGHUP, signal.{'SIG_IGN' if is_ignored else 'SIG_DFL'})\n"
        "fake = invented.steps(invented.Shape())\n"
        "def check(settings, previous):\n"
        "    try:\n"
        "        os.kill(os.getpid(), number)\n"
        "    finally:\n"
        "        os.kill(os.getpid(), number)\n"
        "    return invented.passed_report()\n"
        "steps.real_steps = lambda dbt: dataclasses.replace(fake, check=check)\n"
        "sys.exit(main(['run', '--quiet', '--allow-outside', '--vault', sys.argv[1],\n"
        "    '--published', sys.argv[2], '--delivery', sys.argv[3]]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, settings.vault, settings.published, settings.delivery,
         Path(__file__).parent],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    if is_ignored and name == "SIGHUP":
        assert done.returncode == ExitCode.OK, done.stderr
        return
    assert done.returncode == code, done.stderr
    assert done.stderr == f"Stopped by {name}; nothing was published.\n"
    assert [path.name for path in settings.work.iterdir()] == [".gitignore"]
    assert manifest.read(settings.manifest)[-1]["exit_code"] == code
    assert folders.lock_holder(settings.vault) is None
