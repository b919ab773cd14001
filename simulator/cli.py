"""The command line: twin, cohort, faults."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from simulator.delivery import prepare_folder, write_delivery
from simulator.errors import SimulatorError
from simulator.twin.build import build_twin


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``python -m simulator``."""
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="Writes synthetic deliveries. Everything it writes is labelled synthetic.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    twin = commands.add_parser("twin", help="the 342 patients that print the study's numbers")
    _add_output(twin)
    twin.add_argument("--clean", action="store_true", help="leave out the bad records")
    twin.set_defaults(run=_run_twin)

    cohort = commands.add_parser("cohort", help="a cohort of any size with a declared truth")
    cohort.add_argument("--patients", type=int, required=True, help="number of patients")
    cohort.add_argument("--seed", type=int, required=True, help="seed of the drawing")
    cohort.add_argument("--effects", type=Path, help="YAML file with the truth to simulate")
    cohort.add_argument("--format", choices=("csv", "parquet"), default="csv")
    _add_output(cohort)
    cohort.set_defaults(run=_run_cohort)

    faults = commands.add_parser("faults", help="a bad delivery made from a clean one")
    faults.add_argument("--case", required=True, help="identifier such as F037, or 'list'")
    faults.add_argument("--from", dest="source", type=Path, default=Path("exports/demo"))
    _add_output(faults, required=False)
    faults.set_defaults(run=_run_faults)
    return parser


def _add_output(parser: argparse.ArgumentParser, required: bool = True) -> None:
    parser.add_argument("--out", type=Path, required=required, help="output folder")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the exports in a folder that is not empty"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 when done, 2 when the request cannot be done.
    """
    options = build_parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except SimulatorError as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"simulator: {where}{error.strerror or error}", file=sys.stderr)
        return 2


def _run_twin(options: argparse.Namespace) -> int:
    prepare_folder(options.out, options.overwrite)
    delivery = build_twin(with_bad_records=not options.clean)
    write_delivery(delivery, options.out)
    counts = ", ".join(f"{len(rows)} {name}" for name, rows in delivery.records.items())
    print(f"Wrote the synthetic twin to {options.out}: {counts}.")
    return 0


def _run_cohort(options: argparse.Namespace) -> int:
    return importlib.import_module("simulator.cohort.write").write_cohort(
        options.patients,
        options.seed,
        options.effects,
        options.out,
        file_format=options.format,
        overwrite=options.overwrite,
    )


def _run_faults(options: argparse.Namespace) -> int:
    cases = importlib.import_module("simulator.faults.cases")
    if options.case == "list":
        for case in cases.list_cases():
            print(f"{case.case_id}  {case.title}")
        return 0
    if options.out is None:
        raise SimulatorError("name a folder with --out.")
    made = cases.make_fault(options.case, options.source, options.out, overwrite=options.overwrite)
    print(f"Wrote fault {made.case_id} to {options.out}; expected.json says what must happen.")
    return 0
