"""Data races of one trace: accesses to one variable, one of them a write, that nothing orders.

Happens-before with vector clocks, and for each variable the last write and the last read of each task: FastTrack
(Flanagan and Freund, "FastTrack: Efficient and Precise Dynamic Race Detection", PLDI 2009). What orders tasks is
starting and joining, and what they do to locks, conditions, events, semaphores and queues: who gives something up
publishes all that it has done so far, and who takes it has seen that. A queue counts as a whole, so a get has seen all
earlier puts and not its own only: some races are not noticed for that, but none is reported that is none.

A variable is an attribute, a global or a variable of an enclosing function. A single operation on a list, a dict or a
set is atomic in CPython, with and without the GIL, and is no data race, however much its order may matter.

Cost: one pass over the trace, times tasks where one of them takes or gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from pytest_conc.model.operation import INSERT, MODES, NOTHING, READ, WRITE

Clock = dict[int, int]
Access = tuple[int, int]
"""When a task accessed a variable, by its own clock, and the index in the trace."""
ACCESSES: Final = frozenset({READ, WRITE, INSERT})
TAKES: Final = frozenset(
    {"acquire", "wake", "wait for", "get", "wait until done", "is_set", "size", "locked", "is_alive"}
)
GIVES: Final = frozenset({"release", "wait", "notify", "set", "put", "task_done", "shutdown", "exit"})


class Clocks:
    """What each task has seen of the others, operation by operation; `start` and `join` only if `locks` is false."""

    def __init__(self, tasks: Sequence[Any], locks: bool = True) -> None:
        self._locks = locks
        self._of: dict[int, Clock] = {}
        self._published: dict[Any, Clock] = {}
        self._born: dict[int, list[Any]] = {}
        for task in tasks:
            self._of[task.number] = {task.number: 1}
            if task.number:
                self._born.setdefault(task.born, []).append(task)
        self._parents = {task.number: 0 if task.parent is None else task.parent.number for task in tasks}

    def of(self, task: Any) -> Clock:
        """What the task has seen so far."""
        return self._of[task.number]

    def begin(self, index: int) -> None:
        """So many operations have been performed: who is born here has seen what its parent has."""
        for child in self._born.get(index, ()):
            self._see(child.number, self._of[self._parents[child.number]])
            self._tick(self._parents[child.number])

    def perform(self, task: Any, kind: str, resource: Any) -> None:
        """The task takes or gives something."""
        number = task.number
        if kind in ("join", "try-join"):
            self._see(number, self._of[resource.number])
        elif self._locks and resource is not None and MODES[kind] != NOTHING and kind not in ACCESSES:
            place = getattr(resource, "alias", None) or resource
            if kind not in GIVES:
                self._see(number, self._published.get(place, {}))
            if kind not in TAKES:
                seen = self._published.setdefault(place, {})
                seen.update((other, max(at, seen.get(other, 0))) for other, at in self._of[number].items())
                self._tick(number)

    def _see(self, number: int, clock: Clock) -> None:
        own = self._of[number]
        own.update((other, at) for other, at in clock.items() if at > own.get(other, 0))

    def _tick(self, number: int) -> None:
        self._of[number][number] += 1


def data_races(execution: Any) -> Iterator[tuple[int, int]]:
    """Indices in the trace of an earlier and a later access that race, once for each variable and pair of tasks."""
    clocks = Clocks(execution.tasks)
    written: dict[Any, dict[int, Access]] = {}
    read: dict[Any, dict[int, Access]] = {}
    met = set()
    for index, (task, kind, resource) in enumerate(execution.trace):
        clocks.begin(index)
        if kind not in ACCESSES:
            clocks.perform(task, kind, resource)
        elif resource.container is None and not resource.has_items:
            seen = clocks.of(task)
            others = [written.setdefault(resource, {}), *([read.get(resource, {})] if kind is not READ else ())]
            for number, (at, earlier) in ((number, access) for each in others for number, access in each.items()):
                if number != task.number and at > seen.get(number, 0) and (resource, number, task.number) not in met:
                    met.add((resource, number, task.number))
                    yield earlier, index
            into = read.setdefault(resource, {}) if kind is READ else written[resource]
            into[task.number] = seen[task.number], index
