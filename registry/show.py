"""What the command line shows: results on standard output, progress on standard error."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from analysis_py.phrases import ratio_decimals
from analysis_py.rounding import format_interval, format_number, format_p
from analysis_py.vocabulary import label

if TYPE_CHECKING:
    from analysis_py.catalogue import Analysis
    from analysis_py.published import Compared
    from analysis_py.results import Estimate, Results
    from analysis_py.study import Delivery

PLAIN_WIDTH = 200
# Decimals on the screen: the first word that the statistic contains decides.
DECIMALS = {"coefficient": 4, "ratio": 3, "epsilon": 3, "mauchly": 3, "survival": 3}
OTHER_DECIMALS = 2


@contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """Show a bar on standard error while steps are done; nothing where that is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Starting", total=total)

        def step(text: str) -> None:
            started = bar.tasks[0].description != "Starting"
            bar.update(task, description=text, advance=1 if started else 0)

        yield step


def header(delivery: Delivery) -> None:
    """Print whether the data are synthetic, and the delivery's label."""
    _console().print(delivery.header, style="bold", highlight=False, markup=False)


def analyses(listed: Sequence[Analysis]) -> None:
    """Print the analyses that exist."""
    table = _table("", "Analysis", "Name", "What", "In the paper")
    for analysis in listed:
        table.add_row(analysis.analysis_id, analysis.name, analysis.title, analysis.place)
    _console().print(table)


def estimates(analysis: Analysis, results: Results) -> None:
    """Print every result of one analysis."""
    table = _table(
        f"{analysis.analysis_id} {analysis.title}",
        *("What", "Group", "Timepoint", "Statistic", "Value", "95% CI", "p", "n", "of"),
        "Remark",
    )
    for estimate in results:
        table.add_row(*_cells(estimate))
    _console().print(table)


def as_csv(results: Results) -> None:
    """Print the results as CSV, unrounded."""
    results.to_frame().to_csv(sys.stdout, index=False)


def summary(listed: Sequence[Analysis], results: Results) -> None:
    """Print results and warnings per analysis, then every warning once."""
    rows = Counter(estimate.analysis_id for estimate in results)
    warned = [estimate for estimate in results if estimate.warning]
    warnings = Counter(estimate.analysis_id for estimate in warned)
    table = _table("", "Analysis", "What", "Results", "Warnings")
    for analysis in listed:
        key = analysis.analysis_id
        table.add_row(key, analysis.title, str(rows[key]), str(warnings[key] or ""))
    console = _console()
    console.print(table)
    for (key, text), n in Counter((e.analysis_id, e.warning) for e in warned).items():
        console.print(f"{key}: {text} ({n})", highlight=False, markup=False)


def comparison_counts(counts: Mapping[str, int]) -> None:
    """Print how many printed numbers have which status."""
    table = _table("Comparison with the paper", "Status", "Printed numbers")
    for status, number in counts.items():
        table.add_row(status.replace("_", " "), str(number))
    table.add_row("in all", str(sum(counts.values())))
    _console().print(table)


def compared_rows(title: str, rows: Sequence[Compared]) -> None:
    """Print printed numbers beside ours; nothing where there are none."""
    if not rows:
        return
    table = _table(title, "Printed number", "Printed", "Target", "Ours", "Our result", "Reason")
    for row in rows:
        table.add_row(
            row.published_result_id,
            row.printed,
            row.target,
            row.ours,
            row.our_result_id,
            row.reason,
        )
    _console().print(table)


def idle_reasons(names: Sequence[str]) -> None:
    """Print the reasons that explain nothing, because their number does not differ."""
    for name in names:
        _console().print(f"Reason not needed: {name} does not differ.", markup=False)


def _cells(estimate: Estimate) -> list[str]:
    decimals = next(
        (places for word, places in DECIMALS.items() if word in estimate.statistic), OTHER_DECIMALS
    )
    if "ratio" in estimate.statistic:
        decimals = ratio_decimals(estimate, decimals)
    is_count = estimate.unit == "patients" and float(estimate.value or 0).is_integer()
    moment = label(estimate.timepoint)
    if estimate.time_months is not None:
        moment = f"Month {estimate.time_months:g}"
    return [
        estimate.term_label,
        label(estimate.group),
        moment,
        estimate.statistic.replace("_", " "),
        format_number(estimate.value, 0 if is_count else decimals),
        format_interval(estimate.ci_lower, estimate.ci_upper, decimals),
        format_p(estimate.p_value),
        "" if estimate.n is None else str(estimate.n),
        "" if estimate.denominator is None else str(estimate.denominator),
        "; ".join(text for text in (estimate.warning, estimate.assumptions_verdict) if text),
    ]


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        if column:
            table.add_column(column, overflow="fold")
    return table


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)
