"""Compares a delivery with every printed number that can be computed from it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from simulator.check.numbers import compute_numbers
from simulator.check.register import read_cohort
from simulator.errors import SimulatorError

PUBLISHED = Path("seeds/publication/published_results.csv")
_SEXES = {"males_190": "males", "females_152": "females", "all_342": "all"}


@dataclass(frozen=True)
class Comparison:
    """One printed number beside the one of the delivery."""

    result_id: str
    analysis_id: str
    target: str
    operator: str
    computed: float | None
    shown: str

    @property
    def is_equal(self) -> bool:
        """Whether the delivery shows the target at the printed decimals, or below its bound."""
        if self.computed is None:
            return False
        if self.operator == "<":
            return self.computed < float(self.target)
        return Decimal(self.shown) == Decimal(self.target)


def round_half_up(value: float, decimals: int) -> str:
    """Return ``value`` with ``decimals`` places; halves go up, float dust of 1e-9 is ignored."""
    exact = Decimal(repr(round(float(value), 9)))
    return str(exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP))


def _stratum(row: dict[str, str]) -> str:
    if row["analysis_id"] == "A02":
        return _SEXES[row["population"]]
    if row["measure"] == "EASI_lt_7" and row["statistic"] == "percent":
        return "tac_any" if row["population"] == "tac_any_at_baseline" else "no_tac"
    return ""


def compare(folder: Path, published: Path = PUBLISHED) -> list[Comparison]:
    """Return one comparison per printed result with a numeric target.

    Parameters
    ----------
    folder : Path
        The delivery.
    published : Path
        The table of published results.

    Raises
    ------
    SimulatorError
        The table of published results is not there.
    """
    if not published.is_file():
        raise SimulatorError(f"{published} is missing. Run this from the project's folder.")
    numbers = compute_numbers(read_cohort(folder))
    comparisons = []
    with open(published, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["kind"] != "result" or not row["target_value"]:
                continue
            key = (row["measure"], row["statistic"], row["timepoint"], _stratum(row))
            value = numbers.get(key)
            shown = "" if value is None else round_half_up(value, int(row["decimals"] or 0))
            comparisons.append(
                Comparison(
                    row["result_id"],
                    row["analysis_id"],
                    row["target_value"],
                    row["operator"],
                    value,
                    shown,
                )
            )
    return comparisons
