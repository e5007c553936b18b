"""PCT: random priorities, and a few random points where the running task loses its own.

Idea: a bug of depth d needs d operations in one certain order. Give every task a random priority, always
run the enabled task with the highest one, and at d-1 random steps drop the running task below all others.
Source: Burckhardt, Kothari, Musuvathi, Nagarakatte, "A Randomized Scheduler with Probabilistic Guarantees of
Finding Bugs", ASPLOS 2010. Guarantee: with n tasks and k steps a bug of depth d is found by one execution
with a probability of at least 1/(n * k**(d-1)). Cost: a maximum over the enabled tasks a step.

k is taken from the longest execution so far; d rotates over 2, 3, 4, 5 but never exceeds k/4, since in a
short program many change points are just noise. Operations that conflict with nothing are performed at once. Tasks
that yield, poll or spin drop to the lowest priority, or they would starve the task that they wait for; without that the
guarantee would still hold, but programs that poll would run into the step bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from pytest_conc.model.operation import MODES
from pytest_conc.strategies.profile import harmless
from pytest_conc.strategies.protocol import Pending, Trace

DEPTHS = (3, 2, 4, 5)
YIELDS = frozenset(kind for kind in MODES if kind.startswith("try-")) | {"sleep", "is_alive", "size"}


class PCT:
    """Priority-based random scheduling with rotating depth."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._trace = Trace()
        self._longest = 0
        self._begun = 0
        self._lowest = 0.0
        self._priorities: dict[int, float] = {}
        self._changes: list[int] = []

    def begin(self, trace: Trace) -> None:
        """Draws the change points; priorities are drawn when a task is first seen."""
        self._longest = max(self._longest, len(self._trace))
        self._trace = trace
        depth = min(DEPTHS[self._begun % len(DEPTHS)], max(2, self._longest // 4))
        self._changes = sorted(int(self._random.random() * self._longest) for _ in range(depth - 1))
        self._begun += 1
        self._lowest = 0.0
        self._priorities = {}

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """An operation that conflicts with nothing, or that of the enabled task with the highest priority."""
        free = harmless(running, enabled)
        if free is not None and free.kind not in YIELDS:
            return free
        if running.kind in YIELDS and running in enabled:
            self._drop(running)
        best = self._highest(enabled)
        while self._changes and self._changes[0] <= len(self._trace):
            self._changes.pop(0)
            self._drop(best)
            best = self._highest(enabled)
        return best

    def _highest(self, enabled: Sequence[Pending]) -> Pending:
        priorities = self._priorities
        highest = float("-inf")
        best = enabled[0]
        for task in enabled:
            priority = priorities.get(task.number)
            if priority is None:
                priority = priorities[task.number] = self._random.random()
            if priority > highest:
                best, highest = task, priority
        return best

    def _drop(self, task: Pending) -> None:
        self._lowest -= 1.0
        self._priorities[task.number] = self._lowest
