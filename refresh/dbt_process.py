"""dbt in a process of its own, started before there is anything to build.

Importing dbt takes longer than loading a small delivery, so the process imports it meanwhile. It
takes no lock and writes nothing before its order. ``python -m refresh.dbt_process`` is that
process.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from core.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from core.progress import Progress

PR_SET_PDEATHSIG = 1
MAX_LOCKS = 8


class DbtProcess:
    """The process in which dbt builds once; as a context it starts at once and ends at the end."""

    def __init__(self) -> None:
        self._started: tuple[subprocess.Popen[str], socket.socket] | None = None

    def __enter__(self) -> Self:
        with suppress(OSError):  # it is started again, with a message, where it is needed
            self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def start(self) -> tuple[subprocess.Popen[str], socket.socket]:
        """Start the process, unless that is done; it imports dbt and waits for its order."""
        if self._started is not None:
            return self._started
        given = os.environ
        environment = {
            **given,
            "REGISTRY_PARENT_PID": str(os.getpid()),
            "PYTHONPATH": os.pathsep.join(
                filter(None, [str(PROJECT_ROOT), given.get("PYTHONPATH")])
            ),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "PYTHONIOENCODING": "utf-8",
            "TZ": "UTC",
        }
        orders, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "refresh.dbt_process", str(theirs.fileno())],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._started = process, orders
        return self._started

    def run(
        self,
        arguments: list[str],
        folder: Path,
        environment: dict[str, str],
        locks: tuple[int, ...],
        progress: Progress,
    ) -> tuple[int, list[str]]:
        """Run dbt and wait for its end.

        Parameters
        ----------
        arguments : list of str
            Of dbt.
        folder : Path
            Working directory.
        environment : dict
            Variables beside those of this process.
        locks : tuple of int
            Open descriptors of the locks, which the process holds until it ends.
        progress : Progress
            Advances with every model and test that ended.

        Returns
        -------
        tuple of (int, list of str)
            Exit code, and the texts of its errors.
        """
        process, orders = self.start()
        order = {"arguments": arguments, "folder": str(folder), "environment": environment}
        try:
            with suppress(ConnectionError), orders:  # what it printed says why it has ended
                socket.send_fds(orders, [b"\n"], locks)
                orders.sendall(json.dumps(order).encode())
            messages = _follow(process, progress)
            return process.wait(), messages
        finally:
            self.end()

    def end(self) -> None:
        """End the process, whatever it does."""
        if self._started is not None:
            process, orders = self._started
            orders.close()
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    """End a process and its group: SIGTERM, and SIGKILL after five seconds."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            try:
                os.killpg(process.pid, number)
                process.wait(timeout=5)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
    if process.stdout:
        process.stdout.close()


def _follow(process: subprocess.Popen[str], progress: Progress) -> list[str]:
    """Turn what dbt's process says into progress, and keep the texts of its errors."""
    errors: dict[str, None] = {}
    for line in process.stdout or ():
        said = _said(line)
        if "ended" in said:
            progress.advance(said["ended"], said["total"])
        else:
            errors[said.get("error", line)] = None  # a line of a crash is no event
    return list(errors)


def _said(line: str) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def main(orders: int) -> int:
    """Import dbt, wait for an order on this socket, and build; end when the parent process dies.

    On Linux the kernel ends this process with its parent, so that a killed refresh leaves no
    build behind that still writes. Elsewhere the locks that came with the order keep a second
    refresh out until this process has ended. Without an order it ends when the socket closes.
    """
    parent = int(os.environ.pop("REGISTRY_PARENT_PID", "0"))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent and os.getppid() != parent:
        return 1
    os.umask(0o077)
    # dbt makes 100 MB of garbage, in large builds too; the search takes a tenth of a small one.
    gc.disable()
    dbt = importlib.import_module("dbt.cli.main")
    with socket.socket(fileno=orders) as channel, channel.makefile("rb") as text:
        socket.recv_fds(channel, 1, MAX_LOCKS)
        said = text.read()
    if not said:
        return 0
    order = json.loads(said)
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    # By callback: a log in JSON would write out every event, six thousand in a build of the demo.
    done = dbt.dbtRunner(callbacks=[_pass_on]).invoke([*order["arguments"], "--log-level", "none"])
    if done.exception is not None:
        _say({"error": str(done.exception)})
    return 0 if done.success else 1


def _pass_on(event: Any) -> None:
    """Say the errors of dbt and each model or test that ended, one line of JSON each."""
    if event.info.level == "error":
        _say({"error": event.info.msg})
    elif event.info.name.endswith("Result") and hasattr(event.data, "total"):
        _say({"ended": event.data.node_info.node_name, "total": event.data.total})


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
