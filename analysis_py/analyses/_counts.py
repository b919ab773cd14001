"""Rows for a count and its percentage."""

from __future__ import annotations

from typing import Any

import numpy as np

from analysis_py.estimators.describe import proportion
from analysis_py.results import Estimate

EMPTY = "no patient in the denominator"
WILSON = "n / denominator; Wilson interval"


def share(
    analysis_id: str, population: str, term: str, n: int, denominator: int, **fields: Any
) -> list[Estimate]:
    """Two rows: ``n`` and ``percent`` (0 to 100, Wilson interval).

    Parameters
    ----------
    analysis_id, population, term : str
    n, denominator : int
        Patients counted, of how many.
    **fields
        Further fields of both rows, such as group, timepoint or term_label.
    """
    estimate = proportion(n, denominator)
    counted = Estimate(
        analysis_id,
        population,
        term,
        "n",
        n,
        n,
        denominator,
        unit="patients",
        method="count",
        **fields,
    )
    percent = Estimate(
        analysis_id,
        population,
        term,
        "percent",
        100 * estimate.proportion,
        n,
        denominator,
        ci_lower=100 * estimate.ci_lower,
        ci_upper=100 * estimate.ci_upper,
        unit="percent",
        method=WILSON,
        warning="" if denominator else EMPTY,
        **fields,
    )
    return [counted, percent]


def share_of(
    analysis_id: str,
    population: str,
    term: str,
    flags: np.ndarray,
    known: np.ndarray,
    **fields: Any,
) -> list[Estimate]:
    """:func:`share` of the patients in whom a flag is true among those in whom it is known.

    Parameters
    ----------
    flags, known : numpy.ndarray of bool, shape (n,)
    """
    return share(
        analysis_id, population, term, int((flags & known).sum()), int(known.sum()), **fields
    )


def count(
    analysis_id: str, population: str, term: str, n: int, denominator: int, **fields: Any
) -> Estimate:
    """Return one row, by default with the statistic ``n``."""
    fields = {"statistic": "n", "unit": "patients", "method": "count", **fields}
    statistic = fields.pop("statistic")
    return Estimate(analysis_id, population, term, statistic, n, n, denominator, **fields)
