"""What the doctor finds, and the two repairs that a person asks for by name."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from core.progress import Progress
from core.stop import ExitCode, Stop
from refresh import doctor, fake_build, killpoints, lock, manifest, pipeline, publish, versions
from refresh.fake_build import Shape
from refresh.reader import open_published


@pytest.fixture
def published(settings):
    with Progress(is_quiet=True) as progress:
        pipeline.run(settings, fake_build.steps(Shape()), progress)
    return settings


def states(settings):
    return {finding.topic: (finding.state, finding.text) for finding in doctor.examine(settings)}


def test_a_healthy_registry_has_no_problem(published):
    assert {state for state, _ in states(published).values()} <= {"good", "note"}


def test_a_log_beside_a_version_is_a_problem(published):
    served = publish.served(published)
    served.with_name(served.name + ".wal").write_bytes(b"x")
    assert states(published)["leftovers"][0] == "bad"


def test_an_open_vault_and_a_writable_version_are_problems(published):
    os.chmod(published.vault / "history.duckdb", 0o644) if (
        published.vault / "history.duckdb"
    ).exists() else os.chmod(published.vault, 0o755)
    assert states(published)["modes"][0] == "bad"
    os.chmod(published.vault, 0o700)
    os.chmod(publish.served(published), 0o644)
    assert "writable versions" in states(published)["modes"][1]


def test_a_reader_is_named_and_stops_nothing(published):
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from refresh.reader import open_published\n"
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
    with lock.held([published.vault], "a test"):
        assert f"pid {os.getpid()}" in states(published)["lock"][1]
    assert states(published)["lock"] == ("good", "nobody holds it")


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
    from pathlib import Path

    assert doctor.file_system_of(Path("/data/registry"), mounts) == kind


def test_a_package_that_is_not_as_locked_is_a_problem(settings):
    (settings.root / "uv.lock").write_text('[[package]]\nname = "duckdb"\nversion = "9.9.9"\n')
    assert states(settings)["pins"][0] == "bad"


def test_too_little_space_is_a_problem(published, monkeypatch):
    monkeypatch.setattr("refresh.room.free_bytes", lambda folder: 1_000_000)
    assert states(published)["space"][0] == "bad"


def test_a_link_that_leads_nowhere_is_a_problem(published):
    os.chmod(publish.served(published), 0o600)
    publish.served(published).unlink()
    assert states(published)["manifest"][0] == "bad"


def test_a_broken_manifest_is_set_aside_with_a_reason_and_versions_stay(published):
    with Progress(is_quiet=True) as progress:
        (published.delivery / "visits.csv").write_text("two")
        pipeline.run(published, fake_build.steps(Shape(load_id="load-2")), progress)
        lines = published.manifest.read_text().replace("clinic", "CLINIC", 1)
        published.manifest.write_text(lines)
        assert states(published)["manifest"][0] == "bad"
        with pytest.raises(Stop) as stop:
            doctor.set_manifest_aside(published, "")
        assert stop.value.code == ExitCode.USAGE
        doctor.set_manifest_aside(published, "somebody edited a line")
        assert versions.verify(published) == []
        (published.delivery / "visits.csv").write_text("three")
        summary = pipeline.run(published, fake_build.steps(Shape(load_id="load-3")), progress)
    assert summary.entry["seq"] == 3
    assert [version.seq for version in versions.listed(published)] == [1, 2, 3]
    assert (published.published / "manifest.broken_001.jsonl").exists()
    events = [entry["event"] for entry in manifest.read(published.manifest).entries]
    assert events == ["set_aside", "adopted", "adopted", "found_current", "published"]


@pytest.mark.parametrize("n_lines", [0, 1])
def test_a_manifest_that_was_cut_or_removed_stops_every_refresh(published, n_lines):
    with Progress(is_quiet=True) as progress:
        for number in (2, 3):
            (published.delivery / "visits.csv").write_text(f"delivery {number}")
            steps = fake_build.steps(Shape(load_id=f"load-{number}"))
            pipeline.run(published, steps, progress)
        lines = published.manifest.read_text().splitlines(keepends=True)
        published.manifest.unlink()
        if n_lines:
            published.manifest.write_text("".join(lines[:n_lines]))
        assert states(published)["manifest"][0] == "bad"
        with pytest.raises(Stop) as stop:
            pipeline.run(published, steps, progress)
        assert (stop.value.code, stop.value.rule) == (ExitCode.DAMAGED, "broken_manifest")
        doctor.set_manifest_aside(published, "the disk lost it")
        assert versions.verify(published) == []
        assert pipeline.run(published, steps, progress).status == "already_loaded"


def test_a_sound_manifest_is_not_set_aside(published):
    with pytest.raises(Stop):
        doctor.set_manifest_aside(published, "just so")


def test_a_kill_variable_alone_kills_nothing(published, monkeypatch):
    monkeypatch.setenv(killpoints.VARIABLE, "switched")
    assert not killpoints.is_armed("switched", published.published)
    (published.published / killpoints.MARKER).touch()
    assert killpoints.is_armed("switched", published.published)


@pytest.mark.fault("P232")
def test_a_copy_taken_during_publishes_is_one_whole_version(published, tmp_path):
    (published.published / killpoints.MARKER).touch()
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from refresh import torture\n"
        "from core.settings import Settings\n"
        "root = Path(sys.argv[1])\n"
        "settings = Settings(root=root, delivery=root / 'delivery', vault=root / 'vault',\n"
        "                    published=root / 'published')\n"
        "torture.publish_many(settings, range(100, 106))\n"
    )
    command = [sys.executable, "-c", code, str(published.root)]
    copies = 0
    with subprocess.Popen(command) as publishing:
        while publishing.poll() is None:
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
    assert publishing.returncode == 0
    assert copies > 0
