"""Rules over Great Expectations' classes: what is expected and why, and what became of it.

A rule says what is expected, how much may break it, why, how bad a failure is, and which kind of
data quality it is about after Kahn et al. 2016 (doi 10.13063/2327-9214.1244): conformance,
completeness or plausibility; verification (against the registry's own rules) or validation (against
something outside it, such as the load before).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from expectations.facts import Facts

CONFORMANCE, COMPLETENESS, PLAUSIBILITY = "conformance", "completeness", "plausibility"
VERIFICATION, VALIDATION = "verification", "validation"
CRITICAL, WARNING = "critical", "warning"
PASSED, FAILED, ERROR, NOT_APPLICABLE = "passed", "failed", "error", "not_applicable"
STATES = (PASSED, FAILED, ERROR, NOT_APPLICABLE)
SOME, MANY = 20, 50
"""Records that a mean or a share needs to mean something, and those without which a value that all
of them share may be chance: a rule with fewer is not applicable."""


@dataclass(frozen=True)
class Rule:
    """One expectation.

    Attributes
    ----------
    code : str
        Name within the suite, lower snake case.
    expectation : str
        Class name in great_expectations.expectations.
    needs : str or None
        A column without any value makes the rule not applicable.
    counts : tuple of str, optional
        Columns of the suite's one row that hold the number behind a share and its denominator.
    words : str, optional
        Column of the suite's one row that says what was found; shown after the reason of a failure.
    is_applicable : bool
        False when what it compares with does not exist (no earlier load).
    judged : str or None
        SQL over ``{batch}``: the number of records that the rule judges.
    least : int
        With fewer of them the rule is not applicable.
    """

    code: str
    expectation: str
    arguments: dict[str, Any]
    category: str
    reason: str
    threshold: str
    severity: str = CRITICAL
    context: str = VERIFICATION
    needs: str | None = None
    counts: tuple[str, str] | None = None
    words: str | None = None
    is_applicable: bool = True
    judged: str | None = None
    least: int = 0

    def as_warning(self) -> Rule:
        """Return the rule with severity warning: shown, does not stop the publish."""
        return replace(self, severity=WARNING)

    def only_if(self, is_applicable: bool) -> Rule:
        """Return the rule, not applicable unless the condition holds."""
        return replace(self, is_applicable=is_applicable)

    def at_least(self, least: int, judged: str = "count(*)") -> Rule:
        """Return the rule, not applicable where fewer records are judged (SQL over ``{batch}``)."""
        return replace(self, judged=judged, least=least)

    def against_before(self, is_known: bool) -> Rule:
        """Return the rule as a comparison with the load before, if that is known."""
        return replace(self, context=VALIDATION, is_applicable=is_known)


@dataclass(frozen=True)
class Suite:
    """The rules of one export or mart, and the rows on which they are judged.

    Attributes
    ----------
    subject : str
        ``export`` or ``mart``.
    query : str
        SQL whose rows are judged.
    is_one_row : bool
        The query counts, and returns one row of numbers and words.
    """

    name: str
    subject: str
    query: str
    rules: list[Rule] = field(default_factory=list)
    is_one_row: bool = False


def value_between(
    code: str,
    least: float | None,
    most: float | None,
    *,
    category: str,
    reason: str,
    threshold: str,
) -> Rule:
    """Expect the column ``code`` of the suite's one row within limits; empty: not applicable."""
    return Rule(
        code, "ExpectColumnMaxToBeBetween", {"column": code, "min_value": least, "max_value": most},
        category, reason, threshold, needs=code,
    )  # fmt: skip


def rows_between(code: str, least: int, most: int | None, reason: str) -> Rule:
    """Expect a number of rows within limits."""
    threshold = f"at least {least:,} rows" if most is None else f"{least:,} to {most:,} rows"
    return Rule(
        code, "ExpectTableRowCountToBeBetween", {"min_value": least, "max_value": most},
        COMPLETENESS, reason, threshold,
    )  # fmt: skip


def no_rows(code: str, query: str, category: str, reason: str, threshold: str) -> Rule:
    """Expect a query over the suite's rows (written ``{batch}``) to return nothing.

    Without a row in the suite the rule is not applicable: the query would pass unseen.
    """
    rule = Rule(
        code, "UnexpectedRowsExpectation", {"unexpected_rows_query": query}, category, reason,
        threshold,
    )  # fmt: skip
    return rule.at_least(1)


class Measure(NamedTuple):
    """A rule and the SQL of the number that it judges: an aggregate over records, or names of some.

    With ``of`` the number is the share of ``sql`` in ``of``, in percent.
    """

    rule: Rule
    sql: str
    of: str | None = None

    def as_warning(self) -> Measure:
        """Return the measure with severity warning."""
        return self._replace(rule=self.rule.as_warning())

    def only_if(self, is_applicable: bool) -> Measure:
        """Return the measure, not applicable unless the condition holds."""
        return self._replace(rule=self.rule.only_if(is_applicable))


def share(
    code: str, sql: str, of: str, most: float, *, category: str, reason: str, what: str = "records"
) -> Measure:
    """Return the rule that a share is small: ``sql`` in ``of``, at most so many percent."""
    rule = value_between(
        code,
        None,
        most,
        category=category,
        reason=reason,
        threshold=f"at most {most:g} % of {what}",
    )
    return Measure(replace(rule, counts=(f"n_{code}", f"of_{code}")), sql, of)


def study_gate(
    facts: Facts,
    code: str,
    number: str,
    where: str = "true",
    per: str = "",
    *,
    category: str = PLAUSIBILITY,
) -> Iterator[Rule]:
    """Yield the rule that a number lies within the bounds that a study declares for it.

    Parameters
    ----------
    number : str
        SQL of an aggregate, in the gate's unit.
    where, per : str
        SQL: the rows that are judged, and their grouping.
    """
    gate = facts.gates.get(code)
    if gate is None:
        return
    bounds = (("at least", "<", gate.lower), ("at most", ">", gate.upper))
    outside = " or ".join(
        f"{number} {sign} {bound}" for _, sign, bound in bounds if bound is not None
    )
    within = " and ".join(f"{word} {bound:g}" for word, _, bound in bounds if bound is not None)
    rows = f"from {{batch}} where {where} {per}"
    query = f"select 1 {rows} having count(*) >= {gate.least_rows} and ({outside})"
    rule = no_rows(code, query, category, gate.reason, f"{within} {gate.unit}")
    judged = f"(select max(n) from (select count(*) as n {rows}))"
    yield rule.at_least(gate.least_rows, judged).only_if(gate.is_followed)


@dataclass(frozen=True)
class CheckOutcome:
    """The result of one expectation; the fields are the columns of quality.expectation_results.

    Attributes
    ----------
    state_code : str
        passed, failed, error (it could not be evaluated) or not_applicable.
    n_unexpected, n_judged : int or None
        Rows that broke the expectation, and rows judged.
    observed_value : float or None
        The aggregate, where the expectation is on one; never a value of a patient.
    threshold : str
        What was allowed, in words.
    cause : str
        For an error: its kind, never its words.
    """

    suite_name: str
    expectation_code: str
    column_name: str | None
    state_code: str
    severity_code: str
    subject_code: str
    kahn_category_code: str
    kahn_context_code: str
    reason: str
    n_unexpected: int | None
    n_judged: int | None
    observed_value: float | None
    threshold: str
    cause: str = ""

    @property
    def name(self) -> str:
        """Suite and expectation, as a person writes them."""
        return f"{self.suite_name}.{self.expectation_code}"


@dataclass(frozen=True)
class CheckReport:
    """All outcomes of a gate, and how many there should be."""

    outcomes: tuple[CheckOutcome, ...]
    n_expected: int

    def of_state(self, *states: str) -> list[CheckOutcome]:
        """Return the outcomes in any of the given states."""
        return [outcome for outcome in self.outcomes if outcome.state_code in states]
