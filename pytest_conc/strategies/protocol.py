"""What a strategy is: it picks the next task among the enabled ones. Pure: no threads, no I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol


class Pending(Protocol):
    """A task as a strategy sees it: its number, and the operation that it has announced.

    `number` counts the tasks of one execution; `path` names the task in all of them, by how it was started: by its
    `parent`, when the trace had `born` operations. `guard` is None if the announced operation is always enabled.
    """

    number: int
    path: int
    parent: Any
    born: int
    guard: Any
    kind: str
    resource: Any

    def label(self) -> str:
        """The name of the task."""


class Trace(list[tuple[Pending, str, Any]]):
    """The operations performed so far: task, kind and resource of each.

    `jumps` says how many there were whenever virtual time jumped, since nobody could go on.
    """

    __slots__ = ("jumps",)

    def __init__(self, operations: Sequence[tuple[Pending, str, Any]] = (), jumps: Sequence[int] = ()) -> None:
        super().__init__(operations)
        self.jumps = list(jumps)


class Strategy(Protocol):
    """One object serves all executions of an exploration, one after the other.

    A strategy that has a method `end()` is told when an execution is over; one with an attribute `exhausted` ends the
    exploration when that is true; one whose attribute `curious` is false is never asked about operations of which
    nothing says so far that they matter; one whose attribute `draws` is false does not choose at random, so that
    nothing about other schedules can be estimated from how often it saw what.
    """

    def begin(self, trace: Trace) -> None:
        """A new execution starts; `trace` grows with each operation that it performs."""

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """The task that performs its operation next.

        `running` is the task that has announced last; it may not be enabled. `enabled` has at least two
        tasks, ordered by number: a choice of one is none, and is not asked for.
        """


Factory = Callable[[int], Strategy]
