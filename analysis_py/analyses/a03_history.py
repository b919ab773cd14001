"""A03, Results, first two paragraphs: comorbidities and earlier treatments."""

from __future__ import annotations

from analysis_py.analyses._counts import share
from analysis_py.frames import Frames, is_true, take
from analysis_py.results import Estimate

ANALYSIS = "A03"
FLAGS = {
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
COLUMNS = {"dim_patients": list(FLAGS)}


def run(frames: Frames) -> list[Estimate]:
    """Patients with each flag; a patient may have several, the denominator is always everybody."""
    patients = take(frames, "dim_patients", COLUMNS["dim_patients"])
    rows = []
    for column, term in FLAGS.items():
        n = int(is_true(patients[column]).sum())
        rows += share(ANALYSIS, "enrolled", term, n, len(patients))
    return rows
