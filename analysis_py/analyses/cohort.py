"""A01 to A03 and A09: who is enrolled, clinical features, history, who is evaluable."""

from __future__ import annotations

from functools import partial

import numpy as np

from analysis_py.analyses.rows import count, share, share_of, summary_rows
from analysis_py.estimators.describe import summarise
from analysis_py.frames import Frames, codes, counted, is_code, is_known, is_true, numbers
from analysis_py.results import Estimate
from analysis_py.vocabulary import ALL

AGES = ("age_at_data_collection_years", "age_at_diagnosis_years", "age_at_index_years")
FLOW_COUNTS = ("n_patients", "n_excluded", "n_failing")
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
HISTORY = {
    "has_comorbidity": "any_comorbidity",
    "has_rhinitis": "rhinitis",
    "has_conjunctivitis": "conjunctivitis",
    "has_asthma": "asthma",
    "has_food_allergy": "food_allergy",
    "has_prior_ciclosporin": "prior_ciclosporin",
    "has_prior_systemic_corticosteroids": "prior_systemic_corticosteroids",
    "has_prior_phototherapy": "prior_phototherapy",
    "has_prior_methotrexate": "prior_methotrexate",
    "has_prior_alitretinoin": "prior_alitretinoin",
    "has_prior_azathioprine": "prior_azathioprine",
}
NON_ADHERENT = "non_adherent_to_topical_therapy"
READS = {
    "enrolment": {
        "dim_patients": ["patient_id", "sex_code", *AGES],
        "fct_cohort_attrition": ["step_number", "criterion_code", "criterion_label", *FLOW_COUNTS],
    },
    "clinical_features": {
        "dim_patients": [
            "sex_code",
            *(f"{feature}_{part}" for feature in FEATURES for part in ("code", "label")),
        ]
    },
    "history": {"dim_patients": list(HISTORY)},
    "evaluable": {"dim_patients": ["is_evaluable", "not_evaluable_reason_code"]},
}


def enrolment(frames: Frames) -> list[Estimate]:
    """A01, Results, first paragraph: patients enrolled, sex, age; and the flow into the cohort."""
    patients = frames["dim_patients"]
    n = len(patients)
    by_sex = counted(patients["sex_code"])
    rows = [count("A01", "enrolled", "enrolled", n, n)]
    for code in ("male", "female"):
        rows += share("A01", "enrolled", code, by_sex.get(code, 0), n)
    n_unknown = n - sum(by_sex.values())
    rows.append(count("A01", "enrolled", "sex", n_unknown, n, statistic="n_missing"))
    for age in AGES:
        rows += summary_rows("A01", "enrolled", age, summarise(numbers(patients[age])), "years")
    return rows + _flow(frames)


def _flow(frames: Frames) -> list[Estimate]:
    """Patients who remain after each criterion, who left at it, and all who fail it."""
    steps = frames["fct_cohort_attrition"].sort_values("step_number")
    if steps.empty:
        return []
    columns = {name: np.nan_to_num(numbers(steps[name])).astype(int) for name in FLOW_COUNTS}
    register = int(columns["n_patients"][0] + columns["n_excluded"][0])
    criteria = steps[["criterion_code", "criterion_label"]].astype(str).to_numpy()
    return [
        count(
            "A01",
            "register",
            code,
            int(columns[statistic][i]),
            register,
            statistic=statistic,
            term_label=label,
            role="flow",
        )
        for i, (code, label) in enumerate(criteria)
        for statistic in FLOW_COUNTS
    ]


def clinical_features(frames: Frames) -> list[Estimate]:
    """A02, Table I: disease course, clinical phenotype and critical area at baseline, by sex.

    A patient whose sex is not recorded is in the total only. Each feature takes one value per
    patient; a patient without a value is in the denominator, as in the printed table, and is
    counted in n_missing.
    """
    patients = frames["dim_patients"]
    columns = {code: is_code(patients["sex_code"], code) for code in ("male", "female")}
    columns[ALL] = np.full(len(patients), True)
    totals = {group: int(members.sum()) for group, members in columns.items()}
    number = partial(count, "A02", "enrolled")
    rows = [number("column_total", n, totals[ALL], group=group) for group, n in totals.items()]
    for feature, printed in FEATURES.items():
        values = patients[f"{feature}_code"]
        named = patients[[f"{feature}_code", f"{feature}_label"]].drop_duplicates()
        labels = dict(zip(*(codes(named[column]) for column in named), strict=True))
        for code in [*printed, *sorted(set(counted(values)) - set(printed))]:
            having = is_code(values, code)
            for group, members in columns.items():
                rows += share(
                    "A02",
                    "enrolled",
                    RENAMED.get(code, code),
                    int((members & having).sum()),
                    totals[group],
                    group=group,
                    term_label=labels.get(code) or "",
                )
        for group, members in columns.items():
            n = int((members & ~is_known(values)).sum())
            rows.append(number(feature, n, totals[group], statistic="n_missing", group=group))
    return rows


def history(frames: Frames) -> list[Estimate]:
    """A03, Results, first two paragraphs: comorbidities and earlier treatments.

    A patient may have several. The denominator is every enrolled patient of whom it is known; one
    of whom it is not, because a term or drug that no list knows may hide it, is counted apart.
    """
    patients = frames["dim_patients"]
    n = len(patients)
    rows = []
    for column, term in HISTORY.items():
        flags, known = is_true(patients[column]), is_known(patients[column])
        n_unknown = n - int(known.sum())
        rows += share_of("A03", "enrolled", term, flags, known)
        rows.append(count("A03", "enrolled", term, n_unknown, n, statistic="n_not_known"))
    return rows


def evaluable(frames: Frames) -> list[Estimate]:
    """A09, Results: patients evaluable for topical therapy, and why the others are not.

    Non-adherence always has a row.
    """
    patients = frames["dim_patients"]
    n = len(patients)
    members = is_true(patients["is_evaluable"])
    n_others = int((~members).sum())
    reasons = counted(patients["not_evaluable_reason_code"][~members])
    counts = {NON_ADHERENT: 0, **reasons}
    if unexplained := n_others - sum(reasons.values()):
        counts["reason_not_recorded"] = unexplained
    rows = [count("A09", "enrolled", "enrolled", n, n)]
    rows += share("A09", "enrolled", "evaluable", int(members.sum()), n)
    rows += share("A09", "enrolled", "not_evaluable", n_others, n)
    for reason, number in sorted(counts.items()):
        rows += share("A09", "enrolled", reason, number, n)
    return rows
