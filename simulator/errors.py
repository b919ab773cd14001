"""The one error that is shown to people without a traceback."""

from __future__ import annotations


class SimulatorError(Exception):
    """Something in the request cannot be done; the message says what, where and what to do."""
