"""The pages about the refresh say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.settings import KEPT_VERSIONS
from core.stop import EXIT_CODE_HELP
from refresh import publish_rules, quality
from registry.main import cli

ROOT = Path(__file__).resolve().parents[3]
RELIABILITY = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


def test_every_exit_code_is_on_the_page():
    for code, text in EXIT_CODE_HELP.items():
        assert f"| {int(code)} | {text} |" in RELIABILITY


def test_every_command_is_on_the_page():
    for command in ("run", "versions", "rollback", "verify", "doctor", "export", "erase"):
        assert command in cli.commands
        assert f"`registry {command}`" in RELIABILITY


@pytest.mark.parametrize("module", ["publish_rules", "store/versions"])
def test_every_rule_that_can_be_accepted_is_on_the_page(module):
    source = (ROOT / "refresh" / f"{module}.py").read_text(encoding="utf-8")
    rules = set(re.findall(r'Finding\(\s*"([a-z_]+)"', source))
    rules |= set(re.findall(r'"(damaged_version)"', source))
    assert rules
    for rule in rules:
        assert f"| `{rule}` |" in RELIABILITY, rule


def test_the_shares_on_the_page_are_those_of_the_code():
    regimen = publish_rules.LARGEST_SHARE["fct_patient_timepoints"]["topical_regimen_code"]
    assert f"topical regimen or a score {regimen:.0%}".replace("%", " %") in RELIABILITY
    assert f"more than {publish_rules.LARGEST_VANISHED_SHARE:.0%}".replace("%", " %") in RELIABILITY
    assert f"the newest {KEPT_VERSIONS}" in RELIABILITY


def test_every_test_that_the_page_names_exists():
    sources = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "python").rglob("*.py")
    )
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", RELIABILITY))
    assert len(named) > 15
    for name in named:
        assert f"def {name}(" in sources, name
    for name in set(re.findall(r"`(test_[a-z0-9_]+\.py)`", RELIABILITY)):
        assert list((ROOT / "tests" / "python").rglob(name)), name


def test_the_quality_tables_about_changes_are_on_the_page():
    for table in quality.TABLES:
        if "changes" in table:
            assert f"`quality.{table}`" in RELIABILITY
