"""A20 and A21, beyond the paper's numbers: adverse events, and agreement with its scheme."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis_py.analyses.rows import count, share, share_of
from analysis_py.frames import (
    Frames,
    at,
    counted,
    is_code,
    is_known,
    is_true,
    numbers,
    timepoint_codes,
)
from analysis_py.results import Estimate
from analysis_py.vocabulary import ALL

EVENTS, FOLLOW_UP = "fct_adverse_events", "fct_follow_up"
CODE, LABEL, UNMAPPED = "adverse_event_code", "adverse_event_label", "unmapped"
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
        FOLLOW_UP: ["patient_id", "n_refused_adverse_events"],
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
    patient of whom it is known, also those seen once. One of whom it is not, because a record of
    an event was refused, an onset or a seriousness is not recorded or a term that no list knows may
    be it, is counted apart.
    """
    enrolled = pd.Index(frames[FOLLOW_UP]["patient_id"].astype(object))
    is_complete = numbers(frames[FOLLOW_UP]["n_refused_adverse_events"]) == 0
    events = frames[EVENTS][READS["adverse_events"][EVENTS]]
    patient = enrolled.get_indexer(events["patient_id"].astype(object))
    emergent = is_true(events["is_treatment_emergent"])
    perhaps_emergent = emergent | ~is_known(events["is_treatment_emergent"])

    def having(chosen: np.ndarray) -> np.ndarray:
        return np.isin(np.arange(len(enrolled)), patient[chosen])

    def row(term: str, surely: np.ndarray, perhaps: np.ndarray, label: str = "") -> list[Estimate]:
        flags = having(emergent & surely)
        known = flags | (is_complete & ~having(perhaps_emergent & perhaps))
        n, n_unknown = len(enrolled), int((~known).sum())
        rows = share_of("A20", "enrolled", term, flags, known, term_label=label)
        return [*rows, count("A20", "enrolled", term, n_unknown, n, statistic="n_not_known")]

    every = np.full(len(events), True)
    serious, is_listed = events["is_serious"], ~is_code(events[CODE], UNMAPPED)
    rows = row("any_adverse_event", every, every)
    rows += row("serious_adverse_event", is_true(serious), is_true(serious) | ~is_known(serious))
    named = events[emergent][[CODE, LABEL]].drop_duplicates().dropna(subset=[CODE])
    labels = dict(zip(named[CODE].astype(str), named[LABEL].astype(str), strict=True))
    for code, label in sorted(labels.items()):
        is_it = is_code(events[CODE], code)
        rows += row(code, is_it, is_it | ~is_listed, label)
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
