"""Draw the figures of a report in a process of their own, while a version is packed and published.

The process starts while dbt builds, on the core that dbt leaves idle. It gets results, no patients,
and ends when the pipe to it is closed, which the end of a killed refresh does too.
"""

from __future__ import annotations

import importlib
import multiprocessing
import signal
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis_py.figures import Drawings
    from analysis_py.rows import ResultRows


class FigureProcess:
    """The process that draws the figures of one refresh; without it they are drawn when asked for.

    Whatever keeps it from drawing is no error here: the figures are drawn again, in this process,
    where an error is reported.
    """

    def __init__(self) -> None:
        self._pipe: Connection | None = None
        self._rows: ResultRows | None = None

    def start(self) -> None:
        """Start the process; it imports what it needs and waits for results."""
        context = multiprocessing.get_context("spawn")  # inherits no lock and no open file
        with suppress(OSError):
            self._pipe, other = context.Pipe()
            context.Process(target=_draw_what_comes, args=(other,), daemon=True).start()
            other.close()

    def begin(self, rows: ResultRows) -> None:
        """Let the process draw these results; returns at once."""
        self._rows = rows
        if self._pipe is not None:
            with suppress(OSError):
                self._pipe.send(rows)

    def figures(self, rows: ResultRows) -> Drawings:
        """Return the figures of these results, which may be others than those it was given."""
        if self._pipe is not None:
            with self._pipe, suppress(OSError, EOFError):
                if rows == self._rows:
                    drawn: Drawings = self._pipe.recv()
                    return drawn
            self._pipe = None
        drawn = importlib.import_module("analysis_py.figures").draw_all(rows)
        return drawn


def _draw_what_comes(pipe: Connection) -> None:
    """Draw the results that come through the pipe and send the figures back; say nothing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the refresh, and that the pipe
    with suppress(Exception):
        figures = importlib.import_module("analysis_py.figures")
        pipe.send(figures.draw_all(pipe.recv()))
