"""Exact detection of separation: when a maximum likelihood estimate is infinite.

A logistic or Cox likelihood has no finite maximum when some combination of covariates orders the
outcomes without contradiction. Standard errors and step counts only hint at that; a small linear
programme decides it (Konis, D.Phil. thesis, Oxford 2007, chapter 4, for logistic regression; the
Cox version states the same condition on risk sets, Bryson and Johnson, Technometrics
1981;23:381-383, "monotone likelihood").
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

TOLERANCE = 1e-7


def is_logistic_separated(design: np.ndarray, outcome: np.ndarray) -> bool:
    """Whether outcomes are completely or quasi-completely separated.

    Parameters
    ----------
    design : numpy.ndarray, shape (n, p)
        Covariates with their intercept column.
    outcome : numpy.ndarray of bool, shape (n,)

    Returns
    -------
    bool
        True when a direction d exists with (2y - 1) x'd >= 0 for all patients and > 0 for one.
    """
    signed = np.where(np.asarray(outcome, dtype=bool), 1.0, -1.0)[:, None] * _scaled(design)
    signed = np.unique(signed, axis=0)
    result = linprog(
        c=-signed.sum(axis=0),
        A_ub=-signed,
        b_ub=np.zeros(signed.shape[0]),
        bounds=[(-1.0, 1.0)] * signed.shape[1],
        method="highs",
    )
    return bool(-result.fun > TOLERANCE * signed.shape[0])


def is_cox_monotone(design: np.ndarray, durations: np.ndarray, events: np.ndarray) -> bool:
    """Whether a Cox partial likelihood is monotone in some direction.

    Parameters
    ----------
    design : numpy.ndarray, shape (n, p)
        Covariates, no intercept.
    durations : numpy.ndarray, shape (n,)
    events : numpy.ndarray of bool, shape (n,)
        At least one True.

    Returns
    -------
    bool
        True when a direction d exists in which, at every event time, every patient with the event
        has the largest x'd of all at risk, and somewhere strictly larger than another's.

    Notes
    -----
    The largest x'd at risk at the k-th event time is a variable M_k with M_1 >= M_2 >= ... (risk
    sets shrink), so that the programme grows with patients plus event times, not their product.
    """
    events = np.asarray(events, dtype=bool)
    event_times = np.unique(durations[events])
    # The last event time at which each patient is still at risk; -1: never at risk at one.
    last = np.searchsorted(event_times, durations, side="right") - 1
    keyed = np.column_stack([_scaled(design), last, events])[last >= 0]
    keyed = np.unique(keyed, axis=0)
    x, last, is_event = keyed[:, :-2], keyed[:, -2].astype(int), keyed[:, -1] == 1
    p, k, n = x.shape[1], event_times.size, x.shape[0]

    at_most_largest = sparse.hstack([sparse.csr_array(x), -_selector(last, k)])
    chain = sparse.hstack(
        [sparse.csr_array((max(k - 1, 0), p)), _selector(np.arange(1, k), k)]
    ) - sparse.hstack([sparse.csr_array((max(k - 1, 0), p)), _selector(np.arange(k - 1), k)])
    events_are_largest = sparse.hstack(
        [-sparse.csr_array(x[is_event]), _selector(last[is_event], k)]
    )
    constraints = sparse.vstack([at_most_largest, chain, events_are_largest]).tocsr()
    # Total slack: how far below the largest the others are, and how far the largest falls.
    slack = -np.asarray(sparse.vstack([at_most_largest, chain]).sum(axis=0)).ravel()
    result = linprog(
        c=-slack,
        A_ub=constraints,
        b_ub=np.zeros(constraints.shape[0]),
        bounds=[(-1.0, 1.0)] * p + [(None, None)] * k,
        method="highs",
    )
    return bool(-result.fun > TOLERANCE * n)


def _selector(positions: np.ndarray, width: int) -> sparse.csr_array:
    rows = np.arange(positions.size)
    return sparse.csr_array((np.ones(positions.size), (rows, positions)), (positions.size, width))


def _scaled(design: np.ndarray) -> np.ndarray:
    """Columns divided by their largest absolute value; the condition does not depend on scale."""
    design = np.asarray(design, dtype=float)
    largest = np.abs(design).max(axis=0)
    return design / np.where(largest > 0, largest, 1.0)
