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
from typing import Any

from pytest_conc.model.mixing import mixed
from pytest_conc.model.operation import GETS, MODES, NOTHING, PUTS, READS

Event = int


class ClassHash:
    """Computes class numbers; keeps the numbers of pairs between traces, since they repeat."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[Event, Event], int] = {}

    def of(self, trace: Sequence[tuple[Any, str, Any]]) -> int:
        """The 64-bit number of the class that this trace belongs to."""
        found = 0
        indices: dict[Any, int] = {}
        memory: dict[Any, tuple[Event, list[Event]]] = {}
        others: dict[Any, _History] = {}
        pairs = self._pairs
        for task, kind, resource in trace:
            index = indices[task] = indices.get(task, 0) + 1
            mode = MODES.get(kind, 1)
            if mode == NOTHING:
                continue
            event = (task.path << 20) + index
            if kind in ("read", "write"):
                whole = resource.container
                if not resource.matters and (whole is None or not whole.matters):
                    continue
                if whole is None and not resource.has_items:
                    before = _plain(memory, resource, event, mode)
                else:
                    before = _item(others, resource, whole, event, mode)
            else:
                key = resource.alias or resource if hasattr(resource, "alias") else resource
                history = others.get(key)
                if history is None:
                    history = others[key] = _History(key)
                before = history.add(event, mode)
            for other in before:
                if other >> 20 != task.path:
                    number = pairs.get((other, event))
                    if number is None:
                        number = pairs[other, event] = mixed(mixed(other) + event)
                    found ^= number
        return found


def _plain(memory: dict[Any, tuple[Event, list[Event]]], resource: Any, event: Event, mode: int) -> Sequence[Event]:
    known = memory.get(resource)
    if mode == READS:
        if known is None:
            memory[resource] = (0, [event])
            return ()
        known[1].append(event)
        return (known[0],) if known[0] else ()
    memory[resource] = (event, [])
    if known is None:
        return ()
    return (*known[1], known[0]) if known[0] else known[1]


class _Items:
    """The accesses to a container since the last time that the whole of it was written."""

    def __init__(self) -> None:
        self.accesses: list[tuple[Event, Any, int]] = []


def _item(others: dict[Any, Any], resource: Any, whole: Any, event: Event, mode: int) -> Sequence[Event]:
    container = resource if whole is None else whole
    items = others.get(container)
    if items is None:
        items = others[container] = _Items()
    item = None if whole is None else resource
    before = [other for other, name, how in items.accesses
              if (name is item or name is None or item is None) and (mode != READS or how != READS)]
    if item is None and mode != READS:
        items.accesses.clear()
    items.accesses.append((event, item, mode))
    return before


class _History:
    """The operations on one lock, queue, event …"""

    def __init__(self, resource: Any) -> None:
        self.ordered = getattr(resource, "ordered", False)
        self.capacity = getattr(resource, "capacity", 0)
        self.puts: list[Event] = []
        self.gets: list[Event] = []
        self.reads: list[Event] = []
        self.last: list[Event] = []

    def add(self, event: Event, mode: int) -> Sequence[Event]:
        """Adds an operation; returns its direct predecessors."""
        if mode == READS:
            self.reads.append(event)
            return [*self.last, *self.puts[-1:], *self.gets[-1:]]
        if mode in (PUTS, GETS) and self.ordered:
            return self._put_or_get(event, mode)
        before = [*self.reads, *self.last, *self.puts[-1:], *self.gets[-1:]]
        self.reads = []
        self.last = [event]
        return before

    def _put_or_get(self, event: Event, mode: int) -> Sequence[Event]:
        mine, theirs = (self.puts, self.gets) if mode == PUTS else (self.gets, self.puts)
        position = len(mine) - (self.capacity if mode == PUTS else 0)
        before = [*self.reads, *self.last, *mine[-1:]]
        if 0 <= position < len(theirs) and (mode == GETS or self.capacity > 0):
            before.append(theirs[position])
        mine.append(event)
        return before
