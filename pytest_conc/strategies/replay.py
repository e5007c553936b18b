"""Replay is just another strategy: it follows a schedule, and counts where the schedule does not fit.

Lenient where it has to be: a segment whose task is not enabled is skipped, and after the last segment it
goes on without preemption. So it also serves the minimiser, which asks "does it still fail without this
segment?". `resynchronised` is the number of segments that could not be followed to the end: 0 says that the
execution is the very one that the schedule was taken from.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_conc.model.schedule import Schedule
from pytest_conc.strategies.protocol import Pending, Trace


class Replay:
    """Follows one schedule, operation by operation.

    The scheduler asks at every operation, also when only one task is enabled (`asks_always`), because the
    operations of each task have to be counted.
    """

    asks_always = True

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self.resynchronised = 0
        self._next = self._left = 0
        self._task = -1

    def begin(self, trace: Trace) -> None:
        """Starts at the first segment again."""
        self.resynchronised = 0
        self._next = self._left = 0
        self._task = -1

    def choose(self, running: Pending, enabled: Sequence[Pending]) -> Pending:
        """The task of the current segment, or of the next one that is enabled."""
        while True:
            if self._left == 0:
                if self._next == len(self._schedule):
                    return running if running in enabled else enabled[0]
                self._task, self._left = self._schedule[self._next]
                self._next += 1
            for task in enabled:
                if task.number == self._task:
                    self._left -= 1
                    return task
            self.resynchronised += 1
            self._left = 0

    @property
    def followed(self) -> bool:
        """Whether the execution was exactly the one that the schedule describes."""
        return self.resynchronised == 0 and self._left == 0 and self._next == len(self._schedule)
