"""Who came when, and what was recorded there.

One letter per timepoint: V a visit with scores and a review of topical therapy; S scores, topical
therapy not reviewed; P a telephone visit, topical therapy reviewed, no scores; D the same with a
DLQI questionnaire; A absent. The topical paths say where topical therapy was reviewed (a letter
other than X); the letters below complete them to the printed numbers of scored patients.
"""

from __future__ import annotations

import numpy as np

from simulator import printed
from simulator.solve.people import Person

# Telephone visits and unreviewed visits of the 307, by week. At week 4 the patients with and
# without tacrolimus at baseline are counted apart, because 54 and 226 of them have an EASI.
N_UNREVIEWED_WEEK_04 = 6
N_UNREVIEWED_LATER = (4, 2)


def draw_attendance(people: list[Person], rng: np.random.Generator) -> None:
    """Write ``attendance`` into every person so that 342, 312, 274 and 203 have scores."""
    letters = {
        person.number: ["V" if letter != "X" else "A" for letter in person.path]
        for person in people
    }
    adherent = [person for person in people if person.is_adherent]

    users = [person for person in adherent if person.has_tacrolimus_at_baseline]
    others = [person for person in adherent if not person.has_tacrolimus_at_baseline]
    _complete(users, letters, 1, n_scored=printed.EASI_7_TACROLIMUS[0], n_unreviewed=0, rng=rng)
    _complete(
        others,
        letters,
        1,
        n_scored=printed.EASI_7_NO_TACROLIMUS[0],
        n_unreviewed=N_UNREVIEWED_WEEK_04,
        rng=rng,
    )
    for week in (2, 3):
        seen = printed.N_SCORED[week] - printed.N_NON_ADHERENT_SEEN[week]
        n_unreviewed = N_UNREVIEWED_LATER[week - 2]
        _complete(adherent, letters, week, n_scored=seen, n_unreviewed=n_unreviewed, rng=rng)
    telephone = [number for number, marks in letters.items() if marks[3] == "P"]
    letters[telephone[rng.integers(len(telephone))]][3] = "D"

    careless = [person for person in people if not person.is_adherent]
    seen_until = rng.permutation(
        np.repeat([0, 1, 2, 3], -np.diff([*printed.N_NON_ADHERENT_SEEN, 0]))
    )
    for person, last in zip(careless, seen_until, strict=True):
        letters[person.number] = ["V" if week <= last else "A" for week in range(4)]
    for person in people:
        person.attendance = "".join(letters[person.number])


def _complete(
    group: list[Person],
    letters: dict[int, list[str]],
    week: int,
    *,
    n_scored: int,
    n_unreviewed: int,
    rng: np.random.Generator,
) -> None:
    """Turn reviewed visits into telephone visits, and absences into unreviewed visits."""
    reviewed = [person for person in group if letters[person.number][week] == "V"]
    # An unreviewed visit does not follow an absence, and a telephone visit has no other before it.
    absent = [
        person
        for person in group
        if letters[person.number][week] == "A" and letters[person.number][week - 1] == "V"
    ]
    candidates = [person for person in reviewed if "P" not in letters[person.number]]
    # Those who were still seen a year later were mostly seen before 2020, in person.
    late = [person for person in candidates if week == 3 or letters[person.number][3] == "A"]
    pool = late if len(late) >= len(reviewed) + n_unreviewed - n_scored else candidates
    n_telephone = len(reviewed) + n_unreviewed - n_scored
    for index in rng.choice(len(pool), n_telephone, replace=False):
        letters[pool[index].number][week] = "P"
    for index in rng.choice(len(absent), n_unreviewed, replace=False):
        letters[absent[index].number][week] = "S"
