"""What a finished refresh reports."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from refresh.manifest import Entry


@dataclass
class Summary:
    """What a finished refresh tells a person and a script.

    Attributes
    ----------
    status : str
        ``published``, ``already_loaded`` or ``rolled_back``.
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
