"""The visits of one patient: one per attended timepoint, and the visits around them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from simulator.draws import Draws
from simulator.twin.dates import CLOSING_DAY, TARGET_DAYS, WINDOWS, nearest_clinic_day
from simulator.twin.patients import TIMEPOINTS, Scores, TwinPatient

SEVERE_EASI_TENTHS = 240  # EASI of 24 or more makes a patient eligible for dupilumab in Italy
SCREENING_DAYS = (-56, -31)
NO_SCORES = Scores(None, None, None, None)
# Widest usual distance from the target day, and the widest distance at all
_USUAL_REACH = (14, 7, 14, 21)
_LARGEST_REACH = (24, 12, 26, 36)
# Days between the windows on which unscheduled visits are made
_GAPS = ((46, 80), (146, 312))
# Highest EASI (tenths) -> IGA grades that go with it
_IGA_BORDERS = (
    (2, (0,)), (15, (1,)), (22, (1, 2)), (62, (2,)), (80, (2, 3)), (215, (3,)),
)  # fmt: skip


@dataclass
class Visit:
    """One clinic visit before it is written."""

    day: date
    label: str
    scores: Scores
    adherence: str
    week: int | None = None  # number of the timepoint that the visit is for
    iga: int | None = None
    poem: int | None = None


def iga_of(easi_tenths: int, draws: Draws) -> int:
    """Return an IGA (0-4) that fits the EASI; near a border either neighbour is possible."""
    for highest, grades in _IGA_BORDERS:
        if easi_tenths <= highest:
            return draws.pick(grades)
    return 4 if draws.below(150) < easi_tenths - 190 else 3


def poem_of(scores: Scores, draws: Draws) -> int | None:
    """Return a POEM (0-28) that fits itch, sleep and DLQI, None where one of them is missing."""
    if scores.itch is None or scores.sleep is None or scores.dlqi is None:
        return None
    tenths = 12 * scores.itch + 5 * scores.sleep + 3 * scores.dlqi
    return max(0, min(28, tenths // 10 + draws.bell(-2, 2)))


def draw_visits(patient: TwinPatient, index_date: date, draws: Draws) -> list[Visit]:
    """Return all visits of one patient in the order of their days.

    The visits around the timepoints (screening, unscheduled, moved) lie outside every window, or
    further from the target day than the visit for the timepoint.
    """
    visits = [
        _timepoint_visit(patient, week, index_date, draws)
        for week in range(4)
        if patient.attendance[week] != "A"
    ]
    if not patient.is_adherent:
        _mark_non_adherence(visits, draws)
    visits += _screening(visits[0], index_date, draws)
    visits += _unscheduled(patient, index_date, draws)
    visits += _second_in_window(visits, index_date, draws)
    visits += _too_late(patient, index_date, draws)
    for visit in visits:
        easi = visit.scores.easi_tenths
        if easi is not None and not draws.chance(7):
            visit.iga = iga_of(easi, draws)
        if index_date.year > 2018 and draws.chance(38):
            visit.poem = poem_of(visit.scores, draws)
    return sorted(visits, key=lambda visit: visit.day)


def _timepoint_visit(patient: TwinPatient, week: int, index_date: date, draws: Draws) -> Visit:
    target = index_date + timedelta(days=TARGET_DAYS[week])
    first = index_date + timedelta(days=WINDOWS[week][0])
    last = min(index_date + timedelta(days=WINDOWS[week][1]), CLOSING_DAY)
    if week == 0:
        shift = 0 if draws.chance(60) else -draws.between(1, _USUAL_REACH[0])
        if draws.chance(6):
            shift = -draws.between(_USUAL_REACH[0], _LARGEST_REACH[0])
    else:
        reach = (_LARGEST_REACH if draws.chance(9) else _USUAL_REACH)[week]
        shift = draws.bell(-reach, reach)
    kind = patient.attendance[week]
    label = TIMEPOINTS[week]
    if draws.chance(3):
        label = ""
    elif week and draws.chance(2):
        label = draws.pick(("unscheduled", TIMEPOINTS[week - 1]))
    return Visit(
        day=nearest_clinic_day(target + timedelta(days=shift), first, last),
        label=label,
        scores=patient.scores.get(week, NO_SCORES),
        adherence=draws.pick(("unknown", "")) if kind == "S" else "adherent",
        week=week,
    )


def _mark_non_adherence(visits: list[Visit], draws: Draws) -> None:
    """Mark at least one visit as non-adherent, after baseline where possible."""
    later = [visit for visit in visits if visit.week] or visits
    later[draws.below(len(later))].adherence = "non_adherent"
    for visit in later:
        if draws.chance(35):
            visit.adherence = "non_adherent"


def _screening(baseline: Visit, index_date: date, draws: Draws) -> list[Visit]:
    """Return the screening visit: always where the baseline EASI is under 24, else sometimes."""
    at_baseline = baseline.scores.easi_tenths or 0
    if at_baseline >= SEVERE_EASI_TENTHS and not draws.chance(14):
        return []
    day = nearest_clinic_day(
        index_date + timedelta(days=draws.between(*SCREENING_DAYS)),
        index_date + timedelta(days=SCREENING_DAYS[0]),
        index_date + timedelta(days=SCREENING_DAYS[1]),
    )
    easi = max(SEVERE_EASI_TENTHS, at_baseline) + draws.bell(0, 46)
    scores = Scores(
        min(easi, 700),
        _near(baseline.scores.itch, 10, draws),
        _near(baseline.scores.sleep, 10, draws),
        _near(baseline.scores.dlqi, 30, draws),
    )
    return [Visit(day, "unscheduled", scores, "adherent")]


def _near(value: int | None, top: int, draws: Draws) -> int | None:
    return None if value is None else max(0, min(top, value + draws.bell(-2, 2)))


def _between(patient: TwinPatient, day: int, draws: Draws) -> Scores:
    """Return scores for an unscheduled visit: a flare over the timepoint before it."""
    weeks = [week for week in patient.scores if week and TARGET_DAYS[week] < day]
    before = patient.scores[max(weeks)] if weeks else None
    if before is None or before.easi_tenths is None:
        return NO_SCORES
    baseline = patient.scores[0].easi_tenths or SEVERE_EASI_TENTHS
    rise = draws.bell(5, 95)
    easi = min(before.easi_tenths + rise, baseline - 10)
    return Scores(
        easi,
        min(10, (before.itch or 0) + draws.between(0, 1) + rise // 30),
        min(10, (before.sleep or 0) + draws.between(0, 2)),
        None if draws.chance(40) else min(30, (before.dlqi or 0) + draws.between(0, 4)),
    )


def _unscheduled(patient: TwinPatient, index_date: date, draws: Draws) -> list[Visit]:
    visits = []
    last_day = max(TARGET_DAYS[week] for week in range(4) if patient.attendance[week] != "A")
    for first, last in _GAPS:
        if last_day < last or not draws.chance(7):
            continue
        day = draws.between(first, last)
        actual = nearest_clinic_day(
            index_date + timedelta(days=day),
            index_date + timedelta(days=first),
            index_date + timedelta(days=last),
        )
        scores = _between(patient, day, draws)
        visits.append(Visit(actual, "unscheduled", scores, draws.pick(("adherent", "unknown"))))
    return visits


def _second_in_window(visits: list[Visit], index_date: date, draws: Draws) -> list[Visit]:
    """Return, rarely, a check a few days after a timepoint visit, further from the target."""
    candidates = [visit for visit in visits if visit.week in (1, 2)]
    if not candidates or not draws.chance(3):
        return []
    visit = draws.pick(candidates)
    week = visit.week or 0
    days_from_target = (visit.day - index_date).days - TARGET_DAYS[week]
    first = visit.day + timedelta(days=5)
    last = min(index_date + timedelta(days=WINDOWS[week][1]), CLOSING_DAY)
    if days_from_target < 0 or (last - first).days < 4 or visit.scores.easi_tenths is None:
        return []
    day = nearest_clinic_day(first, first, last)
    scores = Scores(max(0, visit.scores.easi_tenths - draws.between(0, 9)), None, None, None)
    return [Visit(day, "unscheduled", scores, "adherent")]


def _too_late(patient: TwinPatient, index_date: date, draws: Draws) -> list[Visit]:
    """Return, rarely, a week 16 visit that was moved beyond its window."""
    if patient.attendance[2:] != "AA" or patient.attendance[1] == "A" or not draws.chance(25):
        return []
    first = index_date + timedelta(days=WINDOWS[2][1] + 4)
    last = index_date + timedelta(days=WINDOWS[2][1] + 45)
    if last >= CLOSING_DAY:
        return []
    day = nearest_clinic_day(first + timedelta(days=draws.between(0, 41)), first, last)
    scores = _between(patient, (day - index_date).days, draws)
    return [Visit(day, "week_16", scores, "adherent" if patient.is_adherent else "unknown")]
