"""Exit codes of the command line, and the one way in which a refresh stops.

A stop is not a crash: it says what happened, where, and what to do, and carries the exit
code that a scheduler can act on. It never carries a value of a patient.
"""

from __future__ import annotations

import signal
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the process. The list is repeated in ``--help`` and the docs."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    LOCKED = 3
    DELIVERY_REFUSED = 4
    CHECKS_FAILED = 5
    HELD_BACK = 6
    NO_ROOM = 7
    DAMAGED = 8
    ENVIRONMENT = 9
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


EXIT_CODE_HELP = {
    ExitCode.OK: "done, or nothing to do",
    ExitCode.UNEXPECTED: "a fault of the program itself; nothing was published",
    ExitCode.USAGE: "the command line was not understood",
    ExitCode.LOCKED: "another refresh is running, or another process holds a file",
    ExitCode.DELIVERY_REFUSED: "the delivery cannot be trusted, or is older than the last one",
    ExitCode.CHECKS_FAILED: "a test or an expectation failed, or a gate did not run",
    ExitCode.HELD_BACK: "compared with the last publish the change is implausible",
    ExitCode.NO_ROOM: "disk or memory ran out",
    ExitCode.DAMAGED: "a published file or the manifest is not what it was",
    ExitCode.ENVIRONMENT: "configuration, key, path or platform is not fit",
    ExitCode.HUNG_UP: "the terminal was closed (SIGHUP)",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C",
    ExitCode.TERMINATED: "stopped by SIGTERM",
}


class Stop(Exception):  # noqa: N818 - a stop is a decision, not an error
    """A refresh ends here, on purpose.

    Parameters
    ----------
    code : ExitCode
        The exit code of the process.
    what : str
        What happened and where, in one line.
    todo : str
        What a person can do about it, in one line.
    rule : str
        Short name of the rule that stopped, recorded in the manifest and, where an
        override exists, the word that ``--accept`` takes.
    details : tuple of str
        Further lines (one refused file each, for example).
    """

    def __init__(
        self,
        code: ExitCode,
        what: str,
        todo: str = "",
        rule: str = "",
        details: tuple[str, ...] = (),
    ) -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.todo = todo
        self.rule = rule or code.name.lower()
        self.details = details

    @property
    def recorded_details(self) -> tuple[str, ...]:
        """The details for the manifest, which every reader of the published folder can see."""
        return self.details


class Terminated(BaseException):
    """The process was asked to end (SIGTERM, SIGHUP); raised so that every finally is reached."""

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__()
        self.signal_name = signal.Signals(number).name
        self.code = ExitCode(128 + number)


def signal_behind(error: BaseException) -> BaseException:
    """Return what a signal raised while DuckDB ran a query, else the error itself.

    DuckDB raises a RuntimeError then, and what the signal raised is its cause.
    """
    is_signal = isinstance(error.__cause__, KeyboardInterrupt | Terminated)
    return error.__cause__ if is_signal and error.__cause__ else error
