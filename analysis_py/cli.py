"""Command line: ``python -m analysis_py list | run NAME | all | compare | report``.

Only the parser is imported until a command needs more, so that help is there at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from analysis_py.warehouse_path import DEFAULT, VARIABLE, warehouse_path

OK, DIFFERENT, USER_ERROR, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns
    -------
    int
        0: done; 1: `compare` found a difference without a reason; 2: an error of use, said on
        standard error; 130: interrupted.
    """
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return OK
    except Exception as error:
        if not _is_for_people(error):
            raise
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
    one.set_defaults(command=_run)

    everything = commands.add_parser("all", help="run every analysis and show a summary")
    everything.add_argument(
        "--save", action="store_true", help="write schema results into the warehouse file"
    )
    _add_warehouse(everything)
    everything.set_defaults(command=_all)

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
    compare.set_defaults(command=_compare)

    report = commands.add_parser("report", help="write the report, its tables and figures")
    report.add_argument("--out", type=Path, default=Path("build") / "report", metavar="FOLDER")
    _add_warehouse(report)
    report.set_defaults(command=_report)
    return parser


def _add_warehouse(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--warehouse",
        type=Path,
        metavar="PATH",
        help=f"DuckDB file with the marts (default: ${VARIABLE}, else {DEFAULT})",
    )


def _list(_: argparse.Namespace) -> int:
    from analysis_py import show
    from analysis_py.catalogue import ANALYSES

    show.analyses(ANALYSES)
    return OK


def _run(options: argparse.Namespace) -> int:
    from analysis_py.catalogue import find

    analysis = find(options.name)
    from analysis_py import show
    from analysis_py.study import run_some

    with show.progress(total=2) as step:
        delivery, results = run_some(warehouse_path(options.warehouse), [analysis], step)
    if options.format == "csv":
        show.as_csv(results)
    else:
        show.header(delivery)
        show.estimates(analysis, results)
    return OK


def _all(options: argparse.Namespace) -> int:
    from analysis_py import show
    from analysis_py.catalogue import ANALYSES
    from analysis_py.study import run_study

    path = warehouse_path(options.warehouse)
    with show.progress(total=len(ANALYSES) + 2 + int(options.save)) as step:
        study = run_study(path, step)
        if options.save:
            from analysis_py.store import write_results

            step("Writing schema results")
            write_results(path, study)
    show.header(study.delivery)
    show.summary(ANALYSES, study.results)
    show.comparison_counts(study.compared)
    return OK


def _compare(options: argparse.Namespace) -> int:
    from analysis_py import show
    from analysis_py.catalogue import ANALYSES
    from analysis_py.comparison import unexplained
    from analysis_py.study import read_reasons, run_study

    reasons = read_reasons(options.reasons) if options.reasons else {}
    with show.progress(total=len(ANALYSES) + 2) as step:
        study = run_study(warehouse_path(options.warehouse), step, reasons)
    show.header(study.delivery)
    show.comparison_counts(study.compared)
    show.differences(study.compared)
    show.idle_reasons(reasons, study.compared)
    return DIFFERENT if unexplained(study.compared) else OK


def _report(options: argparse.Namespace) -> int:
    from analysis_py import show

    try:
        from analysis_py.report import write_report
    except ModuleNotFoundError as error:
        print(f"Error: the report needs a module that is not here: {error.name}", file=sys.stderr)
        return USER_ERROR
    with show.progress(total=1) as step:
        step("Writing the report")
        page = write_report(warehouse_path(options.warehouse), options.out)
    print(f"Report: {page}")
    return OK


def _is_for_people(error: Exception) -> bool:
    """Whether the text of an error was written for the person at the keyboard."""
    from analysis_py.catalogue import UnknownAnalysisError

    if isinstance(error, UnknownAnalysisError):
        return True
    from analysis_py.marts import MartsError
    from analysis_py.study import ReasonsError

    return isinstance(error, (MartsError, ReasonsError))
