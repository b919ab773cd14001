"""A09, Results: patients evaluable for topical therapy, and why the others are not."""

from __future__ import annotations

import pandas as pd

from analysis_py.analyses._counts import count, share
from analysis_py.frames import Frames, codes, is_true, take
from analysis_py.results import Estimate

ANALYSIS = "A09"
NON_ADHERENT = "non_adherent_to_topical_therapy"
COLUMNS = {"dim_patients": ["is_evaluable", "not_evaluable_reason_code"]}


def run(frames: Frames) -> list[Estimate]:
    """Enrolled, evaluable, and not evaluable by reason; non-adherence always has a row."""
    patients = take(frames, "dim_patients", COLUMNS["dim_patients"])
    n = len(patients)
    evaluable = is_true(patients["is_evaluable"])
    reasons = pd.Series(codes(patients["not_evaluable_reason_code"])[~evaluable], dtype=object)
    counts = {NON_ADHERENT: 0, **reasons.fillna("reason_not_recorded").value_counts().to_dict()}
    rows = [
        count(ANALYSIS, "enrolled", "enrolled", n, n),
        *share(ANALYSIS, "enrolled", "evaluable", int(evaluable.sum()), n),
        *share(ANALYSIS, "enrolled", "not_evaluable", int((~evaluable).sum()), n),
    ]
    for reason, number in sorted(counts.items()):
        rows += share(ANALYSIS, "enrolled", str(reason), int(number), n)
    return rows
