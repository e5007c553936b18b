"""Tasks as greenlets of one OS thread: a switch costs less than half a microsecond.

Greenlets are reused, since starting one costs more than a small execution and unreturned ones pile up. A
greenlet inherits the recursion depth of the one that starts it, so new ones are started by a nursery that
was itself started at the bottom of the exploration.
"""

from __future__ import annotations

from _thread import get_ident as os_thread
from typing import Any

from greenlet import getcurrent, greenlet

from pytest_conc.model.current import CONTESTED, RUNNING


class GreenletHost:
    """Runs the tasks of one exploration, all on the OS thread that made it."""

    shares_a_thread = True

    def __init__(self) -> None:
        self._thread = os_thread()
        self._idle: list[greenlet] = []
        self._tasks: dict[greenlet, Any] = {}
        self._bottom = getcurrent()
        self._nursery = greenlet(self._raise_workers, self._bottom)
        self._nursery.switch()

    def prepare(self, task: Any) -> None:
        """Takes an idle greenlet, or has the nursery start another."""
        place = self._idle.pop() if self._idle else self._nursery.switch(getcurrent())
        place.gr_context = None
        self._tasks[place] = task
        task.place = place

    def switch(self, source: Any, target: Any) -> None:
        """Goes on with the target's greenlet."""
        if source.place is None:
            source.place = getcurrent()
        RUNNING[self._thread] = CONTESTED[self._thread] = target
        target.place.switch()

    def discard(self, task: Any) -> None:
        """The greenlet that waits for this task is idle again."""
        self._tasks.pop(task.place, None)
        self._idle.append(task.place)

    def abandon(self, task: Any, target: Any) -> None:
        """Leaves the greenlet where it is; it is never resumed."""
        RUNNING[self._thread] = target
        target.place.switch()
        raise SystemExit

    def contest(self, task: Any) -> None:
        """Shared state is hooked from now on."""
        CONTESTED[self._thread] = task

    def settle(self) -> None:
        """Shared state is no longer hooked."""
        CONTESTED.pop(self._thread, None)

    def close(self) -> None:
        """Ends the idle greenlets."""
        for place in [*self._idle, self._nursery]:
            place.throw()
        self._idle.clear()

    def _raise_workers(self) -> None:
        caller, worker = self._bottom, None
        while True:
            caller = caller.switch(worker)
            worker = greenlet(self._work, self._bottom)
            worker.switch()

    def _work(self) -> None:
        self._nursery.switch()
        place = getcurrent()
        while True:
            task = self._tasks.pop(place)
            following = task.execution.perform(task)
            RUNNING[self._thread] = following
            if self._thread in CONTESTED:
                CONTESTED[self._thread] = following
            self._idle.append(place)
            following.place.switch()
