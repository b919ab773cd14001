"""The process in which dbt builds: it dies with its parent and writes private files only."""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Run dbt with the arguments of the command line.

    On Linux the kernel is asked to end this process when its parent dies, so that a killed
    refresh leaves no build behind that still writes. Elsewhere the inherited lock keeps a second
    refresh away until this process has ended.
    """
    parent = int(os.environ.pop("REGISTRY_PARENT_PID", "0"))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent and os.getppid() != parent:
        sys.exit(1)
    os.umask(0o077)
    cli = importlib.import_module("dbt.cli.main").cli
    cli(prog_name="dbt")


if __name__ == "__main__":
    main()
