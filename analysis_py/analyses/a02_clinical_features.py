"""A02, Table I: disease course, clinical phenotype and critical area at baseline, by sex."""

from __future__ import annotations

import numpy as np

from analysis_py.analyses._counts import count, share
from analysis_py.frames import Frames, codes, counted, is_code, is_known, take
from analysis_py.results import Estimate
from analysis_py.vocabulary import ALL

ANALYSIS = "A02"
# Order of the printed table; a code that is not printed there follows in alphabetical order.
FEATURES = {
    "disease_course": ("relapsing", "persistent", "late_onset"),
    "clinical_phenotype": ("classic", "generalized", "nodular_prurigo", "nummular"),
    "critical_area": (
        "genitalia",
        "hands",
        "hands_and_genitalia",
        "face",
        "face_and_genitalia",
        "face_and_hands",
        "face_hands_and_genitalia",
    ),
}
RENAMED = {"none": "no_critical_area"}
COLUMNS = {
    "dim_patients": [
        "sex_code",
        *(f"{feature}_{part}" for feature in FEATURES for part in ("code", "label")),
    ]
}


def run(frames: Frames) -> list[Estimate]:
    """Count each feature among males, females and all enrolled.

    Each feature takes one value per patient; a patient without a value is in the denominator, as in
    the printed table, and is counted in n_missing.
    """
    patients = take(frames, "dim_patients", COLUMNS["dim_patients"])
    columns = {code: is_code(patients["sex_code"], code) for code in ("male", "female")}
    columns[ALL] = np.full(len(patients), True)
    totals = {group: int(members.sum()) for group, members in columns.items()}
    rows = [
        count(ANALYSIS, "enrolled", "column_total", n, totals[ALL], group=group)
        for group, n in totals.items()
    ]
    for feature, printed in FEATURES.items():
        values = patients[f"{feature}_code"]
        named = patients[[values.name, f"{feature}_label"]].drop_duplicates()
        labels = dict(zip(*(codes(named[column]) for column in named), strict=True))
        for code in [*printed, *sorted(set(counted(values)) - set(printed))]:
            having = is_code(values, code)
            for group, members in columns.items():
                rows += share(
                    ANALYSIS,
                    "enrolled",
                    RENAMED.get(code, code),
                    int((members & having).sum()),
                    totals[group],
                    group=group,
                    term_label=labels.get(code) or "",
                )
        unknown = ~is_known(values)
        for group, members in columns.items():
            rows.append(
                count(
                    ANALYSIS,
                    "enrolled",
                    feature,
                    int((members & unknown).sum()),
                    totals[group],
                    statistic="n_missing",
                    group=group,
                )
            )
    return rows
