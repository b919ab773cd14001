"""The words in which suites are written: a few kinds of rule over Great Expectations' classes.

A rule says what is expected, how much may break it, why, how bad a failure is, and which kind of
data quality it is about after Kahn et al. 2016 (doi 10.13063/2327-9214.1244): conformance,
completeness or plausibility; verification (against the registry's own rules) or validation (against
something outside it, such as the delivery before).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

CONFORMANCE, COMPLETENESS, PLAUSIBILITY = "conformance", "completeness", "plausibility"
VERIFICATION, VALIDATION = "verification", "validation"
CRITICAL, WARNING = "critical", "warning"


@dataclass(frozen=True)
class Rule:
    """One expectation.

    Attributes
    ----------
    code : str
        Name within the suite, lower snake case.
    expectation : str
        Class name in great_expectations.expectations.
    arguments : dict
        Its arguments.
    needs : str or None
        A column without any value makes the rule not applicable (an optional column).
    least_rows : int
        With fewer rows judged, the rule says nothing: not applicable.
    is_applicable : bool
        False when what it compares with does not exist (no earlier load).
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
    least_rows: int = 0
    is_applicable: bool = True

    def only_if(self, is_applicable: bool) -> Rule:
        """Return the rule, not applicable unless the condition holds."""
        return replace(self, is_applicable=is_applicable)

    def as_warning(self) -> Rule:
        """Return the rule with severity warning: shown, does not stop the publish."""
        return replace(self, severity=WARNING)


@dataclass(frozen=True)
class Suite:
    """The rules of one export or mart, and the rows on which they are judged.

    Attributes
    ----------
    door : str
        ``export`` or ``mart``.
    query : str
        SQL whose rows are judged; it may add flag columns.
    """

    name: str
    door: str
    query: str
    rules: list[Rule] = field(default_factory=list)


def percent(share: float) -> str:
    """Return a share as text without needless decimals."""
    return f"{100 * share:g} %"


def filled(column: str, reason: str, share: float = 1.0) -> Rule:
    """Expect a column to hold a value in at least this share of the rows."""
    return Rule(
        f"{column}_filled", "ExpectColumnValuesToNotBeNull", {"column": column, "mostly": share},
        COMPLETENESS, reason, f"at least {percent(share)} of rows filled",
    )  # fmt: skip


def true(flag: str, column: str, category: str, reason: str, share: float = 1.0) -> Rule:
    """Expect a flag column to be true in at least this share of the rows where it is not null.

    Parameters
    ----------
    flag : str
        Boolean column of the suite's query; null = nothing to judge in this row.
    column : str
        The column that is judged by it; without any value the rule is not applicable.
    """
    return Rule(
        flag.removeprefix("is_").removeprefix("has_"), "ExpectColumnValuesToBeInSet",
        {"column": flag, "value_set": [True], "mostly": share}, category, reason,
        f"at least {percent(share)} of rows", needs=column,
    )  # fmt: skip


def rows_between(
    code: str, least: float, most: float | None, reason: str, threshold: str = ""
) -> Rule:
    """Expect a number of rows within limits."""
    upper = None if most is None else int(most)
    text = threshold or (f"at least {int(least):,} rows" if most is None else
                         f"{int(least):,} to {upper:,} rows")  # fmt: skip
    return Rule(
        code, "ExpectTableRowCountToBeBetween", {"min_value": int(least), "max_value": upper},
        COMPLETENESS, reason, text,
    )  # fmt: skip


def varied(column: str, reason: str, least_rows: int = 20) -> Rule:
    """Expect at least two different values in a column that is filled."""
    return Rule(
        f"{column}_varied", "ExpectColumnUniqueValueCountToBeBetween",
        {"column": column, "min_value": 2, "max_value": None}, PLAUSIBILITY, reason,
        "at least 2 different values", needs=column, least_rows=least_rows,
    )  # fmt: skip


def unique_share(column: str, reason: str, share: float) -> Rule:
    """Expect nearly every value of a column to be different."""
    return Rule(
        f"{column}_unique", "ExpectColumnProportionOfUniqueValuesToBeBetween",
        {"column": column, "min_value": share, "max_value": 1.0}, PLAUSIBILITY, reason,
        f"at least {percent(share)} different values", needs=column,
    )  # fmt: skip


def mean_between(column: str, least: float, most: float, reason: str) -> Rule:
    """Expect the mean of a column within limits."""
    return Rule(
        f"{column}_mean", "ExpectColumnMeanToBeBetween",
        {"column": column, "min_value": least, "max_value": most}, PLAUSIBILITY, reason,
        f"mean between {least:g} and {most:g}", needs=column,
    )  # fmt: skip


def no_rows(code: str, query: str, category: str, reason: str, threshold: str) -> Rule:
    """Expect a query over the suite's rows (written ``{batch}``) to return nothing."""
    return Rule(
        code, "UnexpectedRowsExpectation", {"unexpected_rows_query": query}, category, reason,
        threshold,
    )  # fmt: skip


def holds_columns(columns: list[str], reason: str) -> Rule:
    """Expect at least these columns."""
    query = f"select {', '.join(columns)} from {{batch}} where false"
    return no_rows("columns", query, CONFORMANCE, reason, f"{len(columns)} columns")
