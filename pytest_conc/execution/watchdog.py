"""Sees that something happens: one OS thread that looks at the running execution from outside; and sees Ctrl-C.

If the length of the trace has not changed for `hang_after` seconds, the task that runs blocks on something that is
not controlled, or computes without end. The watchdog notes where (function, file, line, stack) and interrupts it: the
main OS thread by a signal, which also frees it from recv, select, a lock or a subprocess; any other thread by an
asynchronous exception, which frees it only from Python code. If even that does not help, nothing in this process can,
and the process ends with the report.

The handler raises only if the same grant is still pending, so a task that comes back just in time goes on.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import traceback
from _thread import allocate_lock
from _thread import get_ident as os_thread
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from types import FrameType
from typing import Any, Final

from pytest_conc.controlled import originals
from pytest_conc.execution.recorder import OWN, is_beginning
from pytest_conc.execution.watched_time import WatchedTime
from pytest_conc.model.current import RUNNING
from pytest_conc.model.findings import UncontrolledBlocking

GRACE: Final = 5.0
_SIGNAL = getattr(signal, "SIGURG", None)


class Watchdog:
    """Watches one exploration at a time; `watching` is the block in which it does."""

    def __init__(self, hang_after: float) -> None:
        self._limit = hang_after
        self._owner = os_thread()
        self._on_main_thread = threading.current_thread() is threading.main_thread()
        self.execution: Any = None
        self.interrupted = False
        self._grant: tuple[Any, int] | None = None
        self._message = ""
        self._handlers: dict[int, Any] = {}

    @contextmanager
    def watching(self) -> Iterator[Watchdog]:
        """Starts the watchdog's thread and installs the handlers; takes all away at the end."""
        over, gone = allocate_lock(), allocate_lock()
        originals.acquire_lock(over)
        originals.acquire_lock(gone)
        if self._on_main_thread:
            self._handle(signal.SIGINT, self._ctrl_c)
        if self._limit:
            if self._on_main_thread and _SIGNAL is not None:
                self._handle(_SIGNAL, self._interrupt)
            originals.start_os_thread(self._watch, (over, gone))
        try:
            yield self
        finally:
            for number, before in self._handlers.items():
                signal.signal(number, before)
            originals.release_lock(over)
            if self._limit:
                originals.acquire_lock(gone)

    def _handle(self, number: int, handler: Any) -> None:
        before = signal.getsignal(number)
        if before is not None:  # else it was installed from C, and could not be put back
            self._handlers[number] = before
            signal.signal(number, handler)

    def _ctrl_c(self, number: int, frame: FrameType | None) -> None:
        """Somebody pressed Ctrl-C: the execution ends, and the exploration with it."""
        before = self._handlers[number]
        if before is signal.SIG_IGN:
            return
        self.interrupted = True
        error = KeyboardInterrupt()
        if self.execution is not None:
            self.execution.fail(RUNNING.get(self._owner), error)
        if callable(before):
            before(number, frame)
        raise error

    def _watch(self, over: Any, gone: Any) -> None:
        pause = min(0.1, self._limit / 10)
        clock = WatchedTime(pause)
        last, since = self._progress(), clock.now()
        while not originals.acquire_lock(over, True, pause):
            now, at = self._progress(), clock.now()
            if now != last or now[0] is None:
                last, since = now, at
            elif at - since > self._limit and in_debugger():
                since = at
            elif at - since > self._limit + GRACE:
                self._give_up()
            elif at - since > self._limit:
                self._free(now)
        originals.release_lock(gone)

    def _progress(self) -> tuple[Any, int]:
        execution = self.execution
        return (
            (execution, 0)
            if execution is None
            else (execution, len(execution.trace) + len(execution.tasks) + len(execution.lost))
        )

    def _free(self, grant: tuple[Any, int]) -> None:
        if self._grant != grant:
            self._grant = grant
            self._message = self._describe(grant[0])
        if _SIGNAL in self._handlers:
            signal.pthread_kill(self._owner, _SIGNAL)
        else:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._owner), ctypes.py_object(UncontrolledBlocking)
            )

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """The handler of the signal, on the main thread."""
        if self._grant is not None and self._grant == self._progress() and self.execution is not None:
            error = UncontrolledBlocking(self._message)
            self.execution.fail(RUNNING.get(self._owner), error)
            self._grant = None
            raise error

    def _describe(self, execution: Any) -> str:
        blocked = [
            (task, ident)
            for ident, task in list(RUNNING.items())
            if task.execution is execution and not _waits_for_us(ident)
        ]
        task, ident = blocked[0] if blocked else (None, self._owner)
        frame = frame_of(ident)
        if frame is None:
            return "a task blocks on something that is not controlled"
        while frame.f_back is not None and frame.f_code.co_filename.startswith(OWN):
            frame = frame.f_back
        inside = takewhile(lambda each: not is_beginning(each[0]), traceback.walk_stack(frame))
        frames = [each for each in inside if not each[0].f_code.co_filename.startswith(OWN)][:6]
        stack = "".join(traceback.StackSummary.extract(reversed(frames)).format())
        name = task.label() if task is not None else "a task"
        return (
            f"{name} did not come back for {self._limit:g} seconds from {_called_from(frame, task)}: it blocks on "
            "something that is not controlled, or computes without end; give it a time limit of its own, or raise "
            f"hang_after\n{stack}"
        )

    def _give_up(self) -> None:
        sys.__stderr__.write(f"\npytest-conc: {self._message}\nIt cannot be interrupted; the process ends.\n")  # type: ignore[union-attr]
        sys.__stderr__.flush()  # type: ignore[union-attr]
        originals.exit_process(70)


def _called_from(frame: FrameType, task: Any) -> str:
    """The innermost call: a target that is written in C has no frame of its own."""
    if frame.f_code is threading.Thread.run.__code__:
        target = getattr(getattr(task, "thread", None), "_target", None)
        return f"{getattr(target, '__qualname__', 'its target')}, the target of the thread"
    return f"{frame.f_code.co_qualname} ({frame.f_code.co_filename}:{frame.f_lineno})"


def frame_of(ident: int | None) -> FrameType | None:
    """What that OS thread executes.

    Nobody may keep the dictionary that this looks into. It has the frame of who asks, and as a variable in that frame
    it would be a cycle, which keeps the variables of all threads until the next collection; and CPython 3.12 crashes
    when it collects the buffer of a BytesIO, which is what a process queue sends.
    """
    return sys._current_frames().get(ident or 0)


def _waits_for_us(ident: int) -> bool:
    frame = frame_of(ident)
    return frame is None or frame.f_code.co_filename.startswith(os.path.join(OWN, "execution", "hosts"))


def in_debugger() -> bool:
    """Whether somebody looks at a thread of this process in pdb.

    To walk over the frames of running threads can crash the interpreter (seen on 3.11 and 3.12): call it seldom.
    """
    return "pdb" in sys.modules and any(
        frame.f_code.co_filename.endswith(("pdb.py", "bdb.py"))
        for top in sys._current_frames().values()
        for frame in _up(top)
    )


def _up(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
