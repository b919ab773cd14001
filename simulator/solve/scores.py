"""EASI, itch, sleep and DLQI of the twin at each timepoint.

Drawing: every patient has a severity and a response; a visit has a general state that the four
scores share in part, and each score follows a distribution with the printed mean and deviation.
Repair: per score, CP-SAT moves the drawn values as little as possible until means, deviations,
responders and counts print as in the study, and nobody's score rises far above its own baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from simulator import printed
from simulator.solve.fit import NearestCohort, Printed
from simulator.solve.people import Person

Key = tuple[int, int]  # twin number, timepoint number 0..3
EASI_SCALE = 10
# Twin number -> EASI in tenths of the two who were screened at 24 or more and had 21 or less on the
# baseline day: 340 of 342 are above 21
MILD_AT_BASELINE = {100: 204, 230: 187}


@dataclass(frozen=True)
class Visits:
    """Who has scores at each timepoint, as twin numbers in order."""

    scored: tuple[tuple[int, ...], ...]
    dlqi: tuple[tuple[int, ...], ...]


def list_visits(people: Sequence[Person]) -> Visits:
    """Return who has scores and who has a DLQI at each timepoint."""
    scored = tuple(
        tuple(person.number for person in people if person.attendance[week] in "VS")
        for week in range(4)
    )
    dlqi = tuple(
        tuple(person.number for person in people if person.attendance[week] in "VSD")
        for week in range(4)
    )
    return Visits(scored, dlqi)


def draw_states(people: Sequence[Person], rng: np.random.Generator) -> np.ndarray:
    """Return the general state per patient and timepoint.

    Returns
    -------
    numpy.ndarray, shape (342, 4)
        Standard normal in the cohort; higher is worse.
    """
    n = len(people)
    dlqi = np.array([person.dlqi_baseline for person in people], dtype=float)
    severity = 0.6 * stats.zscore(dlqi) + 0.8 * rng.normal(0, 1, n)
    tacrolimus = np.array([person.has_tacrolimus_at_baseline for person in people])
    response = rng.normal(0, 1, n) - 0.95 * tacrolimus
    states = np.empty((n, 4))
    states[:, 0] = severity
    states[:, 1] = 0.30 * severity + 0.75 * response + 0.55 * rng.normal(0, 1, n)
    for week in (2, 3):
        states[:, week] = (
            0.25 * severity
            + 0.35 * states[:, week - 1]
            + 0.50 * response
            + 0.55 * rng.normal(0, 1, n)
        )
    return stats.zscore(states, axis=0)


def _ranked(
    numbers: Sequence[int],
    states: np.ndarray,
    quantile: Callable[[np.ndarray], np.ndarray],
    share: float,
    rng: np.random.Generator,
) -> dict[int, float]:
    """Deal the quantiles of a distribution out in the order of a noisy state."""
    rows = np.array(numbers) - 1
    noisy = share * states[rows] + np.sqrt(1 - share**2) * rng.normal(0, 1, len(rows))
    levels = (stats.rankdata(noisy, method="ordinal") - 0.5) / len(rows)
    return dict(zip(numbers, quantile(levels).tolist(), strict=True))


def _gamma(mean: float, sd: float) -> Callable[[np.ndarray], np.ndarray]:
    shape = (mean / sd) ** 2
    return lambda level: stats.gamma.ppf(level, shape, scale=mean / shape)


def _bounded(mean: float, sd: float, top: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return quantiles of a beta distribution stretched to -0.5 .. top + 0.5, to be rounded."""
    centre = (mean + 0.5) / (top + 1)
    spread = sd / (top + 1)
    size = centre * (1 - centre) / spread**2 - 1
    return lambda level: stats.beta.ppf(level, centre * size, (1 - centre) * size) * (top + 1) - 0.5


def _window(drawn: int, reach: int, low: int, high: int) -> range:
    return range(max(low, drawn - reach), min(high, drawn + reach) + 1)


def _split_at_7(
    drawn: dict[int, int], group: Sequence[int], n_below: int, rng: np.random.Generator
) -> None:
    """Move the drawn EASI (tenths) of a group so that ``n_below`` lie under 7, without a heap."""
    order = sorted(group, key=lambda number: (drawn[number], number))
    for rank, number in enumerate(order):
        if rank < n_below and drawn[number] >= 70:
            drawn[number] = int(rng.integers(42, 70))
        elif rank >= n_below and drawn[number] < 70:
            drawn[number] = int(rng.integers(70, 98))


def solve_easi(
    people: Sequence[Person], visits: Visits, states: np.ndarray, rng: np.random.Generator
) -> dict[Key, int]:
    """Return EASI in tenths by patient and timepoint."""
    model = NearestCohort(EASI_SCALE)
    quantiles = (
        lambda level: 22.8 + _gamma(6.5, 7.7)(level),
        _gamma(8.3, 7.2),
        _gamma(5.0, 5.0),
        _gamma(3.2, 5.0),
    )
    keys = [[(number, week) for number in visits.scored[week]] for week in range(4)]
    adherent = [person for person in people if person.is_adherent]
    at_week_4 = set(visits.scored[1])
    groups = [
        (
            [
                person.number
                for person in adherent
                if person.has_tacrolimus_at_baseline == has_tacrolimus
                and person.number in at_week_4
            ],
            printed_group,
        )
        for has_tacrolimus, printed_group in (
            (True, printed.EASI_7_TACROLIMUS),
            (False, printed.EASI_7_NO_TACROLIMUS),
        )
    ]
    baseline: dict[int, int] = {}
    for week in range(4):
        ranked = _ranked(visits.scored[week], states[:, week], quantiles[week], 0.85, rng)
        drawn = {number: round(EASI_SCALE * value) for number, value in ranked.items()}
        if week == 0:
            for number, value in drawn.items():
                at_threshold = value < 240 and rng.random() < 0.6
                screened = 240 + int(rng.integers(0, 9)) if at_threshold else min(value, 640)
                baseline[number] = MILD_AT_BASELINE.get(number, screened)
                reach, low = (0, 0) if number in MILD_AT_BASELINE else (8, 211)
                candidates = _window(baseline[number], reach, low, 660)
                model.add((number, 0), baseline[number], candidates)
        else:
            severest = sorted(drawn, key=lambda number: -drawn[number])
            for rank, number in enumerate(severest):
                is_severe = rank < printed.EASI_ABOVE_21[week]
                tenths = max(drawn[number], 214) if is_severe else min(drawn[number], 208)
                drawn[number] = min(tenths, baseline[number] - 10)
            if week == 1:
                for group, (_, below) in groups:
                    _split_at_7(drawn, group, below, rng)
            for number, tenths in drawn.items():
                candidates = _window(tenths, 25, 0, baseline[number] - 10)
                model.add((number, week), tenths, candidates)
        model.print_as(keys[week], Printed(*printed.SCORES["easi"][week]))
        above = printed.EASI_ABOVE_21[week]
        model.limit_count(keys[week], lambda value: value > 210, above, above)
    for group, (n, below) in groups:
        if len(group) != n:
            raise ValueError(f"{len(group)} patients with EASI at week 4 where {n} are printed")
        model.limit_count([(each, 1) for each in group], lambda value: value < 70, below, below)
    return model.solve()


def solve_nrs(
    score: str,
    visits: Visits,
    states: np.ndarray,
    *,
    references: Sequence[tuple[float, float]],
    responders: dict[int, int],
    rng: np.random.Generator,
) -> dict[Key, int]:
    """Return an itch or sleep NRS by patient and timepoint.

    Parameters
    ----------
    score : str
        ``itch`` or ``sleep``.
    references : sequence of (float, float)
        Mean and deviation of the distribution that is drawn from, per timepoint.
    responders : dict
        Timepoint number -> patients who drop by 4 points or more from their baseline.
    """
    model = NearestCohort()
    keys: list[list[Key]] = []
    baseline: dict[int, int] = {}
    for week in range(4):
        quantile = _bounded(*references[week], 10)
        drawn = _ranked(visits.scored[week], states[:, week], quantile, 0.75, rng)
        keys.append([(number, week) for number in visits.scored[week]])
        for number, value in drawn.items():
            whole = int(np.clip(round(value), 0, 10))
            top = 10 if week == 0 else min(10, baseline[number] + 1)
            whole = min(whole, top)
            if week == 0:
                baseline[number] = whole
            model.add((number, week), whole, _window(whole, 3, 0, top))
        if printed.SCORES[score][week][0]:
            model.print_as(keys[week], Printed(*printed.SCORES[score][week]))
    for week, count in responders.items():
        pairs = [((number, 0), (number, week)) for number, _ in keys[week]]
        model.limit_drops(pairs, printed.RESPONSE_POINTS, count, count)
    return model.solve()


def solve_dlqi(
    people: Sequence[Person], visits: Visits, states: np.ndarray, rng: np.random.Generator
) -> dict[Key, int]:
    """Return DLQI by patient and timepoint; the baseline is the one of the reconstruction."""
    model = NearestCohort()
    keys: list[list[Key]] = []
    for week in range(4):
        keys.append([(number, week) for number in visits.dlqi[week]])
        if week == 0:
            for person in people:
                model.add((person.number, 0), person.dlqi_baseline, [person.dlqi_baseline])
            continue
        mean, sd = (float(text) for text in printed.SCORES["dlqi"][week])
        drawn = _ranked(visits.dlqi[week], states[:, week], _gamma(mean, sd), 0.8, rng)
        for number, value in drawn.items():
            top = people[number - 1].dlqi_baseline + 2
            whole = min(int(np.clip(round(value), 0, 30)), top)
            model.add((number, week), whole, _window(whole, 3, 0, min(30, top)))
        model.print_as(keys[week], Printed(*printed.SCORES["dlqi"][week]))
    below = printed.DLQI_BELOW_10_WEEK_52
    model.limit_count(keys[3], lambda value: value < 10, below, below)
    return model.solve()


def solve_scores(people: Sequence[Person], rng: np.random.Generator) -> dict[str, dict[Key, int]]:
    """Return the four scores by patient and timepoint (EASI in tenths)."""
    visits = list_visits(people)
    expected = printed.N_SCORED
    if tuple(len(numbers) for numbers in visits.scored) != expected:
        raise ValueError(f"scored patients are not {expected}")
    states = draw_states(people, rng)
    return {
        "easi": solve_easi(people, visits, states, rng),
        "itch": solve_nrs(
            "itch",
            visits,
            states,
            references=((8.5, 1.4), (3.9, 2.3), (3.3, 2.5), (2.9, 2.5)),
            responders={1: printed.ITCH_RESPONDERS_WEEK_04},
            rng=rng,
        ),
        "sleep": solve_nrs(
            "sleep",
            visits,
            states,
            references=((6.8, 3.1), (2.1, 2.5), (1.7, 2.4), (0.9, 1.9)),
            responders=dict(enumerate(printed.SLEEP_RESPONDERS, start=1)),
            rng=rng,
        ),
        "dlqi": solve_dlqi(people, visits, states, rng),
    }
