"""Named steps at which a test can kill the process, to prove that any moment is safe.

A kill point does nothing unless two things hold: the environment names it
(``REGISTRY_KILL_AT=step`` or ``step:3`` for the third time it is reached) and the published
folder holds the marker file ``TORTURE``, which only the torture tests create. A stray variable
on a production machine therefore kills nothing.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

MARKER = "TORTURE"
VARIABLE = "REGISTRY_KILL_AT"

STEPS = (
    "locked",
    "work_cleared",
    "building",
    "built",
    "checked",
    "history_written",
    "candidate_table",
    "candidate_packed",
    "candidate_checkpointed",
    "candidate_closed",
    "candidate_verified",
    "vault_kept",
    "candidate_synced",
    "version_named",
    "switched",
    "manifest_half_written",
    "manifest_written",
    "pruned",
)
"""Every kill point of a publish, in the order in which they are reached."""

_reached: Counter[str] = Counter()


def reach(step: str, published: Path) -> None:
    """Kill this process with SIGKILL when a test asked for it at this step."""
    if is_armed(step, published):
        die()


def die() -> None:
    """End this process as a power cut would: no clean-up, no flush."""
    os.kill(os.getpid(), signal.SIGKILL)


def is_armed(step: str, published: Path) -> bool:
    """Count one visit of a step, and say whether the process is to die now."""
    wanted, _, nth = os.environ.get(VARIABLE, "").partition(":")
    if wanted != step or not (published / MARKER).exists():
        return False
    _reached[step] += 1
    return _reached[step] == int(nth or "1")
