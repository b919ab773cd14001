"""Every number of the study that a cohort can show, as (measure, statistic, timepoint, stratum)."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import stats
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.stats.anova import AnovaRM

from simulator.check.register import MONTHS, TIMEPOINTS, Cohort

Key = tuple[str, str, str, str]
Numbers = dict[Key, float]

_REGIMENS = {
    "emollients_only": "N",
    "corticosteroids_alone": "C",
    "tacrolimus_alone": "T",
    "corticosteroids_and_tacrolimus": "B",
}
_AREAS = ("face", "hands", "genitalia")
_PAPER_PRIOR = {"prior_ciclosporin": "prior_cyclosporine"}


def _share(
    numbers: Numbers, measure: str, timepoint: str, n: int, of: int, *, stratum: str = ""
) -> None:
    numbers[measure, "n", timepoint, stratum] = n
    numbers[measure, "percent", timepoint, stratum] = 100 * n / of


def _summary(numbers: Numbers, measure: str, timepoint: str, values: pd.Series) -> None:
    numbers[measure, "mean", timepoint, ""] = values.mean()
    numbers[measure, "sd", timepoint, ""] = values.std(ddof=1)


def compute_numbers(cohort: Cohort) -> Numbers:
    """Return every number of the study from a cohort."""
    numbers: Numbers = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # statsmodels warns about convergence messages it prints
        _demography(numbers, cohort.patients)
        _scores(numbers, cohort)
        wide = cohort.timepoints.pivot(index="patient_id", columns="week", values="regimen")
        evaluable = cohort.patients[cohort.patients.is_evaluable]
        wide = wide.reindex(evaluable.index).reindex(columns=range(4))
        _regimens(numbers, wide)
        tacrolimus_numbers(numbers, cohort, evaluable, wide)
    return numbers


def _demography(numbers: Numbers, patients: pd.DataFrame) -> None:
    n = len(patients)
    numbers["enrolled", "n", "baseline", ""] = n
    evaluable = int(patients.is_evaluable.sum())
    numbers["evaluable", "n", "baseline", ""] = evaluable
    numbers["excluded_non_adherence_topical", "n", "baseline", ""] = n - evaluable
    _share(numbers, "male", "baseline", int((patients.sex == "male").sum()), n)
    for age in ("age_years", "age_at_diagnosis_years", "age_at_dupilumab_initiation_years"):
        _summary(numbers, age, "baseline", patients[age])
    flags = ["any_comorbidity", "rhinitis", "conjunctivitis", "asthma", "food_allergy"]
    flags += [column for column in patients if column.startswith("prior_")]
    for flag in flags:
        measure = _PAPER_PRIOR.get(flag, flag)
        _share(numbers, measure, "baseline", int(patients[flag].sum()), n)
    for stratum, group in (
        ("males", patients[patients.sex == "male"]),
        ("females", patients[patients.sex == "female"]),
        ("all", patients),
    ):
        numbers["column_total", "n", "baseline", stratum] = len(group)
        phenotype = group.clinical_phenotype.replace("nodular_prurigo", "prurigo")
        for column in (group.disease_course, phenotype, group.apply(_area, axis=1)):
            for value in set(column) | {"genitalia"}:
                count = int((column == value).sum())
                if value and (count or (value, "n", "baseline", stratum) not in numbers):
                    _share(numbers, value, "baseline", count, len(group), stratum=stratum)


def _area(patient: pd.Series) -> str:
    return "_".join(area for area in _AREAS if patient[f"involves_{area}"] == "yes")


def _scores(numbers: Numbers, cohort: Cohort) -> None:
    wide = {
        score: cohort.timepoints.pivot(index="patient_id", columns="week", values=f"{score}_score")
        for score in ("easi", "itch_nrs", "sleep_nrs", "dlqi")
    }
    names = {"easi": "EASI", "itch_nrs": "itch_NRS", "sleep_nrs": "sleep_NRS", "dlqi": "DLQI"}
    for score, frame in wide.items():
        for week, timepoint in enumerate(TIMEPOINTS):
            values = frame[week].dropna()
            _summary(numbers, names[score], timepoint, values)
            if score == "easi":
                numbers["EASI_assessed", "n", timepoint, ""] = len(values)
                _share(numbers, "EASI_gt_21", timepoint, int((values > 21).sum()), len(values))
            if score == "dlqi":
                _share(numbers, "DLQI_lt_10", timepoint, int((values < 10).sum()), len(values))
            if score in ("itch_nrs", "sleep_nrs") and week:
                drop = (frame[0] - frame[week]).dropna()
                measure = f"{names[score]}_drop_ge_4"
                _share(numbers, measure, timepoint, int((drop >= 4).sum()), len(drop))
        complete = frame.dropna()
        long = complete.reset_index().melt("patient_id", var_name="week", value_name="score")
        anova = AnovaRM(long, "score", "patient_id", within=["week"]).fit().anova_table
        p_value = _greenhouse_geisser(complete.to_numpy(), float(anova["F Value"].iloc[0]))
        if score == "easi":
            numbers["EASI_change_bl_to_w52", "p_value", "any", ""] = p_value
            pair = frame[[0, 1]].dropna()
            numbers["EASI_change_bl_to_w4", "p_value", "week_4", ""] = stats.ttest_rel(
                pair[0], pair[1]
            ).pvalue
        else:
            numbers[f"{names[score]}_change", "p_value", "week_52", ""] = p_value


def _greenhouse_geisser(values: np.ndarray, f_value: float) -> float:
    """Return the p value of a repeated-measures F with Greenhouse and Geisser's correction."""
    n, k = values.shape
    centring = np.eye(k) - np.ones((k, k)) / k
    spread = centring @ np.cov(values, rowvar=False) @ centring
    epsilon = np.trace(spread) ** 2 / ((k - 1) * np.trace(spread @ spread))
    return float(stats.f.sf(f_value, (k - 1) * epsilon, (k - 1) * (n - 1) * epsilon))


def _regimens(numbers: Numbers, wide: pd.DataFrame) -> None:
    for week, timepoint in enumerate(TIMEPOINTS):
        seen = wide[week].dropna()
        numbers["column_total", "n", timepoint, ""] = len(seen)
        for measure, letter in _REGIMENS.items():
            _share(numbers, measure, timepoint, int((seen == letter).sum()), len(seen))
            if week:
                pair = wide[[0, week]].dropna()
                before, after = pair[0] == letter, pair[week] == letter
                left, entered = int((before & ~after).sum()), int((~before & after).sum())
                exact = stats.binomtest(min(left, entered), left + entered, 0.5).pvalue
                numbers[measure, "p_value", timepoint, ""] = exact


def _wald(outcome: pd.Series, *predictors: pd.Series) -> list[float]:
    """Return Wald p values of a logistic model among those with all predictors."""
    columns = np.column_stack(predictors).astype(float)
    complete = ~np.isnan(columns).any(axis=1)
    design = sm.add_constant(columns[complete])
    fit = sm.Logit(outcome.to_numpy(dtype=float)[complete], design).fit(disp=0)
    return [float(p) for p in fit.pvalues[1:]]


def tacrolimus_numbers(
    numbers: Numbers, cohort: Cohort, evaluable: pd.DataFrame, wide: pd.DataFrame
) -> None:
    """Add everything on the start of tacrolimus and on EASI by its use at baseline.

    Parameters
    ----------
    numbers : dict
        Gets the new numbers.
    cohort : Cohort
        The cohort.
    evaluable : pandas.DataFrame
        The evaluable patients.
    wide : pandas.DataFrame
        Their regimen (N, C, T, B or missing) by timepoint number 0 to 3.
    """
    baseline = cohort.timepoints[cohort.timepoints.week == 0].set_index("patient_id")
    dlqi = baseline.dlqi_score.reindex(evaluable.index)
    age = evaluable.age_at_dupilumab_initiation_years
    female = evaluable.sex == "female"
    relapsing = evaluable.disease_course == "relapsing"
    generalized = evaluable.clinical_phenotype == "generalized"
    uses = wide.isin(["T", "B"])
    is_user = uses[0]
    is_event = uses.any(axis=1)
    # Censored at the last reviewed visit, at 0 where topical therapy never was
    last_seen = (wide.notna() * range(4)).max(axis=1)
    first_use = uses.idxmax(axis=1).where(is_event, last_seen)
    months = first_use.map(dict(enumerate(MONTHS))).astype(float)

    mean, error = restricted_mean(months.to_numpy(), is_event.to_numpy(), 12.0)
    numbers["months_to_first_tacrolimus", "mean", "any", ""] = mean
    numbers["months_to_first_tacrolimus", "se", "any", ""] = error
    design = np.column_stack([dlqi, age, female]).astype(float)
    complete = ~np.isnan(design).any(axis=1)
    fit = PHReg(
        months.to_numpy()[complete],
        design[complete],
        status=is_event.to_numpy()[complete],
        ties="breslow",
    ).fit()
    limits = np.exp(fit.conf_int())
    for position, measure in enumerate(("DLQI_per_point", "age_per_year", "female_vs_male")):
        numbers[measure, "hazard_ratio", "any", ""] = float(np.exp(fit.params[position]))
        numbers[measure, "ci_lower", "any", ""] = float(limits[position, 0])
        numbers[measure, "ci_upper", "any", ""] = float(limits[position, 1])
        numbers[measure, "p_value", "any", ""] = float(fit.pvalues[position])
    test = sm.duration.survdiff(months.to_numpy(), is_event.to_numpy(), generalized.to_numpy())
    numbers["tacrolimus_start_by_generalized", "p_value", "any", ""] = float(test[1])

    by_dlqi, by_sex = _wald(is_user, dlqi), _wald(is_user, female)
    numbers["baseline_tacrolimus_by_dlqi", "p_value", "baseline", ""] = by_dlqi[0]
    numbers["baseline_tacrolimus_by_sex", "p_value", "baseline", ""] = by_sex[0]
    week_4 = cohort.timepoints[cohort.timepoints.week == 1].set_index("patient_id")
    easi = week_4.easi_score.reindex(evaluable.index).dropna()
    groups = {"tac_any": easi[is_user[easi.index]], "no_tac": easi[~is_user[easi.index]]}
    table = []
    for stratum, values in groups.items():
        below = int((values < 7).sum())
        _share(numbers, "EASI_lt_7", "week_4", below, len(values), stratum=stratum)
        table.append([below, len(values) - below])
    chi_square = stats.chi2_contingency(table, correction=False)
    numbers["EASI_lt_7", "p_value", "week_4", ""] = float(chi_square[1])

    at_risk = ~uses[0] & wide[1].notna()
    p_values = _wald(uses[1][at_risk], relapsing[at_risk], age[at_risk])
    numbers["tacrolimus_initiation_w4_by_relapsing", "p_value", "week_4", ""] = p_values[0]
    numbers["tacrolimus_initiation_w4_by_age", "p_value", "week_4", ""] = p_values[1]
    at_risk = ~uses[0] & ~uses[1] & wide[2].notna()
    p_values = _wald(uses[2][at_risk], relapsing[at_risk])
    numbers["tacrolimus_initiation_w16_by_relapsing", "p_value", "week_16", ""] = p_values[0]


def restricted_mean(times: np.ndarray, events: np.ndarray, horizon: float) -> tuple[float, float]:
    """Return area under Kaplan and Meier's curve to the horizon and its Greenwood error."""
    steps = np.unique(times[events & (times < horizon)])
    survival, area, previous = 1.0, 0.0, 0.0
    curve = []
    for step in steps:
        area += survival * (step - previous)
        at_risk = int((times >= step).sum())
        died = int((events & (times == step)).sum())
        survival *= 1 - died / at_risk
        curve.append((step, died / (at_risk * (at_risk - died))))
        previous = step
    survivals = _survivals(times, events, steps)
    ends = [*steps[1:], horizon]
    pieces = [s * (end - start) for s, start, end in zip(survivals, steps, ends, strict=True)]
    area += survival * (horizon - previous)
    tails = np.cumsum(pieces[::-1])[::-1]
    variance = sum(tail**2 * term for tail, (_, term) in zip(tails, curve, strict=True))
    return area, float(np.sqrt(variance))


def _survivals(times: np.ndarray, events: np.ndarray, steps: np.ndarray) -> list[float]:
    survival = 1.0
    survivals = []
    for step in steps:
        died = (events & (times == step)).sum()
        survival *= 1 - died / (times >= step).sum()
        survivals.append(float(survival))
    return survivals
