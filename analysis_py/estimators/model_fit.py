"""What every model fit says about itself besides its numbers."""

from __future__ import annotations

from analysis_py.conventions import MIN_EVENTS_PER_TERM

NO_PATIENTS = "not fitted: no patient has all covariates"
NO_EVENTS = "not fitted: no patient had the event"
NO_CONTRAST = "not fitted: every patient had the event"
COLLINEAR = "not fitted: a covariate is constant or the covariates are linearly dependent"
SEPARATED = "not fitted: the outcome is separated by the covariates, the estimate is infinite"
NOT_CONVERGED = "not fitted: the iterations did not converge"
MOST_PATTERNS_DECIDED = 100_000
"""Patients who differ in what the model looks at: above this many, the linear programme that tells
a separated outcome from a hard one would take minutes to hours, and is left out with a warning."""

UNDECIDED = (
    "not fitted: the estimate may be infinite; whether it is has not been decided, because more "
    f"than {MOST_PATTERNS_DECIDED} patients differ in time or covariates"
)


def sparse_data_warning(n_events: int, n_terms: int) -> str:
    """Warning for fewer than five events per term, or an empty text.

    Parameters
    ----------
    n_events : int
        Patients with the event; for a logistic model the smaller of the two outcomes.
    n_terms : int
        Terms without the intercept.
    """
    if n_events >= MIN_EVENTS_PER_TERM * n_terms:
        return ""
    per_term = n_events / n_terms
    return (
        f"{n_events} events for {n_terms} term{'s' if n_terms > 1 else ''} "
        f"({per_term:.1f} per term): fewer than {MIN_EVENTS_PER_TERM} per term"
    )
