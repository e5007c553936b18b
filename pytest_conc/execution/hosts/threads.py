"""Tasks as real OS threads that hand a baton on: one runs, all others wait at a lock of their own.

Slower than greenlets by a factor of ten or more, but with real thread identity, and the right choice for C code that
looks at the OS thread it runs on. The main task is the OS thread that called the exploration.
"""

from __future__ import annotations

from _thread import allocate_lock
from _thread import get_ident as os_thread
from _thread import start_new_thread as start_os_thread
from typing import Any

from pytest_conc.controlled.originals import acquire_lock, release_lock
from pytest_conc.model.current import CONTESTED, RUNNING


class _Place:
    """Where a task waits for the baton."""

    __slots__ = ("gate", "ident", "started")

    def __init__(self) -> None:
        self.gate = allocate_lock()
        acquire_lock(self.gate)
        self.started = False
        self.ident = 0


class ThreadHost:
    """Runs each task of one execution on an OS thread of its own."""

    shares_a_thread = False

    def __init__(self) -> None:
        self._idents: set[int] = set()

    def prepare(self, task: Any) -> None:
        """Makes the place where the task will wait; its thread starts when it is first switched to."""
        task.place = _Place()

    def switch(self, source: Any, target: Any) -> None:
        """Hands the baton to the target and waits until it comes back."""
        if source.place is None:
            source.place = _Place()
        self._hand_on(target)
        acquire_lock(source.place.gate)

    def _hand_on(self, target: Any) -> None:
        if target.place.started or target.number == 0:
            release_lock(target.place.gate)
        else:
            target.place.started = True
            start_os_thread(self._live, (target,))

    def _live(self, task: Any) -> None:
        task.place.ident = ident = os_thread()
        RUNNING[ident] = CONTESTED[ident] = task
        self._idents.add(ident)
        try:
            following = task.execution.perform(task)
        except SystemExit:
            return
        finally:
            RUNNING.pop(ident, None)
            CONTESTED.pop(ident, None)
            self._idents.discard(ident)
        self._hand_on(following)

    def discard(self, task: Any) -> None:
        """A task that has not begun has no thread."""

    def abandon(self, task: Any, target: Any) -> None:
        """Hands the baton on; the thread waits for ever."""
        self._hand_on(target)
        acquire_lock(task.place.gate)
        raise SystemExit

    def contest(self, task: Any) -> None:
        """Shared state is hooked from now on."""
        CONTESTED[os_thread()] = task

    def settle(self) -> None:
        """Shared state is no longer hooked."""
        CONTESTED.pop(os_thread(), None)

    def close(self) -> None:
        """Nothing is kept between executions."""
