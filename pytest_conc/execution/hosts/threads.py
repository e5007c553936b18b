"""Tasks as real OS threads that hand a baton on: one runs, all others wait at a lock of their own.

Slower than greenlets by a factor of ten or more, but with real thread identity, and the right choice for C code that
looks at the OS thread it runs on. The main task is the OS thread that called the exploration.
"""

from __future__ import annotations

import ctypes
from _thread import allocate_lock
from _thread import get_ident as os_thread
from _thread import start_new_thread as start_os_thread
from typing import Any, Final

from pytest_conc.controlled.originals import acquire_lock, monotonic, release_lock
from pytest_conc.model.current import CONTESTED, RUNNING
from pytest_conc.model.findings import Abort

SLICE: Final = 0.2  # seconds that the main thread waits until it looks for signals
PATIENCE: Final = 0.3  # seconds that a task has to come back after a signal


class _Place:
    """Where a task waits for the baton."""

    __slots__ = ("gate", "ident", "started")

    def __init__(self) -> None:
        self.gate = allocate_lock()
        acquire_lock(self.gate)
        self.started = False
        self.ident = 0


def _comes_back(gate: Any) -> bool:
    """Whether the baton comes back within a short while, further signals notwithstanding."""
    until = monotonic() + PATIENCE
    while monotonic() < until:
        try:
            if acquire_lock(gate, True, max(until - monotonic(), 0.0)):
                return True
        except BaseException:  # a second signal for the same thing
            continue
    return False


def free(ident: int) -> None:
    """Has an OS thread that runs Python code unwind; one that blocks in C stays where it is."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(Abort))


class ThreadHost:
    """Runs each task of one execution on an OS thread of its own."""

    shares_a_thread = False

    def __init__(self) -> None:
        self._holder: Any = None

    def prepare(self, task: Any) -> None:
        """Makes the place where the task will wait; its thread starts when it is first switched to."""
        task.place = _Place()

    def switch(self, source: Any, target: Any) -> None:
        """Hands the baton to the target and waits until it comes back."""
        if source.place is None:
            source.place = _Place()
        try:
            self._hand_on(target)
            while not acquire_lock(source.place.gate, True, SLICE):
                pass  # a signal that came just before is seen now: it does not end a wait that begins after it
        except BaseException as error:  # raised by a signal, on the main thread: the baton is somewhere else
            source.execution.fail(source, error)
            if not _comes_back(source.place.gate):
                self._holder, lost = source, self._holder
                source.execution.lost.append(lost)
                free(lost.place.ident)

    def _hand_on(self, target: Any) -> None:
        self._holder = target
        if target.place.started or target.number == 0:
            release_lock(target.place.gate)
        else:
            target.place.started = True
            start_os_thread(self._live, (target,))

    def _live(self, task: Any) -> None:
        task.place.ident = ident = os_thread()
        RUNNING[ident] = CONTESTED[ident] = task
        try:
            following = task.execution.perform(task)
        finally:
            RUNNING.pop(ident, None)
            CONTESTED.pop(ident, None)
        if self._holder is task:
            self._hand_on(following)

    def discard(self, task: Any) -> None:
        """A task that has not begun has no thread."""

    def abandon(self, task: Any, target: Any) -> None:
        """Hands the baton on if the task has it; its thread waits for ever, and does not keep the interpreter."""
        if self._holder is task:
            self._hand_on(target)
        forever = allocate_lock()
        acquire_lock(forever)
        acquire_lock(forever)

    def contest(self, task: Any) -> None:
        """Shared state is hooked from now on."""
        CONTESTED[os_thread()] = task

    def settle(self) -> None:
        """Shared state is no longer hooked."""
        CONTESTED.pop(os_thread(), None)

    def close(self) -> None:
        """Nothing is kept between executions."""
