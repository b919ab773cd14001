"""A20, not in the paper: patients with adverse events that began under dupilumab."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis_py.analyses._counts import count, share
from analysis_py.frames import Frames, coded, is_code, is_known, is_true, take
from analysis_py.results import Estimate

ANALYSIS = "A20"
EVENTS = "fct_adverse_events"
CODE, LABEL = "adverse_event_code", "adverse_event_label"
ANY = "any_adverse_event"
COLUMNS = {
    "dim_patients": ["is_evaluable"],
    EVENTS: ["patient_id", CODE, LABEL, "is_serious", "is_treatment_emergent"],
}


def run(frames: Frames) -> list[Estimate]:
    """Patients with at least one treatment-emergent event: of any kind, serious, of each code.

    A patient counts once per row and may stand in several. The denominator is everybody enrolled,
    also those seen once. Events are those of the export; who has one without an onset is counted
    apart, and one that nobody wrote down is in no row.
    """
    n_enrolled = len(take(frames, "dim_patients", COLUMNS["dim_patients"]))
    events = take(frames, EVENTS, COLUMNS[EVENTS])
    undated = events[~is_known(events["is_treatment_emergent"])]
    n_undated = undated["patient_id"].nunique()
    events = events[is_true(events["is_treatment_emergent"])]
    _, patient = coded(events["patient_id"])

    def row(term: str, members: np.ndarray, label: str = "") -> list[Estimate]:
        n = len(np.unique(patient[members]))
        return share(ANALYSIS, "enrolled", term, n, n_enrolled, term_label=label)

    rows = row(ANY, np.full(len(events), True))
    rows.append(
        count(ANALYSIS, "enrolled", ANY, n_undated, n_enrolled, statistic="n_onset_not_recorded")
    )
    rows += row("serious_adverse_event", is_true(events["is_serious"]))
    for code, label in sorted(_labels(events).items()):
        rows += row(code, is_code(events[CODE], code), label)
    return rows


def _labels(events: pd.DataFrame) -> dict[str, str]:
    named = events[[CODE, LABEL]].drop_duplicates().dropna(subset=[CODE])
    return dict(zip(named[CODE].astype(str), named[LABEL].astype(str), strict=True))
