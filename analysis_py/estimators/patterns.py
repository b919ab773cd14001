"""Patients who are alike in everything a model looks at, counted together.

A likelihood that is a sum over patients is the same number when patients with equal values are
taken once and counted; so are its derivatives. A million patients of a register differ in some ten
thousand ways, and the fit then costs as much as its patterns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

TRIAL = 10_000
"""Rows looked at first: where most values of a column differ there, nothing is to be gained."""

MOST_KEYS = 2**62


def distinct(
    columns: Sequence[np.ndarray], counts: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find rows that stand for all others like them.

    Parameters
    ----------
    columns : sequence of numpy.ndarray, each of shape (n,)
        Values of one kind of number each; a missing value (NaN) is a value of its own.
    counts : numpy.ndarray of int, shape (n,), optional
        Patients behind each row; one each when left out.

    Returns
    -------
    rows : numpy.ndarray of int, shape (m,)
        Positions of the rows that are kept, ordered by their values, first column first. All rows,
        in their order, where a column has hardly any value twice: they then stand for themselves.
    counts : numpy.ndarray of int, shape (m,)
        Patients behind each of them; their sum is that of the `counts` given.
    """
    n = len(columns[0])
    counts = np.ones(n, dtype=np.int64) if counts is None else np.asarray(counts, dtype=np.int64)
    if any(_mostly_different(column) for column in columns):
        return np.arange(n), counts
    keys, n_keys = np.zeros(n, dtype=np.int64), 1
    for column in columns:
        codes, values = pd.factorize(np.asarray(column), sort=True, use_na_sentinel=False)
        if n_keys * len(values) > MOST_KEYS:
            keys, found = pd.factorize(keys, sort=True)
            n_keys = len(found)
        keys = keys * max(len(values), 1) + codes
        n_keys *= max(len(values), 1)
    places, found = pd.factorize(keys, sort=True)
    rows = np.empty(len(found), dtype=np.int64)
    rows[places] = np.arange(n)
    totals = np.zeros(len(found), dtype=np.int64)
    np.add.at(totals, places, counts)
    return rows, totals


def _mostly_different(column: np.ndarray) -> bool:
    trial = np.asarray(column)[:TRIAL]
    return len(column) > TRIAL and len(pd.unique(trial)) > trial.size / 2
