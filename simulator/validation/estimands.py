"""Every estimate of the study that the declared truth implies, by the key of its result."""

from __future__ import annotations

from simulator.cohort.effects import FOLLOW_UP, TIMEPOINTS, Tree
from simulator.cohort.expected import expected_numbers
from simulator.cohort.score_grids import SCORES
from simulator.validation.easi import expected_easi
from simulator.validation.starts import expected_starts

LEVELS = {"easi": "a04", "sleep_nrs": "a06", "itch_nrs": "a07", "dlqi": "a08"}
CHANGES = {**LEVELS, "easi": "a05"}
REGIMENS = ("none", "corticosteroids", "tacrolimus", "corticosteroids_and_tacrolimus")
COMORBIDITIES = ("rhinitis", "conjunctivitis", "asthma", "food_allergy")
EARLIER = ("ciclosporin", "systemic_corticosteroids", "phototherapy")


def estimands(effects: Tree) -> dict[str, float]:
    """Return what each estimate of the study estimates under the declared truth.

    Parameters
    ----------
    effects : dict
        The declared truth, as ``load_effects`` returns it and truth.yml holds it.

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
    return answer | expected_easi(effects) | expected_starts(effects)


def _patients(patients: Tree, adherence: Tree) -> dict[str, float]:
    answer = {"a01.enrolled.all.any.female.percent": patients["female_probability"]}
    for name in COMORBIDITIES:
        answer[f"a03.enrolled.all.any.{name}.percent"] = patients[f"{name}_probability"]
    for name in EARLIER:
        key = f"a03.enrolled.all.any.prior_{name}.percent"
        answer[key] = patients[f"prior_{name}_probability"]
    answer["a09.enrolled.all.any.evaluable.percent"] = 1 - adherence["non_adherent_probability"]
    return {key: 100 * chance for key, chance in answer.items()}
