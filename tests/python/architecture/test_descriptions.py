"""Every model, seed and column is described, and every model and seed has a key test."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("staging", "quarantine", "cohort", "marts")
ROWS_OF_ANOTHER = {
    "cohort_prescriptions": "it has the rows of stg_pharmacy__prescriptions, whose key is tested",
    "cohort_scores": "it has the rows of cohort_visits, whose key is tested",
}
"""Models with `as_many_rows_as` in place of a key test, and why that is enough."""


@pytest.fixture(scope="module")
def manifest(demo_build) -> dict:
    return demo_build.manifest


def described(manifest: dict) -> list[dict]:
    return [n for n in manifest["nodes"].values() if n["resource_type"] in ("model", "seed")]


def nodes_that_call(manifest: dict, name: str) -> list[dict]:
    return [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and node.get("test_metadata", {}).get("name") == name
    ]


def test_every_model_and_seed_is_described(manifest):
    assert [n["name"] for n in described(manifest) if len(n["description"].strip()) < 20] == []


def test_every_column_of_the_built_tables_is_described(manifest, warehouse):
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        columns = connection.execute(
            "select table_name, column_name from duckdb_columns() where schema_name in ?",
            [[*ROOMS, "reference"]],
        ).fetchall()
    nodes = {n["name"]: n for n in described(manifest)}
    missing = [
        f"{table}.{column}"
        for table, column in columns
        if not nodes[table]["columns"].get(column, {}).get("description", "").strip()
    ]
    assert len(columns) > 300
    assert missing == []


def test_descriptions_are_written_into_the_file(warehouse):
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        bare_tables = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'marts' and comment is null"
        ).fetchall()
        bare_columns = connection.execute(
            "select table_name, column_name from duckdb_columns() "
            "where schema_name = 'marts' and comment is null"
        ).fetchall()
    assert bare_tables == []
    assert bare_columns == []


def test_every_model_and_seed_has_a_key_test(manifest):
    keyed = {
        test["attached_node"]
        for test in nodes_that_call(manifest, "holds")
        if test["test_metadata"]["kwargs"].get("keys")
    } | {test["attached_node"] for test in nodes_that_call(manifest, "unique")}
    keyed |= {
        node["unique_id"]
        for node in described(manifest)
        if any(
            constraint["type"] == "primary_key"
            for column in node["columns"].values()
            for constraint in column["constraints"]
        )
    }
    counted = [
        manifest["nodes"][test["attached_node"]]["name"]
        for test in nodes_that_call(manifest, "as_many_rows_as")
        if set(test["depends_on"]["nodes"]) - {test["attached_node"]} <= keyed
    ]
    without = [n["name"] for n in described(manifest) if n["unique_id"] not in keyed]
    assert sorted(without) == sorted(counted) == sorted(ROWS_OF_ANOTHER)


def test_every_mart_has_an_enforced_contract(manifest):
    marts = [n for n in described(manifest) if n["schema"] == "marts"]
    assert len(marts) >= 12
    assert [m["name"] for m in marts if not m["config"]["contract"]["enforced"]] == []
    assert [
        f"{m['name']}.{c}" for m in marts for c, s in m["columns"].items() if not s["data_type"]
    ] == []


ALLOWED_KEYS = {
    "properties": {"version", "models", "seeds", "sources", "unit_tests", "exposures", "macros"},
    "resource": {
        "name",
        "description",
        "config",
        "columns",
        "data_tests",
        "constraints",
        "latest_version",
    },
    "column": {"name", "description", "data_type", "data_tests", "constraints", "config", "quote"},
}


def property_files() -> list[Path]:
    return sorted([*(ROOT / "models").rglob("*.yml"), *(ROOT / "seeds").rglob("*.yml")])


@pytest.mark.parametrize("path", property_files(), ids=lambda p: p.name)
def test_property_files_have_no_unknown_key(path):
    content = yaml.safe_load(path.read_text())
    assert set(content) <= ALLOWED_KEYS["properties"], path
    for resource in [*content.get("models", []), *content.get("seeds", [])]:
        assert set(resource) <= ALLOWED_KEYS["resource"], (path, resource["name"])
        for column in resource.get("columns", []):
            assert set(column) <= ALLOWED_KEYS["column"], (
                path,
                resource["name"],
                column.get("name"),
            )


def test_the_yaml_lists_the_columns_that_the_table_has(manifest, warehouse):
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for node in described(manifest):
            actual = {
                row[0]
                for row in connection.execute(
                    "select column_name from duckdb_columns() "
                    "where schema_name = ? and table_name = ?",
                    [node["schema"], node["name"]],
                ).fetchall()
            }
            assert set(node["columns"]) == actual, node["name"]
