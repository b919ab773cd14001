"""Results found by analysis, term, statistic, group and timepoint, for what is printed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pandas as pd

from analysis_py.results import Estimate, Results
from analysis_py.vocabulary import ALL, ANY_TIME, INDEX_TREATMENT, per_step

Key = tuple[str, str, str, str, str, float | None]


class NothingToShowError(Exception):
    """A table or figure has no results to show; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Timepoint:
    """A timepoint of the study: code, label, nominal week and month."""

    code: str
    label: str
    week: int
    month: int


def _named(row: Estimate, index_treatment: str) -> Estimate:
    """Return a row whose texts name another index treatment than the study's."""
    if index_treatment == INDEX_TREATMENT:
        return row
    return replace(
        row,
        term_label=row.term_label.replace(INDEX_TREATMENT, index_treatment),
        method=row.method.replace("age_at_index_years", f"age at {index_treatment} initiation"),
        warning=row.warning.replace("age_at_index_years", f"age at {index_treatment} initiation"),
    )


class ResultRows:
    """Estimates of one warehouse, indexed for look-up.

    Parameters
    ----------
    timepoints : sequence of Timepoint
        Of the study, the first one being baseline.
    index_treatment : str
        Its name in titles, on axes and in the labels of terms.
    """

    def __init__(
        self,
        results: Results,
        timepoints: Sequence[Timepoint],
        index_treatment: str = INDEX_TREATMENT,
    ) -> None:
        self.timepoints = tuple(timepoints)
        self.index_treatment = index_treatment
        self._rows = tuple(_named(row, index_treatment) for row in results)
        self._by_key: dict[Key, Estimate] = {}
        for row in self._rows:
            key = (
                row.analysis_id,
                row.term,
                row.statistic,
                row.group,
                row.timepoint,
                row.time_months,
            )
            self._by_key.setdefault(key, row)

    def __eq__(self, other: object) -> bool:
        """Whether the other shows the same results in the same order under the same names."""
        return isinstance(other, ResultRows) and (
            self._rows,
            self.timepoints,
            self.index_treatment,
        ) == (other._rows, other.timepoints, other.index_treatment)

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[Estimate]:
        """Iterate over all rows in their order."""
        return iter(self._rows)

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

    def need(
        self,
        analysis_id: str,
        term: str,
        statistic: str,
        *,
        group: str = ALL,
        timepoint: str = ANY_TIME,
        month: float | None = None,
    ) -> Estimate:
        """Return the row.

        Raises
        ------
        NothingToShowError
            If the row is missing; the text names it.
        """
        row = self.get(analysis_id, term, statistic, group=group, timepoint=timepoint, month=month)
        if row is None:
            place = [name for name in (group, timepoint) if name not in (ALL, ANY_TIME)]
            listed = ", ".join([term, statistic, *place])
            raise NothingToShowError(f"the results have no row of {analysis_id} for {listed}")
        return row

    def over_time(
        self, analysis_id: str, term: str, statistic: str
    ) -> list[tuple[Timepoint, Estimate | None]]:
        """Return the row of each timepoint, None where the analysis did not make it."""
        return [
            (time, self.get(analysis_id, term, statistic, timepoint=time.code))
            for time in self.timepoints
        ]

    def find(self, analysis_id: str, **wanted: object) -> list[Estimate]:
        """Return the rows of an analysis whose fields equal the ones given, in their order."""
        return [
            row
            for row in self._rows
            if row.analysis_id == analysis_id
            and all(getattr(row, name) == value for name, value in wanted.items())
        ]

    def ratios(self, analysis_id: str, statistic: str) -> list[Estimate]:
        """Return the ratios of a model as they are shown: each per its step of READING_STEPS."""
        return [
            self.get(
                analysis_id,
                row.term,
                statistic + per_step(row.term),
                group=row.group,
                timepoint=row.timepoint,
            )
            or row
            for row in self.find(analysis_id, statistic=statistic)
        ]


Shown = TypeVar("Shown")


def shown_or_reason(
    makers: Mapping[str, Callable[[ResultRows], Shown]], rows: ResultRows
) -> dict[str, Shown | NothingToShowError]:
    """Make every table or figure; one that has nothing to show is the error that says why."""
    made: dict[str, Shown | NothingToShowError] = {}
    for name, make in makers.items():
        try:
            made[name] = make(rows)
        except NothingToShowError as reason:
            made[name] = reason
    return made


def known(value: float | None) -> float:
    """Return a number for drawing and arithmetic; a missing one is NaN."""
    return math.nan if value is None else value


def frame_of(rows: Iterable[Estimate]) -> pd.DataFrame:
    """Return the source data of a figure: one line per row it was drawn from, unrounded."""
    results = Results()
    results.extend({row.result_id: row for row in rows}.values())
    return results.to_frame().drop(columns=["sort_order", "role"])


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame as dictionaries; a missing cell is None."""
    values: Any = frame.astype(object)
    found: list[dict[str, Any]] = values.where(frame.notna(), None).to_dict("records")
    return found
