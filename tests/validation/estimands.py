"""What each estimate of the study becomes in the limit of infinitely many patients.

Computed from the declared truth alone: no simulation and no code of the pipeline is used.
"""

from __future__ import annotations

import numpy as np
from scipy import stats
from starts import COVARIATES, expected_starts, start_cells

from simulator.cohort.effects import FOLLOW_UP, SCORES, TIMEPOINTS, Grid, Tree, make_grids
from simulator.cohort.expected import expected_numbers

LEVELS = {"easi": "a04", "sleep_nrs": "a06", "itch_nrs": "a07", "dlqi": "a08"}
CHANGES = {**LEVELS, "easi": "a05"}
REGIMENS = ("none", "corticosteroids", "tacrolimus", "corticosteroids_and_tacrolimus")
COMORBIDITIES = ("rhinitis", "conjunctivitis", "asthma", "food_allergy")
FALLS = (50, 75, 90)
_NODES = 48
EARLIER = ("ciclosporin", "systemic_corticosteroids", "phototherapy")


def estimands(effects: Tree) -> dict[str, float]:
    """Return the limit of each estimate of the study under the declared truth.

    Parameters
    ----------
    effects : dict
        The declared truth, as ``load_effects`` returns it.

    Returns
    -------
    dict
        Result key (analysis.population.group.timepoint.term.statistic) -> value in the unit of
        the result: points, months, percent (0 to 100), a proportion for survival, or a ratio.
    """
    expected = expected_numbers(effects)
    answer = _patients(effects["patients"], effects["adherence"])
    for score in SCORES:
        for timepoint in TIMEPOINTS:
            numbers = expected["scores"][score][timepoint]
            key = f"{LEVELS[score]}.assessed.all.{timepoint}.{score}.mean"
            answer[key] = numbers["mean"]
            if timepoint in FOLLOW_UP:
                key = f"{CHANGES[score]}.assessed_twice.all.{timepoint}.{score}.mean_change"
                answer[key] = numbers["mean_change"]
    shares = expected["proportions"]
    for score in ("sleep_nrs", "itch_nrs"):
        for timepoint in FOLLOW_UP:
            key = f"{LEVELS[score]}.assessed_twice.all.{timepoint}.{score}_response.percent"
            answer[key] = 100 * shares[f"{score}_response"][timepoint]
    for timepoint in TIMEPOINTS:
        key = f"a08.assessed.all.{timepoint}.dlqi_below_10.percent"
        answer[key] = 100 * shares["dlqi_below_10"][timepoint]
        for regimen in REGIMENS:
            key = f"a10.evaluable_at_visit.all.{timepoint}.{regimen}.percent"
            answer[key] = expected["regimens"][timepoint][f"{regimen}_pct"]
    return answer | _easi(effects) | expected_starts(effects)


def _patients(patients: Tree, adherence: Tree) -> dict[str, float]:
    answer = {"a01.enrolled.all.any.female.percent": patients["female_probability"]}
    for name in COMORBIDITIES:
        answer[f"a03.enrolled.all.any.{name}.percent"] = patients[f"{name}_probability"]
    for name in EARLIER:
        key = f"a03.enrolled.all.any.prior_{name}.percent"
        answer[key] = patients[f"prior_{name}_probability"]
    answer["a09.enrolled.all.any.evaluable.percent"] = 1 - adherence["non_adherent_probability"]
    return {key: 100 * chance for key, chance in answer.items()}


def _easi(effects: Tree) -> dict[str, float]:
    """Return the percentages that the analyses of EASI estimate.

    A score is a function of a normal score, the sum of a patient part, a visit part and a residual.
    Given the patient part and the baseline visit part, EASI at baseline, DLQI at baseline (hence
    tacrolimus at baseline, which shifts EASI later) and EASI later are independent; these two parts
    are integrated out by Gauss-Hermite quadrature.
    """
    grids = make_grids(effects)
    scores = effects["scores"]
    patient, visit = scores["patient_share"], scores["visit_share"]
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights = weights / weights.sum()
    own = np.sqrt(1 - patient - visit)
    centre = np.sqrt(patient) * nodes[:, None] + np.sqrt(visit) * nodes
    easi = _probabilities(grids["easi"][0], centre, own)
    user = _probabilities(grids["dlqi"][0], centre, own) @ _user_by_dlqi(effects)
    shares = np.stack([1 - user, user]) * weights[:, None] * weights
    by_use = np.einsum("upv,pvb->upb", shares, easi)  # use, patient's part, EASI at baseline
    shifts = (0.0, scores["easi"]["tacrolimus_at_baseline_shift"])
    answer: dict[str, float] = {}
    for timepoint, grid in zip(FOLLOW_UP, grids["easi"][1:], strict=True):
        later = np.stack(
            [
                _probabilities(grid, np.sqrt(patient) * nodes + shift, np.sqrt(1 - patient))
                for shift in shifts
            ]
        ).cumsum(axis=2)
        tenths = np.rint(grid.values * 10).astype(int)
        by_patient = by_use.sum(axis=2)
        below_7 = _up_to(later, tenths, 69)
        stem = f"a04.assessed.all.{timepoint}"
        answer[f"{stem}.easi_below_7.percent"] = 100 * float((by_patient * below_7).sum())
        high = 1 - _up_to(later, tenths, 210)
        answer[f"{stem}.easi_above_21.percent"] = 100 * float((by_patient * high).sum())
        if timepoint == "week_04":
            answer |= _early((by_patient * below_7).sum(axis=1), by_patient.sum(axis=1))
        first = np.rint(grids["easi"][0].values * 10).astype(int)
        for fall in FALLS:
            limits = first * (100 - fall) // 100  # exact: whole tenths of a point
            reached = later[:, :, np.searchsorted(tenths, limits, side="right") - 1]
            answer[f"a04.assessed_twice.all.{timepoint}.easi_{fall}.percent"] = 100 * float(
                (by_use * reached).sum()
            )
    return answer


def _probabilities(grid: Grid, centre: np.ndarray, spread: float) -> np.ndarray:
    """Return the probability of each value, shape (*centre.shape, k), around a centre."""
    levels = stats.norm.cdf((grid.cuts - centre[..., None]) / spread)
    ends = np.zeros((*centre.shape, 1))
    return np.diff(np.concatenate([ends, levels, ends + 1], axis=-1))


def _up_to(cumulated: np.ndarray, tenths: np.ndarray, limit: int) -> np.ndarray:
    return cumulated[..., np.searchsorted(tenths, limit, side="right") - 1]


def _user_by_dlqi(effects: Tree) -> np.ndarray:
    """Return P(on tacrolimus at baseline | DLQI at baseline), shape (31,)."""
    cells = start_cells(effects)
    score = cells.design[:, COVARIATES.index("dlqi")].astype(int)
    return np.bincount(score, cells.weight * cells.starts[:, 0]) / np.bincount(score, cells.weight)


def _early(below_7: np.ndarray, size: np.ndarray) -> dict[str, float]:
    """A16: by use at baseline; a patient without a review there, by chance, is in neither group."""
    user, other = below_7[1] / size[1], below_7[0] / size[0]
    stem = "a16.assessed_early"
    return {
        f"{stem}.tacrolimus_at_baseline.week_04.easi_below_7.percent": 100 * float(user),
        f"{stem}.no_tacrolimus_at_baseline.week_04.easi_below_7.percent": 100 * float(other),
        f"{stem}.all.week_04.easi_below_7.percentage_point_difference": 100 * float(user - other),
    }
