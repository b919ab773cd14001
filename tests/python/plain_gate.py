"""The gate without Great Expectations, which takes a second per delivery for three kinds of rule.

`faults/test_short_road.py` shows that both give the same report.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from core import duck
from expectations import gate
from expectations.facts import Facts
from expectations.rules import CheckOutcome, CheckReport, Rule, Suite

GREAT_EXPECTATIONS = gate.run


def run(work_file: Path, facts: Facts, suites: list[Suite] | None = None) -> CheckReport:
    """Judge a built work file, as `gate.run` does."""
    chosen = gate.all_suites(facts) if suites is None else suites
    with duck.connect(work_file, read_only=True) as db:
        # Tables of its own, so that a batch is queried once.
        db.execute("set threads = 1; set disabled_optimizers = 'join_order'")
        outcomes = [each for suite in chosen for each in _judge(db, suite)]
    return CheckReport(tuple(outcomes), sum(len(suite.rules) for suite in chosen))


def _judge(db, suite: Suite) -> Iterator[CheckOutcome]:
    try:
        db.execute(f"create or replace temp table batch as {suite.query}")
    except duckdb.Error as error:
        yield from gate._judge(None, suite, type(error).__name__)
        return
    counted = gate.counted_of(suite)
    row = db.execute(f"select {', '.join(counted.values())} from batch").fetchone()
    numbers = dict(zip(counted, row, strict=True))
    rules = [rule for rule in suite.rules if gate._applies(rule, numbers)]
    found = {rule.code: db.execute(_observed(rule)).fetchone()[0] for rule in rules}
    for rule in suite.rules:
        if rule.code not in found:
            yield gate._outcome(suite, rule, gate.NOT_APPLICABLE)
            continue
        result = SimpleNamespace(
            success=_is_met(rule, found[rule.code]),
            exception_info={"raised_exception": False},
            result={"observed_value": found[rule.code]},
        )
        yield gate._read(suite, rule, result, numbers)


def _observed(rule: Rule) -> str:
    """Return SQL of what the rule looks at."""
    if rule.expectation == "UnexpectedRowsExpectation":
        query = rule.arguments["unexpected_rows_query"].replace("{batch}", "batch")
        return f"select count(*) from ({query})"
    if rule.expectation == "ExpectTableRowCountToBeBetween":
        return "select count(*) from batch"
    assert rule.expectation == "ExpectColumnMaxToBeBetween"
    return f'select max("{rule.arguments["column"]}") from batch'


def _is_met(rule: Rule, observed: float) -> bool:
    if rule.expectation == "UnexpectedRowsExpectation":
        return observed == 0
    least, most = rule.arguments["min_value"], rule.arguments["max_value"]
    return (least is None or observed >= least) and (most is None or observed <= most)


@contextmanager
def plain_gate() -> Iterator[None]:
    """Put this gate in the place of the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate, "run", run)
        yield
