"""Rows of results, found by what they say; tables, figures and the report read through this."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

import pandas as pd

from analysis_py.results import Estimate, Results
from analysis_py.vocabulary import ALL, ANY_TIME

Key = tuple[str, str, str, str, str, float | None]


class NothingToShowError(Exception):
    """The results lack what a table or figure is made of; the text says what, for people."""


@dataclass(frozen=True, slots=True)
class Timepoint:
    """A timepoint of the study: code, label, nominal week and month."""

    code: str
    label: str
    week: int
    month: int


class ResultRows:
    """Estimates of one warehouse, found by analysis, term, statistic, group, timepoint and time.

    Parameters
    ----------
    results : Results
        Estimates in the order in which the analyses made them.
    """

    def __init__(self, results: Results) -> None:
        self._rows = tuple(results)
        self._by_key: dict[Key, Estimate] = {}
        for row in self._rows:
            self._by_key.setdefault(_key(row), row)

    def __iter__(self) -> Iterator[Estimate]:
        """Go through all rows in their order."""
        return iter(self._rows)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._rows)

    def get(
        self,
        analysis_id: str,
        term: str,
        statistic: str,
        *,
        group: str = ALL,
        timepoint: str = ANY_TIME,
        month: float | None = None,
    ) -> Estimate | None:
        """Return the row, or None where the analysis did not make it."""
        return self._by_key.get((analysis_id, term, statistic, group, timepoint, month))

    def need(self, analysis_id: str, term: str, statistic: str, **where: str) -> Estimate:
        """Return the row.

        Raises
        ------
        NothingToShowError
            Naming the row that is missing.
        """
        row = self.get(analysis_id, term, statistic, **where)
        if row is None:
            place = ", ".join([term, statistic, *where.values()])
            raise NothingToShowError(f"the results hold no row of {analysis_id} for {place}")
        return row

    def find(self, analysis_id: str, **wanted: object) -> list[Estimate]:
        """Return the rows of an analysis whose fields equal the ones given, in their order."""
        return [
            row
            for row in self._rows
            if row.analysis_id == analysis_id
            and all(getattr(row, name) == value for name, value in wanted.items())
        ]


def estimates_of(frame: pd.DataFrame) -> list[Estimate]:
    """Rebuild the estimates from the table results.estimates, in the order they were made.

    Raises
    ------
    KeyError, ResultError
        If the table is of another version of the project.
    """
    names = [field.name for field in fields(Estimate)]
    if "sort_order" in frame.columns:
        frame = frame.sort_values("sort_order")
    columns = [frame[name].astype(object).where(frame[name].notna(), None) for name in names]
    texts = {field.name for field in fields(Estimate) if field.type in ("str", "Role")}
    estimates = []
    for values in zip(*columns, strict=True):
        given = zip(names, values, strict=True)
        estimates.append(Estimate(**{n: "" if v is None and n in texts else v for n, v in given}))
    return estimates


def frame_of(rows: Iterable[Estimate]) -> pd.DataFrame:
    """Return the source data of a table or figure: one line per row it was made from, unrounded."""
    results = Results()
    seen: dict[str, Estimate] = {row.result_id: row for row in rows}
    results.extend(seen.values())
    return results.to_frame().drop(columns=["sort_order", "role"])


def _key(row: Estimate) -> Key:
    return (
        row.analysis_id,
        row.term,
        row.statistic,
        row.group,
        row.timepoint,
        row.time_months,
    )
