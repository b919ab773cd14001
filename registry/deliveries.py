"""Commands about a delivery: propose a mapping, check it, list its words, publish it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from core.settings import DEFAULT_DELIVERY, PROJECT_ROOT
from core.stop import ExitCode
from registry import options

SHOW_PROGRESS_FROM_BYTES = 50 << 20


@click.command(short_help="Judge a delivery; load nothing.")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@options.MAPPING
def check(folder: Path | None, mapping: str | None) -> int:
    """Judge every file of the delivery in FOLDER; nothing is loaded.

    FOLDER defaults to REGISTRY_DELIVERY, else the demo. Exit code 4: the delivery is refused.
    """
    from intake.check import check as judge

    folder = folder or Path(os.environ.get("REGISTRY_DELIVERY") or PROJECT_ROOT / DEFAULT_DELIVERY)
    with _reading(folder) as progress:
        report = judge(folder, mapping or os.environ.get("REGISTRY_MAPPING") or "", progress)
    lines = [*report.lines, *report.coverage]
    width = max((len(line.name) for line in lines), default=0)
    for line in lines:
        click.echo(f"{line.name:<{width}}  {line.verdict:<8}  {line.words}")
    verdict = "refused" if report.is_refused else "can be loaded"
    click.echo(f"Delivery {report.folder} (mapping {report.mapping}): {verdict}.")
    return ExitCode.DELIVERY_REFUSED if report.is_refused else ExitCode.OK


@click.command(short_help="Write a mapping for a delivery.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    metavar="FILE",
    help="The mapping: a name (intake/mappings/NAME.yml) or a path that ends in .yml.",
)
def propose(folder: Path, out: str) -> None:
    """Look at every file of the delivery in FOLDER and write a mapping with questions.

    Nothing is loaded. What is certain is a setting; what is not is a question in a comment. Where
    the mapping is there already, its decisions stay and only what is new is added.
    """
    from intake.propose.draft import propose as write

    report = write(folder, out)
    verb = "Wrote" if report.is_new else "Revised"
    click.echo(f"{verb} {report.path}")
    for line in report.added:
        click.echo(f"  added    {line}")
    for number, question, is_open in report.questions:
        need = "answer" if is_open else "confirm"
        click.echo(f"  {need:<8} line {number}: {question}")
    for line in report.lost:
        click.echo(f"  not read {line}")
    first = "answer the questions in the file, then " if report.questions else ""
    name = out if out.endswith(".yml") else report.path.stem
    click.echo(f"Next: {first}registry check {folder} --mapping {name}")


@click.command(short_help="List the unknown words of a delivery.")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@options.MAPPING
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The CSV. Default: MAPPING_words.csv in the vault.",
)
@options.folders
def words(folder: Path | None, mapping: str | None, out: Path | None, **given: Any) -> None:
    """Write the words of the delivery in FOLDER that no list and no mapping knows, to fill in.

    A mapping reads the file with words_file. It holds words of patients: it belongs into the vault.
    """
    from core.progress import Progress
    from intake.propose.formats import counted
    from refresh import worklist

    settings = options.settings_of(
        delivery=None if folder is None else str(folder.absolute()), mapping=mapping, **given
    )
    with Progress() as progress:
        found = worklist.write(settings, out, progress)
    for kind, n_words, n_records in found.counts():
        click.echo(f"{kind}: {counted(n_words, 'unknown word')} in {counted(n_records, 'record')}")
    click.echo(f"Wrote {found.path}")
    if found.words:
        click.echo(f"Next: fill in code, write words_file: {found.path.name} into the mapping")


@contextmanager
def _reading(folder: Path) -> Iterator[Callable[[str, int], None] | None]:
    """Show a bar of the bytes read, where a person watches and it takes more than a moment."""
    n_bytes = sum(path.stat().st_size for path in folder.glob("*") if path.is_file())
    if n_bytes < SHOW_PROGRESS_FROM_BYTES or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("reading", total=n_bytes)
        yield lambda name, n: bar.update(task, advance=n, description=name)


@click.command(short_help="Publish a delivery.")
@options.DELIVERY
@options.MAPPING
@click.option(
    "--accept",
    metavar="RULE",
    multiple=True,
    help="Accept a rule that stopped the last run, by its name; needs --reason.",
)
@options.REASON
@click.option("--force", is_flag=True, help="Publish although nothing changed.")
@click.option("--keep-work", is_flag=True, help="Keep the private work folder for inspection.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@options.folders
def run(as_json: bool, quiet: bool, **given: Any) -> None:
    """Load a delivery, build and check the warehouse, publish it and draw the report."""
    from refresh.dbt_process import DbtProcess

    settings = options.settings_of(**given)
    with DbtProcess() as dbt:
        from core.progress import Progress
        from refresh import run as refresh
        from refresh.steps import real_steps
        from refresh.summary import show

        with Progress(is_quiet=quiet) as progress:
            summary = refresh.run(settings, real_steps(dbt), progress)
    if as_json:
        click.echo(json.dumps(asdict(summary), default=str, sort_keys=True))
    else:
        show(summary)
        sys.stdout.flush()
