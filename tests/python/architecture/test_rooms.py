"""Which room may read which, by the manifest of dbt and the imports of Python."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

# What the base model of an export may read beside its source.
SETTINGS = {"base_intake__column_rules", "base_intake__known_words"}
# What a model of the room may read: rooms of models and seeds.
MAY_READ = {
    "staging": {"staging"},
    "quarantine": {"staging", "quarantine"},
    "cohort": {"staging", "cohort"},
    "marts": {"cohort", "marts"},
}
# The base models whose refused records a view shows to the cohort.
REFUSED = {
    "stg_clinic__refused_adverse_events": "base_clinic__adverse_events",
    "stg_clinic__refused_comorbidities": "base_clinic__comorbidities",
    "stg_clinic__refused_visits": "base_clinic__visits",
    "stg_pharmacy__refused_courses": "base_pharmacy__prescriptions",
}
STAGING_SEEDS = {"export_columns", "word_list", "score_definitions"}


@pytest.fixture(scope="module")
def nodes(demo_build) -> dict:
    manifest = demo_build.manifest
    return {**manifest["nodes"], **manifest["sources"]}


def models(nodes: dict) -> list[dict]:
    return [n for n in nodes.values() if n["resource_type"] == "model"]


def parents(nodes: dict, model: dict, kind: str) -> list[dict]:
    return [
        nodes[name] for name in model["depends_on"]["nodes"] if nodes[name]["resource_type"] == kind
    ]


def test_every_model_is_in_a_room(nodes):
    assert {m["schema"] for m in models(nodes)} == set(MAY_READ)


def test_no_rendered_model_has_more_than_300_lines(nodes):
    lengths = {m["name"]: len(m["compiled_code"].splitlines()) for m in models(nodes)}
    assert {name: n for name, n in lengths.items() if n > 300} == {}
    assert max(lengths.values()) > 100


def test_models_read_only_the_rooms_they_may(nodes):
    offenders = [
        f"{model['name']} reads {parent['name']}"
        for model in models(nodes)
        for parent in parents(nodes, model, "model")
        if parent["schema"] not in MAY_READ[model["schema"]]
    ]
    assert offenders == []


def test_only_base_and_intake_staging_read_sources(nodes):
    offenders = [
        m["name"]
        for m in models(nodes)
        if parents(nodes, m, "source") and not m["name"].startswith(("base_", "stg_intake__"))
    ]
    assert offenders == []


def test_a_base_model_reads_one_export_its_settings_and_the_patients(nodes):
    readers = [
        m for m in models(nodes) if m["name"].startswith("base_") and parents(nodes, m, "source")
    ]
    assert len(readers) == 6
    for model in readers:
        assert len(parents(nodes, model, "source")) == 1, model["name"]
        is_of_patients = model["name"] == "base_clinic__patients"
        allowed = SETTINGS if is_of_patients else SETTINGS | {"base_clinic__patients"}
        assert {p["name"] for p in parents(nodes, model, "model")} == allowed, model["name"]


def test_staging_is_a_view_over_the_base_models_of_its_export(nodes):
    for model in models(nodes):
        if model["name"].startswith("stg_") and not model["name"].startswith("stg_intake__"):
            own_base = {REFUSED.get(model["name"], model["name"].replace("stg_", "base_", 1))}
            if model["name"] == "stg_clinic__visits":
                own_base.add("base_clinic__contradicting_visits")
            assert {p["name"] for p in parents(nodes, model, "model")} == own_base, model["name"]
            assert model["config"]["materialized"] == "view", model["name"]


def test_staging_reads_only_columns_words_and_score_ranges_of_the_seeds(nodes):
    for model in models(nodes):
        if model["schema"] == "staging":
            read = {p["name"] for p in parents(nodes, model, "seed")}
            assert read <= STAGING_SEEDS, model["name"]


def test_cohort_and_marts_read_no_base_model(nodes):
    for model in models(nodes):
        if model["schema"] in ("cohort", "marts"):
            read = {p["name"] for p in parents(nodes, model, "model")}
            assert not {name for name in read if name.startswith("base_")}, model["name"]


def test_nothing_downstream_reads_quarantine(nodes):
    readers = [
        m["name"]
        for m in models(nodes)
        for p in parents(nodes, m, "model")
        if p["schema"] == "quarantine" and m["schema"] != "quarantine"
    ]
    assert readers == []


def test_marts_carry_no_date_but_the_season_and_no_identifier_of_the_clinic(nodes):
    forbidden = (
        "_date",
        "visit_id",
        "prescription_id",
        "adverse_event_id",
        "pseudonym",
        "drug_name",
    )
    offenders = [
        f"{m['name']}.{column}"
        for m in models(nodes)
        if m["schema"] == "marts"
        for column, spec in m["columns"].items()
        if column.endswith(forbidden) or spec["data_type"] in ("date", "timestamp")
        if not column.startswith("is_")
    ]
    assert offenders == ["dim_patients.index_season_start_date"]


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
    return found


def python_files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def test_analyses_take_frames_and_open_nothing():
    files = python_files("analysis_py/analyses")
    assert files, "no analysis found"
    for path in files:
        source = path.read_text()
        assert not {i.split(".")[0] for i in imports(path)} & {"duckdb", "sqlalchemy", "dbt"}, path
        names = {
            n.func.id
            for n in ast.walk(ast.parse(source))
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        }
        assert "open" not in names, path


def test_only_four_modules_of_analysis_py_open_the_warehouse():
    openers = {p.name for p in python_files("analysis_py") if "duckdb" in imports(p)}
    assert openers <= {"marts.py", "store.py", "source.py", "account.py"}, openers


@pytest.mark.parametrize("room", ["intake", "analysis_py", "expectations", "refresh"])
def test_no_product_code_calls_the_simulator(room):
    callers = [
        str(p)
        for p in python_files(room)
        if any(i.split(".")[0] == "simulator" for i in imports(p))
    ]
    assert callers == []


def test_what_lies_on_disk_knows_nothing_of_a_refresh():
    files = python_files("refresh/store")
    assert len(files) > 5
    for path in files:
        own = {name for name in imports(path) if name.split(".")[0] == "refresh"}
        assert all(name.startswith("refresh.store") for name in own), path


def test_the_simulator_knows_no_product_code():
    product = {"intake", "analysis_py", "expectations", "refresh"}
    readers = [
        str(p) for p in python_files("simulator") if {i.split(".")[0] for i in imports(p)} & product
    ]
    assert readers == []
