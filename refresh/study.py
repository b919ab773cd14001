"""Compute the study and draw its figures in a process of their own, beside checks and publish.

The process starts while dbt builds, on the core that dbt leaves idle. It reads the work file while
the expectations do; estimates and figures come back through a pipe. It ends when the pipe is
closed, which the end of a killed refresh does too. ``python -m refresh.study`` is that process.
"""

from __future__ import annotations

import importlib
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from analysis_py.figures import Drawings
    from analysis_py.rows import ResultRows
    from analysis_py.study import Study

READ, STUDY, FIGURES = "read", "study", "figures"


class StudyProcess:
    """The process that computes the estimates of one refresh and draws their figures.

    If that process fails, the estimates and figures are made in this one, where an error is
    reported.
    """

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._is_begun = False

    def start(self) -> None:
        """Start the process; it imports what it needs and waits for a work file."""
        with suppress(OSError):
            self.process = subprocess.Popen(
                [sys.executable, "-m", "refresh.study"],
                cwd=PROJECT_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )

    def begin(self, work_file: Path) -> None:
        """Let the process read this file; do not write it before `wait_until_read` returns."""
        if self.process is not None and self.process.stdin is not None:
            with suppress(OSError), self.process.stdin as pipe:
                pickle.dump(work_file.absolute(), pipe)
                self._is_begun = True

    def wait_until_read(self) -> None:
        """Return when the process has closed the work file again."""
        self._receive(READ)

    def study(self, work_file: Path, progress: Callable[[str], None]) -> Study:
        """Return the study of the work file.

        Raises
        ------
        MartsError
            As `analysis_py.study.run_study`.
        """
        done: Study | None = self._receive(STUDY)
        if done is None:
            done = importlib.import_module("analysis_py.study").run_study(work_file, progress)
        return done

    def figures(self, rows: ResultRows) -> Drawings:
        """Return the figures of these results, which may be others than those of the process."""
        drawn_rows, drawn = self._receive(FIGURES) or (None, {})
        if drawn_rows != rows:
            drawn = importlib.import_module("analysis_py.figures").draw_all(rows)
        return drawn

    def _receive(self, wanted: str) -> Any:
        """Return the next thing of this name, or None where none comes any more."""
        if self.process is None or self.process.stdout is None or not self._is_begun:
            return None
        with suppress(Exception):  # what a process that died has sent half ends in any of them
            while True:
                name, content = pickle.load(self.process.stdout)
                if name == wanted:
                    return content
        return None


def compute_and_draw() -> None:
    """Read the file whose path comes through the pipe; send estimates, then figures."""
    marts, rows, study, figures, source = (
        importlib.import_module(f"analysis_py.{name}")
        for name in ("marts", "rows", "study", "figures", "report.source")
    )
    # Ctrl-C ends the refresh, which closes the pipe. A package may have set a handler of its own.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    work_file = pickle.load(sys.stdin.buffer)
    spill = work_file.parent / "study"  # the expectations spill beside the file at the same time
    inputs = study.read_inputs(work_file, spill)
    with marts.Marts(work_file, spill) as opened:
        names = source.read_names(opened)
    _send(READ, True)
    done = study.compute(inputs)
    _send(STUDY, done)
    results = rows.ResultRows(done.results, *names)
    _send(FIGURES, (results, figures.draw_all(results)))


def _send(name: str, content: Any) -> None:
    pickle.dump((name, content), sys.stdout.buffer)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    compute_and_draw()
