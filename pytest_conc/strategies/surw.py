"""SURW: uniform over the orders of the accesses to one location, chosen anew for each execution.

Idea: a random walk is far from uniform. Of two tasks, one with 1 and one with 100 operations left, it lets each go
first half of the time, so that the short one is over long before the middle of the long one. If each task is
picked in proportion to the operations that it still has, all interleavings become equally likely; but there
are so many that uniformity over all is of little use. So choose one target, a location or lock that tasks share, and be
uniform over the orders of its accesses only. Before each access to the target one task is drawn, in proportion
to the accesses that it still has, and the others wait before theirs; what is no access to the target goes on
by random priorities. Source: Zhao, Wolff, Mathur, Roychoudhury, "Selectively Uniform Concurrency Testing",
ASPLOS 2025. Guarantee: if the counts are right and nothing blocks, each order of the accesses to the
target is equally likely. Cost: a pass over the enabled tasks a step.

The counts come from earlier executions, whose tasks are told apart by how they were started; a task that
is to be started counts like one that runs. A target is drawn in proportion to its accesses. Until there is a profile,
there is no target. Counts are wrong where a task takes another branch than before: if all that could go on wait for
their turn, one of them is drawn again.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_conc.strategies.profile import COUNTED, Key, Profile, Profiled, harmless, key_of
from pytest_conc.strategies.protocol import Pending, Trace


class SURW(Profiled):
    """Selectively uniform random walk."""

    def __init__(self, seed: int, profile: Profile | None = None) -> None:
        super().__init__(seed, profile)
        self._target: Key = None
        self._left: dict[int, int] = {}
        self._intended: int | None = None
        self._priorities: dict[int, float] = {}
        self._on_target: dict[object, bool] = {}

    def begin(self, trace: Trace) -> None:
        """Draws the target of this execution."""
        super().begin(trace)
        self._priorities = {}
        self._on_target = {}
        shared = self._profile.shared
        self._target = None
        if shared:
            self._target = self._random.choices(list(shared), self._profile.totals)[0]
            self._left = dict(shared[self._target])
            self._intend(list(self._left))

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """The task whose turn it is at the target, or any other that is not at the target."""
        free = harmless(running, enabled)
        if free is not None:
            return free
        if self._seen < len(self._trace):
            self._catch_up()
        intended, on_target = self._intended, self._is_on_target
        able = [task for task in enabled if task.path == intended or not on_target(task.kind, task.resource)]
        if not able:
            self._intend([task.path for task in enabled])
            able = [task for task in enabled if task.path == self._intended]
        return able[0] if len(able) == 1 else self._highest(able)

    def _catch_up(self) -> None:
        """Looks at what has been performed since the last choice."""
        trace = self._trace
        for index in range(self._seen, len(trace)):
            task, kind, resource = trace[index]
            self._priorities.pop(task.number, None)
            if self._is_on_target(kind, resource):
                self._left[task.path] = self._left.get(task.path, 0) - 1
                self._intend(list(self._left))
        self._seen = len(trace)

    def _intend(self, paths: list[int]) -> None:
        """Draws the task whose access to the target comes next."""
        weights = [max(self._left.get(path, 0), 0) for path in paths]
        self._intended = self._random.choices(paths, weights if any(weights) else None)[0]

    def _is_on_target(self, kind: str, resource: object) -> bool:
        known = self._on_target.get(resource)
        if known is None:
            known = self._on_target[resource] = resource is not None and key_of(resource) == self._target
        return known and kind in COUNTED and self._target is not None

    def _highest(self, tasks: Sequence[Pending]) -> Pending:
        priorities = self._priorities
        for task in tasks:
            if task.number not in priorities:
                priorities[task.number] = self._random.random()
        return max(tasks, key=lambda task: priorities[task.number])
