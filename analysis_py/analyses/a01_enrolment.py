"""A01, Results, first paragraph: patients enrolled, sex, age; and the flow into the cohort."""

from __future__ import annotations

import numpy as np

from analysis_py.analyses._counts import count, share
from analysis_py.analyses._scores import summary_rows
from analysis_py.estimators.describe import summarise
from analysis_py.frames import Frames, counted, numbers, take
from analysis_py.results import Estimate

ANALYSIS = "A01"
AGES = (
    "age_at_data_collection_years",
    "age_at_diagnosis_years",
    "age_at_index_years",
)
COUNTS = ("n_patients", "n_excluded", "n_failing")
STEPS = ("step_number", "criterion_code", "criterion_label", *COUNTS)
COLUMNS = {
    "dim_patients": ["patient_id", "sex_code", *AGES],
    "fct_cohort_attrition": list(STEPS),
}


def run(frames: Frames) -> list[Estimate]:
    """Count by sex; age at data collection, at diagnosis and at the first dose; cohort flow."""
    patients = take(frames, "dim_patients", COLUMNS["dim_patients"])
    n = len(patients)
    by_sex = counted(patients["sex_code"])
    rows = [count(ANALYSIS, "enrolled", "enrolled", n, n)]
    for code in ("male", "female"):
        rows += share(ANALYSIS, "enrolled", code, by_sex.get(code, 0), n)
    for age in AGES:
        rows += summary_rows(ANALYSIS, "enrolled", age, summarise(numbers(patients[age])), "years")
    return rows + _flow(frames)


def _flow(frames: Frames) -> list[Estimate]:
    """Patients who remain after each criterion, who left at it, and all who fail it."""
    steps = take(frames, "fct_cohort_attrition", STEPS).sort_values("step_number")
    if steps.empty:
        return []
    steps = steps.assign(**{name: np.nan_to_num(numbers(steps[name])) for name in COUNTS})
    register = int(steps["n_patients"].iloc[0] + steps["n_excluded"].iloc[0])
    rows = []
    for step in steps.itertuples():
        for statistic in COUNTS:
            number = getattr(step, statistic)
            rows.append(
                count(
                    ANALYSIS,
                    "register",
                    str(step.criterion_code),
                    int(number),
                    register,
                    statistic=statistic,
                    term_label=str(step.criterion_label),
                    role="flow",
                )
            )
    return rows
