"""Small file operations that survive a power cut, and modes that keep others out."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path


def private_folder(path: Path) -> Path:
    """Create a folder that only its owner can enter (0700), and that git never sees."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.chmod(path, 0o700)
    os.chmod(_hide_from_git(path), 0o600)
    return path


def public_folder(path: Path) -> Path:
    """Create a folder that others may read and only its owner may write (0755)."""
    path.mkdir(parents=True, exist_ok=True)
    os.chmod(path, 0o755)
    _hide_from_git(path)
    return path


def _hide_from_git(path: Path) -> Path:
    ignore = path / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="ascii")
        ignore.chmod(0o644)
    return ignore


def clear_folder(path: Path) -> Path:
    """Remove a folder with everything in it and make it anew, mode 0700."""
    shutil.rmtree(path, ignore_errors=True)
    return private_folder(path)


def sync_file(path: Path) -> None:
    """Make sure the bytes of a file are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Make sure the names in a folder are on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a text file so that a reader sees the old one or the new one, never half."""
    new = path.with_name(f".{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(new, path)
    sync_folder(path.parent)


def point_link(link: Path, target: str) -> None:
    """Let a symbolic link point at target in one atomic step.

    Raises
    ------
    OSError
        When the file system knows no symbolic links.
    """
    new = link.with_name(f".{link.name}.new")
    new.unlink(missing_ok=True)
    os.symlink(target, new)
    os.replace(new, link)
    sync_folder(link.parent)
