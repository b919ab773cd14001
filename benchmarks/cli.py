"""The command line of the benchmarks; imports nothing heavy, see benchmarks.processes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.processes import ROOT, BenchmarkError

SIZES = (342, 10_000, 100_000, 1_000_000)
NAMES = ("ours", "floor", "floor_three", "pandas", "polars")
PARTS = ("bytes", "judging", "bare_load", "intake", "gate", "analyses")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the warehouse's build beside a bare DuckDB script, pandas and Polars "
        "on simulated deliveries; write the raw numbers and the page.",
        epilog="The default takes about an hour on two cores and 10 GB of disk. A size that is "
        "measured again replaces its earlier numbers; numbers of another machine are dropped.",
    )
    made.add_argument(
        "--sizes", type=_size, nargs="+", default=list(SIZES), metavar="N",
        help="numbers of patients (default: 342 10000 100000 1000000)",
    )  # fmt: skip
    made.add_argument("--runs", type=_positive, default=3, help="rounds per size (default 3)")
    made.add_argument(
        "--contenders", nargs="+", choices=NAMES, default=list(NAMES), metavar="NAME",
        help=f"some of {', '.join(NAMES)} (default: all)",
    )  # fmt: skip
    made.add_argument(
        "--parts", nargs="*", choices=PARTS, default=list(PARTS), metavar="PART",
        help=f"parts measured alone, some of {', '.join(PARTS)} (default: all; none: --parts)",
    )  # fmt: skip
    made.add_argument("--seed", type=int, default=1, help="of the simulated cohorts (default 1)")
    made.add_argument(
        "--memory-limit", default="3GB", metavar="SIZE", help="DuckDB's memory limit (default 3GB)"
    )
    made.add_argument(
        "--scratch", type=Path, default=ROOT / "build" / "bench", metavar="FOLDER",
        help="for deliveries and warehouses (default build/bench)",
    )  # fmt: skip
    made.add_argument("--keep", action="store_true", help="keep the deliveries for the next time")
    made.add_argument(
        "--out", type=Path, default=ROOT / "benchmarks" / "results", metavar="FOLDER",
        help="the raw numbers (default benchmarks/results)",
    )  # fmt: skip
    made.add_argument(
        "--page", type=Path, default=ROOT / "docs" / "benchmarks.md", metavar="FILE",
        help="the page; its figure lies beside it (default docs/benchmarks.md)",
    )  # fmt: skip
    made.add_argument(
        "--render", action="store_true", help="write the page from the raw numbers, measure nothing"
    )
    return made


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"a number from 1 on is needed, not {text!r}")
    return int(text)


def _size(text: str) -> int:
    return _positive(text.replace(",", "").replace("_", ""))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 done, 1 stopped with a message, 130 interrupted."""
    options = parser().parse_args(arguments)
    from benchmarks import session  # noqa: PLC0415 (keeps --help fast)

    try:
        if not options.render:
            session.measure(options)
        session.render(options.out, options.page)
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; sizes that were finished are kept.", file=sys.stderr)
        return 130
    return 0
