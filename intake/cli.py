"""The command line of intake: judge a delivery without a warehouse."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after the program's name.

    Returns
    -------
    int
        0: the delivery can be loaded; 1: it is refused; 2: wrong use.
    """
    parser = argparse.ArgumentParser(
        prog="python -m intake", description="Judge a delivery of exports; nothing is loaded."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    checking = commands.add_parser(
        "check",
        help="judge every file of a delivery",
        description="Judge every file of a delivery.",
    )
    checking.add_argument("folder", type=Path, help="the delivery folder")
    checking.add_argument(
        "--mapping", default="", help="mapping name; otherwise delivery.yml's, else clinic"
    )
    options = parser.parse_args(arguments)

    from intake.check import check  # noqa: PLC0415 (keeps --help fast)
    from intake.errors import IntakeError  # noqa: PLC0415

    try:
        report = check(options.folder, options.mapping)
    except IntakeError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    width = max((len(line.name) for line in report.lines), default=0)
    for name, verdict, words in report.lines:
        print(f"{name:<{width}}  {verdict:<8}  {words}")
    verdict = "refused" if report.is_refused else "can be loaded"
    print(f"Delivery {report.folder} (mapping {report.mapping}): {verdict}.")
    return 1 if report.is_refused else 0
