"""DPOR: of all interleavings that differ only in the order of independent operations, one is enough.

Idea: run any schedule. For each race in its trace, plan to run once more up to the first of the two operations and then
let the second one come first; go on until nothing is planned. A sleep set holds the tasks whose next operation
has been tried first already at an earlier branch: as long as nothing dependent on it happens, to run it now
would only repeat that branch. Source: Abdulla, Aronis, Jonsson, Sagonas, "Optimal Dynamic Partial Order
Reduction", POPL 2014, algorithm 1 (source sets). Guarantee: at least one execution of each interleaving class,
provided that all operations that depend on each other are known to (`races.depend`). Cost: depth first, so the memory
is that of one path; executions that end with only sleeping tasks repeat a class and are wasted.

The path is kept by trace index, and tasks by how they were started. Operations that touch nothing are performed at
once. Where a planned switch turns out not to be possible, that plan is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from pytest_conc.model.operation import INSERT, READ, WRITE
from pytest_conc.strategies.profile import FOLLOW_UPS, harmless
from pytest_conc.strategies.protocol import Pending, Trace
from pytest_conc.strategies.races import Access, Races, access_of, depend

LATE = FOLLOW_UPS | {READ, WRITE, INSERT}  # become scheduling points when they are known to matter


class _Node:
    """A choice on the current path: who could go, who need not, who is to go, and who went."""

    __slots__ = ("chosen", "done", "enabled", "sleeping", "todo")

    def __init__(self, chosen: int, enabled: set[int] | None, sleeping: set[int]) -> None:
        self.chosen = chosen
        self.enabled = enabled
        self.sleeping = sleeping
        self.todo = {chosen}
        self.done: set[int] = set()


class DPOR:
    """Depth first, one branch after the other."""

    draws = False

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.exhausted = self.helpless = False
        self._nodes: dict[int, _Node] = {}
        self._path: list[int] = []
        self._plan: list[int] = []
        self._trace: Trace = ()
        self._sleeping: dict[int, Access | None] = {}
        self._seen = 0
        self._lost_at: int | None = None
        self._repeats_at: int | None = None
        self._announced: Sequence[Pending] = ()
        self._announced_at = 0

    def begin(self, trace: Trace) -> None:
        """Starts to follow the plan."""
        self._trace = trace
        self._sleeping = {}
        self._seen = len(self._plan)
        self._lost_at = self._repeats_at = None
        self._announced = ()

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """The planned task; beyond the plan any that does not sleep."""
        at = len(self._trace)
        self._announced, self._announced_at = enabled, at
        self.helpless = self.helpless or running.kind == "switch"
        if at < len(self._plan):
            return self._planned(at, running, enabled)
        free = harmless(running, enabled)
        if free is not None:
            return free
        self._wake_up()
        awake = [task for task in enabled if task.path not in self._sleeping]
        if not awake and self._repeats_at is None:
            self._repeats_at = at
        if self._repeats_at is not None:
            return running if running in enabled else enabled[0]
        chosen = running if running in awake else awake[int(self._random.random() * len(awake))]
        self._nodes[at] = _Node(chosen.path, {task.path for task in enabled}, set(self._sleeping))
        return chosen

    def _planned(self, at: int, running: Pending, enabled: Sequence[Pending]) -> Pending:
        if at == len(self._plan) - 1:
            node = self._nodes[at]
            asleep = (node.sleeping | node.done) - {node.chosen}
            self._sleeping = {task.path: access_of(task.kind, task.resource) for task in enabled if task.path in asleep}
            self._seen = at
        for task in enabled:
            if task.path == self._plan[at]:
                return task
        self._lost_at = at
        return running if running in enabled else enabled[0]

    def _wake_up(self) -> None:
        """Those who sleep wake up at the first operation that depends on theirs."""
        if self._sleeping:
            for _, kind, resource in self._trace[self._seen :]:
                touched = access_of(kind, resource)
                for path in [path for path, access in self._sleeping.items() if depend(touched, access)]:
                    del self._sleeping[path]
        self._seen = len(self._trace)

    def end(self) -> None:
        """Plans what the races of this execution ask for, and goes on with the deepest plan."""
        path = [task.path for task, _, _ in self._trace]
        if path[: len(self._plan)] == self._plan:
            self._path = path
            self._plan_reversals()
        self._plan = []
        while self._nodes and not self._plan:
            at = max(self._nodes)
            node = self._nodes[at]
            node.done.add(node.chosen)
            left = sorted(node.todo - node.done - node.sleeping)
            if left:
                node.chosen = left[int(self._random.random() * len(left))]
                self._plan = [*self._path[:at], node.chosen]
            else:
                del self._nodes[at]
        self.exhausted = not self._plan

    def _plan_reversals(self) -> None:
        end = len(self._trace) if self._repeats_at is None else self._repeats_at
        pending = self._left_over() if self._repeats_at is None else []
        for race in Races(self._trace[:end], pending, self._could).since(max(len(self._plan) - 1, 0)):
            node = self._nodes.get(race.first)
            if node is None:
                if self._trace[race.first][1] not in LATE:
                    continue
                node = self._nodes[race.first] = _Node(self._path[race.first], None, set())
            if not node.sleeping.union(node.todo).intersection(race.initials):
                able = [path for path in race.initials if node.enabled is None or path in node.enabled]
                node.todo.update(able[-1:])

    def _could(self, at: int, path: int) -> bool | None:
        """Whether the task with that path was enabled after so many operations; None if nobody asked there."""
        node = self._nodes.get(at)
        return None if node is None or node.enabled is None else path in node.enabled

    def _left_over(self) -> list[Pending]:
        """The tasks whose announced operation was never performed."""
        moved = {task.number for task, _, _ in self._trace[self._announced_at :]}
        able = {task.number: task for task in self._announced if task.number not in moved}
        blocked = {task.number: task for task, _, _ in self._trace if task.guard is not None}
        return [task for _, task in sorted({**able, **blocked}.items())]
