"""Pseudonyms and their key: made once, private to its owner, never the demo's for real patients."""

from __future__ import annotations

import hashlib
import hmac
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.stop import ExitCode, Stop
from privacy.pseudonyms import KEY_FILE_VARIABLE, PseudonymKey, load_key

GOOD_KEY = bytes(range(32)).hex()


@pytest.fixture(autouse=True)
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv(KEY_FILE_VARIABLE, raising=False)
    return tmp_path / "config" / "dupilumab-registry"


def key_file(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(("is_synthetic", "name"), [(True, "demo.key"), (False, "registry.key")])
def test_a_key_is_made_on_first_use_and_used_again(own_configuration, capsys, is_synthetic, name):
    first = load_key(is_synthetic)
    path = own_configuration / name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert len(bytes.fromhex(path.read_text())) == 32
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert str(path) in said.err
    assert path.read_text().strip() not in said.err
    assert load_key(is_synthetic) == first
    assert capsys.readouterr().err == ""


def test_runs_that_start_at_once_find_one_whole_key(own_configuration):
    for attempt in range(20):
        with ThreadPoolExecutor(8) as pool:
            keys = list(pool.map(lambda _: load_key(True), range(8)))
        assert len({key.fingerprint for key in keys}) == 1, attempt
        assert [path.name for path in own_configuration.iterdir()] == ["demo.key"]
        (own_configuration / "demo.key").unlink()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "too short"),
        ("00" * 31, "too short"),
        (
            "not a key at all, but long enough to be taken for one by a careless check",
            "hexadecimal",
        ),
        ("00" * 32, "not random"),
        ("deadbeef" * 8, "not random"),
    ],
)
def test_a_short_or_trivial_key_is_refused(tmp_path, monkeypatch, text, words):
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(key_file(tmp_path / "a.key", text)))
    with pytest.raises(Stop, match=words):
        load_key(False)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o620])
def test_a_key_that_others_can_read_is_refused(tmp_path, monkeypatch, mode):
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(key_file(tmp_path / "a.key", GOOD_KEY, mode)))
    with pytest.raises(Stop, match="can be read by others") as stopped:
        load_key(False)
    assert "chmod 600" in stopped.value.todo
    assert (stopped.value.code, stopped.value.rule) == (ExitCode.ENVIRONMENT, "key")


def test_a_folder_is_refused_as_a_key(tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(tmp_path))
    with pytest.raises(Stop):
        load_key(False)


def test_a_key_that_cannot_be_made_stops_with_the_reason(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(tmp_path / "file" / "a.key"))
    with pytest.raises(Stop, match="could not be made"):
        load_key(False)


def test_the_demo_key_is_refused_for_a_delivery_that_is_not_synthetic(
    tmp_path, monkeypatch, own_configuration
):
    load_key(True)
    copy = key_file(tmp_path / "copy.key", (own_configuration / "demo.key").read_text())
    for path in (own_configuration / "demo.key", copy):
        monkeypatch.setenv(KEY_FILE_VARIABLE, str(path))
        assert load_key(True)
        with pytest.raises(Stop, match="not labelled synthetic"):
            load_key(False)


def test_a_pseudonym_is_a_keyed_hash_of_the_trimmed_composed_identifier():
    key = PseudonymKey(bytes(range(32)))
    digest = hmac.new(bytes(range(32)), "patient:\u00e91".encode(), hashlib.sha256).hexdigest()
    assert key.pseudonym("\u00e91") == "p" + digest[:16]
    assert key.pseudonym("  e\u03011\u00a0") == key.pseudonym("\u00e91")
    assert key.pseudonyms(["1", "01", "1 ", "", " ", None]) == [
        key.pseudonym("1"),
        key.pseudonym("01"),
        key.pseudonym("1"),
        None,
        None,
        None,
    ]
    assert key.pseudonym("1") != key.pseudonym("01")


def test_fingerprints_differ_between_keys_and_reveal_neither():
    key, other = PseudonymKey(bytes(range(32))), PseudonymKey(bytes(range(1, 33)))
    assert len(key.fingerprint) == 8
    assert key.fingerprint != other.fingerprint
    assert repr(key) == f"PseudonymKey(fingerprint={key.fingerprint!r})"
    assert GOOD_KEY[:16] not in repr(key)
