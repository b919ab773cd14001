"""The analyses of a simulated cohort, through intake and the models, find its declared truth.

Tolerances: the standard errors behind the reported intervals, times the normal quantile at which
all estimates together fail by chance once in 1,000 seeds.
"""

from __future__ import annotations

import math

import duckdb
import pytest
import yaml
from coverage_study import COMMAND, PAGE, Coverage, analyses_of, distance
from estimands import estimands
from results_page import BEGIN, END, replace_block, results_block
from scipy import stats
from short_road import ShortRoad
from starts import expected_starts, visit_record

from analysis_py.results import Results
from analysis_py.study import run_some
from intake.delivery import open_delivery
from privacy.pseudonyms import PseudonymKey
from simulator.cohort.effects import load_effects
from simulator.cohort.expected import expected_numbers
from simulator.cohort.write import write_cohort

N = 12_000
SEED = 29
CHANCE_OF_ACCIDENT = 0.001


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The content of truth.yml, and the folder of its delivery."""
    folder = tmp_path_factory.mktemp("truth") / "delivery"
    write_cohort(N, SEED, None, folder, file_format="csv", overwrite=False)
    written = yaml.safe_load((folder / "truth.yml").read_text(encoding="utf-8"))
    return {**written, "folder": folder}


@pytest.fixture(scope="module")
def implied(truth: dict) -> dict[str, float]:
    return estimands(truth["declared"])


@pytest.fixture(scope="module")
def found(
    truth: dict, implied: dict, road: ShortRoad, tmp_path_factory: pytest.TempPathFactory
) -> Results:
    delivery = open_delivery(truth["folder"])
    file = tmp_path_factory.mktemp("build") / "warehouse.duckdb"
    warehouse = road.build_delivery(delivery, PseudonymKey(bytes(range(32))), file)
    with duckdb.connect(str(warehouse), read_only=True) as db:
        assert db.sql("select count(*) from marts.dim_patients").fetchone() == (N,)
    about, results = run_some(warehouse, analyses_of(implied))
    assert about.is_synthetic
    return results


def limit(n_estimates: int) -> float:
    return float(stats.norm.ppf(1 - CHANCE_OF_ACCIDENT / (2 * n_estimates)))


def test_every_estimate_agrees_with_its_truth(found, implied):
    distances = {key: distance(found[key], value) for key, value in implied.items()}
    assert len(distances) > 90
    far = {key: z for key, z in distances.items() if not abs(z) < limit(len(distances))}
    assert far == {}


def test_hazard_ratios_agree_with_the_limits_in_truth_yml_and_differ_from_1(found, truth):
    """The limits are nearer to 1 than the declared ratios: ties at months 0, 1, 4 and 12."""
    limits = truth["expected"]["tacrolimus"]["cox_breslow_hazard_ratio"]
    names = {
        "dlqi_per_point": "dlqi_baseline_score",
        "age_per_year": "age_at_index_years",
        "female": "is_female",
    }
    declared = truth["declared"]["tacrolimus"]["hazard_ratio"]
    for name, term in names.items():
        row = found[f"a13.evaluable.all.any.{term}.hazard_ratio"]
        assert abs(distance(row, limits[name])) < limit(len(names)), name
        assert abs(distance(row, 1.0)) > limit(len(names)), name
        assert abs(math.log(limits[name])) < abs(math.log(declared[name])), name


def test_the_restricted_mean_agrees_with_truth_yml(found, truth):
    row = found["a12.evaluable.all.any.tacrolimus_start.restricted_mean"]
    assert abs(distance(row, truth["expected"]["tacrolimus"]["restricted_mean_months"])) < limit(1)


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        (
            ("tacrolimus", "hazard_ratio", "female"),
            1.0,
            "a13.evaluable.all.any.is_female.hazard_ratio",
        ),
        (
            ("scores", "easi", "tacrolimus_at_baseline_shift"),
            0.0,
            "a16.assessed_early.all.week_04.easi_below_7.percentage_point_difference",
        ),
        (
            ("scores", "itch_nrs", "week_16", "mean"),
            3.6,
            "a07.assessed_twice.all.week_16.itch_nrs.mean_change",
        ),
        (
            ("tacrolimus", "hazard", "week_04"),
            0.03,
            "a12.evaluable.all.any.tacrolimus_start.restricted_mean",
        ),
    ],
)
def test_another_truth_is_detected(found, implied, path, value, key):
    effects = load_effects(None)
    branch = effects
    for name in path[:-1]:
        branch = branch[name]
    branch[path[-1]] = value
    assert abs(distance(found[key], estimands(effects)[key])) > limit(len(implied))


def test_with_every_visit_reviewed_the_starts_are_those_of_truth_yml():
    effects = load_effects(None)
    effects["missing"]["topical_review_probability"] = 0.0
    starts = expected_starts(effects)
    expected = expected_numbers(effects)["tacrolimus"]
    stem = "a12.evaluable.all.any.tacrolimus_start"
    mean = starts[f"{stem}.restricted_mean"]
    assert mean == pytest.approx(expected["restricted_mean_months"], rel=1e-9)
    never = 1 - sum(expected["first_use_probability"].values())
    assert starts[f"{stem}.survival.month_12"] == pytest.approx(never, rel=1e-9)
    limits = expected["cox_breslow_hazard_ratio"].values()
    terms = ("dlqi_baseline_score", "age_at_index_years", "is_female")
    for term, value in zip(terms, limits, strict=True):
        key = f"a13.evaluable.all.any.{term}.hazard_ratio"
        assert starts[key] == pytest.approx(value, rel=1e-9)


def test_quadrature_and_truth_yml_agree_on_early_response(implied, truth):
    expected = truth["expected"]["proportions"]["easi_below_7_week_04"]
    key = "a16.assessed_early.tacrolimus_at_baseline.week_04.easi_below_7.percent"
    assert implied[key] == pytest.approx(100 * expected["with_tacrolimus_at_baseline"], abs=1e-3)


def test_the_visit_record_is_a_distribution():
    record = visit_record(load_effects(None))
    assert (record.event + record.censored).sum(axis=1) == pytest.approx([1.0] * 5)
    assert record.event[4] == pytest.approx([0.0] * 4)
    assert record.event[0, 0] == pytest.approx(0.98)  # of users at baseline, reviewed there
    # At risk at week 4: seen there, and reviewed there and at baseline. Nobody starts unseen.
    seen = load_effects(None)["visits"]["seen_probability"]["week_04"]
    assert record.at_risk[4, :2] == pytest.approx([0.98, seen * 0.98**2])
    assert record.at_risk[0, 1:] == pytest.approx([0.0] * 3)
    assert (record.started <= record.event + 1e-12).all()


def test_coverage_counts_intervals_and_studies_without_one(found):
    key = "a13.evaluable.all.any.is_female.hazard_ratio"
    row = found[key]
    covered = Coverage(key, row.value)
    above, below = Coverage(key, row.ci_lower * 0.9), Coverage(key, row.ci_upper * 1.1)
    for coverage in (covered, above, below):
        coverage.add(row)
        coverage.add(None)
        assert (coverage.n, coverage.n_without) == (1, 1)
    assert (covered.percent, above.percent, below.percent) == (100, 0, 0)
    assert (above.n_above, below.n_below) == (1, 1)
    assert covered.middle == pytest.approx(row.value)


def test_the_page_is_changed_only_between_its_marks(found, tmp_path):
    key = "a13.evaluable.all.any.is_female.hazard_ratio"
    coverage = Coverage(key, 0.5, z_large=1.25)
    coverage.add(found[key])
    block = results_block([coverage], "a command", 1, N, {"python": "3"})
    assert "| A13 " in block
    assert "SYNTHETIC" in block
    page = tmp_path / "page.md"
    page.write_text(f"Before\n{BEGIN}\nold\n{END}\nAfter\n", encoding="utf-8")
    replace_block(page, block)
    assert page.read_text(encoding="utf-8") == f"Before\n{block}\nAfter\n"
    page.write_text("no marks\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no marks"):
        replace_block(page, block)


def test_the_committed_page_has_its_table_and_its_command():
    text = PAGE.read_text("utf-8")
    block = text[text.index(BEGIN) : text.index(END)]
    assert COMMAND.split(" {")[0] in block
    assert block.count("| A13 ") >= 3
