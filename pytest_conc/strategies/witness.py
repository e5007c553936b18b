"""Remembers who could have gone: what an analysis of a trace needs to know, and the trace does not tell."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_conc.strategies.around import Around
from pytest_conc.strategies.protocol import Pending, Strategy, Trace


class Witness(Around):
    """The strategy inside, unchanged; afterwards it tells who could have gone where, and who never went."""

    def __init__(self, strategy: Strategy) -> None:
        super().__init__(strategy)
        self._trace = Trace()
        self._enabled: dict[int, list[int]] = {}
        self._announced: Sequence[Pending] = ()

    def begin(self, trace: Trace) -> None:
        """A new execution starts."""
        self._trace, self._enabled, self._announced = trace, {}, ()
        super().begin(trace)

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """What the strategy inside chooses."""
        self._announced = enabled
        self._enabled[len(self._trace)] = [task.path for task in enabled]
        return super().choose(running, enabled)

    def could(self, at: int, path: int) -> bool:
        """Whether the task with that path was enabled after so many operations."""
        return path in self._enabled.get(at, ())

    def left_over(self) -> list[Pending]:
        """The tasks whose announced operation was never performed."""
        return left_over(self._trace, self._announced, max(self._enabled, default=0))


def left_over(trace: Trace, announced: Sequence[Pending], at: int) -> list[Pending]:
    """The tasks that had announced an operation and never performed it; `announced` were enabled at the last choice."""
    moved = {task.number for task, _, _ in trace[at:]}
    able = {task.number: task for task in announced if task.number not in moved}
    blocked = {task.number: task for task, _, _ in trace if task.guard is not None}
    return [task for _, task in sorted({**able, **blocked}.items())]
