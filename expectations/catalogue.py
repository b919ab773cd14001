"""Every suite of both doors, in the order in which they are judged."""

from __future__ import annotations

from expectations.exports import (
    adverse_events,
    comorbidities,
    ledger,
    patients,
    prescriptions,
    visits,
)
from expectations.facts import Facts
from expectations.marts import adverse_events as mart_adverse_events
from expectations.marts import (
    cohort_attrition,
    patient_timepoints,
    reference,
    scores,
    tacrolimus_initiation,
    topical_regimens,
    treatment_algorithm,
)
from expectations.marts import patients as mart_patients
from expectations.rules import Suite

EXPORTS = (patients, visits, prescriptions, comorbidities, adverse_events, ledger)
MARTS = (
    mart_patients,
    patient_timepoints,
    scores,
    topical_regimens,
    tacrolimus_initiation,
    cohort_attrition,
    mart_adverse_events,
    treatment_algorithm,
)


def all_suites(facts: Facts) -> list[Suite]:
    """Return the suites of both doors.

    Parameters
    ----------
    facts : Facts
        What the volumes, dates and means are compared with.
    """
    return [module.suite(facts) for module in (*EXPORTS, *MARTS)] + reference.suites(facts)
