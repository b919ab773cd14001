"""Pseudonyms: a keyed hash of the patient's identifier; the key lies outside the project.

A plain hash of a patient number is reversed by trying all numbers (ten million seven-digit
numbers take seconds); a keyed hash is not, as long as the key is secret. HMAC: RFC 2104.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
import sys
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from core.stop import ExitCode, Stop

KEY_FILE_VARIABLE = "REGISTRY_KEY_FILE"
KEY_BYTES = 32
MINIMUM_DIFFERENT_BYTES = 8
"""A key with fewer different bytes was typed, not drawn."""
_FINGERPRINT_TEXT = b"dupilumab-registry key fingerprint"


def key_folder() -> Path:
    """Return the folder of the keys in the user's configuration folder."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "dupilumab-registry"


def qualified(patient_id: str, centre_code: str = "") -> str:
    """Return an identifier as every key has it: after the code of its centre, if there is one.

    The macro clean_records writes it in the same form.
    """
    return f"{centre_code}:{patient_id.strip()}" if centre_code else patient_id


@dataclass(frozen=True)
class PseudonymKey:
    """A key that has passed every check. Its value is never printed.

    Attributes
    ----------
    fingerprint : str
        8 hex characters: they distinguish two keys and reveal neither.
    """

    _key: bytes

    @property
    def fingerprint(self) -> str:
        """The key's fingerprint."""
        return hmac.digest(self._key, _FINGERPRINT_TEXT, "sha256").hex()[:8]

    def __repr__(self) -> str:
        return f"PseudonymKey(fingerprint={self.fingerprint!r})"

    def pseudonym(self, patient_id: str | None) -> str | None:
        """Return the pseudonym of a patient.

        Parameters
        ----------
        patient_id : str or None
            As in the export, qualified by its centre if there is one; surrounding blanks and the
            Unicode form do not count.

        Returns
        -------
        str or None
            "p" and 16 hex characters; None for a blank identifier.
        """
        if patient_id is None:
            return None
        normal = unicodedata.normalize("NFC", patient_id).strip()
        if not normal:
            return None
        inner, outer = (state.copy() for state in self._states)
        inner.update(normal.encode())
        outer.update(inner.digest())
        return "p" + outer.hexdigest()[:16]

    @cached_property
    def _states(self) -> tuple[hashlib._Hash, hashlib._Hash]:
        """HMAC-SHA256 of "patient:" and an identifier, up to where the identifier begins.

        The blocks that depend on the key alone are hashed once (RFC 2104, section 4).
        """
        size = hashlib.sha256().block_size
        key = self._key if len(self._key) <= size else hashlib.sha256(self._key).digest()
        block = key.ljust(size, b"\0")
        inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + b"patient:")
        return inner, hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def reference_key(self, load_id: str) -> str:
        """Return the key of the record references of one load, 32 hex characters.

        It stays in the vault. References of two loads have nothing in common, so that no chain of
        references gives the order of the records away.
        """
        return hmac.digest(self._key, f"records:{load_id}".encode(), "sha256").hex()[:32]

    def tombstone(self, patient_id: str | None) -> str | None:
        """Return the mark that an erased patient is recognised by; None for a blank identifier."""
        return self.tombstone_of_pseudonym(self.pseudonym(patient_id))

    def tombstone_of_pseudonym(self, pseudonym: str | None) -> str | None:
        """Return the mark of a pseudonym: hashed once more, so that no published file equals it."""
        return None if pseudonym is None else self.pseudonym(f"erased:{pseudonym}")

    def pseudonyms(self, patient_ids: Iterable[str | None]) -> list[str | None]:
        """Return the pseudonym of each identifier, in order."""
        return [self.pseudonym(patient_id) for patient_id in patient_ids]


def key_path(is_synthetic: bool) -> Path:
    """Return the path of a delivery's key, whether or not the file exists."""
    given = os.environ.get(KEY_FILE_VARIABLE)
    if given:
        return Path(given)
    return key_folder() / ("demo.key" if is_synthetic else "registry.key")


def load_key(is_synthetic: bool) -> PseudonymKey:
    """Return the key of this user, made on first use.

    Parameters
    ----------
    is_synthetic : bool
        Whether the delivery is labelled synthetic; only then the demo's key may be used.

    Raises
    ------
    Stop
        Rule ``key``: the key is short, trivial, readable by others, not a plain file, or the
        demo's.
    """
    demo, path = key_folder() / "demo.key", key_path(is_synthetic)
    if not os.path.lexists(path) and _create(path):
        sys.stderr.write(
            f"A new pseudonym key was made: {path} (keep a copy in a safe place: "
            "with another key every patient gets another pseudonym).\n"
        )
    key = _read(path)
    if not is_synthetic and os.path.lexists(demo) and hmac.compare_digest(key, _read(demo)):
        raise _refused(
            f"{path} holds the demo's key, and this delivery is not labelled synthetic",
            f"use a key of its own: unset {KEY_FILE_VARIABLE}, or name a new file in it",
        )
    return PseudonymKey(key)


def _refused(what: str, todo: str) -> Stop:
    return Stop(ExitCode.ENVIRONMENT, what, todo, "key")


def _create(path: Path) -> bool:
    """Make a complete key file in one step; False when another process was faster."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(KEY_BYTES) + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)
        except FileExistsError:
            return False
        finally:
            draft.unlink()
    except OSError as error:
        raise _refused(
            f"the pseudonym key {path} could not be made ({error.strerror})",
            f"set {KEY_FILE_VARIABLE} to a file in a folder that you may write",
        ) from None
    return True


def _read(path: Path) -> bytes:
    name = f"the pseudonym key {path}"
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise _refused(f"{name} is not a plain file", "name a file of its own")
            if os.name == "posix" and state.st_mode & 0o077:
                raise _refused(f"{name} can be read by others", f"run: chmod 600 {path}")
            text = file.read(4096)
    except OSError as error:
        raise _refused(
            f"{name} cannot be read ({error.strerror})",
            f"make it readable for this account, or name another file in {KEY_FILE_VARIABLE}",
        ) from None
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) < KEY_BYTES:
        raise _refused(
            f"{name} is too short or not hexadecimal",
            f"{KEY_BYTES} random bytes as {2 * KEY_BYTES} hex characters are needed; "
            "remove the file to have one made",
        )
    if len(set(key)) < MINIMUM_DIFFERENT_BYTES:
        raise _refused(f"{name} is not random", "remove the file to have one made")
    return key
