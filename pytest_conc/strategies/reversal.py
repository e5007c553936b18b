"""The other order of a race: what could be run so that its second event comes before its first one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from pytest_conc.strategies.access import Access, depend
from pytest_conc.strategies.protocol import Pending

Clock = list[int]
"""For each task, by number, the index of its last event that happened before; -1 for none."""
Run = list[int]
"""Events of one task, in their order."""


class Race(NamedTuple):
    """Two events that could be in the other order: the index of the first, and the second one.

    `second` is its index, or the length of the trace if it was announced and never performed; `task`, `access` and
    `clock` are who performs it, what it touches, and what happened before it.
    """

    first: int
    second: int
    task: Pending
    access: Access
    clock: Clock


class Analysed(Protocol):
    """The trace that a race is from."""

    def task(self, index: int) -> Pending:
        """Who performed the event with that index."""

    def clock(self, index: int) -> Clock:
        """What happened before that event."""

    def number_of(self, path: int) -> int | None:
        """The number of the task with that path; None if it has done and announced nothing."""

    def next_access(self, number: int, start: int) -> Access | None:
        """What a task touches next, from that event on; None if that is not known."""

    def dependent(self, access: Access, start: int) -> Iterable[int]:
        """The events from that one on that depend on an operation that touches the same."""


class Reversal:
    """The events that do not happen after the first one of a race, then the second one.

    Of each task they are a run of events without a gap. What has been taken away with `after` is not in `runs`.
    """

    def __init__(self, trace: Analysed, race: Race, runs: dict[int, Run], later: frozenset[int] = frozenset()) -> None:
        self._trace = trace
        self._race = race
        self._runs = runs
        self._later = later

    def order(self) -> list[int]:
        """The tasks of the events, by path, in the order of the trace; the second event of the race is the last."""
        race = self._race
        indices = sorted(index for run in self._runs.values() for index in run if index != race.second)
        return [*(self._trace.task(index).path for index in indices), race.task.path]

    def can_begin(self, path: int) -> bool:
        """Whether the same could be run with that task first, which perhaps has no part in it: a weak initial."""
        number = self._trace.number_of(path)
        if number is None:
            return False
        run = self._runs.get(number)
        if not run:
            return self._has_no_part(number)
        clock = self._race.clock if run[0] == self._race.second else self._trace.clock(run[0])
        return all(clock[other] < events[0] for other, events in self._runs.items() if other != number and events)

    def _has_no_part(self, number: int) -> bool:
        """Whether what the task does next is independent of all events."""
        if number in self._later:
            return False
        first = self._race.first
        access = self._trace.next_access(number, first)
        if access is None or depend(access, self._race.access):
            return False
        return not any(self._contains(index) for index in self._trace.dependent(access, first + 1))

    def _contains(self, index: int) -> bool:
        return index in self._runs.get(self._trace.task(index).number, ())

    def after(self, path: int) -> Reversal:
        """What is left to be run after the next operation of that task."""
        number = self._trace.number_of(path)
        assert number is not None
        runs = {**self._runs, number: self._runs.get(number, [])[1:]}
        return Reversal(self._trace, self._race, runs, self._later | {number})
