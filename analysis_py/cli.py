"""Command line: ``python -m analysis_py list | run NAME | all | compare | report``.

Only the parser is imported until a command needs more, so that help is there at once.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from analysis_py import show
from analysis_py.catalogue import ANALYSES
from analysis_py.errors import AnalysisError
from analysis_py.warehouse_path import DEFAULT, VARIABLE

OK, USER_ERROR, INTERRUPTED = 0, 2, 130

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns
    -------
    int
        0: done; 1: `compare` found a difference without a reason; 2: an error of use, said on
        standard error; 130: interrupted.
    """
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        return command(options)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return OK
    except AnalysisError as error:
        print(f"Error: {error}", file=sys.stderr)
        return USER_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m analysis_py",
        description="Estimates of the study, from the marts of a warehouse file.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("list", help="show the analyses")
    listing.set_defaults(command=_list)

    one = commands.add_parser("run", help="run one analysis and show its results")
    one.add_argument("name", metavar="NAME", help="A13, cox or a13_cox")
    one.add_argument("--format", choices=("table", "csv"), default="table")
    _add_warehouse(one)
    one.set_defaults(command=_later("run"))

    everything = commands.add_parser("all", help="run every analysis and show a summary")
    everything.add_argument(
        "--save", action="store_true", help="write schema results into the warehouse file"
    )
    _add_warehouse(everything)
    everything.set_defaults(command=_later("run_all"))

    compare = commands.add_parser(
        "compare", help="compare with the paper; exit code 1 if a number differs without a reason"
    )
    compare.add_argument(
        "--reasons",
        type=Path,
        metavar="FILE",
        help="CSV with result_id and reason: known differences of this delivery",
    )
    _add_warehouse(compare)
    compare.set_defaults(command=_later("compare"))

    report = commands.add_parser("report", help="write the report, its tables and figures")
    report.add_argument("--out", type=Path, default=Path("build") / "report", metavar="FOLDER")
    _add_warehouse(report)
    report.set_defaults(command=_later("report"))
    return parser


def _add_warehouse(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--warehouse",
        type=Path,
        metavar="PATH",
        help=f"DuckDB file with the marts (default: ${VARIABLE}, else {DEFAULT})",
    )


def _list(_: argparse.Namespace) -> int:
    show.analyses(ANALYSES)
    return OK


def _later(name: str) -> Command:
    """Return a command of analysis_py.commands that is imported only when it is called."""

    def run(options: argparse.Namespace) -> int:
        return getattr(importlib.import_module("analysis_py.commands"), name)(options)

    return run
