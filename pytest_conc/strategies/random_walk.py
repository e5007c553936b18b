"""Random walk: every enabled task is equally likely, at every scheduling point.

The baseline of the literature. Each single order has some chance, but a program with many operations that
do not matter hides the few that do: reorder_10 of `suites/classics` is not found in 3 000 schedules.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from pytest_conc.strategies.protocol import Pending, Trace


class RandomWalk:
    """Uniform among the enabled tasks; one stream of random numbers for all executions."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed).random

    def begin(self, trace: Trace) -> None:
        """Nothing to prepare."""

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """Any enabled task, all equally likely."""
        return enabled[int(self._random() * len(enabled))]
