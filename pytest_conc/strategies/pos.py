"""POS: every pending operation has a random priority, and those that conflict with the performed one draw anew.

Idea: what matters is the order of dependent operations, not of all operations. Give each pending operation a random
priority and perform the highest; operations in conflict with it get a new one, so that the order of each
conflicting pair is decided afresh instead of by an old draw. Source: Yuan, Yang, Gu, "Partial Order Aware
Concurrency Sampling", CAV 2018. Guarantee: each partial order has a chance that depends on its conflicts
only, not on the number of independent operations. Cost: one pass over the enabled tasks a step.

Operations that conflict with nothing (to start a task, to begin, to join one that is over) are performed at once
where that preempts nobody: all orders of the others remain possible. Two operations conflict here if they are on one
resource and not both reads; that an item and its container conflict too does not make a better sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from pytest_conc.model.operation import READ
from pytest_conc.strategies.profile import harmless
from pytest_conc.strategies.protocol import Pending, Trace


class POS:
    """Partial order sampling."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed).random
        self._priorities: dict[int, float] = {}

    def begin(self, trace: Trace) -> None:
        """Forgets all priorities."""
        self._priorities = {}

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """An operation that conflicts with nothing, or the one with the highest priority."""
        priorities = self._priorities
        free = harmless(running, enabled)
        if free is not None:
            priorities.pop(free.number, None)
            return free
        best, highest = enabled[0], -1.0
        for task in enabled:
            number = task.number
            if number not in priorities:
                priorities[number] = self._random()
            if priorities[number] > highest:
                best, highest = task, priorities[number]
        resource, reads = best.resource, best.kind is READ
        del priorities[best.number]
        for task in enabled:
            if task.resource is resource and task is not best and not (reads and task.kind is READ):
                priorities.pop(task.number, None)
        return best
