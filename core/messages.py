"""Turn an engine's error message into one that can be shown: its kind, without its words.

Messages of DuckDB and dbt quote cells ("Could not convert string ...", "duplicate key ...", a
whole line of an export), so only the kind of error is shown. Messages about the machine (a lock,
a full disk) get a sentence of our own. Messages about code (a parser or catalog error) contain no
cell; their first line is shown.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from core.stop import ExitCode


@dataclass(frozen=True)
class Cause:
    """A failure in words without patient data."""

    text: str
    code: ExitCode
    todo: str


_ROOM = "free disk space or memory and run again"
_VERIFY = "run `registry verify`; a file that is no published version is built again"
_RIGHTS = "run as the account that owns vault and published folder, or give them to this account"
_MACHINE: tuple[tuple[str, str, ExitCode, str], ...] = (
    (
        "No space left on device",
        "the disk is full, or holds as many files as it can",
        ExitCode.NO_ROOM,
        _ROOM,
    ),
    ("Disk quota exceeded", "the disk quota of this account is used up", ExitCode.NO_ROOM, _ROOM),
    ("File too large", "a file grew larger than this account may write", ExitCode.NO_ROOM, _ROOM),
    ("Out of Memory Error", "DuckDB ran out of memory", ExitCode.NO_ROOM, _ROOM),
    ("MemoryError", "Python ran out of memory", ExitCode.NO_ROOM, _ROOM),
    ("max_temp_directory_size", "the space for temporary files ran out", ExitCode.NO_ROOM, _ROOM),
    (
        "Could not set lock on file",
        "another process holds the database file",
        ExitCode.LOCKED,
        "close it there and run again",
    ),
    (
        "not a valid DuckDB database file",
        "a file is not a DuckDB database",
        ExitCode.DAMAGED,
        _VERIFY,
    ),
    ("Corrupt database file", "a database file is damaged", ExitCode.DAMAGED, _VERIFY),
    ("checksum", "a database file is damaged", ExitCode.DAMAGED, _VERIFY),
    (
        "Permission denied",
        "this account may not use a file or folder",
        ExitCode.ENVIRONMENT,
        _RIGHTS,
    ),
    (
        "Operation not permitted",
        "a file or folder belongs to another account",
        ExitCode.ENVIRONMENT,
        _RIGHTS,
    ),
    (
        "Read-only file system",
        "the disk is mounted read-only",
        ExitCode.ENVIRONMENT,
        "choose another folder, or mount the disk for writing",
    ),
    (
        "Too many open files",
        "this account may not open more files",
        ExitCode.ENVIRONMENT,
        "raise its limit (ulimit -n) and run again",
    ),
)
_ABOUT_CODE = re.compile(
    r"^\s*(Parser Error|Catalog Error|Binder Error|Compilation Error|Parsing Error|"
    r"Dependency Error|Invalid project|Env var required)"
)
_EXCEPTION = re.compile(r"^\w+Exception: ")
_KIND = re.compile(r"\b([A-Z][A-Za-z]+(?: [A-Z][a-z]+)* (?:Error|Exception))\b")


def cause_of(message: str) -> Cause:
    """Classify an engine's message.

    Parameters
    ----------
    message : str
        Message of dbt or DuckDB; it may quote patients.

    Returns
    -------
    Cause
        Its text is at most 200 characters and one line.
    """
    for mark, text, code, todo in _MACHINE:
        if mark in message:
            return Cause(text, code, todo)
    lines = [_EXCEPTION.sub("", line.strip()) for line in message.splitlines() if line.strip()]
    for line in lines:
        if _ABOUT_CODE.match(line) and "Error in " not in line:
            return Cause(shown(line), ExitCode.CHECKS_FAILED, "correct the code and run again")
    kinds = [kind for kind in _KIND.findall(message) if kind != "Runtime Error"]
    kind = kinds[0] if kinds else "error"
    return Cause(
        f"{kind} (the message is not shown: it may quote a patient)",
        ExitCode.CHECKS_FAILED,
        "run again with --keep-work and read run_results.json in the vault's work folder",
    )


def cause_of_exception(error: BaseException) -> Cause:
    """Classify an exception of disk, memory, rights or DuckDB; a refused file or folder is named.

    Any other error of the system is the machine's too: it has a number and a short text of the
    system, never a value.
    """
    cause = cause_of(f"{type(error).__name__}: {error}")
    if isinstance(error, OSError) and error.errno:
        if cause.code == ExitCode.CHECKS_FAILED:
            cause = Cause(
                f"the system refused a file or folder ({os.strerror(error.errno)})",
                ExitCode.ENVIRONMENT,
                "look at the disk and at who owns the folders",
            )
        if cause.code == ExitCode.ENVIRONMENT and error.filename:
            return Cause(f"{cause.text}: {shown(str(error.filename))}", cause.code, cause.todo)
    return cause


def shown(text: str, limit: int = 200) -> str:
    """Return one printable line, cut to a length."""
    line = " ".join(text.split())
    printable = "".join(c if c.isprintable() else "?" for c in line)
    return printable if len(printable) <= limit else printable[: limit - 3] + "..."
