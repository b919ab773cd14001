"""The results table: keys, columns, what a row must say."""

from __future__ import annotations

import math

import pytest

from analysis_py.catalogue import ANALYSES, find, required_columns
from analysis_py.results import COLUMNS, Estimate, ResultError, Results
from analysis_py.vocabulary import ALL, ANY_TIME, POPULATIONS, TIMEPOINTS, label
from core.stop import Stop


def estimate(**changes: object) -> Estimate:
    fields = {
        "analysis_id": "A01",
        "population": "enrolled",
        "term": "male",
        "statistic": "n",
        "value": 3,
        "n": 3,
        "denominator": 4,
    }
    return Estimate(**{**fields, **changes})


def test_key_has_six_parts_and_a_point_of_a_curve_seven() -> None:
    assert estimate().result_id == "a01.enrolled.all.any.male.n"
    assert estimate(time_months=4.0).result_id.endswith(".n.month_4")
    assert estimate(time_months=0.5).result_id.endswith(".n.month_0_5")


def test_a_missing_number_needs_a_warning() -> None:
    with pytest.raises(ResultError, match="neither a value nor a warning"):
        estimate(value=math.nan)
    row = estimate(value=math.inf, ci_upper=math.nan, warning="separated")
    assert (row.value, row.ci_upper) == (None, None)


@pytest.mark.parametrize("name", ["term", "group", "population", "timepoint", "statistic"])
def test_words_are_lower_snake_case(name: str) -> None:
    with pytest.raises(ResultError, match="snake"):
        estimate(**{name: "Not A Code"})


def test_a_key_is_computed_once() -> None:
    results = Results()
    results.extend([estimate()])
    with pytest.raises(ResultError, match="computed twice"):
        results.extend([estimate()])


def test_frame_has_the_declared_columns(results: Results) -> None:
    frame = results.to_frame()
    assert list(frame.columns) == list(COLUMNS)
    assert frame["result_id"].is_unique
    assert frame["sort_order"].tolist() == list(range(1, len(results) + 1))
    assert str(frame["n"].dtype) == "Int64"
    assert Results().to_frame().empty


def test_every_row_names_who_it_speaks_of(results: Results) -> None:
    for row in results:
        assert row.population in POPULATIONS, row.result_id
        assert row.timepoint in (*TIMEPOINTS, ANY_TIME), row.result_id
        assert row.n is not None, row.result_id
        assert row.denominator is not None, row.result_id
        assert row.method, row.result_id
        assert row.term_label, row.result_id
        assert "_" not in row.label, row.result_id


def test_every_interval_holds_its_estimate(results: Results) -> None:
    for row in results:
        if row.ci_lower is not None:
            assert row.ci_lower <= row.value + 1e-12, row.result_id
        if row.ci_upper is not None:
            assert row.value <= row.ci_upper + 1e-12, row.result_id
        if row.p_value is not None:
            assert 0 <= row.p_value <= 1, row.result_id


def test_every_p_value_has_the_verdict_on_its_assumptions(results: Results) -> None:
    tested = [row for row in results if row.p_value is not None and row.role == "estimate"]
    assert tested
    for row in tested:
        assert row.assumptions_verdict, row.result_id


def test_assumption_rows_have_a_verdict(results: Results) -> None:
    rows = [row for row in results if row.role == "assumption" and row.statistic != EPSILON]
    assert {row.analysis_id for row in rows} == {"A05", "A06", "A07", "A08", "A13", "A16", "A22"}
    for row in rows:
        verdict = row.assumptions_verdict
        assert verdict in ("holds", "doubtful", "not assessed"), row.result_id


EPSILON = "greenhouse_geisser_epsilon"


def test_flow_between_timepoints_accounts_for_every_evaluable_patient(results: Results) -> None:
    moves = [row for row in results if row.statistic == "n_flow"]
    for timepoint in TIMEPOINTS[1:]:
        assert sum(row.value for row in moves if row.timepoint == timepoint) == 307
    key = "a10.evaluable.none.week_04.tacrolimus.n_flow"
    assert results[key].value == 11


def test_curve_accounts_for_every_patient(results: Results) -> None:
    for group in (ALL, "generalized", "not_generalized"):
        points = [row for row in results if row.role == "curve" and row.group == group]
        leaving = sum(row.value for row in points if row.statistic in ("n_events", "n_censored"))
        assert leaving == points[0].denominator


def test_bands_of_a_group_add_up(results: Results) -> None:
    for scheme in ("study", "leshem"):
        for group, total in (("tacrolimus_at_baseline", 54), ("no_tacrolimus_at_baseline", 226)):
            rows = [
                row
                for row in results
                if row.analysis_id == "A17"
                and row.group == group
                and row.statistic == "n"
                and row.term.startswith(scheme)
            ]
            assert sum(row.value for row in rows) == total
            assert {row.denominator for row in rows} == {total}


def test_labels_are_for_people() -> None:
    assert label("easi_below_7") == "EASI < 7"
    assert label("some_new_code") == "Some new code"


def test_a_result_is_named_in_words(results: Results) -> None:
    for key, words in {
        "a04.assessed.all.week_04.easi.mean": "EASI, Week 4: mean",
        "a10.evaluable.none.week_04.tacrolimus.n_flow": (
            "None (emollients only) → Tacrolimus, Week 4: patients"
        ),
        "a14.evaluable.generalized.any.tacrolimus_start.n_at_risk.month_4": (
            "Start of tacrolimus, alone or with corticosteroids, Generalized disease, month 4: "
            "at risk"
        ),
    }.items():
        assert results[key].label == words


def test_catalogue_lists_every_analysis_once() -> None:
    identifiers = [analysis.analysis_id for analysis in ANALYSES]
    assert identifiers == [f"A{number:02d}" for number in range(1, 23)]
    for analysis in ANALYSES:
        assert callable(analysis.run)
        assert analysis.columns
        assert (analysis.run.__doc__ or "").startswith(f"{analysis.analysis_id}, ")


@pytest.mark.parametrize("name", ["A13", "a13", "cox", "COX", "a13_cox", "a13-cox"])
def test_an_analysis_is_found_by_any_of_its_names(name: str) -> None:
    assert find(name).analysis_id == "A13"


def test_an_unknown_analysis_is_answered_with_near_names() -> None:
    with pytest.raises(Stop, match="did you mean cox"):
        find("coxx")


def test_only_declared_columns_are_read(frames: dict) -> None:
    wanted = required_columns(ANALYSES)
    narrow = {name: frames[name][columns] for name, columns in wanted.items()}
    for analysis in ANALYSES:
        own = {name: narrow[name][columns] for name, columns in analysis.columns.items()}
        assert analysis.run(own)


def test_a_further_score_is_summarised_as_those_of_the_paper(results: Results) -> None:
    """Body surface area of the twin is EASI and 10: same people, changes and tests."""
    ours = [row for row in results if row.analysis_id == "A22"]
    assert {row.term_label for row in ours} == {"Body surface area", "Body surface area: response"}
    for timepoint in ("baseline", "week_04", "week_16", "week_52"):
        key = f"assessed.all.{timepoint}"
        level, easi = results[f"a22.{key}.bsa.mean"], results[f"a04.{key}.easi.mean"]
        assert level.value == pytest.approx(easi.value + 10)
        assert (level.n, level.denominator, level.unit) == (easi.n, easi.denominator, "percent")
    for statistic in ("mean_change", "t_statistic"):
        key = f"assessed_twice.all.week_16.{{}}.{statistic}"
        ours, paper = results["a22." + key.format("bsa")], results["a05." + key.format("easi")]
        assert ours.value == pytest.approx(paper.value)
        assert ours.p_value == pytest.approx(paper.p_value)
    share = results["a22.assessed_twice.all.week_04.bsa_response.percent"]
    assert share.value == results["a04.assessed_twice.all.week_04.easi_50.percent"].value


def test_without_a_further_score_there_is_no_row(frames: dict) -> None:
    none = {**frames, "fct_scores": frames["fct_scores"].iloc[:0]}
    assert find("A22").run(none) == []
