"""Whose turn it is: queues by weight, and none that has jobs is left out."""

import math
from collections.abc import Mapping

__all__ = ["Turns"]


class Turns:
    """Weighted turns (stride scheduling): while jobs wait in all queues, each gets the share of its weight.

    A queue that is empty gives its turn to the others, and saves up none. One that has jobs waits for no more turns
    than the sum of the weights and the number of queues, however heavy the others are.

    Args:
        weights: Weight of each queue, 1 or more.
    """

    def __init__(self, weights: Mapping[str, int]) -> None:
        whole = math.lcm(*weights.values())
        self._strides = {name: whole // weight for name, weight in weights.items()}
        self._due = dict.fromkeys(weights, 0)
        self._now = 0

    def order(self) -> list[str]:
        """Return the queues in the order in which to ask them for a job: the first one's turn it is."""
        return sorted(self._due, key=lambda name: (self._due[name], self._strides[name], name))

    def had_job(self, name: str) -> None:
        """Say that a queue has had this turn."""
        self._now = max(self._now, self._due[name])
        self._due[name] = self._now + self._strides[name]

    def was_empty(self, name: str) -> None:
        """Say that a queue had nothing when it was asked."""
        self._due[name] = max(self._now, self._due[name])
