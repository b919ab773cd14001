"""Entry of ``registry``: its commands, and how every command ends.

Only click and the settings are imported before a command runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from types import FrameType

import click

from core.stop import EXIT_CODE_HELP, ExitCode, Stop, Terminated
from registry import deliveries, simulate, study, versions

OUR_ROOMS = (
    "core", "privacy", "intake", "expectations", "analysis_py", "refresh", "registry", "simulator",
)  # fmt: skip
EXIT_CODES = "\b\nExit codes:\n" + "\n".join(
    f"{int(code):>3}  {text}" for code, text in EXIT_CODE_HELP.items()
)


@click.group(
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def cli() -> None:
    """Judge deliveries, build and publish the registry's warehouse, and read its results."""


for command in (
    deliveries.check, deliveries.run, versions.versions, versions.rollback, versions.verify,
    versions.doctor, versions.export, versions.erase, study.analyse, study.compare, study.report,
    simulate.simulate,
):  # fmt: skip
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; ``registry --help`` lists the codes.

    Every error ends in one line about what happened and, where it is known, one about what to do.
    A traceback is never printed: it may quote a patient.
    """
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = cli.main(
            args=None if arguments is None else list(arguments),
            prog_name="registry",
            standalone_mode=False,
        )
    except BaseException as error:
        code = _end_of(error)
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
        _print_end(error, "Stopped by SIGTERM")
        code = ExitCode.TERMINATED
    elif isinstance(error, BrokenPipeError):
        sys.stderr.close()
        code = ExitCode.OK
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


def _print_stop(stop: Stop) -> None:
    click.echo(f"Stopped: {stop.what}", err=True)
    for line in stop.details:
        click.echo(f"  {line.strip()}", err=True)
    if stop.todo:
        click.echo(f"What to do: {stop.todo}", err=True)


def _print_end(error: BaseException, what: str, todo: str = "") -> None:
    """Print an end that no rule decided; a refresh says whether readers have a new version."""
    is_published = getattr(error, "is_published", None)
    if is_published is not None:
        what += (
            "; the new version is published, its report may be missing"
            if is_published
            else "; nothing was published"
        )
    click.echo(f"{what}. {todo}".rstrip(), err=True)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


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
