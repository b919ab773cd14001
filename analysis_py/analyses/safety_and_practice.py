"""A20 and A21, beyond the paper's numbers: adverse events, and agreement with its scheme."""

from __future__ import annotations

import numpy as np

from analysis_py.analyses.rows import count, share, share_of
from analysis_py.frames import (
    Frames,
    at,
    coded,
    counted,
    is_code,
    is_known,
    is_true,
    timepoint_codes,
)
from analysis_py.results import Estimate
from analysis_py.vocabulary import ALL

EVENTS = "fct_adverse_events"
CODE, LABEL = "adverse_event_code", "adverse_event_label"
ALGORITHM = "fct_treatment_algorithm"
RECOMMENDED, REASON = "recommendation_code", "no_recommendation_reason_code"
RECOMMENDATIONS = (
    "emollients_only",
    "tacrolimus_then_proactive",
    "corticosteroid_course_then_tacrolimus",
)
REASONS = ("iga_not_recorded", "index_in_summer")
READS = {
    "adverse_events": {
        "dim_patients": ["is_evaluable"],
        EVENTS: ["patient_id", CODE, LABEL, "is_serious", "is_treatment_emergent"],
    },
    "treatment_algorithm": {
        "dim_timepoints": ["timepoint_code", "timepoint_number"],
        ALGORITHM: ["timepoint_code", RECOMMENDED, REASON, "is_agreed"],
    },
}


def adverse_events(frames: Frames) -> list[Estimate]:
    """A20, not in the paper: patients with adverse events that began under dupilumab.

    Patients with at least one treatment-emergent event: of any kind, serious, of each code. A
    patient counts once per row and may be in several rows. The denominator is every enrolled
    patient, also those seen once. Patients with an event without an onset are counted apart; an
    event that is not in the export is in no row.
    """
    n_enrolled = len(frames["dim_patients"])
    events = frames[EVENTS][READS["adverse_events"][EVENTS]]
    n_undated = events["patient_id"][~is_known(events["is_treatment_emergent"])].nunique()
    events = events[is_true(events["is_treatment_emergent"])]
    _, patient = coded(events["patient_id"])

    def row(term: str, members: np.ndarray, label: str = "") -> list[Estimate]:
        n = len(np.unique(patient[members]))
        return share("A20", "enrolled", term, n, n_enrolled, term_label=label)

    rows = row("any_adverse_event", np.full(len(events), True))
    undated = ("A20", "enrolled", "any_adverse_event", n_undated, n_enrolled)
    rows.append(count(*undated, statistic="n_onset_not_recorded"))
    rows += row("serious_adverse_event", is_true(events["is_serious"]))
    named = events[[CODE, LABEL]].drop_duplicates().dropna(subset=[CODE])
    labels = dict(zip(named[CODE].astype(str), named[LABEL].astype(str), strict=True))
    for code, label in sorted(labels.items()):
        rows += row(code, is_code(events[CODE], code), label)
    return rows


def treatment_algorithm(frames: Frames) -> list[Estimate]:
    """A21, Discussion, Figure 2: prescriptions beside the scheme that the paper proposes.

    Visits with a recommendation, why others have none, and how many prescriptions agreed. Agreement
    is judged where there is a recommendation and the patient's regimen is known. The scheme was
    published after these visits: agreement describes, it does not grade. A recommendation without a
    visit at a timepoint has no row there.
    """
    visits = frames[ALGORITHM][READS["treatment_algorithm"][ALGORITHM]]
    rows = []
    for timepoint in timepoint_codes(frames):
        part = at(visits, timepoint)
        reasons = counted(part[REASON])
        numbers = {"recommendation": int(is_known(part[RECOMMENDED]).sum())}
        numbers |= dict.fromkeys(REASONS, 0) | reasons
        for term, n in numbers.items():
            rows += share("A21", "attended", term, n, len(part), timepoint=timepoint)
        agreed, known = is_true(part["is_agreed"]), is_known(part["is_agreed"])
        for group in (ALL, *RECOMMENDATIONS):
            judged = known & (is_code(part[RECOMMENDED], group) | (group == ALL))
            if group != ALL and not judged.any():
                continue
            fields = {"group": group, "timepoint": timepoint}
            rows += share_of("A21", "recommended", "agreement", agreed, judged, **fields)
    return rows
