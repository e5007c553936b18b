"""`threading.Event`, `Semaphore` and `BoundedSemaphore`: each call is one operation."""

from __future__ import annotations

import threading
from _thread import get_ident
from typing import Any

from pytest_conc.controlled.conditions import wake_foreign
from pytest_conc.controlled.patching import AttributePatch, Patch
from pytest_conc.controlled.resources import Resource, resource_of
from pytest_conc.model.current import RUNNING

_EVENT = {name: getattr(threading.Event, name) for name in ("is_set", "set", "clear", "wait")}
_ACQUIRE, _RELEASE = threading.Semaphore.acquire, threading.Semaphore.release
_BOUNDED_RELEASE = threading.BoundedSemaphore.release


class EventState(Resource):
    """An event; the flag itself is that of the real one. `begins_set` says whether it was set before anybody raced."""

    title = "Event"
    __slots__ = ("begins_set", "points", "woken")

    def __init__(self, execution: Any, thing: Any) -> None:
        super().__init__(execution, thing)
        self.begins_set = bool(thing._flag)
        self.woken: set[Any] = set()
        self.points: list[WaitPoint] = []

    def is_pulsed(self) -> None:
        """Somebody clears it: from now on it matters whether a task began to wait before or after it was set."""
        for point in self.points:
            point.alias = self

    def is_set(self, task: Any) -> bool:
        """The guard of `wait`: set now, or set and cleared while the task was waiting."""
        return bool(self.thing._flag or task in self.woken or task.is_late())


class WaitPoint(Resource):
    """Where a task begins to wait for an event: one of those whom the next `set` wakes, even if `clear` follows.

    It is an operation on the event only if that is ever cleared; otherwise nothing depends on it.
    """

    title = "Event"
    __slots__ = ("event",)

    def __init__(self, event: EventState, matters: bool) -> None:
        self.thing, self.event = event.thing, event
        self.number = event.number
        self.alias = event if matters else None
        self.reads, self.writes = [], []
        event.points.append(self)

    def label(self) -> str:
        """The name of the event."""
        return self.event.label()


class SemaphoreState(Resource):
    """A semaphore; the value itself is that of the real one."""

    title = "Semaphore"
    __slots__ = ()

    def is_free(self, task: Any) -> bool:
        """The guard of `acquire`."""
        return bool(self.thing._value > 0 or task.is_late())


def is_set(self: Any) -> bool:
    """`Event.is_set`."""
    task = RUNNING.get(get_ident())
    if task is not None:
        task.execution.announce(task, "is_set", resource_of(task.execution, self, EventState))
        task.execution.show(bool(self._flag))
    return bool(self._flag)


def set_event(self: Any) -> None:
    """`Event.set`."""
    task = RUNNING.get(get_ident())
    if task is None:
        _EVENT["set"](self)
        return
    state = resource_of(task.execution, self, EventState)
    task.execution.announce(task, "set", state)
    state.begins_set = state.begins_set or not task.execution.unjoined
    self._flag = True
    state.woken.update(other for other in task.execution.alive if other.resource is state and other.guard is not None)
    wake_foreign(self._cond, len(self._cond._waiters))


def clear(self: Any) -> None:
    """`Event.clear`."""
    task = RUNNING.get(get_ident())
    if task is not None:
        state = resource_of(task.execution, self, EventState)
        if task.execution.unjoined:
            task.execution.learned.pulses = True
            state.is_pulsed()
        task.execution.announce(task, "clear", state)
        state.begins_set = state.begins_set and bool(task.execution.unjoined)
    self._flag = False


def wait(self: Any, timeout: float | None = None) -> bool:
    """`Event.wait`."""
    task = RUNNING.get(get_ident())
    if task is None:
        return _EVENT["wait"](self, timeout)  # type: ignore[no-any-return]
    state = resource_of(task.execution, self, EventState)
    pulses = task.execution.learned.pulses
    task.execution.follow_up(task, "begin to wait", WaitPoint(state, pulses), pulses)
    task.execution.announce(task, "wait for" if timeout is None else "try-wait", state, state.is_set, timeout)
    woken = task in state.woken
    state.woken.discard(task)
    return woken or bool(self._flag)


def acquire(self: Any, blocking: bool = True, timeout: float | None = None) -> bool:
    """`Semaphore.acquire`."""
    task = RUNNING.get(get_ident())
    if task is None or (not blocking and timeout is not None):
        return _ACQUIRE(self, blocking, timeout)
    state = resource_of(task.execution, self, SemaphoreState)
    if blocking:
        kind = "acquire" if timeout is None else "try-acquire"
        task.execution.announce(task, kind, state, state.is_free, timeout)
    else:
        task.execution.announce(task, "try-acquire", state)
    if self._value <= 0:
        return False
    self._value -= 1
    return True


def release(self: Any, n: int = 1) -> None:
    """`Semaphore.release`, and that of the bounded one."""
    task = RUNNING.get(get_ident())
    bounded = isinstance(self, threading.BoundedSemaphore)
    if task is None or n < 1:
        (_BOUNDED_RELEASE if bounded else _RELEASE)(self, n)
        return
    task.execution.announce(task, "release", resource_of(task.execution, self, SemaphoreState))
    if bounded and self._value + n > self._initial_value:
        raise ValueError("Semaphore released too many times")
    self._value += n
    wake_foreign(self._cond, n)


def _leave(self: Any, *error: Any) -> None:
    release(self)


_WAIT_AT_BARRIER = threading.Barrier.wait


def _wait_at_barrier(self: Any, timeout: float | None = None) -> int:
    """`Barrier.wait`, with a note of who waits at which barrier."""
    task = RUNNING.get(get_ident())
    if task is None:
        return _WAIT_AT_BARRIER(self, timeout)
    task.barrier = self
    try:
        return _WAIT_AT_BARRIER(self, timeout)
    finally:
        if not task.execution.ending:
            task.barrier = None


_wait_at_barrier.__name__ = "wait"  # names threads whose target it is

PATCHES: list[Patch] = [
    AttributePatch(
        threading.Event, {"is_set": is_set, "isSet": is_set, "set": set_event, "clear": clear, "wait": wait}
    ),
    AttributePatch(
        threading.Semaphore, {"acquire": acquire, "release": release, "__enter__": acquire, "__exit__": _leave}
    ),
    AttributePatch(threading.BoundedSemaphore, {"release": release}),
    AttributePatch(threading.Barrier, {"wait": _wait_at_barrier}),
]
