"""``simulate``: write synthetic deliveries. Everything it writes is labelled synthetic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from core.stop import ExitCode, Stop

OUT = click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FOLDER",
    help="Where to write.",
)
OVERWRITE = click.option(
    "--overwrite", is_flag=True, help="Replace the exports in a folder that is not empty."
)


@click.group(short_help="Write synthetic deliveries.")
def simulate() -> None:
    """Write synthetic deliveries: the twin of the study, cohorts with a known truth, faults."""


@contextmanager
def _simulator_errors() -> Iterator[None]:
    from simulator.delivery import SimulatorError

    try:
        yield
    except SimulatorError as error:
        raise Stop(ExitCode.USAGE, str(error)) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise Stop(ExitCode.ENVIRONMENT, f"{where}{error.strerror or error}") from None


@simulate.command(short_help="The study's synthetic twin.")
@OUT
@OVERWRITE
@click.option("--clean", is_flag=True, help="Leave out the faulty records.")
def twin(out: Path, overwrite: bool, clean: bool) -> None:
    """Write the 342 synthetic patients whose data give the study's numbers."""
    from simulator.delivery import prepare_folder, write_delivery
    from simulator.twin.build import build_twin

    with _simulator_errors():
        prepare_folder(out, overwrite)
        delivery = build_twin(with_bad_records=not clean)
        write_delivery(delivery, out)
    counts = ", ".join(f"{len(rows)} {name}" for name, rows in delivery.records.items())
    click.echo(f"Wrote the synthetic twin to {out}: {counts}.")


@simulate.command(short_help="A synthetic cohort of any size.")
@click.option("--patients", type=int, required=True, help="Number of patients.")
@click.option("--seed", type=int, required=True, help="Seed of the random numbers.")
@click.option(
    "--effects", type=click.Path(path_type=Path), metavar="FILE", help="YAML with the true effects."
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["csv", "parquet"]),
    default="csv",
    show_default=True,
    help="Format of the files.",
)
@OUT
@OVERWRITE
def cohort(
    patients: int, seed: int, effects: Path | None, file_format: str, out: Path, overwrite: bool
) -> None:
    """Write a synthetic cohort of any size with a declared truth."""
    from simulator.cohort.write import write_cohort

    with _simulator_errors():
        write_cohort(patients, seed, effects, out, file_format=file_format, overwrite=overwrite)


@simulate.command(short_help="A faulty synthetic delivery.")
@click.option("--case", required=True, metavar="CASE", help="Such as F037, or 'list'.")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    default=Path("exports/demo"),
    show_default=True,
    metavar="FOLDER",
    help="The clean delivery.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FOLDER", help="Where to write.")
@OVERWRITE
def faults(case: str, source: Path, out: Path | None, overwrite: bool) -> None:
    """Write a faulty delivery made from a clean one; expected.json says what must happen."""
    from simulator.faults.cases import list_cases, make_fault

    with _simulator_errors():
        if case == "list":
            for each in list_cases():
                click.echo(f"{each.case_id}  {each.title}")
            return
        if out is None:
            raise click.UsageError("name a folder with --out")
        made = make_fault(case, source, out, overwrite=overwrite)
    click.echo(f"Wrote fault {made.case_id} to {out}; expected.json says what must happen.")
