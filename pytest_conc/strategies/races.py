"""The races of one trace: pairs of dependent operations that could have happened in the other order.

Happens-before is computed with vector clocks (Fidge 1988, Mattern 1989): the clock of an event holds, for each task,
the index of the last event of that task that happened before it. Two dependent events of different tasks are a race
if the first one happens before the second only because of this very dependence. A release of a lock only enables the
next acquire: that orders them, but the order cannot be turned round, so it is the two acquires that race. In general an
operation that can block was perhaps not enabled where an earlier one was performed; then that pair hides none of
the earlier ones, which may be those that can be turned round. Operations that were
announced and never performed, since the execution ended in a deadlock or an error, race like the others.

Cost: for each event one look at the last accesses of each task to its resource, hence steps times tasks; for those that
can block one at the accesses back to the last one that was certainly enabled in their place.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from pytest_conc.model.fifo import Fifo
from pytest_conc.model.operation import GETS, INSERT, MODES, NOTHING, PUTS, READ, READS, WRITE
from pytest_conc.strategies.protocol import Pending, Trace

Clock = list[int]
GIVES_UP: Final = frozenset({"release", "wait", "notify"})
TAKES: Final = frozenset({"acquire", "wake", "try-wake"})
MAY_BLOCK: Final = TAKES | {
    "try-acquire",
    "wait for",
    "try-wait",
    "put",
    "get",
    "try-put",
    "try-get",
    "wait until done",
    "try-join",
}
ALIKE: Final = frozenset({"acquire", "put", "get"})
Could = Callable[[int, int], bool | None]


class Race(NamedTuple):
    """Two events that could be in the other order, and the tasks (by path) with which that order can begin."""

    first: int
    initials: list[int]


class Access(NamedTuple):
    """What an operation touches: a place, and an item of it if it is a container."""

    place: Any
    item: Any
    mode: int


def access_of(kind: str, resource: Any) -> Access | None:
    """What an operation of that kind touches; None if nothing that others could notice."""
    mode = MODES[kind]
    if mode == NOTHING or resource is None:
        return None
    container = getattr(resource, "container", None)
    if container is not None:
        return Access(container, None if kind is INSERT else resource, mode)
    return Access(getattr(resource, "alias", None) or resource, None, mode)


def depend(one: Access | None, other: Access | None) -> bool:
    """Whether the order of two operations of different tasks can matter."""
    if one is None or other is None or one.place is not other.place or one.mode == other.mode == READS:
        return False
    if one.mode + other.mode == PUTS + GETS and one.mode != other.mode and getattr(one.place, "ordered", False):
        return False
    return one.item is None or other.item is None or one.item is other.item


class Races:
    """Analyses one trace. `pending` are the tasks that had announced an operation when it ended.

    `could` says whether the task with that path was enabled before the event with that index; None if that is unknown.
    """

    def __init__(self, trace: Trace, pending: Sequence[Pending], could: Could = lambda index, path: None) -> None:
        self._could = could
        self._trace = trace
        self._pending = pending
        self._width = 1 + max([task.number for task, _, _ in trace] + [task.number for task in pending], default=0)
        self._clocks: list[Clock] = []
        self._now: dict[int, Clock] = {}
        self._events: dict[int, list[int]] = {}
        self._last: dict[Any, dict[tuple[int, str, Any], int]] = {}
        self._all: dict[Any, list[int]] = {}
        self._queues: dict[Any, Fifo[int]] = {}

    def since(self, start: int) -> Iterator[Race]:
        """The races whose second event has at least that index."""
        for index, (task, kind, resource) in enumerate(self._trace):
            clock = self._clock(task).copy()
            access = access_of(kind, resource)
            firsts = self._order(task, kind, access, clock)
            self._perform(index, task, kind, resource, access, clock)
            if index >= start:
                yield from (Race(first, self._initials(first, index, task, clock)) for first in firsts)
        for task in self._pending:
            clock = self._clock(task).copy()
            for first in self._order(task, task.kind, access_of(task.kind, task.resource), clock):
                yield Race(first, self._initials(first, len(self._trace), task, clock))

    def _clock(self, task: Pending) -> Clock:
        clock = self._now.get(task.number)
        if clock is None:
            clock = self._now[task.number] = self._clock_at_birth(task)
        return clock

    def _clock_at_birth(self, task: Pending) -> Clock:
        parent = task.parent
        if parent is None:
            return [-1] * self._width
        events = self._events.get(parent.number, [])
        before = bisect_left(events, task.born)
        return self._clocks[events[before - 1]] if before else self._clock_at_birth(parent)

    def _order(self, task: Pending, kind: str, access: Access | None, clock: Clock) -> list[int]:
        """Merges what happened before an operation into its clock; returns the first events of its races."""
        if access is None:
            return []
        if kind in MAY_BLOCK:
            return self._order_blocking(task, kind, access, clock)
        races = []
        last = self._last.get(access.place, {})
        for (number, other, item), index in sorted(last.items(), key=lambda entry: -entry[1]):
            if number == task.number or clock[number] >= index:
                continue
            if depend(access, Access(access.place, item, MODES[other])):
                races.append(index)
                self._merge(clock, index)
        return races

    def _order_blocking(self, task: Pending, kind: str, access: Access, clock: Clock) -> list[int]:
        """As `_order`, for an operation that may not have been enabled where an earlier one was performed."""
        races, later = [], self._matching(access)
        announced = max(self._events.get(task.number, [-1])[-1], task.born - 1)
        for index in reversed(self._all.get(access.place, [])):
            other, done, _ = self._trace[index]
            if clock[other.number] >= index or not depend(access, Access(access.place, None, MODES[done])):
                continue
            later.append(index)
            if getattr(access.place, "exclusive", False) and done in GIVES_UP and kind in TAKES:
                continue
            could = self._could(index, task.path) if announced < index else None
            if could is not False:
                races.append(index)
            if could or (done == kind and kind in ALIKE and not getattr(access.place, "reentrant", False)):
                self._merge(clock, index)
        for index in later:
            self._merge(clock, index)
        return races

    def _matching(self, access: Access) -> list[int]:
        """The put of the item that is got, or the get that made room."""
        if access.mode not in (PUTS, GETS) or not access.place.ordered:
            return []
        partner = self._queue(access.place).partner(access.mode)
        return [] if partner is None else [partner]

    def _queue(self, place: Any) -> Fifo[int]:
        if place not in self._queues:
            self._queues[place] = Fifo(place)
        return self._queues[place]

    def _merge(self, clock: Clock, index: int) -> None:
        for number, time in enumerate(self._clocks[index]):
            if time > clock[number]:
                clock[number] = time

    def _perform(
        self, index: int, task: Pending, kind: str, resource: Any, access: Access | None, clock: Clock
    ) -> None:
        if kind == "join":
            for number, time in enumerate(self._clock(resource)):
                clock[number] = max(clock[number], time)
        elif kind == "drain":
            for other in self._now.values():
                clock[:] = map(max, clock, other)
        clock[task.number] = index
        self._clocks.append(clock)
        self._now[task.number] = clock
        self._events.setdefault(task.number, []).append(index)
        if access is not None:
            self._last.setdefault(access.place, {})[task.number, kind, access.item] = index
            if kind not in (READ, WRITE, INSERT):
                self._all.setdefault(access.place, []).append(index)
            if getattr(access.place, "ordered", False):
                self._queue(access.place).add(index, kind, access.mode)

    def _initials(self, first: int, second: int, task: Pending, clock: Clock) -> list[int]:
        """The tasks with which the events that do not happen after the first, up to the second, can begin."""
        trace, clocks = self._trace, self._clocks
        number = trace[first][0].number
        begun: list[int] = []
        before: list[int] = []
        for index in range(first + 1, second):
            if clocks[index][number] >= first:
                continue
            other = trace[index][0]
            if not any(clocks[index][trace[event][0].number] >= event for event in before if event != index):
                begun.append(other.path)
            before.append(index)
        if not any(clock[trace[event][0].number] >= event for event in before):
            begun.append(task.path)
        return begun
