"""Progress for people on standard error; plain lines where it is no terminal."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar


class Progress:
    """The steps of a refresh, one line each, with a bar for the long one.

    Parameters
    ----------
    is_quiet : bool
        Say nothing at all (tests, cron with ``--quiet``).
    """

    def __init__(self, is_quiet: bool = False) -> None:
        self.is_quiet = is_quiet
        self.seconds: dict[str, float] = {}
        self._step = ""
        self._started = 0.0
        self._done = 0
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if not self.is_quiet and sys.stderr.isatty():
            self._bar = Bar(
                SpinnerColumn(),
                TextColumn("{task.description:<24}"),
                BarColumn(bar_width=30),
                TextColumn("{task.fields[node]}"),
                TimeElapsedColumn(),
                console=Console(stderr=True),
            )
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()
        if self._bar is not None:
            with contextlib.suppress(OSError):  # the terminal may be gone
                self._bar.stop()

    def step(self, name: str) -> None:
        """Begin a step; the one before is done."""
        self.finish()
        self._step, self._started, self._done = name, time.monotonic(), 0
        if self._bar is not None:
            self._task = self._bar.add_task(name, total=None, node="")
        elif not self.is_quiet:
            print(f"{name} ...", file=sys.stderr, flush=True)

    def advance(self, node: str, total: int) -> None:
        """Count one part of the present step, of so many."""
        self._done += 1
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=total, completed=self._done, node=node[:40])

    @property
    def last_step(self) -> str:
        """The step that is going on, or went on last."""
        return self._step or next(reversed(self.seconds), "Starting")

    def finish(self) -> dict[str, float]:
        """End the present step and return the seconds of all steps."""
        if not self._step:
            return self.seconds
        self.seconds[self._step] = round(time.monotonic() - self._started, 2)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=1, completed=1, node="done")
        self._step = ""
        return self.seconds
