"""What a strategy is: it picks the next task among the enabled ones. Pure: no threads, no I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol


class Pending(Protocol):
    """A task as a strategy sees it: its number, and the operation that it has announced."""

    number: int
    kind: str
    resource: Any


class Strategy(Protocol):
    """One object serves all executions of an exploration, one after the other.

    A strategy that has a method `end(is_new: bool)` is told after each execution whether its class was new.
    """

    def begin(self) -> None:
        """A new execution starts."""

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """The task that performs its operation next.

        `running` is the task that has announced last; it may not be enabled. `enabled` has at least two
        tasks, ordered by number: a choice of one is none, and is not asked for.
        """


Factory = Callable[[int], Strategy]
