"""The swap pair: two operations of a failing execution that, in the other order, make it pass.

Idea: of all that happened before a failure, what mattered? Take two dependent operations of different tasks, hold the
task of the first one back until the second one is performed, and let everything else go on as in the failing schedule.
If that passes, their order is a cause of the failure, and not only something that came before it. The idea of finding
the cause by comparing a failing with a passing schedule is Choi and Zeller's ("Isolating Failure-Inducing Thread
Schedules", ISSTA 2002); since the failing schedule is minimal already, one pair is enough on nearly all programs.

A second operation that was not performed any more, because the failure came first, is looked for in an execution in
which the task of the first one is held back for as long as others can go on.

Cost: one replay a pair, the last pairs first, at most `REPLAYS`, and fewer if they are long. Of a long execution only
the last `LAST` operations are looked at. If nothing is found there may be no passing schedule at all: see `elsewhere`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from pytest_conc.execution.recorder import label_of
from pytest_conc.exploration.minimise import replays_of
from pytest_conc.exploration.steps import steps_of
from pytest_conc.model.operation import Step
from pytest_conc.model.schedule import Schedule, schedule_of
from pytest_conc.strategies.access import Access, access_of, depend
from pytest_conc.strategies.protocol import Pending

REPLAYS: Final = 100
LAST: Final = 600
UNBOUNDED: Final = 1 << 30
Pair = tuple[Step, Step]


class Swaps:
    """The swaps of one failing execution: `run` runs a schedule, with a recorder if it is to be `show`n.

    `steps` are the operations that were performed, `left` the tasks whose announced operation was not.
    """

    def __init__(
        self, run: Callable[[Schedule, bool], Any], failing: Any, steps: Sequence[Step], left: Sequence[Pending]
    ) -> None:
        self._run = run
        self._steps = steps
        self._tasks = len(failing.tasks)
        self._failed = None if failing.failed_task is None else failing.failed_task.number
        self._order = [task.number for task, _, _ in failing.trace]
        self._index = {id(step): index for index, step in enumerate(steps)}
        self._events = [_event(task, kind, resource) for task, kind, resource in failing.trace]
        self._events += [_event(task, task.kind, task.resource) for task in left]
        self._names = [(kind, label_of(resource)) for _, kind, resource in failing.trace]
        self._names += [(task.kind, label_of(task.resource)) for task in left]
        self._left = 0 if failing.lost else replays_of(len(self._order), REPLAYS)
        self._known: dict[tuple[int, int], Pair | None] = {}

    def first_of(self, pairs: Iterable[Pair]) -> Pair | None:
        """The first of these pairs of steps that passes in the other order."""
        indices = ((self._index[id(one)], self._index[id(other)]) for one, other in pairs)
        return next((pair for first, second in indices if (pair := self._swapped(first, second))), None)

    def any(self) -> Pair | None:
        """A pair that passes in the other order, the last one; None if none is found."""
        backwards = [index for index in range(len(self._order) - 1, -1, -1) if self._events[index][1] is not None]
        tried = chain(
            self._later(index for index in backwards[:1] if self._order[index] == self._failed),
            (self._swapped(first, second) for first, second in self._pairs()),
            self._later(backwards[:LAST]),
        )
        return next(filter(None, tried), None)

    def _pairs(self) -> Iterator[tuple[int, int]]:
        """Dependent operations of different tasks, the first one performed."""
        for second in range(len(self._events) - 1, max(0, len(self._events) - LAST), -1):
            for first in range(min(second, len(self._order)) - 1, max(-1, second - LAST), -1):
                if not self._left:
                    return
                if _dependent(self._events[first], self._events[second]):
                    yield first, second

    def _swapped(self, first: int, second: int) -> Pair | None:
        """The two as a pair of steps if it passes in the other order."""
        if (first, second) not in self._known:
            self._known[first, second] = self._try(first, second)
        return self._known[first, second]

    def _try(self, first: int, second: int) -> Pair | None:
        order, held = self._order, self._events[first][0]
        between = order[first:second]
        swapped = [
            *order[:first],
            *(number for number in between if number != held),
            self._events[second][0],
            *(number for number in between if number == held),
            *order[second + 1 :],
        ]
        schedule = schedule_of(swapped)
        execution = self._replay(schedule)
        if execution is None or execution.error is not None or not self._is_other_order(execution, first, second):
            return None
        if second < len(order):
            return self._steps[first], self._steps[second]
        shown = self._run(schedule, True)
        at = _position(shown, self._events[second][0], _count(order, self._events[second][0]))
        return (self._steps[first], steps_of(shown)[at]) if shown.error is None and at is not None else None

    def _is_other_order(self, execution: Any, first: int, second: int) -> bool:
        (held, _), (number, _) = self._events[first], self._events[second]
        late = _position(execution, held, _count(self._order[:first], held))
        early = _position(execution, number, _count(self._order[:second], number))
        return early is not None and (late is None or early < late) and self._is_same(execution, early, second)

    def _is_same(self, execution: Any, index: int, second: int) -> bool:
        """Whether what was performed is that operation: in another order the task may have gone another way."""
        _, kind, resource = execution.trace[index]
        return (kind, label_of(resource)) == self._names[second]

    def _replay(self, schedule: Schedule) -> Any:
        """An execution; None when there have been enough."""
        if not self._left:
            return None
        self._left -= 1
        execution = self._run(schedule, False)
        if execution.lost:
            self._left = 0
        return execution

    # -- with what was not performed any more --------------------------------------------------
    def _later(self, firsts: Iterable[int]) -> Iterator[Pair | None]:
        """Pairs whose second operation is performed only if the task of the first one is held back for long."""
        for first in firsts:
            if not self._left:
                return
            execution = self._held_back(first)
            if execution is not None and execution.error is None:
                yield from self._until(first, execution)

    def _held_back(self, first: int) -> Any:
        """The execution in which all others, who went last first, go on as long as they can before that operation."""
        held = self._events[first][0]
        recent = dict.fromkeys([*reversed(self._order[:first]), *range(self._tasks)])
        others = [number for number in recent if number != held]
        rounds = [(number, UNBOUNDED) for number in [*others, *others]]
        return self._replay((*schedule_of(self._order[:first]), *rounds))

    def _until(self, first: int, passing: Any) -> Iterator[Pair | None]:
        """That operation with each one that came before it in the passing execution, and depends on it."""
        held = self._events[first][0]
        late = _position(passing, held, _count(self._order[:first], held))
        if late is None:
            return
        events = [_event(task, kind, resource) for task, kind, resource in passing.trace]
        order = [number for number, _ in events]
        for second in range(first, late):
            if not _dependent(events[second], events[late]):
                continue
            schedule = schedule_of([*order[: second + 1], *self._order[first:]])
            execution = self._replay(schedule)
            if execution is not None and execution.error is None:
                shown = self._run(schedule, True)
                yield None if shown.error is not None else (self._steps[first], steps_of(shown)[second])


def _event(task: Pending, kind: str, resource: Any) -> tuple[int, Access | None]:
    """Who does it, and what it touches. A release follows from the acquire before it, and is not swapped itself."""
    return task.number, None if kind == "release" else access_of(kind, resource)


def _dependent(one: tuple[int, Access | None], other: tuple[int, Access | None]) -> bool:
    return one[0] != other[0] and depend(one[1], other[1])


def _count(order: Sequence[int], number: int) -> int:
    return sum(each == number for each in order)


def _position(execution: Any, number: int, nth: int) -> int | None:
    """The index of the n-th operation of a task, counted from 0; None if it has performed fewer."""
    own = [index for index, (task, _, _) in enumerate(execution.trace) if task.number == number]
    return own[nth] if nth < len(own) else None
