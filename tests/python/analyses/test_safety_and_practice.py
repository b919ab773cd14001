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
    # The patient with alopecia without an onset also has conjunctivitis.
    assert results[f"{EVENTS}.any_adverse_event.n_not_known"].n == 0


def test_without_any_event_the_share_is_zero(frames: dict[str, pd.DataFrame]) -> None:
    none = {**frames, "fct_adverse_events": frames["fct_adverse_events"].iloc[:0]}
    rows = {row.result_id: row for row in safety_and_practice.adverse_events(none)}
    assert rows[f"{EVENTS}.any_adverse_event.percent"].value == 0
    assert len(rows) == 6


@pytest.mark.parametrize(
    ("code", "is_serious", "emergent", "not_known"),
    [
        # Any event, a serious one, conjunctivitis.
        ("headache", False, True, (0, 0, 0)),
        ("headache", None, True, (0, 1, 0)),
        ("headache", False, None, (1, 0, 0)),
        ("headache", True, None, (1, 1, 0)),
        ("conjunctivitis", None, None, (1, 1, 1)),
        ("conjunctivitis", True, False, (0, 0, 0)),
        ("unmapped", False, True, (0, 0, 1)),
        ("unmapped", False, None, (1, 0, 1)),
    ],
)
def test_a_patient_whose_event_may_be_it_is_left_out_of_the_share(
    frames: dict[str, pd.DataFrame],
    code: str,
    is_serious: bool | None,
    emergent: bool | None,
    not_known: tuple[int, ...],
) -> None:
    one = frames["fct_adverse_events"].iloc[:1].assign(adverse_event_code=code)
    # The second patient has no event of the twin.
    one = one.assign(patient_id=frames["dim_patients"]["patient_id"][1], is_serious=is_serious)
    one["is_treatment_emergent"] = pd.array([emergent], "boolean")
    events = pd.concat([frames["fct_adverse_events"].astype({"is_serious": object}), one])
    changed = {**frames, "fct_adverse_events": events.reset_index(drop=True)}
    rows = {row.result_id: row for row in safety_and_practice.adverse_events(changed)}
    terms = ("any_adverse_event", "serious_adverse_event", "conjunctivitis")
    assert tuple(rows[f"{EVENTS}.{term}.n_not_known"].n for term in terms) == not_known
    assert tuple(342 - rows[f"{EVENTS}.{term}.n"].denominator for term in terms) == not_known


def test_a_refused_record_leaves_all_unknown_but_what_another_record_says(
    frames: dict[str, pd.DataFrame],
) -> None:
    # The first patient has conjunctivitis and a serious infection, the second no event; of the
    # third the delivery says nothing.
    refused = frames["fct_follow_up"]["n_refused_adverse_events"].astype("Int64")
    refused.iloc[:3] = [2, 1, None]
    changed = {
        **frames,
        "fct_follow_up": frames["fct_follow_up"].assign(n_refused_adverse_events=refused),
    }
    rows = {row.result_id: row for row in safety_and_practice.adverse_events(changed)}
    assert rows[f"{EVENTS}.any_adverse_event.n"].n == 35
    assert rows[f"{EVENTS}.any_adverse_event.n"].denominator == 340
    assert rows[f"{EVENTS}.any_adverse_event.n_not_known"].n == 2
    assert rows[f"{EVENTS}.pneumonia.n_not_known"].n == 2
    assert rows[f"{EVENTS}.conjunctivitis.percent"].denominator == 340


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
