"""A09, Results: patients evaluable for topical therapy, and why the others are not."""

from __future__ import annotations

from analysis_py.analyses._counts import count, share
from analysis_py.frames import Frames, counted, is_true, take
from analysis_py.results import Estimate

ANALYSIS = "A09"
NON_ADHERENT = "non_adherent_to_topical_therapy"
COLUMNS = {"dim_patients": ["is_evaluable", "not_evaluable_reason_code"]}


def run(frames: Frames) -> list[Estimate]:
    """Enrolled, evaluable, and not evaluable by reason; non-adherence always has a row."""
    patients = take(frames, "dim_patients", COLUMNS["dim_patients"])
    n = len(patients)
    evaluable = is_true(patients["is_evaluable"])
    reasons = counted(patients["not_evaluable_reason_code"][~evaluable])
    counts = {NON_ADHERENT: 0, **reasons}
    unexplained = int((~evaluable).sum()) - sum(reasons.values())
    if unexplained:
        counts["reason_not_recorded"] = unexplained
    rows = [
        count(ANALYSIS, "enrolled", "enrolled", n, n),
        *share(ANALYSIS, "enrolled", "evaluable", int(evaluable.sum()), n),
        *share(ANALYSIS, "enrolled", "not_evaluable", int((~evaluable).sum()), n),
    ]
    for reason, number in sorted(counts.items()):
        rows += share(ANALYSIS, "enrolled", str(reason), int(number), n)
    return rows
