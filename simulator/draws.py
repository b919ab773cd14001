"""Random numbers from integer arithmetic only: the same on every machine.

The generator is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014, doi 10.1145/2660193.2660195). The twin does not use the generators of
Python and numpy: their helper methods may change between versions, and a float that is rounded
differently would change a byte of the delivery.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

_MASK = (1 << 64) - 1
Item = TypeVar("Item")


class Draws:
    """A stream of integer draws, named by a seed and a label.

    Parameters
    ----------
    label : str
        The name of the stream, for instance ``"visits/17"``. Streams are independent: a change in
        one patient does not change the others.
    """

    def __init__(self, seed: int, label: str) -> None:
        digest = hashlib.sha256(f"{seed}/{label}".encode()).digest()
        self._state = int.from_bytes(digest[:8], "big")

    def _next(self) -> int:
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        word = self._state
        word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _MASK
        return word ^ (word >> 31)

    def below(self, limit: int) -> int:
        """Return an integer from 0 to ``limit - 1``, each equally likely."""
        if limit < 1:
            raise ValueError(f"a draw needs at least one possible value, not {limit}")
        largest = (1 << 64) - (1 << 64) % limit
        word = self._next()
        while word >= largest:
            word = self._next()
        return word % limit

    def between(self, low: int, high: int) -> int:
        """Return an integer from ``low`` to ``high``, both included."""
        return low + self.below(high - low + 1)

    def bell(self, low: int, high: int) -> int:
        """Return an integer from ``low`` to ``high``; the middle is the most likely (two dice)."""
        width = high - low
        return low + self.between(0, width // 2) + self.between(0, width - width // 2)

    def chance(self, percent: int) -> bool:
        """Return True in ``percent`` of 100 draws."""
        return self.below(100) < percent

    def pick(self, items: Sequence[Item]) -> Item:
        """Return one item, each equally likely."""
        return items[self.below(len(items))]

    def weighted(self, items: Sequence[tuple[Item, int]]) -> Item:
        """Return one item of ``(item, weight)`` pairs, with integer weights."""
        ticket = self.below(sum(weight for _, weight in items))
        for item, weight in items:
            if ticket < weight:
                return item
            ticket -= weight
        raise ValueError("the weights must be positive")

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """Return the items in random order (Fisher and Yates)."""
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order
