"""How the paper's ledger of printed numbers joins our results and our protocol.

``measures.csv`` names, for each measure of the ledger, the result that answers it: population,
timepoint and statistic, where ``=`` means "as in the ledger" and ``*`` any statistic. ``field`` is
the column of that result that holds the number. ``direction`` is what a sentence without a number
claims. ``constants.csv`` names the mart and column that hold each constant of the protocol.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

from analysis_py.results import result_id
from analysis_py.vocabulary import ALL, ANY_TIME

# The ledger's words for timepoints and groups, and ours.
TIMEPOINTS = {
    "baseline": "baseline",
    "week_4": "week_04",
    "week_16": "week_16",
    "week_52": "week_52",
    "any": ANY_TIME,
}
GROUPS = {
    "males_190": "male",
    "females_152": "female",
    "tac_any_at_baseline": "tacrolimus_at_baseline",
    "no_tac_at_baseline": "no_tacrolimus_at_baseline",
}
SAME = "="
ANY_STATISTIC = "*"


@dataclass(frozen=True, slots=True)
class Answer:
    """Where our answer to a printed number is: key of the result, its field, claimed direction."""

    result_id: str
    field: str
    direction: str


@dataclass(frozen=True, slots=True)
class Constant:
    """Where a constant of the protocol is: mart, conditions (column, value), column, divisor.

    `mart` is empty for a constant that nothing of ours holds; `reason` says why.
    """

    mart: str
    conditions: tuple[tuple[str, str], ...]
    column: str
    divisor: float
    reason: str


def answer_to(
    analysis_id: str, measure: str, statistic: str, population: str, timepoint: str
) -> Answer | None:
    """Find our result for a row of the ledger, in the ledger's words; None when none is named."""
    measures = _measures()
    row = measures.get((analysis_id, measure, statistic)) or measures.get(
        (analysis_id, measure, ANY_STATISTIC)
    )
    if row is None:
        return None
    ours = TIMEPOINTS.get(timepoint, ANY_TIME)
    key = result_id(
        analysis_id,
        population=row["population"],
        group=GROUPS.get(population, ALL),
        timepoint=ours if row["timepoint"] == SAME else row["timepoint"],
        term=row["term"],
        statistic=statistic if row["statistic"] == SAME else row["statistic"],
    )
    return Answer(key, row["field"], row["direction"])


def constant_of(measure: str, statistic: str, timepoint: str) -> Constant | None:
    """Find the constant of our protocol for a row of the ledger; None when none is named."""
    row = _constants().get((measure, statistic))
    if row is None:
        return None
    key = row["key"].format(timepoint=TIMEPOINTS.get(timepoint, ""))
    return Constant(
        mart=row["mart"],
        conditions=tuple(tuple(part.split("=", 1)) for part in key.split()),
        column=row["column"],
        divisor=float(row["divisor"]),
        reason=row["reason"],
    )


@cache
def _measures() -> dict[tuple[str, str, str], dict[str, str]]:
    return {
        (row["analysis_id"], row["measure"], row["published_statistic"]): row
        for row in _rows("measures.csv")
    }


@cache
def _constants() -> dict[tuple[str, str], dict[str, str]]:
    return {(row["measure"], row["published_statistic"]): row for row in _rows("constants.csv")}


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())
