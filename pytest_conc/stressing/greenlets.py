"""Greenlets of a real run, inside of an interpreter that gevent has patched: errors, leaks, and who waits where.

In such an interpreter a thread is a greenlet, a lock is gevent's, and a switch happens where a greenlet waits and
nowhere else. So no delays are injected between two lines, which would show races that cannot happen; and who watches
has to be a real OS thread, because nothing else runs while a greenlet computes.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

import gevent
import gevent.exceptions
import gevent.hub
import gevent.util
import pytest
from gevent import monkey
from greenlet import greenlet

from pytest_conc import sleep_points
from pytest_conc.controlled.patching import AttributePatch
from pytest_conc.execution.tracebacks import with_others
from pytest_conc.execution.watched_time import WatchedTime
from pytest_conc.model import findings
from pytest_conc.stressing.delays import Delays, NoDelays
from pytest_conc.stressing.stacks import is_users, line_of, stack
from pytest_conc.stressing.troubles import Troubles

QUIET: Final = 0.5  # seconds in which a greenlet may end by itself when the test is over
FREED: Final = 2.0  # seconds in which the test has to end after it was told that it hangs
START: Final = 60.0  # seconds until the first run
_start_os_thread, _sleep = monkey.get_original("_thread", "start_new_thread"), monkey.get_original("time", "sleep")
_MAIN: Final = gevent.get_hub().parent
_GEVENT: Final = os.path.dirname(gevent.__file__) + os.sep


# -- who waits where -------------------------------------------------------------------------
def greenlets() -> list[Any]:
    """All of the main thread that have begun and not ended, but for the hub."""
    return [thing for thing in gc.get_objects() if issubclass(type(thing), greenlet) and thing and _is_ours(thing)]


def _is_ours(each: Any) -> bool:
    """Whether it is of the main thread: gevent's pool of threads has hubs and greenlets of its own."""
    root = each
    while root.parent is not None:
        root = root.parent
    return root is _MAIN and not isinstance(each, gevent.hub.Hub)


def frame_of(each: Any) -> FrameType | None:
    """Where it is; None if it runs at the moment."""
    frame: FrameType | None = each.gr_frame
    return frame


def describe(running: FrameType | None) -> list[str]:
    """A line for each greenlet: who is where. `running` is the frame of the one that runs."""
    lines = []
    for each in greenlets():
        frame = frame_of(each)
        if (frame or running) is not None:
            verb = "waits" if frame is not None else "runs"
            lines.append(f"  {name_of(each)} {verb} {_place(frame or running)}")
    return sorted(lines, key=lambda line: not line.startswith("  main "))


def name_of(each: Any) -> str:
    """`main`, the name of a thread that became a greenlet, or the name of the greenlet with its function."""
    if each is _MAIN:
        return "main"
    if isinstance(each, gevent.Greenlet):
        function = getattr(each, "_run", None)
        return f"{each.name} ({getattr(function, '__name__', type(each).__name__)})"
    thread = getattr(getattr(each, "run", None), "__self__", None)
    return str(thread.name) if isinstance(thread, threading.Thread) else _thread_of(each) or "a greenlet"


def _thread_of(each: Any) -> str:
    found = [thread for thread in threading.enumerate() if thread.ident == id(each)]
    return found[0].name if found else ""


def _place(top: FrameType | None) -> str:
    called = ""
    for frame in stack(top):
        if is_users(frame.f_code) and not frame.f_code.co_filename.startswith(_GEVENT):
            inside = f"in {called}, called " if called else ""
            return f"{inside}at {line_of(frame.f_code.co_filename, frame.f_lineno)}"
        called = frame.f_code.co_qualname
    return f"in {called}" if called else "outside of Python code"


class Deadlock(findings.Deadlock, gevent.exceptions.LoopExit):  # type: ignore[misc]
    """What gevent raises in the main greenlet when nothing can happen any more, with the names of who waits where."""

    def __init__(self, text: str, *more: object) -> None:
        if more:
            text = "\n".join(["no greenlet can go on:", *describe(None), _REMEDY])
        findings.Deadlock.__init__(self, text)

    __str__ = __repr__ = Exception.__str__


_REMEDY: Final = "Give what blocks a time limit of its own, or see to it that somebody sets, puts or releases."
_SPINS: Final = "One that runs has to switch now and then, as gevent.sleep(0) does; nobody else can run before."
gevent.hub.LoopExit = Deadlock  # this module is imported in the child only


# -- a run -----------------------------------------------------------------------------------
class Guard:
    """What `guarded.Guarded` is elsewhere: what goes wrong in the greenlets of a program is its own failure."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._delays: Delays = NoDelays()
        self._count = 0
        self.hung = False

    def with_delays(self, delays: Delays) -> Guard:
        """The same, with sleeps at sleep points."""
        self._delays = delays
        return self

    @contextmanager
    def on_guard(self, switch_interval: float | None = None) -> Iterator[Guard]:
        """Nothing is prepared: greenlets switch where they wait, however often the interpreter would."""
        yield self

    def run(self, program: Callable[[], object]) -> BaseException | None:
        """Calls the program; returns what it, or a greenlet of it, has failed with. KeyboardInterrupt is raised."""
        __tracebackhide__ = True
        troubles, known = Troubles(), {id(each): each for each in greenlets()}
        self._count += 1
        self._delays.begin(self._count)
        with _noting(troubles), _sleeping(self._delays), self._watch.a_run():
            error = _outcome(program)
            leaks = _end_the_rest(known)
        if isinstance(error, KeyboardInterrupt):
            raise error
        self.hung = isinstance(error, Deadlock)
        found = [trouble.told() for trouble in troubles.uncollected() if trouble.error is not error]
        if leaks and not self.hung:
            found.append(findings.LeakedTask(f"{'; '.join(leaks)}: join it or kill it"))
        found = found if error is None else [error, *found]
        self._delays.end(bool(found))
        return with_others(found[0], found[1:]) if found else None


class _Everybody(dict[int, Any]):
    """Stands for the map of members: whichever greenlet passes a sleep point, it is of the run."""

    def __init__(self, delays: Delays) -> None:
        super().__init__({0: None})
        self.execution = self
        self.sleep_point = delays.at_point

    def get(self, key: int, default: Any = None) -> Any:
        """A member with its run."""
        return self


@contextmanager
def _sleeping(delays: Delays) -> Iterator[None]:
    everybody = AttributePatch(sleep_points, {"MEMBERS": _Everybody(delays)})
    everybody.apply()
    try:
        yield
    finally:
        everybody.undo()


def _outcome(program: Callable[[], object]) -> BaseException | None:
    __tracebackhide__ = True
    try:
        program()
    except BaseException as error:
        return error
    return None


GUARD: Final = pytest.StashKey[Guard]()


@contextmanager
def _noting(troubles: Troubles) -> Iterator[None]:
    hub = gevent.hub.Hub
    real, hook = hub.handle_error, threading.excepthook

    def handle_error(self: Any, context: Any, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, gevent.GreenletExit):
            return
        trouble = troubles.note(_who(context), error) if isinstance(error, Exception) else None
        if trouble is None:
            real(self, context, kind, error, trace)
        else:
            trouble.raised_again_counts = True

    def excepthook(arguments: Any) -> None:
        if not isinstance(arguments.exc_value, (gevent.GreenletExit, type(None))):
            troubles.note(getattr(arguments.thread, "name", "a thread"), arguments.exc_value)

    hub.handle_error, threading.excepthook = handle_error, excepthook
    try:
        yield
    finally:
        hub.handle_error, threading.excepthook = real, hook


def _who(context: Any) -> str:
    return name_of(context) if isinstance(context, greenlet) else type(context).__name__


def _end_the_rest(known: dict[int, Any]) -> list[str]:
    """Ends the greenlets that the test has left; a line for each that is no daemon thread."""
    until = time.monotonic() + QUIET
    while _left(known) and time.monotonic() < until:
        gevent.sleep(0.005)
    left = _left(known)
    leaks = [
        f"{name_of(each)} is still there when the test is over, {_place(frame_of(each))}"
        for each in left
        if not _is_daemon(each)
    ]
    for each in left:
        gevent.kill(each)
    gevent.sleep(0)
    return leaks


def _left(known: dict[int, Any]) -> list[Any]:
    return [each for each in greenlets() if id(each) not in known]


def _is_daemon(each: Any) -> bool:
    return any(thread.ident == id(each) and thread.daemon for thread in threading.enumerate())


# -- the watch --------------------------------------------------------------------------------
class Watch:
    """An OS thread that says that the child is alive, and ends it when nothing happens any more.

    First it raises `Deadlock` where the main greenlet waits, so that the test fails like any other. Where that does not
    help, because a greenlet never switches, it writes down what all greenlets execute and ends the process.
    """

    def __init__(self, folder: Path, limit: float, parent: int) -> None:
        self._folder = folder
        self._limit = limit
        self._parent = parent
        self._hub = gevent.get_hub()
        self._main = threading.main_thread().ident
        self._os_thread = monkey.get_original("_thread", "get_ident")()
        self._places: set[Any] = set()
        self._pause = min(0.5, limit / 5) if limit else 0.5
        self._clock = WatchedTime(self._pause)
        self._now = self._since = self._clock.now()
        self._runs = 0
        self._told_at = 0.0
        _start_os_thread(self._watch, ())

    @contextmanager
    def a_run(self) -> Iterator[None]:
        """A run of the test begins, and ends."""
        self._runs += 1
        self._progress()
        try:
            yield
        finally:
            self._progress()

    def pytest_runtest_logreport(self) -> None:
        """A phase of the test is over."""
        self._progress()

    def _progress(self) -> None:
        self._places = set()
        self._since = self._now
        self._told_at = 0.0

    def _watch(self) -> None:
        while True:
            _sleep(self._pause)
            if os.getppid() != self._parent:
                os._exit(70)
            self._now = self._clock.now()
            if self._runs and self._limit:
                self._look(self._now)
            if self._runs or self._now - self._since < START:
                (self._folder / "alive").touch()

    def _look(self, now: float) -> None:
        running = sys._current_frames().get(self._os_thread)
        places = {(frame.f_code, frame.f_lasti) for frame in self._frames(running)}
        if not places <= self._places:
            self._since = now
        self._places |= places
        if self._told_at and now - self._told_at > FREED:
            self._give_up(running)
        elif not self._told_at and now - self._since > self._limit:
            self._told_at = now
            error = Deadlock("\n".join([self._head(now), *describe(running), _REMEDY]))
            self._hub.loop.run_callback_threadsafe(self._hub.parent.throw, error)

    def _frames(self, running: FrameType | None) -> list[FrameType]:
        frames = [frame_of(each) for each in greenlets()]
        return [frame for frame in [*frames, running] if frame is not None]

    def _head(self, now: float) -> str:
        return f"nothing has happened for {now - self._since:.3g} s in run {self._runs}:"

    def _give_up(self, running: FrameType | None) -> None:
        (self._folder / "greenlets").write_text("\n".join(gevent.util.format_run_info(thread_stacks=False)))
        (self._folder / "stuck").write_text("\n".join([self._head(self._now), *describe(running), _SPINS]))
        os._exit(70)
