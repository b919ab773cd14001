"""What the gate reports: one outcome per expectation, counts only."""

from __future__ import annotations

from dataclasses import dataclass

PASSED, FAILED, ERROR, NOT_APPLICABLE = "passed", "failed", "error", "not_applicable"
STATES = (PASSED, FAILED, ERROR, NOT_APPLICABLE)


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
