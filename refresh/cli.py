"""Command line: ``python -m refresh run | versions | rollback | verify | doctor | export | erase``.

Only the parser is imported until a command needs more, so that ``--help`` is there at once.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from core.stop import EXIT_CODE_HELP, ExitCode, Stop, Terminated

COMMANDS = {
    "run": "run",
    "versions": "list_versions",
    "rollback": "rollback",
    "verify": "verify",
    "doctor": "doctor",
    "export": "export",
    "erase": "erase",
}
"""Command to function in refresh.commands."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; see ``--help`` for the list."""
    options = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        commands = importlib.import_module("refresh.commands")
        return int(getattr(commands, COMMANDS[options.command])(options))
    except Stop as stop:
        print_stop(stop)
        return int(stop.code)
    except KeyboardInterrupt as error:
        print(f"Stopped by Ctrl-C; {_outcome_of(error)}.", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)
    except Terminated as error:
        print(f"Stopped by SIGTERM; {_outcome_of(error)}.", file=sys.stderr)
        return int(ExitCode.TERMINATED)
    except BrokenPipeError:
        sys.stderr.close()
        return int(ExitCode.OK)
    except Exception as error:  # whatever it is: no traceback, it may quote a patient
        print(
            f"Stopped by a fault of the program ({type(error).__name__} in "
            f"{_place_of(error)}); {_outcome_of(error)}. Please report this line.",
            file=sys.stderr,
        )
        return int(ExitCode.UNEXPECTED)


def print_stop(stop: Stop) -> None:
    """Print why a command stopped: one line per fact, no traceback."""
    print(f"Stopped: {stop.what}", file=sys.stderr)
    for line in stop.details:
        print(f"  {line.strip()}", file=sys.stderr)
    if stop.todo:
        print(f"What to do: {stop.todo}", file=sys.stderr)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _outcome_of(error: BaseException) -> str:
    """Return what readers see after an end that nobody decided."""
    if getattr(error, "is_published", False):
        return "the version was published before, its pages may be missing"
    return "nothing was published"


def _place_of(error: BaseException) -> str:
    """Return module and line of our own code where an exception began."""
    place = "unknown place"
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_globals.get("__name__", "")
        if name.split(".")[0] in ("core", "refresh", "expectations", "intake", "analysis_py"):
            place = f"{name}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return place


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    codes = "\n".join(f"  {int(code):>3}  {text}" for code, text in EXIT_CODE_HELP.items())
    top = argparse.ArgumentParser(
        prog="python -m refresh",
        description="Build, judge and publish the registry's warehouse, and look after its "
        "versions.",
        epilog=f"exit codes:\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_versions(commands)
    _add_export(commands)
    _add_erase(commands)
    return top


def _add(commands: argparse._SubParsersAction, name: str, text: str) -> argparse.ArgumentParser:
    one = commands.add_parser(name, help=text, description=text)
    one.add_argument("--vault", metavar="FOLDER", help="private folder (REGISTRY_VAULT, vault)")
    one.add_argument(
        "--published", metavar="FOLDER", help="readers' folder (REGISTRY_PUBLISHED, published)"
    )
    one.add_argument(
        "--allow-outside",
        action="store_true",
        help="the two folders may lie outside the project (REGISTRY_ALLOW_OUTSIDE=1)",
    )
    return one


def _add_run(commands: argparse._SubParsersAction) -> None:
    run = _add(commands, "run", "refresh the published file from a delivery")
    run.add_argument(
        "--delivery", metavar="FOLDER", help="exports to load (REGISTRY_DELIVERY, exports/demo)"
    )
    run.add_argument("--mapping", metavar="NAME", help="how to read them (REGISTRY_MAPPING)")
    run.add_argument(
        "--accept",
        metavar="RULE",
        action="append",
        default=[],
        help="accept a rule that stopped the last run, by its name; wants --reason",
    )
    run.add_argument("--reason", default="", help="why; recorded in the manifest")
    run.add_argument("--force", action="store_true", help="publish although nothing changed")
    run.add_argument(
        "--keep-work", action="store_true", help="leave the private work folder for inspection"
    )
    run.add_argument("--json", action="store_true", help="print the summary as JSON")
    run.add_argument("--quiet", action="store_true", help="no progress")


def _add_versions(commands: argparse._SubParsersAction) -> None:
    _add(commands, "versions", "list the published versions that are kept")
    rollback = _add(commands, "rollback", "serve an older version again")
    rollback.add_argument("--to", type=int, metavar="NUMBER", help="version (default: the last)")
    rollback.add_argument("--reason", default="", help="why; recorded in the manifest")
    _add(commands, "verify", "check the manifest and every published version to its last row")
    _add(commands, "doctor", "check pins, space, lock, readers, leftovers and platform")


def _add_export(commands: argparse._SubParsersAction) -> None:
    export = _add(commands, "export", "write aggregated tables that may leave the registry")
    export.add_argument("--out", default="build/export", metavar="FOLDER")


def _add_erase(commands: argparse._SubParsersAction) -> None:
    erase = _add(commands, "erase", "remove a patient from the vault and every kept version")
    erase.add_argument(
        "--patient",
        required=True,
        metavar="ID",
        help="the clinic's identifier; - reads it from standard input, so that no shell keeps it",
    )
    erase.add_argument("--delivery", metavar="FOLDER", help="exports to publish again afterwards")
    erase.add_argument("--mapping", metavar="NAME", help="how to read them (REGISTRY_MAPPING)")
    erase.add_argument("--reason", default="", help="why; recorded, so name no person")
