"""The commands that need a warehouse; imported when one of them is called."""

from __future__ import annotations

import argparse
import importlib

from analysis_py import published, show
from analysis_py.catalogue import ANALYSES, find
from analysis_py.errors import AnalysisError
from analysis_py.store import write_results
from analysis_py.study import read_reasons, run_some, run_study
from analysis_py.warehouse_path import warehouse_path

OK, DIFFERENT = 0, 1
READ_AND_COMPARE = 2


def run(options: argparse.Namespace) -> int:
    """Run one analysis and show its results."""
    analysis = find(options.name)
    with show.progress(total=2) as step:
        delivery, results = run_some(warehouse_path(options.warehouse), [analysis], step)
    if options.format == "csv":
        show.as_csv(results)
    else:
        show.header(delivery)
        show.estimates(analysis, results)
    return OK


def run_all(options: argparse.Namespace) -> int:
    """Run every analysis, show a summary, and with --save write schema results."""
    path = warehouse_path(options.warehouse)
    with show.progress(total=len(ANALYSES) + READ_AND_COMPARE + int(options.save)) as step:
        study = run_study(path, step)
        if options.save:
            step("Writing schema results")
            write_results(path, study)
    show.header(study.delivery)
    show.summary(ANALYSES, study.results)
    show.comparison_counts(published.counts(study.compared))
    return OK


def compare(options: argparse.Namespace) -> int:
    """Compare with the paper; 1 when a number differs without a reason."""
    reasons = read_reasons(options.reasons) if options.reasons else {}
    with show.progress(total=len(ANALYSES) + READ_AND_COMPARE) as step:
        study = run_study(warehouse_path(options.warehouse), step, reasons)
    different = published.with_status(study.compared, published.DIFFERS)
    show.header(study.delivery)
    show.comparison_counts(published.counts(study.compared))
    show.compared_rows("Differs", different)
    show.compared_rows(
        "Equal to the corrected value", published.with_status(study.compared, published.CORRECTED)
    )
    show.idle_reasons(sorted(set(reasons) - {row.published_result_id for row in different}))
    return DIFFERENT if published.unexplained(study.compared) else OK


def report(options: argparse.Namespace) -> int:
    """Write the report with its tables and figures."""
    try:
        module = importlib.import_module("analysis_py.report")
    except ModuleNotFoundError as error:
        raise AnalysisError(f"the report needs a module that is not here: {error.name}") from None
    with show.progress(total=1) as step:
        step("Writing the report")
        page = module.write_report(warehouse_path(options.warehouse), options.out)
    print(f"Report: {page}")
    return OK
