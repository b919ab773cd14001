"""Rows for the terms of a Cox or logistic model."""

from __future__ import annotations

from analysis_py.estimators.cox import CoxResult
from analysis_py.estimators.logistic import LogisticResult
from analysis_py.results import Estimate, Role

LEFT_OUT = "patients left out for a missing value"


def cox_rows(
    analysis_id: str,
    fit: CoxResult,
    method: str,
    *,
    statistic: str = "hazard_ratio",
    role: Role = "estimate",
    verdicts: dict[str, str] | None = None,
) -> list[Estimate]:
    """One row per term: hazard ratio with Wald interval and p; n and denominator of the fit.

    Parameters
    ----------
    verdicts : dict, optional
        Term -> assumptions_verdict.
    """
    return [
        Estimate(
            analysis_id,
            "evaluable",
            term.name,
            statistic,
            term.ratio,
            fit.data.n,
            fit.data.n + fit.data.n_missing,
            ci_lower=term.ci_lower,
            ci_upper=term.ci_upper,
            p_value=term.p_value,
            method=f"{method}; {fit.ties.capitalize()} ties; Wald; {fit.data.n_events} events",
            assumptions_verdict=(verdicts or {}).get(term.name, ""),
            warning=_join(fit.warning, fit.data.n_missing),
            role=role,
        )
        for term in fit.terms
    ]


def logistic_rows(
    analysis_id: str,
    population: str,
    fit: LogisticResult,
    method: str,
    *,
    timepoint: str,
    statistic: str = "odds_ratio",
    role: Role = "estimate",
) -> list[Estimate]:
    """One row per term: odds ratio with Wald interval and p; n and denominator of the fit."""
    return [
        Estimate(
            analysis_id,
            population,
            term.name,
            statistic,
            term.ratio,
            fit.n,
            fit.n + fit.n_missing,
            timepoint=timepoint,
            ci_lower=term.ci_lower,
            ci_upper=term.ci_upper,
            p_value=term.p_value,
            method=f"{method}; Wald; {fit.n_events} with the outcome",
            assumptions_verdict="linear log odds: not assessed" if fit.is_fitted else "",
            warning=_join(fit.warning, fit.n_missing),
            role=role,
        )
        for term in fit.terms
    ]


def _join(warning: str, n_missing: int) -> str:
    missing = f"{n_missing} {LEFT_OUT}" if n_missing else ""
    return "; ".join(text for text in (warning, missing) if text)
