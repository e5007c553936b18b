"""Which interleaving class a trace belongs to.

Two traces belong to the same class if one can be turned into the other by swapping neighbouring operations
that are independent (Mazurkiewicz 1977). A class is identified by its set of ordered pairs of dependent operations; the
pairs of each operation with its direct predecessors are enough, since they determine all others. An operation is
named by the path by which its task was started and its index in that task, never by resources, whose numbers
depend on the schedule. Pairs are turned into 64-bit numbers by splitmix64 and combined by XOR, so the order in
which they are found plays no role. Cost: one pass over the trace, plus one step per direct predecessor.

Queues that keep the order of their items are finer: the k-th put happens before the k-th get, and the k-th get
before the put that needs its room; puts among each other and gets among each other are ordered, nothing else is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pytest_conc.model.fifo import Fifo
from pytest_conc.model.mixing import mixed
from pytest_conc.model.operation import GETS, INSERT, MODES, NOTHING, PUTS, READ, READS, WRITE

Event = int
PATH: Final = (1 << 40) - 1


class ClassHash:
    """Computes class numbers; keeps the numbers of pairs between traces, since they repeat."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[Event, Event], int] = {}

    def of(self, trace: Sequence[tuple[Any, str, Any]], exits: bool = True, stuck: bool = False) -> int:
        """The 64-bit number of the class that this trace belongs to. A trace can be asked for once only.

        `exits` says whether anybody looks at the end of a task, `stuck` that tasks were left that could not go on: then
        how far each one got is part of the class.
        """
        found = 0
        pairs = self._pairs
        before: Sequence[Event]
        for task, kind, resource in trace:
            if not task.performed:
                task.performed = (task.path & PATH) << 20
            task.performed = event = task.performed + 1
            if kind is READ or kind is WRITE or kind is INSERT:
                whole = resource.container
                if whole is None and not resource.has_items:
                    if not resource.matters:
                        continue
                    if kind is READ:
                        before = resource.writes
                        resource.reads.append(event)
                    else:
                        before = resource.reads + resource.writes
                        resource.reads, resource.writes = [], [event]
                elif resource.matters or (whole is not None and whole.matters):
                    if kind is INSERT and whole is not None:  # a new item: as if the whole were written
                        before = _items(whole, None, event, WRITE)
                    else:
                        before = _items(resource, whole, event, kind)
                else:
                    continue
            else:
                mode = MODES[kind]
                if mode == NOTHING or (kind == "exit" and not exits):
                    continue
                place = resource.alias or resource
                if place.is_queue:
                    if place.history is None:
                        place.history = _History(place)
                    before = place.history.add(event, kind, mode)
                elif mode == READS:
                    before = place.writes
                    place.reads.append(event)
                else:
                    before = place.reads + place.writes if place.reads else place.writes
                    place.reads, place.writes = [], [event]
            for other in before:
                if other >> 20 != event >> 20:
                    number = pairs.get((other, event))
                    if number is None:
                        number = pairs[other, event] = mixed(mixed(other) + event)
                    found ^= number
        for task in {task for task, _, _ in trace} if stuck else ():
            found ^= mixed(task.performed)
        return found


def _items(resource: Any, whole: Any, event: Event, kind: str) -> Sequence[Event]:
    """An access to one item of a container, or to the whole of it where `whole` is None."""
    if whole is None:
        return _whole(resource, event, kind)
    if not resource.reads and not resource.writes:
        whole.items.append(resource)
    if kind is WRITE:
        before = [*resource.reads, *resource.writes, *whole.reads, *whole.writes]
        resource.reads, resource.writes = [], [event]
    else:
        before = resource.writes + whole.writes
        resource.reads.append(event)
    return before


def _whole(container: Any, event: Event, kind: str) -> Sequence[Event]:
    """An access to all items at once; a write makes those since the last one its direct predecessors."""
    before = list(container.writes)
    for item in container.items:
        before += item.writes
        if kind is WRITE:
            before += item.reads
            item.reads, item.writes = [], []
    if kind is WRITE:
        before += container.reads
        container.reads, container.writes, container.items = [], [event], []
    else:
        container.reads.append(event)
    return before


class _History:
    """The operations on one queue."""

    def __init__(self, place: Any) -> None:
        self.ordered = place.ordered
        self.fifo: Fifo[Event] = Fifo(place)
        self.latest: dict[int, Event] = {}
        self.reads: list[Event] = []
        self.last: list[Event] = []

    def add(self, event: Event, kind: str, mode: int) -> Sequence[Event]:
        """Adds an operation; returns its direct predecessors."""
        if mode == READS:
            self.reads.append(event)
            return [*self.last, *self.latest.values()]
        if mode in (PUTS, GETS) and self.ordered:
            others = (self.latest.get(mode), self.fifo.partner(mode))
            before = [*self.reads, *self.last, *(other for other in others if other is not None)]
            self.latest[mode] = event
        else:
            before = [*self.reads, *self.last, *self.latest.values()]
            self.reads, self.latest, self.last = [], {}, [event]
        self.fifo.add(event, kind, mode)
        return before
