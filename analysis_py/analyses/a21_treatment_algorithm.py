"""A21, Discussion, Figure 2: prescriptions beside the scheme that the paper proposes."""

from __future__ import annotations

from analysis_py.analyses._counts import share, share_of
from analysis_py.frames import (
    Frames,
    at,
    counted,
    is_code,
    is_known,
    is_true,
    take,
    timepoint_codes,
)
from analysis_py.results import Estimate
from analysis_py.vocabulary import ALL

ANALYSIS = "A21"
VISITS = "fct_treatment_algorithm"
RECOMMENDED, REASON = "recommendation_code", "no_recommendation_reason_code"
RECOMMENDATIONS = (
    "emollients_only",
    "tacrolimus_then_proactive",
    "corticosteroid_course_then_tacrolimus",
)
REASONS = ("iga_not_recorded", "index_in_summer")
COLUMNS = {
    "dim_timepoints": ["timepoint_code", "timepoint_number"],
    VISITS: ["timepoint_code", RECOMMENDED, REASON, "is_agreed"],
}


def run(frames: Frames) -> list[Estimate]:
    """Visits with a recommendation, why others have none, and how many prescriptions agreed.

    Agreement is judged where there is a recommendation and the patient's regimen is known. The
    scheme was published after these visits: agreement describes, it does not grade. A
    recommendation that nobody had at a timepoint has no row there.
    """
    visits = take(frames, VISITS, COLUMNS[VISITS])
    rows = []
    for timepoint in timepoint_codes(frames):
        part = at(visits, timepoint)
        reasons = counted(part[REASON])
        numbers = {"recommendation": int(is_known(part[RECOMMENDED]).sum())}
        numbers |= {reason: reasons.get(reason, 0) for reason in REASONS}
        for term, n in numbers.items():
            rows += share(ANALYSIS, "attended", term, n, len(part), timepoint=timepoint)
        agreed, known = is_true(part["is_agreed"]), is_known(part["is_agreed"])
        for group in (ALL, *RECOMMENDATIONS):
            judged = known & (is_code(part[RECOMMENDED], group) | (group == ALL))
            if group != ALL and not judged.any():
                continue
            rows += share_of(
                ANALYSIS,
                "recommended",
                "agreement",
                agreed,
                judged,
                group=group,
                timepoint=timepoint,
            )
    return rows
