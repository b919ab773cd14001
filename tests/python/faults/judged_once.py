"""Great Expectations judges equal columns once: most faults leave most columns as they were.

A verdict follows from a rule, the columns that it names, the number of rows and the names of all
columns. A verdict on equal ones, in another delivery of the same run, is used again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations import gate
from expectations.outcomes import CheckOutcome
from expectations.rules import Suite

JUDGE, NUMBERS = gate._judge, gate._numbers


@dataclass
class Verdicts:
    """Verdicts given so far.

    Attributes
    ----------
    given : dict
        Suite, rule and what it names to an outcome.
    named : dict
        Suite and rule to the columns named, in the file that is being judged.
    n_again : int
        How many rules were not judged afresh.
    """

    given: dict[tuple, CheckOutcome] = field(default_factory=dict)
    named: dict[tuple[str, str], tuple] = field(default_factory=dict)
    n_again: int = 0

    def look(self, file: Path, suites: list[Suite]) -> dict[str, Any]:
        """Take note of the columns that are about to be judged."""
        with duckdb.connect(str(file), read_only=True) as db:
            for suite in suites:
                with suppress(duckdb.Error):  # what cannot be read is judged every time
                    self.named |= _named(db, suite)
        return NUMBERS(file, suites)

    def judge(self, source: Any, suite: Suite, numbers: Any) -> list[CheckOutcome]:
        """Return the verdicts on equal columns, and let the others be judged."""
        if isinstance(numbers, str):
            return JUDGE(source, suite, numbers)
        keys = {
            rule.code: (
                suite.name, suite.query, repr(rule), self.named[suite.name, rule.code],
                *(numbers.get(name) for name in ("", rule.needs, *(rule.counts or ()))),
            )
            for rule in suite.rules
        }  # fmt: skip
        new = [rule for rule in suite.rules if keys[rule.code] not in self.given]
        self.n_again += len(suite.rules) - len(new)
        if new:
            for outcome in JUDGE(source, replace(suite, rules=new), numbers):
                self.given[keys[outcome.expectation_code]] = outcome
        return [self.given[keys[rule.code]] for rule in suite.rules]


def _named(db: duckdb.DuckDBPyConnection, suite: Suite) -> dict[tuple[str, str], tuple]:
    """Return, per rule, the table's columns and rows, and a hash of the columns that it names."""
    columns = [column[:2] for column in db.execute(f"describe {suite.query}").fetchall()]
    packed = []
    for rule in suite.rules:
        words = set(re.findall(r"\w+", f"{rule.needs} {rule.arguments}"))
        cells = ", ".join(f'"{name}" := "{name}"' for name, _ in columns if name in words)
        packed.append(f"sum(hash(struct_pack({cells}))::hugeint)" if cells else "0")
    n_rows, *sums = db.execute(
        f"select count(*), {', '.join(packed)} from ({suite.query})"
    ).fetchone()
    return {
        (suite.name, rule.code): (*columns, n_rows, total)
        for rule, total in zip(suite.rules, sums, strict=True)
    }


@contextmanager
def judged_once(verdicts: Verdicts) -> Iterator[None]:
    """Let the gate judge equal columns once while this is open."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate, "_numbers", verdicts.look)
        patch.setattr(gate, "_judge", verdicts.judge)
        yield
