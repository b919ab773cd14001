"""The error that is shown without a traceback."""

from __future__ import annotations


class SimulatorError(Exception):
    """A request cannot be done; the message says what is wrong, where, and what to do."""
