"""One command in a process of its own, and what it cost.

Costs come from the kernel when the process ends (wait4): CPU seconds of the process and of the
children it waited for, and the largest resident memory of any one of them. On Linux a new process
inherits the peak memory of its parent, so the benchmark's own process imports nothing large.
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


@dataclass(frozen=True)
class Cost:
    """What a process cost: wall and CPU in seconds, peak memory in MiB; exit code 0 = finished."""

    wall_seconds: float
    cpu_seconds: float
    peak_mib: float
    exit_code: int


def run_measured(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Cost:
    """Run a command to its end, also if it fails.

    Parameters
    ----------
    log : Path
        File for its output.
    environment : mapping
        Variables in addition to those of this process.
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
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(wall, cpu, usage.ru_maxrss / _MAXRSS_PER_MIB, process.returncode)


def tail(log: Path, n: int = 15) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-n:])
