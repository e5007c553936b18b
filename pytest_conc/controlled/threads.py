"""`threading.Thread`: start, join and is_alive are one operation each, and a thread is a task.

The methods of the class itself are replaced, so subclasses, timers and the workers of pools are tasks too. A
thread that was not started in the execution keeps its real methods.
"""

from __future__ import annotations

import _thread
import sys
import threading
from _thread import get_ident
from concurrent.futures import ThreadPoolExecutor
from types import BuiltinFunctionType, MethodWrapperType
from typing import Any

from pytest_conc.controlled.patching import AttributePatch, Patch, Swap
from pytest_conc.controlled.resources import Resource
from pytest_conc.instrument.calls import announce_call
from pytest_conc.instrument.site import Site
from pytest_conc.model.current import RUNNING

_THREAD = threading.Thread
_init, _start, _join, _is_alive = _THREAD.__init__, _THREAD.start, _THREAD.join, _THREAD.is_alive
_enumerate, _active_count = threading.enumerate, threading.active_count
_ACTIVE: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]


_START = Site("run", threading.__file__, 0, "", {})


class Roster(Resource):
    """Which threads there are: once anybody looks, the end of any thread changes it."""

    title = "Threads"
    __slots__ = ()


class _Started:
    """Stands in for the event `_started` of a thread."""

    __slots__ = ("_flag",)

    def __init__(self) -> None:
        self._flag = False

    def is_set(self) -> bool:
        return self._flag


class _Handle:
    """Stands in for the handle of a thread (Python 3.13), after the execution as well."""

    def is_done(self) -> bool:
        return True

    def join(self, timeout: float | None = None) -> None:
        return None


_HANDLE = _Handle()


def init(
    self: Any,
    group: Any = None,
    target: Any = None,
    name: str | None = None,
    args: Any = (),
    kwargs: Any = None,
    *,
    daemon: bool | None = None,
    **more: Any,
) -> None:
    """`Thread.__init__`, without the event, the weak set and the global counter of the real one."""
    task = RUNNING.get(get_ident())
    if task is None or group is not None or more:
        _init(self, group, target, name, args, kwargs, daemon=daemon, **more)
        return
    if name is None:
        execution = task.execution
        execution.threads_named += 1
        name = f"Thread-{execution.threads_named}"
        if target is not None and hasattr(target, "__name__"):
            name += f" ({target.__name__})"
    task.execution.threads_made += 1
    self._conc_number = task.execution.threads_made
    self._target, self._args, self._kwargs = target, args, {} if kwargs is None else kwargs
    self._name = str(name)
    self._daemonic = task.daemon if daemon is None else daemon
    self._ident = self._native_id = self._tstate_lock = None
    self._started = _Started()
    self._is_stopped = False
    self._initialized = True
    self._stderr = sys.stderr
    self._handle = self._os_thread_handle = _HANDLE
    self._context = None
    self._invoke_excepthook = threading._make_invoke_excepthook  # type: ignore[attr-defined]


def thread_hash(self: Any) -> int:
    """`Thread.__hash__`: a small number, so that a set of threads (a pool's) has the same order in each execution."""
    number = self.__dict__.get("_conc_number")
    return object.__hash__(self) if number is None else int(number)


def start(self: Any) -> None:
    """`Thread.start`: one operation; the thread begins when the scheduler chooses it."""
    task = RUNNING.get(get_ident())
    if task is None:
        _start(self)
        return
    if not self._initialized:
        raise RuntimeError("thread.__init__() not called")
    if self._started._flag:
        raise RuntimeError("threads can only be started once")
    execution = task.execution
    execution.announce(task, "start", self)
    child = execution.new_task(task, self._name, _body_of(self), self._daemonic)
    child.thread = self
    self._conc_task = child
    self._ident = child.ident
    self._started._flag = True
    _ACTIVE[child.ident] = self


def _body_of(thread: Any) -> Any:
    """What the task runs; a C function as target is announced here, since no code that calls it is rewritten."""
    target = getattr(thread, "_target", None)
    if not isinstance(target, BuiltinFunctionType | MethodWrapperType):
        return thread.run

    def body() -> None:
        announce_call(RUNNING[get_ident()], (target, *thread._args, *thread._kwargs.values()), _START)
        thread.run()

    return body


def _task_of(thread: Any, task: Any) -> Any:
    """The task of a thread that was started in the same execution, else None."""
    child = thread.__dict__.get("_conc_task") if task is not None else None
    return child if child is not None and child.execution is task.execution else None


def join(self: Any, timeout: float | None = None) -> None:
    """`Thread.join`: one operation, enabled when the thread is over."""
    task: Any = RUNNING.get(get_ident())
    child = _task_of(self, task)
    if child is None:
        _join(self, timeout)
        return
    if child is task:
        raise RuntimeError("cannot join current thread")
    execution = task.execution
    if timeout is not None:
        execution.learned.exits = True
    execution.announce(task, "join" if timeout is None else "try-join", child, child.is_finished, timeout)
    execution.joined(child)


def is_alive(self: Any) -> bool:
    """`Thread.is_alive`: one operation, whose order with the end of the thread matters."""
    task: Any = RUNNING.get(get_ident())
    child = _task_of(self, task)
    if child is None:
        if "_conc_number" in self.__dict__:
            return bool(self._started._flag and not self._is_stopped)
        return _is_alive(self)
    task.execution.learned.exits = True
    task.execution.announce(task, "is_alive", child)
    task.execution.show(not child.finished)
    return not child.finished


def enumerate_threads() -> list[threading.Thread]:
    """`threading.enumerate`, one operation: the threads of the execution, since others come and go as they like."""
    task = RUNNING.get(get_ident())
    if task is None:
        return _enumerate()
    execution = task.execution
    execution.learned.exits = True
    if execution.roster is None:
        execution.roster = Roster(execution, None)
        for each in execution.tasks:
            each.alias = execution.roster
    execution.announce(task, "enumerate", execution.roster)
    idents = {each.ident for each in execution.alive}
    return [thread for ident, thread in _ACTIVE.items() if ident in idents]


def active_count() -> int:
    """`threading.active_count`, one operation."""
    return _active_count() if RUNNING.get(get_ident()) is None else len(enumerate_threads())


def virtual_ident() -> int:
    """`threading.get_ident`: a small number for a task, the real one for everything else."""
    task = RUNNING.get(get_ident())
    return get_ident() if task is None else int(task.ident)


def start_new_thread(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> int:
    """`_thread.start_new_thread`: a task without a Thread object."""
    task = RUNNING.get(get_ident())
    if task is None:
        return int(_start_new_thread(function, args, kwargs or {}))
    execution = task.execution
    execution.announce(task, "start", None)
    name = getattr(function, "__name__", "thread")
    child = execution.new_task(task, name, lambda: function(*args, **(kwargs or {})), daemon=True)
    return int(child.ident)


def count_threads() -> int:
    """`_thread._count`: the tasks that have begun or will begin, without the main one."""
    task = RUNNING.get(get_ident())
    return int(_count_really()) if task is None else len(task.execution.alive) - 1


def _next_pool() -> int:
    task = RUNNING.get(get_ident())
    if task is None:
        return int(_next_pool_really())
    task.execution.pools_named += 1
    return int(task.execution.pools_named) - 1


_start_new_thread = _thread.start_new_thread
_count_really = _thread._count
_next_pool_really: Any = ThreadPoolExecutor._counter  # type: ignore[attr-defined]

PATCHES: list[Patch] = [
    AttributePatch(
        _THREAD, {"__init__": init, "start": start, "join": join, "is_alive": is_alive, "__hash__": thread_hash}
    ),
    AttributePatch(ThreadPoolExecutor, {"_counter": staticmethod(_next_pool)}),
]
SWAPS: list[Swap] = [
    (_enumerate, enumerate_threads),
    (_active_count, active_count),
    (get_ident, virtual_ident),
    (_start_new_thread, start_new_thread),
    (_count_really, count_threads),
]
