"""Reads from the base models which rule can refuse which column, and what that costs."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass

from doc_files import ROOT

STAGING = ROOT / "models" / "staging"
EXPORTS = ("patients", "visits", "prescriptions", "comorbidities", "adverse_events")


def model_text(layer: str, export: str) -> str:
    """SQL of the base or staging model of an export."""
    [path] = STAGING.glob(f"*/{layer}_*__{export}.sql")
    return path.read_text("utf-8")


def seed_rows(folder: str, name: str) -> list[dict[str, str]]:
    """Rows of a seed, every cell as text."""
    with (ROOT / "seeds" / folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


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
    """

    key: list[str]
    costs: dict[str, str]
    rules: dict[str, set[str]]


def verdicts(export: str) -> Verdicts:
    """Read the verdicts of an export's base model."""
    text = model_text("base", export)
    call = text[text.index("record_faults(") :]
    key = _names(call, "key_columns")
    record, value = _names(call, "record_columns"), _names(call, "value_columns")
    assert key == _names(text[text.index("repeats(") :], "key_columns")
    in_verdict = re.search(r"has_record_fault\((.*?)\)", text, re.DOTALL)
    assert in_verdict
    assert re.findall(r"'(\w+)'", in_verdict.group(1)) == record
    costs = dict.fromkeys(record, "record") | dict.fromkeys(value, "value")
    assert len(costs) == len(record) + len(value)
    return Verdicts(key, costs, _rules(text))


def _names(text: str, argument: str) -> list[str]:
    found = re.search(rf"{argument}=\[(.*?)\]", text, re.DOTALL)
    assert found, argument
    return re.findall(r"'(\w+)'", found.group(1))


def _rules(text: str) -> dict[str, set[str]]:
    judged = text[text.index("judged as (") : text.index("{{ repeats(")]
    rules: dict[str, set[str]] = {}
    for column in re.findall(r"identifier_fault\('(\w+)'\)", judged):
        rules[column] = _codes_in("parse_identifier")
    for column, rest in re.findall(r"parse_word\('(\w+)', '\w+'(.*?)\)", judged):
        rules[column] = {"unknown_code"} | (
            {"missing_required"} if "required=true" in rest else set()
        )
    steps = {row["score_code"]: row["step"] for row in seed_rows("protocol", "score_definitions")}
    for column, score in re.findall(r"score_fault\('(\w+)', '(\w+)'\)", judged):
        other_step = "not_on_step" if float(steps[score]) == 1 else "not_integer"
        rules[column] = _codes_in("parse_number") - {other_step}
    plain = r"(case\b(?:(?!\bcase\b).)*?\bend|\{\{ date_rule\([^}]*\}\}) as (\w+)_fault\b"
    for expression, column in re.findall(plain, judged, re.DOTALL):
        found = set(re.findall(r"then '(\w+)'", expression))
        if "date_rule(" in expression:
            found |= _codes_in("parse_date")
        rules[column] = found
    return rules


def _codes_in(macro: str) -> set[str]:
    """Rules that a macro file can give."""
    known = {row["rule_code"] for row in seed_rows("quality", "rejection_rules")}
    text = (ROOT / "macros" / f"{macro}.sql").read_text("utf-8")
    return set(re.findall(r"'(\w+)'", text)) & known
