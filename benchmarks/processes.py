"""One command in a process of its own, and what it cost.

Costs come from the kernel when the process ends (wait4): CPU seconds of it and of every child it
waited for, and the largest resident memory of any one of them. No contender uses a second process
at the same time, so that is the peak of the tree. On Linux a new process inherits the peak of the
one that starts it; the command line therefore stays small and imports nothing heavy.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_MAXRSS_PER_MIB = (1 << 20) if sys.platform == "darwin" else (1 << 10)


class BenchmarkError(RuntimeError):
    """The benchmark cannot go on; the text is meant for people."""


@dataclass(frozen=True)
class Cost:
    """What a process cost: wall and CPU in seconds, peak memory in MiB; exit code 0 = done."""

    wall_seconds: float
    cpu_seconds: float
    peak_mib: float
    exit_code: int = 0


def run_measured(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Cost:
    """Run a command to its end.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    log : Path
        Takes what it prints.
    environment : mapping
        Variables beside those of this process.

    Returns
    -------
    Cost
        Also of a command that failed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            list(command),
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(
        wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / _MAXRSS_PER_MIB, process.returncode
    )


def tail(log: Path, n: int = 15) -> str:
    """Return the last lines of a log, for the message about a command that failed."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-n:])
