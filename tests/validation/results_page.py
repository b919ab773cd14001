"""The generated part of docs/validation.md: results between two marks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from analysis_py.vocabulary import label

if TYPE_CHECKING:
    from coverage_study import Coverage

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
LOWEST, HIGHEST = 93.5, 96.5  # of 100 intervals of 95%
HEADINGS = {
    "a01": "Patients (A01, A03, A09)",
    "a04": "EASI (A04, A05)",
    "a06": "Sleep NRS (A06)",
    "a07": "Itch NRS (A07)",
    "a08": "DLQI (A08)",
    "a10": "Topical regimens (A10)",
    "a12": "First tacrolimus (A12, A13, A14)",
    "a15": "Tacrolimus at baseline and first use at a visit (A15, A18, A19)",
    "a16": "EASI below 7 at week 4 by tacrolimus at baseline (A16)",
}
_HOME = {
    **dict.fromkeys(("a03", "a09"), "a01"),
    "a05": "a04",
    **dict.fromkeys(("a13", "a14"), "a12"),
    **dict.fromkeys(("a18", "a19"), "a15"),
}


def is_covered(coverage: Coverage) -> bool:
    """Whether the coverage lies in the accepted range."""
    return LOWEST <= coverage.percent <= HIGHEST


def results_block(
    found: Sequence[Coverage],
    command: str,
    n_studies: int,
    n_large: int,
    versions: Mapping[str, str],
) -> str:
    """Return the generated part of the page, marks included."""
    outside = [coverage for coverage in found if not is_covered(coverage)]
    typical = 100 * math.sqrt(0.95 * 0.05 / n_studies)
    farthest = max(abs(coverage.z_large) for coverage in found)
    lines = [
        BEGIN,
        "",
        "SYNTHETIC DATA, no real patients.",
        "",
        f"Command: `{command}`. {n_studies} studies of 342 patients; the Monte Carlo standard "
        f"error of a coverage of 95% is {typical:.2f} points. Computed with "
        + ", ".join(f"{name} {number}" for name, number in versions.items())
        + ".",
        "",
        f"{len(found) - len(outside)} of {len(found)} estimates have a coverage of {LOWEST} to "
        f"{HIGHEST}%. In one study of {n_large:,} patients the estimate farthest from its truth is "
        f"{farthest:.1f} standard errors away.",
        "",
        "#### Outside the range",
        "",
        *(_table(outside) if outside else ["None."]),
        "",
        "#### All estimates",
    ]
    order = sorted(found, key=_home)
    for home, members in groupby(order, key=_home):
        lines += ["", f"##### {HEADINGS[home]}", "", *_table(list(members))]
    return "\n".join([*lines, "", END])


def _home(coverage: Coverage) -> str:
    analysis = coverage.key.split(".", 1)[0]
    return _HOME.get(analysis, analysis)


def _table(rows: Sequence[Coverage]) -> list[str]:
    columns = (
        "Estimate",
        "Interval",
        "Truth",
        "Mean of studies",
        "Coverage, % (SE)",
        "Interval below, above, %",
        "SE / SD",
        "Without",
        "z at 20,000",
    )
    lines = [f"| {' | '.join(columns)} |", "|---|---|" + "--:|" * (len(columns) - 2)]
    for row in rows:
        digits = 3 if 0.01 < abs(row.truth) < 10 else 2
        below, above = (
            100 * number / row.n if row.n else math.nan for number in (row.n_below, row.n_above)
        )
        exact = f" ({row.exact_percent:.1f})" if row.interval == "Wilson" else ""
        cells = (
            _name(row.key),
            row.interval + exact,
            f"{row.truth:.{digits}f}",
            f"{row.middle:.{digits}f}",
            f"{row.percent:.1f} ({row.error:.1f})",
            f"{below:.1f}, {above:.1f}",
            f"{row.error_ratio:.2f}",
            f"{row.n_without}",
            f"{row.z_large:+.1f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _name(key: str) -> str:
    """Return a result key in words: term, statistic, group, timepoint."""
    analysis, _, group, timepoint, term, statistic, *month = key.split(".")
    words = [f"{analysis.upper()} {label(term)}, {label(statistic).lower()}"]
    if group != "all":
        words.append(label(group).lower())
    if timepoint != "any":
        words.append(label(timepoint).lower())
    words += [part.replace("_", " ") for part in month]
    return ", ".join(words)


def replace_block(page: Path, block: str) -> None:
    """Write the block between the marks of the page, or a new page."""
    if not page.exists():
        page.write_text(block + "\n", encoding="utf-8")
        return
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{page} has no marks {BEGIN} and {END} for the table")
    page.write_text(before + block + after, encoding="utf-8")
