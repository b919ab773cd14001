"""Reads from the base models which rule can refuse which column, and what that costs.

The models are rendered with the project's own macros and read as SQL: how a macro is called, in
which CTE a verdict stands and how the lines are broken makes no difference.
"""

from __future__ import annotations

import csv
import functools
import re
from dataclasses import dataclass
from pathlib import Path

import jinja2
import yaml
from doc_files import ROOT

MODELS = ROOT / "models"
EXPORTS = ("patients", "visits", "prescriptions", "comorbidities", "adverse_events")


def seed_rows(folder: str, name: str) -> list[dict[str, str]]:
    """Rows of a seed, every cell as text."""
    with (ROOT / "seeds" / folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


RULES = frozenset(row["rule_code"] for row in seed_rows("quality", "rejection_rules"))


def model_path(layer: str, export: str) -> Path:
    """Path of the base or staging model of an export."""
    [path] = (MODELS / "staging").glob(f"*/{layer}_*__{export}.sql")
    return path


@functools.cache
def rendered(path: Path) -> str:
    """SQL of a model with every macro of the project expanded, without comments.

    Sources and models keep their names; variables have the values of dbt_project.yml.
    """
    settings = yaml.safe_load((ROOT / "dbt_project.yml").read_text("utf-8"))["vars"]
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, autoescape=False, extensions=["jinja2.ext.do"]
    )
    environment.globals |= {
        "execute": False,
        "ref": str,
        "source": lambda schema, name: f"{schema}.{name}",
        "var": settings.__getitem__,
    }
    macros = "".join(macro.read_text("utf-8") for macro in sorted((ROOT / "macros").rglob("*.sql")))
    sql = environment.from_string(macros + path.read_text("utf-8")).render()
    return re.sub(r"--[^\n]*", "", sql)


@dataclass(frozen=True)
class Verdicts:
    """What a base model says about its export.

    Attributes
    ----------
    key : list of str
        Columns by which repeats are found.
    costs : dict
        Column -> "record" or "value"; a column that is never judged is absent.
    rules : dict
        Column -> the rules that can refuse a cell of it.
    patient_rules : set
        Rules that can refuse a record because of its patient.
    always_keeps_first : bool
        Whether records that share a key never contradict each other, whatever the mapping says.
    """

    key: list[str]
    costs: dict[str, str]
    rules: dict[str, set[str]]
    patient_rules: set[str]
    always_keeps_first: bool


def verdicts(export: str) -> Verdicts:
    """Read the verdicts of an export's base model."""
    path = model_path("base", export)
    sql = rendered(path)
    scopes = re.findall(
        r"'column_name': '([^']*)',\s*'rule_code': (.*?),\s*'scope_code': (case|'\w+')",
        sql,
        re.DOTALL,
    )
    [key] = [column for column, _, scope in scopes if scope == "case"]
    costs = {
        column: scope.strip("'")
        for column, rule, scope in scopes
        if scope != "case" and f"{column}_fault" in rule
    }
    [grouped_by] = re.findall(r"partition by has_record_fault, ([^()]*?)\s*\)", sql)
    assert re.split(r",\s*", grouped_by) == re.split(r",\s*", key), "repeats go by another key"
    [counted] = re.findall(r"select hash\((.*?)\) as key_hash", sql, re.DOTALL)
    [sought] = re.findall(r"on hash\((.*?)\) = repeated_hashes", sql, re.DOTALL)
    assert counted == sought, "repeats are looked for by another key than is counted"
    marked_by = list(dict.fromkeys(re.findall(r"\bsource\.(\w+)", counted)))
    assert marked_by == re.split(r",\s*", key), "repeats are looked for by another key"
    [in_verdict] = [item for name, item in aliased(sql) if name == "has_record_fault"]
    assert set(re.findall(r"(\w+)_fault\b", in_verdict)) - {"record"} == {
        column for column, cost in costs.items() if cost == "record"
    }, "the verdict and the list of faults disagree"
    [of_patient] = [item for name, item in aliased(sql) if name == "patient_rule"]
    return Verdicts(
        key=re.split(r",\s*", key),
        costs=costs,
        rules=_rules(sql),
        patient_rules=set(re.findall(r"'(\w+)'", of_patient)) & RULES,
        always_keeps_first=bool(
            re.search(r"keep_first\s*=\s*true", path.read_text("utf-8"), re.IGNORECASE)
        ),
    )


def aliased(sql: str) -> list[tuple[str, str]]:
    """Every `<expression> as <name>` of every select list, as (name, expression).

    Texts that are no rule are emptied first, so that no comma or bracket inside one counts.
    """
    plain = re.sub(
        r"'((?:[^']|'')*)'", lambda text: text.group(0) if text.group(1) in RULES else "''", sql
    )
    found = []
    starts = [0]
    for mark in re.finditer(r"[(\[{]|[)\]}]|,|\b(?:select|from)\b", plain):
        sign = mark.group(0)
        if sign in "([{":
            starts.append(mark.end())
        else:
            item = plain[starts[-1] : mark.start()].strip()
            named = re.fullmatch(r"(.*\S)\s+as\s+(\w+)", item, re.DOTALL)
            if named and sign in (",", "from"):
                found.append((named.group(2), named.group(1)))
            if sign in ")]}":
                starts.pop()
            else:
                starts[-1] = mark.end()
    return found


def _rules(sql: str) -> dict[str, set[str]]:
    steps = {row["score_code"]: row["step"] for row in seed_rows("protocol", "score_definitions")}
    rules: dict[str, set[str]] = {}
    for name, expression in aliased(sql):
        codes = set(re.findall(r"'(\w+)'", expression)) & RULES
        if not name.endswith("_fault") or not codes:
            continue
        column = name.removesuffix("_fault")
        if {"not_integer", "not_on_step"} <= codes:
            is_whole = float(steps[column.removesuffix("_score")]) == 1
            codes -= {"not_on_step" if is_whole else "not_integer"}
        # A cell is judged once; what two cells say together is found with the record.
        assert column not in rules or name in expression, f"{name} is decided twice"
        rules.setdefault(column, set()).update(codes)
    return rules
