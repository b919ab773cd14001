"""What the declared truth implies for the numbers that an analysis reports.

Exact up to numerical integration, without simulation. Dropout, missing values and adherence are
independent of everything else and change no expected mean or proportion among those seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from scipy import stats

from simulator.cohort.effects import FOLLOW_UP, SCORES, TIMEPOINTS, Grid, Tree, make_grids

RESPONSE_POINTS = 4
MONTHS = (0.0, 1.0, 4.0, 12.0)
COX_TERMS = ("dlqi_per_point", "age_per_year", "female")
_POINTS = 96  # quadrature points per cell of a score


def age_probabilities(effects: Tree) -> tuple[np.ndarray, np.ndarray]:
    """Return the ages in completed years and their probabilities."""
    age = effects["patients"]["age"]
    years = np.arange(18, int(age["highest"]) + 1)
    levels = stats.gamma.cdf(years[1:] - 18.0, age["shape"], scale=age["scale"])
    return years, np.diff(np.concatenate([[0.0], levels, [1.0]]))


def _cell_points(grid: Grid) -> np.ndarray:
    """Return representative normal scores of each cell of a grid, shape (k, points)."""
    edges = np.concatenate([[0.0], stats.norm.cdf(grid.cuts), [1.0]])
    steps = (np.arange(_POINTS) + 0.5) / _POINTS
    return stats.norm.ppf(edges[:-1, None] + np.diff(edges)[:, None] * steps)


def _survival(effects: Tree, grid: Grid) -> np.ndarray:
    """Return P(no tacrolimus up to timepoint k | DLQI at baseline), shape (31, 4)."""
    truth = effects["tacrolimus"]
    ratio = {name: np.log(value) for name, value in truth["hazard_ratio"].items()}
    years, weights = age_probabilities(effects)
    risk = np.exp(ratio["age_per_year"] * (years - truth["reference_age"]))
    for name, probability in (
        ("female", effects["patients"]["female_probability"]),
        ("generalized", effects["patients"]["generalized_probability"]),
        ("relapsing", effects["patients"]["relapsing_probability"]),
    ):
        risk = np.concatenate([risk, risk * np.exp(ratio[name])])
        weights = np.concatenate([weights * (1 - probability), weights * probability])
    hazard = np.cumsum([truth["hazard"][timepoint] for timepoint in TIMEPOINTS])
    by_dlqi = np.exp(ratio["dlqi_per_point"] * (grid.values - truth["reference_dlqi"]))
    exposure = np.exp(-by_dlqi[:, None, None] * risk[None, :, None] * hazard)
    return np.einsum("drk,r->dk", exposure, weights)


def expected_numbers(effects: Tree) -> Tree:
    """Return means, deviations, proportions, regimens and the restricted mean.

    Returns
    -------
    dict
        Plain floats, ready for YAML: ``scores`` (mean, sd, mean change from baseline),
        ``proportions`` (responders, DLQI below 10, EASI below 7 by tacrolimus at baseline),
        ``regimens`` (percent per timepoint), ``tacrolimus`` (first use per timepoint, restricted
        mean in months over 12, limits of the hazard ratios of the study's Cox model).
    """
    grids = make_grids(effects)
    survival = _survival(effects, grids["dlqi"][0])
    dlqi = grids["dlqi"][0].probabilities()
    user = 1.0 - survival[:, 0]
    easi = _easi_by_use(effects, grids, user)
    scores: Tree = {}
    for score in SCORES:
        rows = [grid.probabilities() for grid in grids[score]]
        if score == "easi":
            share = float(dlqi @ user)
            rows[1:] = [share * easi[1][week] + (1 - share) * easi[0][week] for week in range(3)]
        scores[score] = _moments(grids[score], rows)
    proportions = _responders(effects, grids)
    below_7 = grids["easi"][1].values < 7
    proportions["easi_below_7_week_04"] = {
        "with_tacrolimus_at_baseline": float(easi[1][0][below_7].sum()),
        "without_tacrolimus_at_baseline": float(easi[0][0][below_7].sum()),
    }
    free = np.concatenate([[1.0], dlqi @ survival])
    restricted = float(np.diff(MONTHS) @ free[1:4])
    first = {
        timepoint: float(-step) for timepoint, step in zip(TIMEPOINTS, np.diff(free), strict=True)
    }
    return {
        "scores": scores,
        "proportions": proportions,
        "regimens": _regimens(effects, free),
        "tacrolimus": {
            "first_use_probability": first,
            "restricted_mean_months": restricted,
            "cox_breslow_hazard_ratio": _cox_ratios(effects, dlqi),
        },
    }


def _easi_by_use(
    effects: Tree, grids: dict[str, tuple[Grid, ...]], user: np.ndarray
) -> list[list[np.ndarray]]:
    """Return EASI probabilities at weeks 4 to 52 without and with tacrolimus at baseline."""
    share = effects["scores"]["patient_share"]
    shift = effects["scores"]["easi"]["tacrolimus_at_baseline_shift"]
    points = _cell_points(grids["dlqi"][0])
    weight = grids["dlqi"][0].probabilities()
    answers = []
    for probability, moved in ((1.0 - user, 0.0), (user, shift)):
        weights = weight * probability / (weight @ probability)
        rows = []
        for grid in grids["easi"][1:]:
            spread = np.sqrt(1 - share**2)
            levels = np.array(
                [
                    weights @ stats.norm.cdf((cut - moved - share * points) / spread).mean(axis=1)
                    for cut in grid.cuts
                ]
            )
            rows.append(np.diff(np.concatenate([[0.0], levels, [1.0]])))
        answers.append(rows)
    return answers


def _moments(grids: tuple[Grid, ...], rows: list[np.ndarray]) -> Tree:
    answer: Tree = {}
    first = float(grids[0].values @ rows[0])
    for timepoint, grid, row in zip(TIMEPOINTS, grids, rows, strict=True):
        mean = float(grid.values @ row)
        variance = float((grid.values - mean) ** 2 @ row)
        answer[timepoint] = {"mean": mean, "sd": variance**0.5, "mean_change": mean - first}
    return answer


def _responders(effects: Tree, grids: dict[str, tuple[Grid, ...]]) -> Tree:
    share = effects["scores"]["patient_share"]
    spread = np.sqrt(1 - share**2)
    answer: Tree = {}
    for score in ("itch_nrs", "sleep_nrs"):
        points = _cell_points(grids[score][0])
        weight = grids[score][0].probabilities()
        rows = {}
        for timepoint, grid in zip(FOLLOW_UP, grids[score][1:], strict=True):
            drops = [
                weight[value]
                * stats.norm.cdf(
                    (grid.cuts[value - RESPONSE_POINTS] - share * points[value]) / spread
                ).mean()
                for value in range(RESPONSE_POINTS, 11)
            ]
            rows[timepoint] = float(sum(drops))
        answer[f"{score}_response"] = rows
    answer["dlqi_below_10"] = {
        timepoint: float(grid.probabilities()[grid.values < 10].sum())
        for timepoint, grid in zip(TIMEPOINTS, grids["dlqi"], strict=True)
    }
    return answer


def _regimens(effects: Tree, free: np.ndarray) -> Tree:
    """Return the percent of each regimen: two chains, independent given tacrolimus at baseline."""
    tacrolimus, steroids = effects["tacrolimus"], effects["corticosteroids"]
    start = steroids["baseline_probability"]
    groups = [  # probability of the group, on tacrolimus, ever on it, on corticosteroids
        [1 - free[1], 1.0, 1.0, start["with_tacrolimus"]],
        [free[1], 0.0, 0.0, start["without_tacrolimus"]],
    ]
    answer: Tree = {}
    for week, timepoint in enumerate(TIMEPOINTS):
        if week:
            for position, group in enumerate(groups):
                size, on, ever, steroid = group
                new = (free[week] - free[week + 1]) / size if position else 0.0
                continues = tacrolimus["continues_probability"][timepoint]
                restarts = tacrolimus["restarts_probability"][timepoint]
                group[1] = new + on * continues + (ever - on) * restarts
                group[2] = ever + new
                group[3] = (
                    steroid * steroids["continues_probability"][timepoint]
                    + (1 - steroid) * steroids["starts_probability"][timepoint]
                )
        answer[timepoint] = {
            "none_pct": _percent(groups, lambda on, steroid: (1 - on) * (1 - steroid)),
            "corticosteroids_pct": _percent(groups, lambda on, steroid: (1 - on) * steroid),
            "tacrolimus_pct": _percent(groups, lambda on, steroid: on * (1 - steroid)),
            "corticosteroids_and_tacrolimus_pct": _percent(
                groups, lambda on, steroid: on * steroid
            ),
        }
    return answer


def _percent(groups: list[list[float]], joint: Callable[[float, float], float]) -> float:
    return float(100 * sum(group[0] * joint(group[1], group[3]) for group in groups))


def _cox_ratios(effects: Tree, dlqi: np.ndarray) -> Tree:
    """Return the limits of the three hazard ratios of the study's Cox model.

    Starts happen in continuous time under the declared hazard ratios, but visits date them to
    months 0, 1, 4 and 12. With so many ties, Breslow's likelihood estimates ratios nearer to 1 than
    the declared ones; leaving out a covariate (generalized disease) adds to that.

    Parameters
    ----------
    dlqi : numpy.ndarray, shape (31,)
        Probabilities of DLQI 0 to 30 at baseline.

    Notes
    -----
    Dropout is taken into account; administrative censoring and visits without a topical review,
    which are rare by default, are not.
    """
    truth = effects["tacrolimus"]
    years, age_weights = age_probabilities(effects)
    chances = [
        effects["patients"][f"{n}_probability"] for n in ("female", "generalized", "relapsing")
    ]
    axes = np.meshgrid(np.arange(len(dlqi)), years, [0, 1], [0, 1], [0, 1], indexing="ij")
    score, age, female, generalized, relapsing = (axis.ravel().astype(float) for axis in axes)
    weight = dlqi[score.astype(int)] * np.repeat(np.tile(age_weights, len(dlqi)), 8)
    for axis, chance in zip((female, generalized, relapsing), chances, strict=True):
        weight = weight * np.where(axis == 1, chance, 1 - chance)
    ratio = {name: np.log(value) for name, value in truth["hazard_ratio"].items()}
    risk = np.exp(
        ratio["dlqi_per_point"] * (score - truth["reference_dlqi"])
        + ratio["age_per_year"] * (age - truth["reference_age"])
        + ratio["female"] * female
        + ratio["generalized"] * generalized
        + ratio["relapsing"] * relapsing
    )
    hazard = np.cumsum([0.0, *(truth["hazard"][timepoint] for timepoint in TIMEPOINTS)])
    free = np.exp(-np.outer(hazard, risk))
    seen = np.cumprod([1.0, *(effects["visits"]["seen_probability"][name] for name in FOLLOW_UP)])
    design = np.column_stack([score, age, female])
    beta = cox_limit(
        design - weight @ design,
        [
            (weight * share * free[time], weight * share * (free[time] - free[time + 1]))
            for time, share in enumerate(seen)
        ],
    )
    return dict(zip(COX_TERMS, np.exp(beta).tolist(), strict=True))


def cox_limit(design: np.ndarray, times: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return the limit of the log hazard ratios of Cox's model with Breslow ties.

    The limit is the root of the expected score, whether or not the model is true (Struthers and
    Kalbfleisch, Biometrika 1986;73:363-369, doi 10.1093/biomet/73.2.363).

    Parameters
    ----------
    design : numpy.ndarray, shape (m, p)
        Centred covariates of each cell of patients.
    times : iterable of (at_risk, events), each of shape (m,)
        For each event time, the expected share of all patients who are in the cell and at risk, or
        in the cell and have the event.
    """
    times = list(times)

    def score(beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value = np.zeros_like(beta)
        slope = np.zeros((len(beta), len(beta)))
        relative = np.exp(design @ beta)
        for at_risk, events in times:
            total = at_risk @ relative
            mean = (at_risk * relative) @ design / total
            second = (design * (at_risk * relative)[:, None]).T @ design / total
            value += events @ design - events.sum() * mean
            slope += events.sum() * (second - np.outer(mean, mean))
        return value, slope

    return score_root(score, design.shape[1])


def score_root(
    score: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], size: int
) -> np.ndarray:
    """Solve expected score equations by Newton's method.

    Parameters
    ----------
    score : callable
        From ``size`` coefficients to the expected score and the expected information.

    Raises
    ------
    ArithmeticError
        The equations have no finite root, for instance because no patient has the outcome.
    """
    beta = np.zeros(size)
    for _ in range(100):
        value, slope = score(beta)
        step = np.linalg.solve(slope, value)
        beta = beta + step
        if np.abs(step).max() < 1e-12:
            break
    if not np.abs(step).max() < 1e-8:
        raise ArithmeticError("the expected score equations have no finite root")
    return beta
