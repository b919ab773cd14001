"""Rows that several analyses make: a count, a share, a summary, the terms of a model."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from analysis_py.analyses.verdicts import CENSORING
from analysis_py.conventions import READING_STEPS
from analysis_py.estimators.cox import CoxFit
from analysis_py.estimators.describe import Summary, proportion
from analysis_py.estimators.regression import ModelFit
from analysis_py.results import LEFT_OUT, NOT_ASSESSED, Estimate
from analysis_py.vocabulary import label, per_step

EMPTY = "no patient in the denominator"
SPREAD = {
    "median": "median",
    "first_quartile": "quantile, type 7",
    "third_quartile": "quantile, type 7",
    "minimum": "minimum",
    "maximum": "maximum",
}


def count(
    analysis_id: str,
    population: str,
    term: str,
    n: int,
    denominator: int,
    *,
    statistic: str = "n",
    **fields: Any,
) -> Estimate:
    """Return a row for a number of patients."""
    fields = {"unit": "patients", "method": "count", **fields}
    return Estimate(analysis_id, population, term, statistic, n, n, denominator, **fields)


def share(
    analysis_id: str, population: str, term: str, n: int, denominator: int, **fields: Any
) -> list[Estimate]:
    """Two rows: ``n`` and ``percent`` (0 to 100, Wilson interval) of n patients among others.

    Parameters
    ----------
    **fields
        Further fields of both rows, such as group, timepoint or term_label.
    """
    estimate = proportion(n, denominator)
    percent = Estimate(
        analysis_id,
        population,
        term,
        "percent",
        100 * estimate.proportion,
        n,
        denominator,
        interval=estimate.interval.times(100),
        unit="percent",
        method="n / denominator; Wilson interval",
        warning="" if denominator else EMPTY,
        **fields,
    )
    return [count(analysis_id, population, term, n, denominator, **fields), percent]


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
    n = int((flags & known).sum())
    return share(analysis_id, population, term, n, int(known.sum()), **fields)


def unknown_use(n: int) -> str:
    """Warning that use of tacrolimus is not known of n patients, or an empty text."""
    return f"use of tacrolimus not known: {n} {LEFT_OUT}" if n else ""


def both(*warnings: str) -> str:
    """Join the warnings that are not empty."""
    return "; ".join(filter(None, warnings))


def summary_rows(
    analysis_id: str,
    population: str,
    term: str,
    summary: Summary,
    unit: str,
    *,
    timepoint: str = "any",
) -> list[Estimate]:
    """Rows n, n_missing, mean (with interval), sd, median, quartiles and range of a sample."""
    who, denominator = (analysis_id, population, term), summary.n + summary.n_missing
    empty = "" if summary.n else EMPTY
    number = partial(count, *who, denominator=denominator, timepoint=timepoint)
    row = partial(
        Estimate, *who, n=summary.n, denominator=denominator, timepoint=timepoint, unit=unit
    )
    return [
        number(n=summary.n),
        number(n=summary.n_missing, statistic="n_missing"),
        row(
            statistic="mean",
            value=summary.mean,
            interval=summary.interval,
            method="arithmetic mean; t interval",
            warning=empty,
        ),
        row(
            statistic="sd",
            value=summary.standard_deviation,
            method="sample standard deviation (n - 1)",
            warning=empty or ("" if summary.n > 1 else "one value has no standard deviation"),
        ),
        *(
            row(statistic=name, value=getattr(summary, name), method=how, warning=empty)
            for name, how in SPREAD.items()
        ),
    ]


def model_rows(
    analysis_id: str,
    population: str,
    fit: ModelFit,
    method: str,
    statistic: str,
    *,
    verdicts: dict[str, str] | None = None,
    n_unknown: int = 0,
    **fields: Any,
) -> list[Estimate]:
    """One row per term: hazard or odds ratio with Wald interval, p, n and denominator of the fit.

    A term that is read in larger steps has a second row, per its step of READING_STEPS.

    Parameters
    ----------
    verdicts : dict, optional
        Term -> assumptions_verdict of a Cox model; without it, and for a logistic model, what the
        model assumes is not assessed.
    n_unknown : int
        Further patients who are not in the fit, because use of tacrolimus is not known.
    """
    if isinstance(fit, CoxFit):
        how = f"{method}; {fit.ties.capitalize()} ties; Wald; {fit.n_events} events"
        if verdicts is None and fit.is_fitted:
            unassessed = f"proportional hazards: {NOT_ASSESSED}; {CENSORING}"
            verdicts = {term.name: unassessed for term in fit.terms if not term.failure}
    else:
        how = f"{method}; Wald; {fit.n_events} with the outcome"
        verdict = "linear log odds: not assessed" if fit.is_fitted else ""
        verdicts = {term.name: verdict for term in fit.terms if not term.failure}
    left_out = [term.name for term in fit.terms if term.failure]
    how += f"; without {' and '.join(left_out)}" if left_out else ""
    missing = f"{fit.n_missing} {LEFT_OUT}" if fit.n_missing else ""
    unknown = unknown_use(n_unknown)
    shown = [(term, "") for term in fit.terms]
    shown += [
        (term.per(READING_STEPS[term.name][0]), per_step(term.name))
        for term in fit.terms
        if term.name in READING_STEPS and math.isfinite(term.ratio)
    ]
    return [
        Estimate(
            analysis_id,
            population,
            term.name,
            statistic + step,
            term.ratio,
            fit.n,
            fit.n + fit.n_missing + n_unknown,
            interval=term.interval,
            p_value=term.p_value,
            method=how,
            assumptions_verdict=(verdicts or {}).get(term.name, ""),
            warning=both(term.failure or fit.warning, missing, unknown),
            term_label=label(term.name + step),
            **fields,
        )
        for term, step in shown
    ]
