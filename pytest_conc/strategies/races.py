"""The races of one trace: pairs of dependent operations that could have happened in the other order.

Happens-before is computed with vector clocks (Fidge 1988, Mattern 1989): the clock of an event holds, for each task,
the index of the last event of that task that happened before it. Two dependent events of different tasks are a race
if the first one happens before the second only because of this very dependence. A release of a lock only enables the
next acquire: that orders them, but the order cannot be turned round, so it is the two acquires that race. In general an
operation that can block was perhaps not enabled where an earlier one was performed; then that pair hides none of
the earlier ones, which may be those that can be turned round. Operations that were
announced and never performed, since the execution ended in a deadlock or an error, race like the others.

Virtual time jumps when nobody can go on, so all that was performed before a jump happens before all that comes after;
only an operation that was already waiting when time jumped may have come too late for another reason.

Cost: for each event one look at those on its place back to the last one that all earlier ones happened before, hence
at most steps times tasks. What is known of the events that a trace has in common with the one before is kept; for that,
places are numbered in the order in which they come up.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from pytest_conc.model.fifo import Fifo
from pytest_conc.model.operation import GETS, MODES, NOTHING, PUTS, READS
from pytest_conc.strategies.access import Access, access_of, covers, depend, place_of
from pytest_conc.strategies.protocol import Pending, Trace
from pytest_conc.strategies.reversal import Clock, Race, Reversal, Run

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
Could = Callable[[int, int], bool]


class _Place:
    """The events on one place: all, those that only look, and those that change it."""

    __slots__ = ("all", "changes", "looks", "queue")

    def __init__(self) -> None:
        self.all: list[int] = []
        self.looks: list[int] = []
        self.changes: list[int] = []
        self.queue: Fifo[int] | None = None


class Races:
    """Analyses one trace after the other.

    `could` says whether the task with that path was enabled before the event with that index, which another performed.
    """

    def __init__(self, could: Could) -> None:
        self._could = could
        self._trace = Trace()
        self._pending: Sequence[Pending] = ()
        self._width = 0
        self._clocks: list[Clock] = []
        self._accesses: list[Access | None] = []
        self._places: list[_Place] = []
        self._ordinals: dict[Any, int] = {}
        self._events: dict[int, Run] = {}
        self._steps: dict[int, Run] = {}
        self._numbers: dict[int, int] = {}
        self._jumps: list[tuple[int, Clock]] = []

    def of(self, trace: Trace, pending: Sequence[Pending], same: int) -> list[Race]:
        """The races whose second event has at least the index `same`.

        `pending` are the tasks that had announced an operation when the execution ended. So many events as `same`
        says are those of the trace that was analysed before.
        """
        self._trace, self._pending = trace, pending
        self._forget_since(same)
        self._widen(1 + max([task.number for task, _, _ in trace] + [task.number for task in pending], default=0))
        self._recognise(same)
        jumps = [jump for jump in trace.jumps if jump > same]
        races: list[Race] = []
        for index in range(same, len(trace)):
            while jumps and jumps[0] <= index:
                self._jumps.append((jumps.pop(0), self._all_that_happened()))
            races += self._event(index, *trace[index])
        for task in pending:
            self._numbers[task.path] = task.number
            races += self._races(len(trace), task, task.kind, access_of(task.kind, task.resource), self._clock(task)[:])
        return races

    # -- what is kept from one trace to the next -----------------------------------------------
    def _forget_since(self, same: int) -> None:
        del self._clocks[same:], self._accesses[same:]
        for run in (*self._events.values(), *self._steps.values()):
            del run[bisect_left(run, same) :]
        for place in self._places:
            for kept in (place.all, place.looks, place.changes):
                del kept[bisect_left(kept, same) :]
        self._jumps = [jump for jump in self._jumps if jump[0] <= same]

    def _widen(self, width: int) -> None:
        if width != self._width:
            self._clocks = [clock[:width] + [-1] * (width - len(clock)) for clock in self._clocks]
            self._jumps = [(at, clock[:width] + [-1] * (width - len(clock))) for at, clock in self._jumps]
            self._width = width

    def _recognise(self, same: int) -> None:
        """Finds the places of the events that are kept among those of the new execution."""
        self._ordinals = {}
        for place in self._places:
            place.queue = None
        for index in range(same):
            access = self._accesses[index]
            if access is not None:
                _, kind, resource = self._trace[index]
                place = place_of(resource)
                self._ordinals[place] = access.place
                if access.item is not None:
                    self._ordinals[resource] = access.item
                if getattr(place, "ordered", False):
                    self._matching(place, access)
                    self._queue(access.place, place).add(index, kind, access.mode)
        del self._places[1 + max(self._ordinals.values(), default=-1) :]

    def _known(self, access: Access) -> Access:
        """The same access with ordinals in place of objects."""
        item = None if access.item is None else self._ordinal(access.item)
        return Access(self._ordinal(access.place), item, access.mode)

    def _ordinal(self, thing: Any) -> int:
        ordinal = self._ordinals.get(thing)
        if ordinal is None:
            ordinal = self._ordinals[thing] = len(self._places)
            self._places.append(_Place())
        return ordinal

    def _queue(self, ordinal: int, place: Any) -> Fifo[int]:
        known = self._places[ordinal]
        if known.queue is None:
            known.queue = Fifo(place)
        return known.queue

    # -- happens-before ------------------------------------------------------------------------
    def _event(self, index: int, task: Pending, kind: str, resource: Any) -> list[Race]:
        clock = self._clock(task)[:]
        access = access_of(kind, resource)
        races = self._races(index, task, kind, access, clock)
        self._pass_time(task, clock)
        self._wait_for_others(kind, resource, clock)
        clock[task.number] = index
        self._clocks.append(clock)
        self._keep(index, task, kind, access)
        return races

    def _races(self, index: int, task: Pending, kind: str, access: Access | None, clock: Clock) -> list[Race]:
        """The races of an operation with earlier ones, which are merged into its clock."""
        if access is None:
            return []
        known = self._known(access)
        firsts = (
            self._blocking(task, kind, access.place, known, clock) if kind in MAY_BLOCK else self._order(known, clock)
        )
        before = clock[:] if firsts else clock
        return [Race(first, index, task, known, before) for first in firsts]

    def _clock(self, task: Pending) -> Clock:
        """What happened before the next operation of a task."""
        events = self._events.get(task.number)
        if events:
            return self._clocks[events[-1]]
        return self._clock_of_birth(task)

    def _clock_before(self, task: Pending, index: int) -> Clock:
        """What happened before the operation of a task that comes after so many others."""
        events = self._events.get(task.number, [])
        before = bisect_left(events, index)
        return self._clocks[events[before - 1]] if before else self._clock_of_birth(task)

    def _clock_of_birth(self, task: Pending) -> Clock:
        """What happened before a task was started."""
        parent = task.parent
        return [-1] * self._width if parent is None else self._clock_before(parent, task.born)

    def _all_that_happened(self) -> Clock:
        return [events[-1] if (events := self._events.get(number)) else -1 for number in range(self._width)]

    def _pass_time(self, task: Pending, clock: Clock) -> None:
        """All that was performed before virtual time jumped happens before what comes after."""
        if self._jumps:
            at, happened = self._jumps[-1]
            events = self._events.get(task.number)
            if not events or events[-1] < at:
                clock[:] = map(max, clock, happened)

    def _wait_for_others(self, kind: str, resource: Any, clock: Clock) -> None:
        if kind == "join":
            clock[:] = map(max, clock, self._clock(resource))
        elif kind == "drain":
            clock[:] = map(max, clock, self._all_that_happened())

    def _order(self, access: Access, clock: Clock) -> list[int]:
        """Merges what happened before an operation into its clock; returns the first events of its races."""
        races = []
        for index in self._before(access):
            if clock[self._trace[index][0].number] < index and depend(access, self._accesses[index]):
                races.append(index)
                self._merge(clock, index)
        return races

    def _before(self, access: Access) -> list[int]:
        """The events on a place, the last first, back to the one that all earlier ones happened before."""
        place = self._places[access.place]
        found: list[int] = []
        since = -1
        for index in reversed(place.changes):
            found.append(index)
            if covers(self._accesses[index], access):
                since = index
                break
        if access.mode != READS and place.looks and place.looks[-1] > since:
            found += place.looks[bisect_left(place.looks, since) :]
            found.sort(reverse=True)
        return found

    def _blocking(self, task: Pending, kind: str, place: Any, access: Access, clock: Clock) -> list[int]:
        """As `_order`, for an operation that may not have been enabled where an earlier one was performed."""
        races, later = [], self._matching(place, access)
        events = self._events.get(task.number)
        announced = max(events[-1] if events else -1, task.born - 1)
        for index in reversed(self._places[access.place].all):
            other, done, _ = self._trace[index]
            earlier = self._accesses[index]
            if clock[other.number] >= index:
                if covers(earlier, access):
                    break
                continue
            if not depend(access, earlier):
                continue
            later.append(index)
            if self._enables(index, done, kind, place, access):
                continue
            could = announced >= index or self._could(index, task.path)
            if could:
                races.append(index)
            alike = done == kind and kind in ALIKE and not getattr(place, "reentrant", False)
            if alike or (could and announced < index):
                self._merge(clock, index)
        for index in later:
            self._merge(clock, index)
        return races

    def _enables(self, index: int, done: str, kind: str, place: Any, access: Access) -> bool:
        """Whether the later operation was not enabled before that earlier one, so that there is no other order."""
        if kind == "wait for":  # an event
            earlier = self._places[access.place].all
            is_first = all(self._trace[event][1] != "set" for event in earlier[: bisect_left(earlier, index)])
            return done == "set" and is_first and not place.begins_set
        return done in GIVES_UP and kind in TAKES and getattr(place, "exclusive", False)

    def _matching(self, place: Any, access: Access) -> list[int]:
        """The put of the item that is got, or the get that made room."""
        if access.mode not in (PUTS, GETS):
            return []
        partner = self._queue(access.place, place).partner(access.mode)
        return [] if partner is None else [partner]

    def _merge(self, clock: Clock, index: int) -> None:
        clock[:] = map(max, clock, self._clocks[index])

    def _keep(self, index: int, task: Pending, kind: str, access: Access | None) -> None:
        self._events.setdefault(task.number, []).append(index)
        self._numbers[task.path] = task.number
        if MODES[kind] != NOTHING:
            self._steps.setdefault(task.number, []).append(index)
        known = None if access is None else self._known(access)
        self._accesses.append(known)
        if known is not None and access is not None:
            place = self._places[known.place]
            place.all.append(index)
            (place.looks if known.mode == READS else place.changes).append(index)
            if getattr(access.place, "ordered", False):
                self._queue(known.place, access.place).add(index, kind, known.mode)

    # -- the other order -----------------------------------------------------------------------
    def reversal(self, race: Race) -> Reversal:
        """What is to be run in place of the first event of a race, so that the second one comes before it."""
        first = self._trace[race.first][0].number
        runs: dict[int, Run] = {}
        for number, steps in self._steps.items():
            start = bisect_left(steps, race.first + 1)
            stop = bisect_left(steps, race.first, start, key=lambda index: self._clocks[index][first])
            if start < stop:
                runs[number] = steps[start:stop]
        alone = race._replace(clock=self._clock_within(race, runs))
        runs[race.task.number] = [*runs.get(race.task.number, ()), race.second]
        return Reversal(self, alone, runs)

    def _clock_within(self, race: Race, runs: dict[int, Run]) -> Clock:
        """What happens before the second event where it comes before the first one, and all that depends on that."""
        clock = self._clock_before(race.task, race.second)[:]
        for index in self.dependent(race.access, race.first + 1):
            if index < race.second and index in runs.get(self._trace[index][0].number, ()):
                self._merge(clock, index)
        return clock

    def task(self, index: int) -> Pending:
        """Who performed the event with that index."""
        return self._trace[index][0]

    def clock(self, index: int) -> Clock:
        """What happened before that event."""
        return self._clocks[index]

    def number_of(self, path: int) -> int | None:
        """The number of the task with that path; None if it has done and announced nothing."""
        return self._numbers.get(path)

    def next_access(self, number: int, start: int) -> Access | None:
        """What a task touches next, from that event on; None if that is not known."""
        steps = self._steps.get(number, ())
        at = bisect_left(steps, start)
        if at < len(steps):
            return self._accesses[steps[at]]
        for task in self._pending:
            if task.number == number:
                access = access_of(task.kind, task.resource)
                return None if access is None else self._known(access)
        return None

    def dependent(self, access: Access, start: int) -> Iterator[int]:
        """The events from that one on that depend on an operation that touches the same."""
        events = self._places[access.place].all
        for at in range(bisect_left(events, start), len(events)):
            if depend(access, self._accesses[events[at]]):
                yield events[at]
