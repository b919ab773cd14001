"""A13, Results: who starts tacrolimus at any time; Cox model of DLQI, age and sex."""

from __future__ import annotations

import numpy as np

from analysis_py.analyses import _verdicts as verdicts
from analysis_py.analyses._counts import count
from analysis_py.analyses._models import cox_rows
from analysis_py.analyses._starts import START, STARTS, TIME_COLUMNS, starts, times_and_events
from analysis_py.conventions import MAX_STANDARDISED_DFBETA
from analysis_py.estimators.cox import CoxResult, cox_data, fit_cox
from analysis_py.estimators.cox_diagnostics import (
    Influence,
    ProportionalHazardsTest,
    influence,
    proportional_hazards_test,
)
from analysis_py.frames import Frames, numbers
from analysis_py.results import Estimate
from analysis_py.rounding import format_number

ANALYSIS = "A13"
COVARIATES = ["dlqi_baseline_score", "age_at_index_years", "is_female"]
COLUMNS = {STARTS: [*TIME_COLUMNS, *COVARIATES]}
JOINT = "Cox model, all terms together"


def run(frames: Frames) -> list[Estimate]:
    """Hazard ratios per point of DLQI, per year of age, females against males, fitted together.

    Breslow's ties; baseline users are events at time 0 and stay in. Beside it: proportional hazards
    per term and global, influence of single patients, and as sensitivity analyses Efron's ties and
    one model per covariate.
    """
    table = starts(frames, COVARIATES)
    months, events = times_and_events(table)
    covariates = np.column_stack([numbers(table[name]) for name in COVARIATES])
    data = cox_data(COVARIATES, months, events, covariates)
    joint = fit_cox(data, "breslow")
    hazards = proportional_hazards_test(joint) if joint.is_fitted else ()
    single = influence(joint) if joint.is_fitted else ()
    alone = [
        fit_cox(cox_data([name], months, events, covariates[:, [i]]), "breslow")
        for i, name in enumerate(COVARIATES)
    ]
    return [
        count(ANALYSIS, "evaluable", START, data.n_events, data.n, statistic="n_events"),
        *cox_rows(ANALYSIS, joint, JOINT, verdicts=_verdicts(hazards, single)),
        *_coefficient_rows(joint),
        *(_hazards_row(test, joint) for test in hazards),
        *(row for found in single for row in _influence_rows(found, joint)),
        *cox_rows(
            ANALYSIS,
            fit_cox(data, "efron"),
            JOINT,
            statistic="hazard_ratio_efron",
            role="sensitivity",
        ),
        *(
            row
            for fit in alone
            for row in cox_rows(
                ANALYSIS,
                fit,
                "Cox model, this term alone",
                statistic="hazard_ratio_univariable",
                role="sensitivity",
            )
        ),
    ]


def _verdicts(
    hazards: tuple[ProportionalHazardsTest, ...], single: tuple[Influence, ...]
) -> dict[str, str]:
    drift = {test.name: test for test in hazards}
    return {
        found.name: (
            f"{verdicts.with_p('proportional hazards', drift[found.name].p_value)}; "
            f"influence: {verdicts.by_influence(found.largest_standardised)} (one patient moves it "
            f"by at most {format_number(found.largest_standardised, 2)} standard errors)"
        )
        for found in single
    }


def _coefficient_rows(fit: CoxResult) -> list[Estimate]:
    return [
        Estimate(
            ANALYSIS,
            "evaluable",
            term.name,
            statistic,
            value,
            fit.data.n,
            fit.data.n + fit.data.n_missing,
            method=f"{JOINT}; natural logarithm of the hazard ratio",
            warning=fit.warning,
        )
        for term in fit.terms
        for statistic, value in (
            ("coefficient", term.coefficient),
            ("coefficient_se", term.standard_error),
        )
    ]


def _hazards_row(test: ProportionalHazardsTest, fit: CoxResult) -> Estimate:
    defined = np.isfinite(test.chi_square)
    return Estimate(
        ANALYSIS,
        "evaluable",
        test.name,
        "proportional_hazards_chi_square",
        test.chi_square,
        fit.data.n,
        fit.data.n + fit.data.n_missing,
        p_value=test.p_value,
        method=(
            "score test of scaled Schoenfeld residuals against 1 - S(t-) (Kaplan-Meier), "
            f"{test.degrees_of_freedom} df"
        ),
        assumptions_verdict=verdicts.by_p_value(test.p_value),
        warning="" if defined else "not tested: needs two or more event times",
        role="assumption",
    )


def _influence_rows(found: Influence, fit: CoxResult) -> list[Estimate]:
    fields = {
        "n": fit.data.n,
        "denominator": fit.data.n + fit.data.n_missing,
        "assumptions_verdict": verdicts.by_influence(found.largest_standardised),
        "role": "assumption",
    }
    return [
        Estimate(
            ANALYSIS,
            "evaluable",
            found.name,
            "largest_standardised_dfbeta",
            found.largest_standardised,
            unit="standard errors",
            method=f"dfbeta / standard error; doubtful above {MAX_STANDARDISED_DFBETA:g}",
            **fields,
        ),
        *(
            Estimate(
                ANALYSIS,
                "evaluable",
                found.name,
                f"hazard_ratio_{end}_without_one_patient",
                ratio,
                method="exp(coefficient - dfbeta), over all patients left out one at a time",
                **fields,
            )
            for end, ratio in (
                ("lowest", found.ratio_lowest),
                ("highest", found.ratio_highest),
            )
        ),
    ]
