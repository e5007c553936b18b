"""Sees that a real run goes on: one OS thread that looks at it from outside, and brings it to an end if it does not.

A run goes on while its threads change shared state or take locks, while threads and processes begin and end, or while
the processor is busy. To look at shared state, or for news in a queue until a time limit is over, is not to go on. If
all its members wait for each other without a limit, nothing of that will happen any more, and half a second is enough
to be sure; so it is for members that wait in a circle for each other's reentrant locks, whatever the others do. A run
that is only busy, in which nothing begins or ends, has ten times as long. The stacks of threads are looked at only when
a run is to be ended: to do so while they run can crash the interpreter (seen on CPython 3.12).

Bringing it to an end: members that wait for locks, queues or threads look at `run.aborted` by themselves (`locks`);
the main thread is freed by a signal from whatever else it waits in, recv or a child process, again and again until
it comes out. If it does not, nothing in this process can help, and the process ends with the report.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from _thread import allocate_lock
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from pytest_conc.controlled import originals
from pytest_conc.execution import process_tree
from pytest_conc.execution.watchdog import in_debugger
from pytest_conc.execution.watched_time import WatchedTime
from pytest_conc.model.findings import Abort
from pytest_conc.stressing import children, stacks
from pytest_conc.stressing.member import Member
from pytest_conc.stressing.stuck import hang

CERTAIN: Final = 0.5  # seconds after which a deadlock among members only is one
BUSY: Final = 10  # times `hang_after`, for a run that computes and does nothing new
GRACE: Final = 5.0
AGAIN: Final = 0.2
_LOGGED: Final = "_read_from_self"  # of asyncio: what is raised there is logged and forgotten
_SIGNAL = getattr(signal, "SIGURG", None)


class Progress:
    """When something has happened last in one run."""

    def __init__(self, run: Any, now: float) -> None:
        self.run = run
        self.since = self.new_since = now
        self.is_certain = False
        self.waited = 0.0
        self._no_cycle = self.since
        self._counts: Any = None
        self._busy = 0.0

    def look(self, now: float) -> None:
        """Compares with what was there at the last look."""
        counts = self._count()
        busy = _busy(self.run)
        if counts != self._counts:
            self.since = self.new_since = now
        elif self._has_got_on() or busy - self._busy > 0.1 * (now - self.since):
            self.since = now
        else:
            return
        self._counts, self._busy = counts, busy

    def _has_got_on(self) -> bool:
        """Whether a member has done more than it ever had: what was in vain is taken back."""
        found = [member for member in self.run.members if member.operations > member.most]
        for member in found:
            member.most = member.operations
        return bool(found)

    def has_cycle(self, now: float, seconds: float) -> bool:
        """Whether members have waited in a circle for so long."""
        if not is_cycle([self.run.main, *self.run.alive()], self.run):
            self._no_cycle = now
        return now - self._no_cycle > seconds

    def _count(self) -> Any:
        members = self.run.members
        alive = sum(children.seems_alive(process) for process in list(self.run.processes))
        return len(members), sum(member.ended for member in members), len(self.run.processes), alive


def _busy(run: Any) -> float:
    """Processor time so far, in seconds, of this process and its children."""
    return time.process_time() + process_tree.cpu_seconds(run.processes)


class Watch:
    """Watches the runs of one test, one at a time."""

    def __init__(self, hang_after: float) -> None:
        self._limit = hang_after
        self._main_thread = threading.current_thread() is threading.main_thread()
        self._before: Any = None
        self._ident = 0
        self.run: Any = None

    @contextmanager
    def watching(self) -> Iterator[Watch]:
        """Starts the thread that watches, and stops it."""
        if not self._limit:
            yield self
            return
        over, gone = allocate_lock(), allocate_lock()
        originals.acquire_lock(over)
        originals.acquire_lock(gone)
        if self._main_thread and _SIGNAL is not None:
            self._before = signal.signal(_SIGNAL, self._free_main)
        originals.start_os_thread(self._watch, (over, gone))
        try:
            yield self
        finally:
            originals.release_lock(over)
            originals.acquire_lock(gone)
            if self._main_thread and _SIGNAL is not None:
                signal.signal(_SIGNAL, signal.SIG_DFL if self._before is None else self._before)

    def _watch(self, over: Any, gone: Any) -> None:
        self._ident = threading.get_ident()
        pause = min(0.05, self._limit / 10)
        progress: Progress | None = None
        clock = WatchedTime(pause)
        while not originals.acquire_lock(over, True, pause):
            run, now = self.run, clock.now()
            if run is None or run.is_over:
                progress = None
            elif run.aborted is not None:
                self._set_free(run)
            elif progress is None or progress.run is not run:
                progress = Progress(run, now)
            elif self._is_stuck(run, progress, now):
                if in_debugger():
                    progress = Progress(run, now)
                else:
                    self._abort(run, progress)
        originals.release_lock(gone)

    def _is_stuck(self, run: Any, progress: Progress, now: float) -> bool:
        progress.look(now)
        waited, busy = now - progress.since, now - progress.new_since
        enough = min(CERTAIN, self._limit)
        progress.is_certain = progress.has_cycle(now, enough) or (waited > enough and is_deadlocked(run, self._ident))
        progress.waited = waited if waited > self._limit else busy
        return progress.is_certain or waited > self._limit or busy > BUSY * self._limit

    def _abort(self, run: Any, progress: Progress) -> None:
        error = hang(run, progress.waited, progress.is_certain)
        if not run.is_over:
            run.aborted = error

    def _set_free(self, run: Any) -> None:
        clock = WatchedTime(AGAIN)
        while not run.is_over:
            if self._main_thread and _SIGNAL is not None and run.main.wait is None:
                signal.pthread_kill(run.main_ident, _SIGNAL)
            originals.sleep(AGAIN)
            if clock.now() > GRACE:
                self._give_up(run)

    def _free_main(self, number: int, frame: FrameType | None) -> None:
        """The handler of the signal, on the main thread."""
        run = self.run
        at_once = frame is None or frame.f_code.co_name != _LOGGED
        if run is not None and run.aborted is not None and not run.is_over and at_once:
            raise Abort

    def _give_up(self, run: Any) -> None:
        sys.__stderr__.write(f"\npytest-conc: {run.aborted}\nIt cannot be interrupted; the process ends.\n")  # type: ignore[union-attr]
        sys.__stderr__.flush()  # type: ignore[union-attr]
        process_tree.end(run.processes)
        originals.exit_process(70)


def is_deadlocked(run: Any, watching: int) -> bool:
    """Whether its members wait for each other without a limit, and nobody else could help them."""
    if not all(member.is_stuck() for member in (run.main, *run.alive())):
        return False
    if any(children.seems_alive(process) for process in run.processes):
        return False
    return not (_strangers(run, watching) or _native_threads() or _alarm_is_set())


def is_cycle(alive: list[Member], run: Any) -> bool:
    """Whether some of them wait in a circle for reentrant locks that the next one holds.

    Nobody but its holder can give such a lock back. Any other lock may be a signal, or given back by another thread.
    """
    waits_for = {}
    for member in alive:
        resource = member.wait.resource if member.wait is not None and member.is_stuck() else None
        holding = run.holders.get(id(resource)) if type(resource) is originals.RLOCK else None
        if holding is not None:
            waits_for[member] = holding.member
    for start in waits_for:
        met, member = {start}, waits_for[start]
        while member in waits_for and member not in met:
            met.add(member)
            member = waits_for[member]
        if member in met:
            return True
    return False


def _strangers(run: Any, watching: int) -> bool:
    """Whether other Python threads run that could set an event or put an item."""
    known = {run.main_ident, watching, *(member.thread.ident for member in run.members)}
    return any(ident not in known and not _is_of_xdist(frame) for ident, frame in sys._current_frames().items())


def _native_threads() -> bool:
    """Whether there are threads that do not run Python, and could call something of it (a library's callback)."""
    import psutil

    return psutil.Process().num_threads() > len(sys._current_frames())


def _alarm_is_set() -> bool:
    """Whether the handler of a signal will soon be called that could do anything; pytest-timeout's does not help."""
    timer = getattr(signal, "ITIMER_REAL", None)
    handler = None if timer is None or not signal.getitimer(timer)[0] else signal.getsignal(signal.SIGALRM)
    return callable(handler) and getattr(handler, "__module__", "") != "pytest_timeout"


def _is_of_xdist(top: FrameType) -> bool:
    return any("execnet" in frame.f_code.co_filename for frame in stacks.stack(top))
