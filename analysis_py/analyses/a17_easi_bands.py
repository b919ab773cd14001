"""A17, Figure 1: bands of EASI at week 4 by use of tacrolimus at baseline."""

from __future__ import annotations

import numpy as np

from analysis_py.analyses._counts import EMPTY, share
from analysis_py.analyses._early import GROUPS, NON_USERS, USERS, early, early_columns
from analysis_py.estimators.describe import proportion, proportion_difference
from analysis_py.frames import Frames, is_code, is_known
from analysis_py.results import Estimate
from analysis_py.vocabulary import WEEK_04

ANALYSIS = "A17"
POPULATION = "assessed_early"
# From mild to severe. The printed figure's own bands are not known: the study's cuts (7 and 21)
# and the published severity strata of EASI are both given.
BANDS = {
    "study": ("mild", "moderate", "severe"),
    "leshem": ("clear", "almost_clear", "mild", "moderate", "severe", "very_severe"),
}
BAND_LABELS = {
    "study_mild": "EASI < 7",
    "study_moderate": "EASI 7 to 21",
    "study_severe": "EASI > 21",
    "leshem_clear": "Clear (0)",
    "leshem_almost_clear": "Almost clear (0.1–1.0)",
    "leshem_mild": "Mild (1.1–7.0)",
    "leshem_moderate": "Moderate (7.1–21.0)",
    "leshem_severe": "Severe (21.1–50.0)",
    "leshem_very_severe": "Very severe (50.1–72.0)",
}
COLUMNS = early_columns([f"easi_{scheme}_band_code" for scheme in BANDS])


def run(frames: Frames) -> list[Estimate]:
    """Percentage of each group in each band, and how much more often non-users are not mild."""
    table = early(frames, COLUMNS["fct_patient_timepoints"][2:])
    groups = table["group"].to_numpy()
    rows, high = [], {}
    for scheme, bands in BANDS.items():
        values = table[f"easi_{scheme}_band_code"]
        known, having = is_known(values), {band: is_code(values, band) for band in bands}
        for group in GROUPS:
            members = (groups == group) & known
            for band in bands:
                term = f"{scheme}_{band}"
                rows += share(
                    ANALYSIS,
                    POPULATION,
                    term,
                    int((members & having[band]).sum()),
                    int(members.sum()),
                    group=group,
                    timepoint=WEEK_04,
                    term_label=BAND_LABELS[term],
                )
            if scheme == "study":
                not_mild = int((members & ~having[bands[0]]).sum())
                high[group] = proportion(not_mild, int(members.sum()))
    difference = proportion_difference(high[NON_USERS], high[USERS])
    rows.append(
        Estimate(
            ANALYSIS,
            POPULATION,
            "easi_at_least_7",
            "percentage_point_difference",
            100 * difference.difference,
            high[USERS].denominator + high[NON_USERS].denominator,
            len(table),
            timepoint=WEEK_04,
            ci_lower=100 * difference.ci_lower,
            ci_upper=100 * difference.ci_upper,
            comparator=f"{NON_USERS} - {USERS}",
            unit="percentage points",
            method="difference of percentages; Newcombe interval",
            warning="" if np.isfinite(difference.difference) else EMPTY,
            term_label="EASI ≥ 7",
        )
    )
    return rows
