"""Results: one long tidy table, before it is any table or figure.

An :class:`Estimate` is one number with what it needs to be read: population, denominator, method,
what was assumed and what went wrong. :class:`Results` holds them in order and knows their columns.

Naming
------
result_id = analysis.population.group.timepoint.term.statistic, always six parts, each in lower
snake case; a point of a curve has a seventh part, ``month_<time>``. A result without a
group has the group ``all``, one that is not tied to a timepoint has the timepoint ``any``.
For example ``a13.evaluable.all.any.is_female.hazard_ratio``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import InitVar, dataclass, field
from typing import Literal

import pandas as pd

from analysis_py.estimators.intervals import Interval
from analysis_py.vocabulary import ALL, ANY_TIME, label, statistic_label

Role = Literal["estimate", "assumption", "sensitivity", "curve", "flow"]

HOLDS = "holds"
DOUBTFUL = "doubtful"
NOT_ASSESSED = "not assessed"
LEFT_OUT = "patients left out for a missing value"
"""End of a warning that only counts patients."""

COLUMNS: dict[str, tuple[str, str]] = {
    "result_id": ("VARCHAR", "Key: analysis.population.group.timepoint.term.statistic"),
    "analysis_id": ("VARCHAR", "Analysis, A01 to A22"),
    "role": ("VARCHAR", "estimate, assumption, sensitivity, curve (a point of it) or flow"),
    "population": ("VARCHAR", "Patients the number speaks of"),
    "group": ("VARCHAR", "Group within the population; all: no grouping. In a flow: from"),
    "timepoint": ("VARCHAR", "Timepoint; any: not tied to one. In a flow: the later one"),
    "term": ("VARCHAR", "What was measured, counted or modelled. In a flow: to"),
    "term_label": ("VARCHAR", "Label of the term for people"),
    "statistic": ("VARCHAR", "Kind of number"),
    "label": ("VARCHAR", "Term, group, timepoint and kind of number in words for people"),
    "comparator": ("VARCHAR", "Timepoint, group or reference compared with; empty: none"),
    "time_months": ("DOUBLE", "Months since the index date, of a point of a curve"),
    "value": ("DOUBLE", "The number, unrounded; NULL: not estimable, see warning"),
    "ci_lower": ("DOUBLE", "Lower end of the 95% interval; NULL: none or unbounded"),
    "ci_upper": ("DOUBLE", "Upper end of the 95% interval; NULL: none or unbounded"),
    "p_value": ("DOUBLE", "Two-sided p-value, unrounded"),
    "n": ("BIGINT", "Patients counted, or patients (pairs) the number was computed from"),
    "denominator": ("BIGINT", "Patients of the population who could have contributed"),
    "unit": ("VARCHAR", "Unit of value"),
    "method": ("VARCHAR", "How the number was computed"),
    "assumptions_verdict": ("VARCHAR", "Whether what the method assumes holds; empty: nothing"),
    "warning": ("VARCHAR", "What the reader must know first; empty: nothing"),
    "sort_order": ("BIGINT", "Order in which the analyses produced the rows"),
}

_PART = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")


class ResultError(ValueError):
    """A result that breaks the rules of the table; a fault of the analysis, not of the data."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number of the study; the fields are described in :data:`COLUMNS`.

    `interval` may be given in place of `ci_lower` and `ci_upper`; why there is none goes into the
    warning.
    """

    analysis_id: str
    population: str
    term: str
    statistic: str
    value: float | None
    n: int | None
    denominator: int | None
    group: str = ALL
    timepoint: str = ANY_TIME
    ci_lower: float | None = None
    ci_upper: float | None = None
    p_value: float | None = None
    unit: str = ""
    method: str = ""
    assumptions_verdict: str = ""
    warning: str = ""
    comparator: str = ""
    time_months: float | None = None
    role: Role = "estimate"
    term_label: str = ""
    interval: InitVar[Interval | None] = None

    def __post_init__(self, interval: Interval | None) -> None:
        """Turn NaN into None and refuse a row that breaks the rules of the table."""
        if interval is not None:
            object.__setattr__(self, "ci_lower", interval.lower)
            object.__setattr__(self, "ci_upper", interval.upper)
            reasons = dict.fromkeys(text for text in (self.warning, interval.reason) if text)
            object.__setattr__(self, "warning", "; ".join(reasons))
        for name in ("value", "ci_lower", "ci_upper", "p_value", "time_months"):
            object.__setattr__(self, name, _finite_or_none(getattr(self, name)))
        for name in ("n", "denominator"):
            number = getattr(self, name)
            object.__setattr__(self, name, None if number is None else int(number))
        if not self.term_label:
            object.__setattr__(self, "term_label", label(self.term))
        for part in (self.population, self.group, self.timepoint, self.term, self.statistic):
            if not _PART.fullmatch(part):
                raise ResultError(f"{self.result_id}: {part!r} is not lower snake case")
        if self.value is None and not self.warning:
            raise ResultError(f"{self.result_id} has neither a value nor a warning")

    @property
    def result_id(self) -> str:
        """Key of the row."""
        return result_id(
            self.analysis_id,
            population=self.population,
            group=self.group,
            timepoint=self.timepoint,
            term=self.term,
            statistic=self.statistic,
            time_months=self.time_months,
        )

    @property
    def label(self) -> str:
        """What the number is, for people: "EASI, Week 4: mean"."""
        moment = "" if self.timepoint == ANY_TIME else label(self.timepoint)
        if self.time_months is not None:
            moment = f"month {self.time_months:g}"
        if self.role == "flow":
            what = [f"{label(self.group)} → {self.term_label}", moment]
        else:
            what = [self.term_label, "" if self.group == ALL else label(self.group), moment]
        return f"{', '.join(filter(None, what))}: {statistic_label(self.statistic)}"


@dataclass(slots=True)
class Results:
    """Estimates in order, each key once."""

    _rows: dict[str, Estimate] = field(default_factory=dict)

    def extend(self, estimates: Iterable[Estimate]) -> None:
        """Add estimates.

        Raises
        ------
        ResultError
            If a result_id is already there.
        """
        for estimate in estimates:
            if estimate.result_id in self._rows:
                raise ResultError(f"{estimate.result_id} was computed twice")
            self._rows[estimate.result_id] = estimate

    def get(self, key: str) -> Estimate | None:
        """Return the estimate with this result_id, or None."""
        return self._rows.get(key)

    def __getitem__(self, key: str) -> Estimate:
        """Return the estimate with this result_id; KeyError when there is none."""
        return self._rows[key]

    def __iter__(self) -> Iterator[Estimate]:
        """Go through the estimates in their order."""
        return iter(self._rows.values())

    def __len__(self) -> int:
        """Count the estimates."""
        return len(self._rows)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per estimate with the columns of :data:`COLUMNS`."""
        *names, _ = COLUMNS
        rows = [
            [*(getattr(estimate, name) for name in names), number]
            for number, estimate in enumerate(self, start=1)
        ]
        frame = pd.DataFrame(rows, columns=list(COLUMNS))
        kinds = {"DOUBLE": "float64", "BIGINT": "Int64", "VARCHAR": "str"}
        return frame.astype({name: kinds[kind] for name, (kind, _) in COLUMNS.items()})


def result_id(
    analysis_id: str,
    *,
    population: str,
    term: str,
    statistic: str,
    group: str = ALL,
    timepoint: str = ANY_TIME,
    time_months: float | None = None,
) -> str:
    """Build the key of a result.

    Examples
    --------
    >>> result_id("A13", population="evaluable", term="is_female", statistic="hazard_ratio")
    'a13.evaluable.all.any.is_female.hazard_ratio'
    """
    parts = [analysis_id.lower(), population, group, timepoint, term, statistic]
    if time_months is not None:
        parts.append(f"month_{time_months:g}".replace(".", "_"))
    return ".".join(parts)


def _finite_or_none(number: float | None) -> float | None:
    if number is None or not math.isfinite(number):
        return None
    return float(number)
