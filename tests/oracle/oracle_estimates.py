"""What our estimators say of the data of oracle_inputs.py, under the keys of estimators.R."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from oracle_inputs import inputs

from analysis_py.estimators.cox import (
    cox_data,
    dfbeta,
    fit_cox,
    influence,
    proportional_hazards_test,
)
from analysis_py.estimators.describe import proportion, summarise
from analysis_py.estimators.hypothesis_tests import (
    PairTable,
    exact_mcnemar,
    paired_t,
    pearson_chi_square,
)
from analysis_py.estimators.logistic import fit_logistic
from analysis_py.estimators.repeated_measures import repeated_measures_anova
from analysis_py.estimators.survival import kaplan_meier, log_rank, restricted_mean

Key = tuple[str, str, str, str]
Number = tuple[Key, float]

COX = {
    "rossi": ["fin", "age", "prio"],
    "lung": ["age", "sex", "ecog"],
    "skeleton": ["dlqi_bl", "age_init", "female"],
}
HORIZONS = {"rossi": 40, "lung": 365, "waltons": 60, "skeleton": 12}
GROUPS = {"rossi": "fin", "lung": "sex", "waltons": "group", "skeleton": "generalized"}
LOGISTIC = {
    "spector": ("GRADE", ["GPA", "TUCE", "PSI"]),
    "rossi": ("event", ["age", "prio"]),
    "skeleton": ("baseline_any_tac", ["dlqi_bl", "female"]),
}
SUMMARIES = {"rossi": "age", "lung": "ecog", "skeleton": "dlqi_bl"}


def estimates() -> dict[Key, float]:
    """Every number under (data set, estimator, term, quantity)."""
    data = inputs()
    data["grunfeld_two_times"] = data["grunfeld"].iloc[:, :2]
    numbers: list[Number] = []
    for name, covariates in COX.items():
        numbers += _cox(name, data[name], covariates)
    for name, horizon in HORIZONS.items():
        numbers += _curve(name, data[name], horizon)
    for name, group in GROUPS.items():
        numbers += _log_rank(name, data[name], group)
    for name, (outcome, covariates) in LOGISTIC.items():
        numbers += _logistic(name, data[name], outcome, covariates)
    for name in ("elnino", "grunfeld", "grunfeld_two_times"):
        numbers += _repeated(name, data[name].to_numpy(float))
    for name in ("elnino", "grunfeld"):
        test = paired_t(*data[name].to_numpy(float).T[:2])
        wanted = ("t_statistic", "mean_difference", "ci_lower", "ci_upper", "p_value")
        numbers += _fields((name, "paired_t", "change"), test, wanted)
    for name, column in SUMMARIES.items():
        found = summarise(data[name][column].to_numpy(float))
        wanted = ("mean", "standard_deviation", "ci_lower", "ci_upper")
        wanted += ("first_quartile", "median", "third_quartile")
        numbers += _fields((name, "summary", column), found, wanted)
    numbers += _counts(data)
    return dict(numbers)


def _fields(key: tuple[str, str, str], result: Any, names: tuple[str, ...]) -> Iterator[Number]:
    ends = {"ci_lower": "lower", "ci_upper": "upper"}
    for name in names:
        place = result.interval if name in ends else result
        yield (*key, name), getattr(place, ends.get(name, name))


def _cox(name: str, data: pd.DataFrame, covariates: list[str]) -> Iterator[Number]:
    columns = data[covariates].to_numpy(float)
    events = data["event"].to_numpy() == data["event"].max()
    complete = cox_data(covariates, data["time"].to_numpy(float), events, columns)
    wanted = ("coefficient", "standard_error", "p_value", "ratio", "ci_lower", "ci_upper")
    for ties in ("breslow", "efron"):
        for term in fit_cox(complete, ties).terms:
            yield from _fields((name, f"cox_{ties}", term.name), term, wanted)
    fit = fit_cox(complete, "breslow")
    for test in proportional_hazards_test(fit):
        yield from _fields(
            (name, "proportional_hazards", test.name), test, ("chi_square", "p_value")
        )
    squares = (dfbeta(fit) ** 2).sum(axis=0)
    for found, square in zip(influence(fit), squares, strict=True):
        key = (name, "influence", found.name)
        yield from _fields(key, found, ("largest", "largest_standardised"))
        yield (*key, "sum_of_squares"), float(square)


def _curve(name: str, data: pd.DataFrame, horizon: float) -> Iterator[Number]:
    events = data["event"].to_numpy() == data["event"].max()
    curve = kaplan_meier(data["time"].to_numpy(float), events)
    for i, time in enumerate(curve.times):
        for quantity in (
            *("survival", "standard_error", "ci_lower", "ci_upper", "n_at_risk", "n_events"),
        ):
            key = (name, "kaplan_meier", f"time_{time:g}", quantity)
            yield key, float(getattr(curve, quantity)[i])
    mean = restricted_mean(curve, horizon)
    key = (name, "restricted_mean", f"horizon_{horizon:g}")
    yield from _fields(key, mean, ("mean", "standard_error"))


def _log_rank(name: str, data: pd.DataFrame, group: str) -> Iterator[Number]:
    events = data["event"].to_numpy() == data["event"].max()
    test = log_rank(data["time"].to_numpy(float), events, data[group].astype(str).to_numpy())
    yield from _fields((name, "log_rank", group), test, ("chi_square", "p_value"))
    for i, label in enumerate(test.groups):
        yield (name, "log_rank", label, "observed"), test.observed[i]
        yield (name, "log_rank", label, "expected"), test.expected[i]


def _logistic(
    name: str, data: pd.DataFrame, outcome: str, covariates: list[str]
) -> Iterator[Number]:
    fit = fit_logistic(covariates, data[covariates].to_numpy(float), data[outcome].to_numpy() == 1)
    wanted = ("coefficient", "standard_error", "p_value", "ci_lower", "ci_upper")
    for term in fit.terms:
        yield from _fields((name, "logistic", term.name), term, wanted)
    yield (name, "logistic", "intercept", "coefficient"), fit.intercept


def _repeated(name: str, scores: np.ndarray) -> Iterator[Number]:
    result = repeated_measures_anova(scores)
    wanted = ("f_statistic", "p_uncorrected", "p_value", "epsilon")
    yield from _fields((name, "repeated_measures", "time"), result, wanted)
    key = (name, "repeated_measures", "sphericity")
    yield from _fields(key, result.sphericity, ("w", "p_value"))
    yield (*key, "p_value_of_mauchly_test"), result.sphericity.p_value


def _counts(data: dict[str, pd.DataFrame]) -> Iterator[Number]:
    for pair in data["pairs"].itertuples():
        test = exact_mcnemar(PairTable(pair.stayed, pair.left, pair.entered, pair.never))
        key = ("pairs", "exact_mcnemar", pair.name)
        yield from _fields(key, test, ("p_value", "ci_lower", "ci_upper"))
    for name, table in data["tables"].groupby("name"):
        counts = table.pivot(index="row", columns="column", values="count").to_numpy()
        key = ("tables", "pearson_chi_square", str(name))
        found = pearson_chi_square(counts)
        yield from _fields(key, found, ("statistic", "p_value", "smallest_expected"))
    for one in data["proportions"].itertuples():
        key = ("proportions", "wilson", one.name)
        yield from _fields(key, proportion(one.n, one.total), ("ci_lower", "ci_upper"))
