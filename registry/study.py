"""Commands that read marts: ``analyse``, ``compare`` with the paper, ``report``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from core.settings import PROJECT_ROOT
from core.stop import ExitCode, Stop
from registry import options

READ_AND_COMPARE = 2


def warehouse_path(given: Path | None) -> Path:
    """Return the file to read: the one named, else what readers get, else the last build.

    Raises
    ------
    Stop
        When there is none, or the published file is not as it was published.
    """
    from refresh.store import versions

    named = given or os.environ.get("REGISTRY_WAREHOUSE")
    if named:
        if not Path(named).is_file():
            raise Stop(
                ExitCode.ENVIRONMENT, f"there is no warehouse file {named}", "check the path"
            )
        return Path(named)
    published = PROJECT_ROOT / (os.environ.get("REGISTRY_PUBLISHED") or "published")
    versions.require_served_bytes(published)
    for path in (published / "current.duckdb", PROJECT_ROOT / "build" / "warehouse.duckdb"):
        if path.exists():
            return path
    raise Stop(
        ExitCode.ENVIRONMENT,
        f"there is no published file in {published} and no build/warehouse.duckdb",
        "make one with `registry run` or `dbt build`",
    )


@click.command(short_help="Run one analysis or all.")
@click.argument("name", required=False)
@click.option("--list", "is_list", is_flag=True, help="Show the analyses and stop.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "csv"]),
    default="table",
    show_default=True,
    help="How results are printed; csv is unrounded.",
)
@click.option("--save", is_flag=True, help="Write schema results into the file (all analyses).")
@options.WAREHOUSE
def analyse(
    name: str | None, is_list: bool, style: str, save: bool, warehouse: Path | None
) -> None:
    """Run one analysis by NAME (A13, cox) and show its results; without NAME run all of them."""
    from analysis_py.catalogue import ANALYSES, find
    from registry import show

    if is_list:
        show.analyses(ANALYSES)
        return
    if name is None:
        _analyse_all(warehouse_path(warehouse), save)
        return
    analysis = find(name)
    from analysis_py.study import run_some

    with show.progress(total=2) as step:
        delivery, results = run_some(warehouse_path(warehouse), [analysis], step)
    if style == "csv":
        show.as_csv(results)
    else:
        show.header(delivery)
        show.estimates(analysis, results)


def _analyse_all(path: Path, is_saved: bool) -> None:
    from analysis_py import published
    from analysis_py.catalogue import ANALYSES
    from analysis_py.store import write_results
    from analysis_py.study import run_study
    from registry import show

    with show.progress(total=len(ANALYSES) + READ_AND_COMPARE + int(is_saved)) as step:
        study = run_study(path, step)
        if is_saved:
            step("Writing schema results")
            write_results(path, study)
    show.header(study.delivery)
    show.summary(ANALYSES, study.results)
    show.comparison_counts(published.counts(study.compared))


@click.command(short_help="Compare with the paper.")
@click.option(
    "--reasons",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="CSV with result_id and reason: known differences of this delivery.",
)
@options.WAREHOUSE
def compare(reasons: Path | None, warehouse: Path | None) -> int:
    """Compare every number printed in the paper with ours.

    Exit code 5: a number differs and no reason is given.
    """
    from analysis_py import published
    from analysis_py.catalogue import ANALYSES
    from analysis_py.study import read_reasons, run_study
    from registry import show

    known = read_reasons(reasons) if reasons else {}
    with show.progress(total=len(ANALYSES) + READ_AND_COMPARE) as step:
        study = run_study(warehouse_path(warehouse), step, known)
    different = published.with_status(study.compared, published.DIFFERS)
    show.header(study.delivery)
    show.comparison_counts(published.counts(study.compared))
    show.compared_rows("Differs", different)
    show.compared_rows(
        "Equal to the corrected value", published.with_status(study.compared, published.CORRECTED)
    )
    show.idle_reasons(sorted(set(known) - {row.published_result_id for row in different}))
    return ExitCode.CHECKS_FAILED if published.unexplained(study.compared) else ExitCode.OK


@click.command(short_help="Write report, tables, figures.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("build/report"),
    show_default=True,
    metavar="FOLDER",
    help="Where to write.",
)
@options.WAREHOUSE
def report(out: Path, warehouse: Path | None) -> None:
    """Write the report with its tables and figures into a folder."""
    from analysis_py.report import write_report
    from registry import show

    with show.progress(total=1) as step:
        step("Writing the report")
        page = write_report(warehouse_path(warehouse), out)
    click.echo(f"Report: {page}")
