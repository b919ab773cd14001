"""A13, A15, A18, A19: regression models of who takes tacrolimus, Cox and logistic."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from analysis_py.analyses import verdicts
from analysis_py.analyses.rows import count, model_rows, share_of
from analysis_py.analyses.time_to_tacrolimus import START, STARTS, TIME_COLUMNS, times_and_events
from analysis_py.conventions import MAX_STANDARDISED_DFBETA
from analysis_py.estimators.cox import (
    CoxFit,
    Influence,
    ProportionalHazardsTest,
    cox_data,
    fit_cox,
    influence,
    proportional_hazards_test,
)
from analysis_py.estimators.logistic import fit_logistic
from analysis_py.frames import Frames, is_known, is_true, numbers
from analysis_py.results import Estimate
from analysis_py.rounding import format_number
from analysis_py.vocabulary import BASELINE, WEEK_04, WEEK_16

COX_COVARIATES = ["dlqi_baseline_score", "age_at_index_years", "is_female"]
BASELINE_USE = "is_on_tacrolimus_at_baseline"
BASELINE_COVARIATES = ["dlqi_baseline_score", "is_female"]
INITIATION_COVARIATES = {WEEK_04: ["is_relapsing", "age_at_index_years"], WEEK_16: ["is_relapsing"]}
TOGETHER = "Cox model, all terms together"
ALONE = "this term alone"


def _initiation_reads(timepoint: str) -> dict[str, list[str]]:
    flags = [f"is_at_risk_{timepoint}", f"has_initiated_{timepoint}"]
    return {STARTS: [*flags, *INITIATION_COVARIATES[timepoint]]}


READS = {
    "cox": {STARTS: [*TIME_COLUMNS, *COX_COVARIATES]},
    "baseline_use": {STARTS: [BASELINE_USE, *BASELINE_COVARIATES]},
    "initiation_week_04": _initiation_reads(WEEK_04),
    "initiation_week_16": _initiation_reads(WEEK_16),
}


def cox(frames: Frames) -> list[Estimate]:
    """A13, Results: who starts tacrolimus at any time; Cox model of DLQI, age and sex.

    Hazard ratios per point of DLQI, per year of age, females against males, fitted together with
    Breslow's ties; baseline users are events at time 0 and stay in. Beside it: proportional hazards
    per term and global, influence of single patients, and as sensitivity analyses Efron's ties and
    one model per covariate.
    """
    table = frames[STARTS]
    months, events = times_and_events(table)
    covariates = np.column_stack([numbers(table[name]) for name in COX_COVARIATES])
    data = cox_data(COX_COVARIATES, months, events, covariates)
    joint = fit_cox(data, "breslow")
    hazards = proportional_hazards_test(joint) if joint.is_fitted else ()
    single = influence(joint) if joint.is_fitted else ()
    terms = partial(model_rows, "A13", "evaluable")
    rows = [count("A13", "evaluable", START, joint.n_events, joint.n, statistic="n_events")]
    rows += terms(joint, TOGETHER, "hazard_ratio", verdicts=_cox_verdicts(hazards, single))
    rows += _coefficient_rows(joint)
    rows += [_hazards_row(test, joint) for test in hazards]
    rows += [row for found in single for row in _influence_rows(found, joint)]
    efron = fit_cox(data, "efron")
    rows += terms(efron, TOGETHER, "hazard_ratio_efron", role="sensitivity")
    for i, name in enumerate(COX_COVARIATES):
        alone = fit_cox(cox_data([name], months, events, covariates[:, [i]]), "breslow")
        rows += terms(alone, f"Cox model, {ALONE}", "hazard_ratio_univariable", role="sensitivity")
    return rows


def _cox_verdicts(
    hazards: Sequence[ProportionalHazardsTest], single: Sequence[Influence]
) -> dict[str, str]:
    drift = {test.name: test.p_value for test in hazards}
    return {
        found.name: (
            f"{verdicts.with_p('proportional hazards', drift[found.name])}; "
            f"influence: {verdicts.by_influence(found.largest_standardised)} (one patient moves it "
            f"by at most {format_number(found.largest_standardised, 2)} standard errors); "
            f"{verdicts.CENSORING}"
        )
        for found in single
    }


def _coefficient_rows(fit: CoxFit) -> list[Estimate]:
    return [
        Estimate(
            "A13",
            "evaluable",
            term.name,
            statistic,
            value,
            fit.n,
            fit.n + fit.n_missing,
            method=f"{TOGETHER}; natural logarithm of the hazard ratio",
            warning=term.failure or fit.warning,
        )
        for term in fit.terms
        for statistic, value in (
            ("coefficient", term.coefficient),
            ("coefficient_se", term.standard_error),
        )
    ]


def _hazards_row(test: ProportionalHazardsTest, fit: CoxFit) -> Estimate:
    return Estimate(
        "A13",
        "evaluable",
        test.name,
        "proportional_hazards_chi_square",
        test.chi_square,
        fit.n,
        fit.n + fit.n_missing,
        p_value=test.p_value,
        method=(
            "score test of scaled Schoenfeld residuals against 1 - S(t-) (Kaplan-Meier), "
            f"{test.degrees_of_freedom} df"
        ),
        assumptions_verdict=verdicts.by_p_value(test.p_value),
        warning=test.failure,
        role="assumption",
    )


def _influence_rows(found: Influence, fit: CoxFit) -> list[Estimate]:
    row = partial(
        Estimate,
        "A13",
        "evaluable",
        found.name,
        n=fit.n,
        denominator=fit.n + fit.n_missing,
        assumptions_verdict=verdicts.by_influence(found.largest_standardised),
        role="assumption",
    )
    without_one = "exp(coefficient - dfbeta), over all patients left out one at a time"
    return [
        row(
            statistic="largest_standardised_dfbeta",
            value=found.largest_standardised,
            unit="standard errors",
            method=f"dfbeta / standard error; doubtful above {MAX_STANDARDISED_DFBETA:g}",
        ),
        row(
            statistic="hazard_ratio_lowest_without_one_patient",
            value=found.ratio_lowest,
            method=without_one,
        ),
        row(
            statistic="hazard_ratio_highest_without_one_patient",
            value=found.ratio_highest,
            method=without_one,
        ),
    ]


def baseline_use(frames: Frames) -> list[Estimate]:
    """A15, Results: tacrolimus at baseline by DLQI and by sex, logistic regression.

    One model per covariate, outcome any tacrolimus at baseline; the joint model beside them.
    Patients whose use at baseline is not known are in no model and no share, and are counted.
    """
    table = frames[STARTS]
    known = is_known(table[BASELINE_USE])
    n_unknown = int((~known).sum())
    rows = [
        count(
            "A15",
            "evaluable",
            "any_tacrolimus",
            n_unknown,
            len(table),
            statistic="n_not_known",
            timepoint=BASELINE,
        )
    ]
    table = table[known]
    outcome = is_true(table[BASELINE_USE])
    female, sex_known = is_true(table["is_female"]), is_known(table["is_female"])
    covariates = np.column_stack([numbers(table[name]) for name in BASELINE_COVARIATES])
    for group, members in (("female", female), ("male", ~female & sex_known)):
        rows += share_of(
            "A15", "evaluable", "any_tacrolimus", outcome, members, group=group, timepoint=BASELINE
        )
    terms = partial(model_rows, "A15", "evaluable", timepoint=BASELINE, n_unknown=n_unknown)
    for i, name in enumerate(BASELINE_COVARIATES):
        alone = fit_logistic([name], covariates[:, [i]], outcome)
        rows += terms(alone, f"logistic regression, {ALONE}", "odds_ratio")
    joint = fit_logistic(BASELINE_COVARIATES, covariates, outcome)
    method = "logistic regression, both terms together"
    return rows + terms(joint, method, "odds_ratio_joint", role="sensitivity")


def initiation_week_04(frames: Frames) -> list[Estimate]:
    """A18, Results: first tacrolimus at week 4 by disease course and age, logistic regression.

    Patients known to be without tacrolimus at baseline whose regimen is known at week 4; both
    terms.
    """
    return _initiation_rows(frames, "A18", WEEK_04)


def initiation_week_16(frames: Frames) -> list[Estimate]:
    """A19, Results: first tacrolimus at week 16 by disease course, logistic regression.

    Patients known to be without tacrolimus before week 16 whose regimen is known at week 16; one
    term.
    """
    return _initiation_rows(frames, "A19", WEEK_16)


def _initiation_rows(frames: Frames, analysis_id: str, timepoint: str) -> list[Estimate]:
    """Count initiators among those at risk, by disease course, and fit the model.

    Whether somebody was at risk is not known where an earlier state is not; they are left out.
    """
    covariates = INITIATION_COVARIATES[timepoint]
    table = frames[STARTS]
    at_risk = table[f"is_at_risk_{timepoint}"]
    n_unknown = int((~is_known(at_risk)).sum())
    table = table[is_true(at_risk)]
    population = f"at_risk_{timepoint}"
    outcome = is_true(table[f"has_initiated_{timepoint}"])
    relapsing, course_known = is_true(table["is_relapsing"]), is_known(table["is_relapsing"])
    groups = {
        "all": np.full(len(table), True),
        "relapsing": relapsing,
        "not_relapsing": ~relapsing & course_known,
    }
    rows = [
        count(
            analysis_id,
            "evaluable",
            f"at_risk_{timepoint}",
            n_unknown,
            len(at_risk),
            statistic="n_not_known",
            timepoint=timepoint,
        )
    ]
    for group, members in groups.items():
        rows += share_of(
            analysis_id, population, START, outcome, members, group=group, timepoint=timepoint
        )
    together = " + ".join(covariates) if len(covariates) > 1 else ALONE
    fit = fit_logistic(
        covariates, np.column_stack([numbers(table[name]) for name in covariates]), outcome
    )
    method = f"logistic regression, {together}"
    return rows + model_rows(
        analysis_id, population, fit, method, "odds_ratio", timepoint=timepoint, n_unknown=n_unknown
    )
