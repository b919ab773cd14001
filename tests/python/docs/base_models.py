"""Which rule can refuse which column of an export, and what that costs.

The columns are those of seed export_columns. The rules of a kind of column are read from the macros
that judge the cells, the rules between records from what the base model sets.
"""

from __future__ import annotations

import csv
import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from doc_files import ROOT
from jinja2 import nodes

EXPORTS = ("patients", "visits", "scores", "prescriptions", "comorbidities", "adverse_events")
READINGS = {
    "word": {"code"},
    "atc": {"code"},
    "score": {"points"},
    "age": {"points"},
    "date": {"day"},
    "text": {"term", "cell_text"},
}
"""Kind of column -> the columns of judge_cells that a base model may take of it."""


def seed_rows(folder: str, name: str) -> list[dict[str, str]]:
    """Rows of a seed, every cell as text."""
    with (ROOT / "seeds" / folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


RULES = frozenset(row["rule_code"] for row in seed_rows("quality", "rejection_rules"))


def declared(export: str) -> dict[str, dict[str, str]]:
    """Column of an export -> its row in seed export_columns."""
    return {
        row["column_name"]: row
        for row in seed_rows("quality", "export_columns")
        if row["export_name"] == export
    }


def model_path(export: str) -> Path:
    """Path of the base model of an export."""
    [path] = (ROOT / "models" / "staging").glob(f"*/base/base_*__{export}.sql")
    return path


def macro_text(name: str) -> str:
    """The text of one macro, without comments."""
    text = (ROOT / "macros").joinpath(_file_of(name)).read_text("utf-8")
    [body] = re.findall(rf"{{% macro {name}\(.*?%}}(.*?)endmacro", text, re.DOTALL)
    return re.sub(r"{#.*?#}", "", body, flags=re.DOTALL)


def _file_of(name: str) -> str:
    [path] = [
        path.name
        for path in (ROOT / "macros").glob("*.sql")
        if f"macro {name}(" in path.read_text("utf-8")
    ]
    return path


@functools.cache
def settings_of(export: str) -> dict[str, Any]:
    """What the base model of an export sets, and every named argument of its macros."""
    tree = jinja2.Environment(autoescape=False).parse(model_path(export).read_text("utf-8"))
    found = {node.target.name: node.node.as_const() for node in tree.find_all(nodes.Assign)}
    for keyword in tree.find_all(nodes.Keyword):
        found[keyword.key] = keyword.value.as_const()
    return found


def rules_in(text: str) -> set[str]:
    """The codes of rules that a piece of SQL names."""
    return set(re.findall(r"'(\w+)'", text)) & RULES


def rules_of_kinds() -> dict[str, set[str]]:
    """Kind of column -> the rules that can refuse a cell of it, but for missing_required."""
    text = macro_text("judge_cells").replace("score_rule", macro_text("score_rule"))
    branches = text.split("when kind_code = ")[1:]
    found: dict[str, set[str]] = {"text": set()}
    for branch in branches:
        found[branch.split("'")[1]] = rules_in(branch)
    found["identifier"] = rules_in(macro_text("clean_records")) - {"missing_required"}
    return found


@dataclass(frozen=True)
class Verdicts:
    """What can be wrong with the records of an export.

    Attributes
    ----------
    key : list of str
        Columns by which repeats are found.
    costs : dict
        Column -> "record" or "value"; a column that is never judged is absent.
    own_costs : dict
        Rule -> what it costs, where that is not what another fault of its column costs.
    rules : dict
        Column -> the rules that can refuse a cell of it.
    patient_rules : set
        Rules that can refuse a record because of its patient.
    always_keeps_first : bool
        Whether records that share a key never contradict each other, whatever the mapping says.
    """

    key: list[str]
    costs: dict[str, str]
    own_costs: dict[str, str]
    rules: dict[str, set[str]]
    patient_rules: set[str]
    always_keeps_first: bool


def verdicts(export: str) -> Verdicts:
    """Gather the verdicts on an export's records."""
    settings = settings_of(export)
    patient_rules = {"orphan", "parent_rejected"} if "patients" in settings else set()
    if "dated_by" in settings:
        patient_rules.add("before_birth")
    columns = declared(export)
    rules = {name: _rules_of(row) for name, row in columns.items()}
    own_costs: dict[str, str] = {}
    for column, (_, rule, *own_cost) in settings.get("not_before", {}).items():
        rules[column].add(rule)
        if own_cost:
            own_costs[rule] = own_cost[0]
    return Verdicts(
        key=settings["key"],
        costs={name: row["fault_scope"] for name, row in columns.items() if row["fault_scope"]},
        own_costs=own_costs,
        rules={name: found for name, found in rules.items() if found},
        patient_rules=patient_rules,
        always_keeps_first=settings.get("keep_first", False),
    )


def _rules_of(row: dict[str, str]) -> set[str]:
    rules = set(rules_of_kinds()[row["kind_code"]])
    if row["is_cell_required"] == "true":
        rules.add("missing_required")
    if row["kind_code"] == "score" and row["score_code"]:
        steps = {r["score_code"]: r["step"] for r in seed_rows("protocol", "score_definitions")}
        is_whole = float(steps[row["score_code"]]) == 1
        rules.discard("not_on_step" if is_whole else "not_integer")
    if row["date_limit"] != "age":
        rules.discard("age_range")
    return rules
