"""Adverse events and the paper's scheme, counted by hand on the twin with put-in events."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis_py.analyses import safety_and_practice
from analysis_py.estimators.describe import proportion
from analysis_py.results import Results

EVENTS = "a20.enrolled.all.any"


def test_a_patient_with_an_event_twice_counts_once(results: Results) -> None:
    row = results[f"{EVENTS}.conjunctivitis.percent"]
    assert (row.n, row.denominator, row.term_label) == (35, 342, "Conjunctivitis")
    interval = proportion(35, 342).interval
    assert (row.ci_lower, row.ci_upper) == pytest.approx(
        (100 * interval.lower, 100 * interval.upper)
    )


def test_any_and_serious_events_count_patients(results: Results) -> None:
    # The patients with a serious infection also have conjunctivitis.
    assert results[f"{EVENTS}.any_adverse_event.n"].n == 35
    assert results[f"{EVENTS}.serious_adverse_event.n"].n == 4


def test_events_before_the_first_dose_or_without_onset_are_in_no_share(results: Results) -> None:
    assert results.get(f"{EVENTS}.headache.n") is None
    assert results.get(f"{EVENTS}.alopecia.n") is None
    assert results[f"{EVENTS}.any_adverse_event.n_onset_not_recorded"].n == 1


def test_without_any_event_the_share_is_zero(frames: dict[str, pd.DataFrame]) -> None:
    none = {**frames, "fct_adverse_events": frames["fct_adverse_events"].iloc[:0]}
    rows = {row.result_id: row for row in safety_and_practice.adverse_events(none)}
    assert rows[f"{EVENTS}.any_adverse_event.percent"].value == 0
    assert len(rows) == 5


@pytest.mark.parametrize("timepoint", ["baseline", "week_04", "week_16", "week_52"])
def test_agreement_is_judged_where_scheme_and_regimen_are_known(
    results: Results, frames: dict[str, pd.DataFrame], timepoint: str
) -> None:
    visits = frames["fct_patient_timepoints"]
    here = visits[(visits["timepoint_code"] == timepoint) & visits["is_attended"]]
    judged = here[here["easi_score"].notna() & here["topical_regimen_code"].notna()]
    follows = (judged["easi_score"] > 0).map({True: "tacrolimus", False: "none"})
    row = results[f"a21.recommended.all.{timepoint}.agreement.n"]
    assert (row.n, row.denominator) == (
        int((judged["topical_regimen_code"] == follows).sum()),
        len(judged),
    )
    parts = [
        results.get(f"a21.recommended.{code}.{timepoint}.agreement.n")
        for code in safety_and_practice.RECOMMENDATIONS
    ]
    parts = [part for part in parts if part is not None]
    assert parts
    assert sum(part.n for part in parts) == row.n
    assert sum(part.denominator for part in parts) == row.denominator


def test_every_visit_has_a_recommendation_or_a_reason(results: Results) -> None:
    for timepoint, n in (("baseline", 342), ("week_52", 203)):
        terms = ("recommendation", "iga_not_recorded", "index_in_summer")
        found = [results[f"a21.attended.all.{timepoint}.{term}.n"] for term in terms]
        assert sum(row.n for row in found) == found[0].denominator
        assert found[0].n == n
