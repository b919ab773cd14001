"""Entry of ``registry``: its commands, and how every command ends.

Only click and the settings are imported before a command runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import click

from core.stop import EXIT_CODE_HELP, ExitCode, Stop, Terminated, signal_behind
from registry import deliveries, simulate, study, versions

OUR_ROOMS = (
    "core", "privacy", "intake", "expectations", "analysis_py", "refresh", "registry", "simulator",
)  # fmt: skip
EXIT_CODES = "\b\nExit codes:\n" + "\n".join(
    f"{int(code):>3}  {text}" for code, text in EXIT_CODE_HELP.items()
)

# The end of a process need not search half a million objects for garbage: a second of a run.
atexit.register(gc.freeze)


@click.group(
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def cli() -> None:
    """Judge deliveries, build and publish the registry's warehouse, and read its results."""


for command in (
    deliveries.propose, deliveries.check, deliveries.words, deliveries.run, versions.versions,
    versions.rollback, versions.verify, versions.doctor, versions.trace, versions.export,
    versions.erase, study.analyse, study.compare, study.report, simulate.simulate,
):  # fmt: skip
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; ``registry --help`` lists the codes.

    Every error ends in one line about what happened and, where it is known, one about what to do.
    A traceback is never printed: it may quote a patient.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup sets it
            signal.signal(number, _terminate)
    try:
        code = cli.main(
            args=None if arguments is None else list(arguments),
            prog_name="registry",
            standalone_mode=False,
        )
    except BaseException as error:
        code = _end_of(signal_behind(error))
    return int(code or ExitCode.OK)


def _end_of(error: BaseException) -> ExitCode:
    """Print how a command ended and return the exit code of that end."""
    if isinstance(error, click.ClickException):
        error.show()
        code = ExitCode.USAGE
    elif isinstance(error, Stop):
        _print_stop(error)
        code = error.code
    elif isinstance(error, KeyboardInterrupt | click.Abort):
        _print_end(error, "Stopped by Ctrl-C")
        code = ExitCode.INTERRUPTED
    elif isinstance(error, Terminated):
        _print_end(error, f"Stopped by {error.signal_name}")
        code = error.code
    elif isinstance(error, BrokenPipeError):
        sys.stderr.close()
        code = ExitCode.OK
    elif (stop := _stop_of_the_machine(error)) is not None:
        _print_stop(stop)
        code = stop.code
    elif isinstance(error, Exception):
        kind, place = type(error).__name__, _place_of(error)
        _print_end(
            error,
            f"Stopped by a fault of the program ({kind} in {place})",
            "Please report this line.",
        )
        code = ExitCode.UNEXPECTED
    else:
        raise error
    return code


def _stop_of_the_machine(error: BaseException) -> Stop | None:
    """Return a stop where disk, memory, rights or a database file failed, else None."""
    is_of_duckdb = any(kind.__module__ in ("duckdb", "_duckdb") for kind in type(error).__mro__)
    if not is_of_duckdb and not isinstance(error, OSError | MemoryError):
        return None
    from core.messages import cause_of_exception

    cause = cause_of_exception(error)
    if cause.code == ExitCode.CHECKS_FAILED:  # not the machine: a query of ours is wrong
        return None
    return Stop(cause.code, cause.text, cause.todo)


def _print_stop(stop: Stop) -> None:
    _say(f"Stopped: {stop.what}")
    for line in stop.details:
        _say(f"  {line.strip()}")
    if stop.todo:
        _say(f"What to do: {stop.todo}")


def _print_end(error: BaseException, what: str, todo: str = "") -> None:
    """Print an end that no rule decided; a refresh says whether readers have a new version."""
    is_published = getattr(error, "is_published", None)
    if is_published is not None:
        what += (
            "; the new version is published, its report may be missing"
            if is_published
            else "; nothing was published"
        )
    _say(f"{what}. {todo}".rstrip())


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone
        click.echo(line, err=True)


def _terminate(number: int, frame: FrameType | None) -> None:
    """End once: a second signal must not interrupt what the first one has to undo."""
    for other in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise Terminated(number)


def _place_of(error: BaseException) -> str:
    """Return module and line of our own code where an exception was raised."""
    place = "unknown place"
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_globals.get("__name__", "")
        if name.split(".")[0] in OUR_ROOMS:
            place = f"{name}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return place
