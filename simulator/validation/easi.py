"""Expected proportions of EASI after baseline: below 7, above 21, falls by 50, 75 and 90%."""

from __future__ import annotations

import numpy as np
from scipy import stats

from simulator.cohort.effects import FOLLOW_UP, Tree
from simulator.cohort.score_grids import Grid, make_grids
from simulator.validation.starts import COVARIATES, start_cells

FALLS = (50, 75, 90)
_NODES = 48


def expected_easi(effects: Tree) -> dict[str, float]:
    """Return the percentages that the analyses of EASI estimate.

    The score of a patient is a function of a normal score: a part of the patient, a part of the
    visit and a part of its own. Given the patient's and the baseline visit's part, EASI at
    baseline, DLQI at baseline (hence tacrolimus at baseline, which shifts EASI later) and EASI
    later are independent; these two parts are integrated out by Gauss-Hermite quadrature.

    Returns
    -------
    dict
        Result key of an analysis -> percent, or percentage points for the difference.
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
            answer |= _early(effects, (by_patient * below_7).sum(axis=1), by_patient.sum(axis=1))
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
    """Return P(tacrolimus in force at baseline | DLQI at baseline), shape (31,)."""
    cells = start_cells(effects)
    score = cells.design[:, COVARIATES.index("dlqi")].astype(int)
    return np.bincount(score, cells.weight * cells.starts[:, 0]) / np.bincount(score, cells.weight)


def _early(effects: Tree, below_7: np.ndarray, size: np.ndarray) -> dict[str, float]:
    """A16: by use seen at baseline; a user without a review there counts as a non-user."""
    missed = effects["missing"]["topical_review_probability"]
    user = below_7[1] / size[1]
    other = (below_7[0] + missed * below_7[1]) / (size[0] + missed * size[1])
    stem = "a16.assessed_early"
    return {
        f"{stem}.tacrolimus_at_baseline.week_04.easi_below_7.percent": 100 * float(user),
        f"{stem}.no_tacrolimus_at_baseline.week_04.easi_below_7.percent": 100 * float(other),
        f"{stem}.all.week_04.easi_below_7.percentage_point_difference": 100 * float(user - other),
    }
