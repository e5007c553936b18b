"""`queue.Queue`, `LifoQueue`, `PriorityQueue` and `SimpleQueue`: each call is one operation.

The items stay in the real queue. A subclass that has its own `_put` or `_get` runs CPython's Python code, on
controlled locks and conditions; so does nothing else, and a task that holds `mutex` keeps all others out.
"""

from __future__ import annotations

import queue
from _thread import get_ident
from queue import Empty, Full, SimpleQueue
from typing import Any

from pytest_conc.controlled.conditions import wake_foreign
from pytest_conc.controlled.originals import get_simple, put_simple, simple_is_empty, simple_size
from pytest_conc.controlled.patching import AttributePatch, Patch, TypePatch
from pytest_conc.controlled.resources import Resource, resource_of
from pytest_conc.model.current import RUNNING

_REAL = {
    name: getattr(queue.Queue, name)
    for name in ("put", "get", "qsize", "empty", "full", "task_done", "join", "shutdown")
    if hasattr(queue.Queue, name)
}
_ShutDown: type[Exception] = getattr(queue, "ShutDown", Empty)
_OWN = ("_init", "_put", "_get", "_qsize")
_STANDARD = (queue.Queue, queue.LifoQueue, queue.PriorityQueue)


class QueueState(Resource):
    """A queue; its items are those of the real one. `sizes` are how many it had before each recorded
    operation that may put or get one."""

    title = "Queue"
    is_queue = True
    __slots__ = ("capacity", "history", "mutex", "ordered", "size", "sizes")

    def __init__(self, execution: Any, thing: Any) -> None:
        super().__init__(execution, thing)
        self.size = thing._qsize if not isinstance(thing, SimpleQueue) else lambda: simple_size(thing)
        self.history: Any = None
        self.sizes: list[int] = []
        self.capacity = getattr(thing, "maxsize", 0)
        self.ordered = not isinstance(thing, (queue.LifoQueue, queue.PriorityQueue))
        self.mutex = id(getattr(thing, "mutex", None))

    def is_open(self, task: Any) -> bool:
        """Whether no task holds the queue's own lock."""
        lock = task.execution.states.get(self.mutex)
        return lock is None or lock.owner is None or lock.owner is task

    def has_room(self, task: Any) -> bool:
        """The guard of `put`."""
        room = self.capacity <= 0 or self.size() < self.capacity or getattr(self.thing, "is_shutdown", False)
        return (room or task.is_late()) and self.is_open(task)

    def has_item(self, task: Any) -> bool:
        """The guard of `get`."""
        return (self.size() > 0 or getattr(self.thing, "is_shutdown", False) or task.is_late()) and self.is_open(task)

    def is_done(self, task: Any) -> bool:
        """The guard of `join`."""
        return not self.thing.unfinished_tasks and self.is_open(task)


_standard: dict[type, bool] = {}


def _controlled(self: Any) -> Any:
    """The running task, if this queue is one whose methods are ours."""
    task = RUNNING.get(get_ident())
    if task is None:
        return None
    kind = type(self)
    known = _standard.get(kind)
    if known is None:
        base = next(each for each in kind.__mro__ if each in _STANDARD)
        known = _standard[kind] = all(getattr(kind, name) is getattr(base, name) for name in _OWN)
    return task if known else None


def put(self: Any, item: Any, block: bool = True, timeout: float | None = None) -> None:
    """`Queue.put`."""
    task = _controlled(self)
    if task is None:
        _REAL["put"](self, item, block, timeout)
        return
    execution = task.execution
    state = execution.states.get(id(self)) or resource_of(execution, self, QueueState)
    _announce(task, "put", state, state.has_room, block, timeout)
    if getattr(self, "is_shutdown", False):
        raise _ShutDown
    if 0 < state.capacity <= state.size():
        raise Full
    execution.show(item)
    execution.atomic += 1
    try:
        self._put(item)
    finally:
        execution.atomic -= 1
    self.unfinished_tasks += 1
    if self.not_empty._waiters:
        wake_foreign(self.not_empty, 1)


def get(self: Any, block: bool = True, timeout: float | None = None) -> Any:
    """`Queue.get`."""
    task = _controlled(self)
    if task is None:
        return _REAL["get"](self, block, timeout)
    execution = task.execution
    state = execution.states.get(id(self)) or resource_of(execution, self, QueueState)
    _announce(task, "get", state, state.has_item, block, timeout)
    if not state.size():
        raise _ShutDown if getattr(self, "is_shutdown", False) else Empty
    execution.atomic += 1
    try:
        item = self._get()
    finally:
        execution.atomic -= 1
        if self.not_full._waiters:
            wake_foreign(self.not_full, 1)
    execution.show(item)
    return item


def _announce(task: Any, kind: str, state: Any, guard: Any, block: bool, timeout: float | None) -> None:
    if not block:
        task.execution.announce(task, "try-" + kind, state, state.is_open)
    elif timeout is None:
        task.execution.announce(task, kind, state, guard)
    elif timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")
    else:
        task.execution.announce(task, "try-" + kind, state, guard, timeout)
    if task.execution.unjoined and not task.execution.atomic:
        state.sizes.append(state.size())


def _looking(name: str, look: Any) -> Any:
    """A method that only reads the size."""

    def method(self: Any) -> Any:
        task = _controlled(self)
        if task is None:
            return _REAL[name](self)
        state = resource_of(task.execution, self, QueueState)
        task.execution.announce(task, "size", state, state.is_open)
        seen = look(self)
        task.execution.show(seen, f"{name}()")
        return seen

    method.__name__ = name
    return method


def task_done(self: Any) -> None:
    """`Queue.task_done`."""
    task = _controlled(self)
    if task is None:
        _REAL["task_done"](self)
        return
    state = resource_of(task.execution, self, QueueState)
    task.execution.announce(task, "task_done", state, state.is_open)
    if self.unfinished_tasks <= 0:
        raise ValueError("task_done() called too many times")
    self.unfinished_tasks -= 1
    if not self.unfinished_tasks:
        wake_foreign(self.all_tasks_done, len(self.all_tasks_done._waiters))


def join(self: Any) -> None:
    """`Queue.join`."""
    task = _controlled(self)
    if task is None:
        _REAL["join"](self)
        return
    state = resource_of(task.execution, self, QueueState)
    task.execution.announce(task, "wait until done", state, state.is_done)


def shutdown(self: Any, immediate: bool = False) -> None:
    """`Queue.shutdown` (Python 3.13)."""
    task = _controlled(self)
    if task is None:
        _REAL["shutdown"](self, immediate)
        return
    state = resource_of(task.execution, self, QueueState)
    task.execution.announce(task, "shutdown", state, state.is_open)
    self.is_shutdown = True
    while immediate and state.size():
        self._get()
        self.unfinished_tasks = max(self.unfinished_tasks - 1, 0)


_simple_really = {
    name: vars(SimpleQueue)[name] for name in ("put", "get", "put_nowait", "get_nowait", "empty", "qsize")
}


def simple_put(self: Any, item: Any, block: bool = True, timeout: float | None = None) -> None:
    """`SimpleQueue.put`, which never blocks."""
    task = RUNNING.get(get_ident())
    if task is not None:
        _announce(task, "put", resource_of(task.execution, self, QueueState), None, True, None)
        task.execution.show(item)
    put_simple(self, item)


def simple_get(self: Any, block: bool = True, timeout: float | None = None) -> Any:
    """`SimpleQueue.get`."""
    task = RUNNING.get(get_ident())
    if task is None:
        return get_simple(self, block, timeout)
    state = resource_of(task.execution, self, QueueState)
    _announce(task, "get", state, state.has_item, block, timeout)
    item = get_simple(self, False)
    task.execution.show(item)
    return item


def _simple_get_nowait(self: Any) -> Any:
    return simple_get(self, False)


def _simple_look(real: Any) -> Any:
    def method(self: Any) -> Any:
        task = RUNNING.get(get_ident())
        if task is not None:
            task.execution.announce(task, "size", resource_of(task.execution, self, QueueState))
            task.execution.show(real(self), f"{real.__name__}()")
        return real(self)

    return method


_METHODS = {
    "put": put,
    "get": get,
    "task_done": task_done,
    "join": join,
    "shutdown": shutdown,
    "qsize": _looking("qsize", lambda self: self._qsize()),
    "empty": _looking("empty", lambda self: not self._qsize()),
    "full": _looking("full", lambda self: 0 < self.maxsize <= self._qsize()),
}
PATCHES: list[Patch] = [
    AttributePatch(queue.Queue, {name: method for name, method in _METHODS.items() if name in _REAL}),
    TypePatch(
        SimpleQueue,
        {
            "put": simple_put,
            "get": simple_get,
            "put_nowait": simple_put,
            "get_nowait": _simple_get_nowait,
            "empty": _simple_look(simple_is_empty),
            "qsize": _simple_look(simple_size),
        },
    ),
]
