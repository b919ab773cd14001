"""Connections that read records of patients: a memory limit, and spill files in the vault alone."""

from __future__ import annotations

import dataclasses
import stat

import duckdb
import pytest
from builds import ROOT

from core import duck
from privacy import leaks
from refresh import load
from refresh.store import pack


def test_a_database_in_memory_needs_a_folder_for_its_spill_files():
    with pytest.raises(ValueError, match="spill"):
        duck.connect(None)


def test_a_large_sort_spills_into_the_private_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(duck.MEMORY_VARIABLE, "60MB")
    spill = tmp_path / "vault" / "tmp"
    with duck.connect(None, spill) as db:
        db.execute("set preserve_insertion_order = false")
        db.execute("create table people as select md5(n::varchar) as p from range(4000000) as r(n)")
        assert list(spill.iterdir())
        assert db.execute("select current_setting('memory_limit')").fetchone()[0] == "57.2 MiB"
    assert stat.S_IMODE(spill.stat().st_mode) == 0o700
    assert [path.name for path in tmp_path.iterdir()] == ["vault"]


def test_packing_and_the_leak_check_use_the_memory_limit_and_the_work_folder(
    settings, work_file, monkeypatch
):
    opened = []
    connect = duckdb.connect
    monkeypatch.setenv(duck.MEMORY_VARIABLE, "1500MB")

    def listen(file, *arguments, **options):
        opened.append((file, options.get("config")))
        return connect(file, *arguments, **options)

    monkeypatch.setattr(duckdb, "connect", listen)
    candidate = settings.incoming / "candidate.duckdb"
    build = {"seq": 1, "build_id": "0", "packed_at": "2020-12-31T00:00:00"}
    pack.pack(work_file, candidate, build)
    leaks.require_no_person(work_file, candidate)
    in_memory = [config for file, config in opened if file == ":memory:"]
    assert len(in_memory) == 2
    for config in in_memory:
        assert config == {
            "memory_limit": "1500MB",
            "temp_directory": str(settings.work / "tmp"),
        }


def test_raw_records_are_private_from_their_first_byte(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("REGISTRY_KEY_FILE", str(tmp_path / "registry.key"))
    modes = []

    def look(*_, **__):
        modes.append(stat.S_IMODE(settings.work_file.stat().st_mode))

    monkeypatch.setattr(load, "load_delivery", look)
    monkeypatch.setattr(load.erased, "leave_out", lambda *_: 0)
    load.load(dataclasses.replace(settings, delivery=ROOT / "exports" / "demo"))
    assert modes == [0o600]


def test_the_memory_limit_is_the_one_of_dbt(monkeypatch):
    monkeypatch.delenv(duck.MEMORY_VARIABLE, raising=False)
    profile = (ROOT / "profiles.yml").read_text(encoding="utf-8")
    assert f"env_var('{duck.MEMORY_VARIABLE}', '{duck.memory_limit()}')" in profile
