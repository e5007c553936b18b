"""Optimal DPOR: of all interleavings that differ only in the order of independent operations, one is run.

Idea: run any schedule. For each race in its trace, plan one more execution: the same up to the first of the two
operations, then all that does not happen after it, then the second one. Go on until nothing is planned. A *sleep set*
holds the tasks whose next operation has been tried first at an earlier branch: as long as nothing dependent on it
happens, to run it now would only repeat that branch. What is planned at one place is kept as a *wakeup tree*. A plan is
not needed if one of those who sleep there could as well begin it (is a *weak initial* of it), and it is put below the
first branch that could; so a plan that is followed to its end has woken up all who sleep, and nothing is run in vain.

Source: Abdulla, Aronis, Jonsson, Sagonas, "Optimal Dynamic Partial Order Reduction", POPL 2014, algorithm 2.
Guarantee: exactly one execution of each interleaving class, if all operations that depend on each other are known to
`access.depend`. Exceptions are waits with a time-out and puts into a queue with a bound: where a plan asks for one that
turns out to be blocked, the rest of the plan is dropped, and that execution may repeat a class. Cost: depth first, so
memory is that of one path and of the trees along it; these share what they can, but in the worst case hold a plan for
each class of a subtree.

Operations that touch nothing are performed at once, and are in no plan. The strategy asks everywhere, so that a place
where nobody is known to switch yet is no gap in the proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, Final

from pytest_conc.model.operation import MODES, NOTHING
from pytest_conc.strategies.access import Access, access_of, depend
from pytest_conc.strategies.protocol import Pending, Trace
from pytest_conc.strategies.races import Races
from pytest_conc.strategies.reversal import Reversal
from pytest_conc.strategies.witness import left_over

Tree = dict[int, Any]
"""Tasks that go next, by path, each with what is planned after it."""
ESTIMATED: Final = 8
RESTARTS: Final = 3


class _Node:
    """A choice on the current path: who went first, who could, who need not, and the plans that are left."""

    __slots__ = ("begun", "enabled", "plans", "sleeping")

    def __init__(self, enabled: set[int], sleeping: set[int], plans: Tree) -> None:
        self.begun: set[int] = set()
        self.enabled = enabled
        self.sleeping = sleeping
        self.plans = plans


class DPOR:
    """Depth first, one branch after the other."""

    draws = False
    asks_everywhere = True

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.exhausted = self.helpless = False
        self.executions = self._restarts = 0
        self.estimate: float | None = None
        self._races = Races(self._could)
        self._nodes: dict[int, _Node] = {}
        self._prefix: list[int] = []
        self._trace = Trace()
        self._tree: Tree = {}
        self._followed = 0
        self._sleeping: dict[int, Access | None] = {}
        self._repeats_at: int | None = None
        self._announced: Sequence[Pending] = ()
        self._announced_at = 0

    def begin(self, trace: Trace) -> None:
        """Starts to follow the plan."""
        self._trace = trace
        self._tree = {}
        self._sleeping = {}
        self._followed = len(self._prefix)
        self._repeats_at = None
        self._announced = ()

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """The planned task; beyond the plan any that does not sleep."""
        at = len(self._trace)
        self._announced, self._announced_at = enabled, at
        if at < len(self._prefix):
            return _with_path(self._prefix[at], enabled) or enabled[0]  # else it is found out at the end
        for task in (running, *enabled) if running in enabled else enabled:
            if MODES[task.kind] == NOTHING:
                self.helpless = self.helpless or running.kind == "switch"
                return task
        node = self._node(at, enabled)
        planned = next((each for path in node.plans if (each := _with_path(path, enabled))), None)
        if planned is None:
            node.plans.clear()
        chosen = planned or self._beyond(at, running, enabled)
        node.begun.add(chosen.path)
        return chosen

    def _node(self, at: int, enabled: Sequence[Pending]) -> _Node:
        """The node of this choice: that of the branch, or a new one."""
        node = self._nodes.get(at)
        if node is None:
            self._follow()
            node = self._nodes[at] = _Node({task.path for task in enabled}, set(self._sleeping), self._tree or {})
        else:
            asleep = node.sleeping | node.begun
            self._sleeping = {task.path: access_of(task.kind, task.resource) for task in enabled if task.path in asleep}
            self._tree = node.plans
        return node

    def _follow(self) -> None:
        """Goes on in the tree, and wakes up those who sleep, with what has been performed since the last choice."""
        for task, kind, resource in self._trace[self._followed :]:
            if MODES[kind] == NOTHING:
                continue
            if self._tree:
                self._tree = self._tree.pop(task.path, {})
            if self._sleeping:
                touched = access_of(kind, resource)
                self._sleeping = {
                    path: access for path, access in self._sleeping.items() if not depend(touched, access)
                }
        self._followed = len(self._trace)

    def _beyond(self, at: int, running: Pending, enabled: Sequence[Pending]) -> Pending:
        awake = [task for task in enabled if task.path not in self._sleeping]
        if not awake and self._repeats_at is None:
            self._repeats_at = at
        able = awake or enabled
        return running if running in able else able[int(self._random.random() * len(able))]

    def end(self) -> None:
        """Plans what the races of this execution ask for, and goes on with the deepest plan."""
        self._follow()
        self.executions += 1
        path = [task.path for task, _, _ in self._trace]
        if path[: len(self._prefix)] != self._prefix:
            self._restart()
            return
        self._plan_reversals()
        if self.executions % ESTIMATED == 0:
            self.estimate = self.executions / self._explored()
        while self._nodes:
            at = max(self._nodes)
            if self._nodes[at].plans:
                self._prefix = path[:at]
                return
            del self._nodes[at]
        self.exhausted = True

    def _restart(self) -> None:
        """The program has done something else than before: something was made at first use, or it is not repeatable."""
        self._nodes.clear()
        self._prefix = []
        self._restarts += 1
        self.helpless = self.helpless or self._restarts > RESTARTS

    def _explored(self) -> float:
        """The share of the search that is done, if branches of one node are alike (Kilby and others, AAAI 2006)."""
        done, weight = 0.0, 1.0
        for _, node in sorted(self._nodes.items()):
            branches = len(node.begun) + len(node.plans)
            done += weight * (len(node.begun) - 1) / branches
            weight /= branches
        return done + weight

    def _plan_reversals(self) -> None:
        trace, pending = self._trace, left_over(self._trace, self._announced, self._announced_at)
        if self._repeats_at is not None:
            trace, pending = Trace(trace[: self._repeats_at], trace.jumps), []
        races = self._races.of(trace, pending, len(self._prefix))
        self._random.shuffle(races)
        for race in races:
            node = self._nodes.get(race.first)
            if node is not None:
                self._plan_reversal(node, self._races.reversal(race))

    def _plan_reversal(self, node: _Node, reversal: Reversal) -> None:
        if not any(reversal.can_begin(path) for path in node.begun | node.sleeping):
            _insert(node.plans, reversal)

    def _could(self, at: int, path: int) -> bool:
        """Whether the task with that path was enabled after so many operations, where one had been performed."""
        node = self._nodes.get(at)
        return node is not None and path in node.enabled


def _with_path(path: int, tasks: Sequence[Pending]) -> Pending | None:
    return next((task for task in tasks if task.path == path), None)


def _insert(tree: Tree, reversal: Reversal) -> None:
    """Adds a sequence to a wakeup tree, below the first branch that it could as well begin with."""
    for path, below in tree.items():
        if reversal.can_begin(path):
            if below:
                _insert(below, reversal.after(path))
            return
    for path in reversal.order():
        tree[path] = tree = {}
