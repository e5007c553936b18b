"""Which put a get takes from, and which get made the room for a put, in a queue that keeps the order of its items."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pytest_conc.model.operation import GETS, PUTS

Event = TypeVar("Event")
SIZED = frozenset({"put", "get", "try-put", "try-get"})


class Fifo(Generic[Event]):
    """Follows one queue through a trace; `place.sizes` are its sizes before each operation of a `SIZED` kind.

    Operations that may fail (`try-put`) leave open what they did: everything is ordered with them, so that after one
    it is enough to know the size and to begin anew.
    """

    def __init__(self, place: Any) -> None:
        self.puts: list[Event | None] = []
        self.gets: list[Event] = []
        self._capacity = place.capacity
        self._sizes = place.sizes
        self._done = 0
        self._lost = True

    def partner(self, mode: int) -> Event | None:
        """The put of the item that is got next, or the get that made room for the next put."""
        self._look_at_the_size()
        if mode == GETS:
            return self.puts[len(self.gets)] if len(self.gets) < len(self.puts) else None
        position = len(self.puts) - self._capacity
        return self.gets[position] if 0 <= position < len(self.gets) and self._capacity > 0 else None

    def add(self, event: Event, kind: str, mode: int) -> None:
        """One more operation has been performed."""
        if mode == PUTS:
            self.puts.append(event)
        elif mode == GETS:
            self.gets.append(event)
        else:
            self._lost = True
        self._done += kind in SIZED

    def _look_at_the_size(self) -> None:
        size = self._sizes[self._done] if self._done < len(self._sizes) else None
        if size is not None and (self._lost or size != len(self.puts) - len(self.gets)):
            self.puts, self.gets = [None] * size, []
            self._lost = False
