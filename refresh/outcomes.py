"""What the gates and the comparison report, in the form in which the refresh records it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from refresh.manifest import Entry


@dataclass(frozen=True)
class CheckOutcome:
    """The result of one expectation; the fields are the columns of quality.expectation_results."""

    suite_name: str
    expectation_code: str
    column_name: str | None
    state_code: str
    severity_code: str
    door_code: str
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


@dataclass
class Summary:
    """What a finished refresh tells a person and a script.

    Attributes
    ----------
    status : str
        ``published`` or ``already_loaded``.
    entry : dict
        The manifest line.
    notes : list of str
        Repairs that were made and overrides that were used.
    """

    status: str
    entry: Entry
    ledger: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    result_changes: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def as_plain(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        return asdict(self)
