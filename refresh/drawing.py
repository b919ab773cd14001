"""Draw the figures of a report in a process of their own, while a version is packed and published.

The process starts while dbt builds, on the core that dbt leaves idle. It gets results, no patients,
and ends when the pipe to it is closed, which the end of a killed refresh does too.
``python -m refresh.drawing`` is that process.
"""

from __future__ import annotations

import importlib
import pickle
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from core.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from analysis_py.figures import Drawings
    from analysis_py.rows import ResultRows


class FigureProcess:
    """The process that draws the figures of one refresh; without it they are drawn when asked for.

    Whatever keeps it from drawing is no error here: the figures are drawn again, in this process,
    where an error is reported.
    """

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._rows: ResultRows | None = None

    def start(self) -> None:
        """Start the process; it imports what it needs and waits for results."""
        with suppress(OSError):
            self.process = subprocess.Popen(
                [sys.executable, "-m", "refresh.drawing"],
                cwd=PROJECT_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )

    def begin(self, rows: ResultRows) -> None:
        """Let the process draw these results; returns at once."""
        if self.process is not None and self.process.stdin is not None:
            with suppress(OSError), self.process.stdin as pipe:
                pickle.dump(rows, pipe)
                self._rows = rows

    def figures(self, rows: ResultRows) -> Drawings:
        """Return the figures of these results, which may be others than those it was given."""
        if self.process is not None and self.process.stdout is not None and rows == self._rows:
            with suppress(OSError, EOFError, pickle.UnpicklingError), self.process.stdout as pipe:
                drawn: Drawings = pickle.load(pipe)
                return drawn
        drawn = importlib.import_module("analysis_py.figures").draw_all(rows)
        return drawn


def draw_what_comes() -> None:
    """Draw the results that come through the pipe and send the figures back; say nothing else."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the refresh, which closes the pipe
    with suppress(EOFError, OSError):
        figures = importlib.import_module("analysis_py.figures")
        pickle.dump(figures.draw_all(pickle.load(sys.stdin.buffer)), sys.stdout.buffer)


if __name__ == "__main__":
    draw_what_comes()
