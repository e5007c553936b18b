"""`threading.Condition`: wait is one operation that releases the lock and queues up, and one that takes it again.

Waiters are woken first in, first out, as CPython does. A condition on a lock that is not one of CPython's two
types runs its own Python code, on whatever that lock announces.
"""

from __future__ import annotations

import threading
from _thread import get_ident
from collections import deque
from typing import Any

from pytest_conc.controlled.originals import LOCK, RLOCK
from pytest_conc.controlled.patching import AttributePatch, Patch
from pytest_conc.controlled.resources import LockState, Resource, lock_state, resource_of
from pytest_conc.model.current import RUNNING

_wait_really = threading.Condition.wait
_notify_really = threading.Condition.notify


class ConditionState(Resource):
    """A condition: its waiters, oldest first."""

    title = "Condition"
    __slots__ = ("is_future", "waiters")

    def __init__(self, execution: Any, thing: Any) -> None:
        super().__init__(execution, thing)
        self.waiters: deque[_Waiter] = deque()
        self.alias = lock_state(execution, thing._lock)
        self.is_future = "_conc_future" in thing.__dict__

    def label(self) -> str:
        """The name of the condition; that of a future is only seen as the future's result."""
        return f"the result of Future#{self.thing._conc_future}" if self.is_future else super().label()


class _Waiter:
    __slots__ = ("lock", "notified")

    def __init__(self, lock: LockState) -> None:
        self.lock = lock
        self.notified = False

    def may_wake(self, task: Any) -> bool:
        return (self.notified or task.is_late()) and self.lock.free()


def _lock_of(condition: Any, task: Any) -> LockState | None:
    lock = condition._lock
    return lock_state(task.execution, lock) if isinstance(lock, (LOCK, RLOCK)) else None


def wait(self: Any, timeout: float | None = None) -> bool:
    """`Condition.wait`."""
    task = RUNNING.get(get_ident())
    lock = None if task is None else _lock_of(self, task)
    if task is None or lock is None:
        return _wait_really(self, timeout)
    if lock.owner is not task:
        raise RuntimeError("cannot wait on un-acquired lock")
    execution = task.execution
    state = resource_of(execution, self, ConditionState)
    execution.announce(task, "wait", state)
    depth = lock.give()
    waiter = _Waiter(lock)
    state.waiters.append(waiter)
    execution.stale = True
    try:
        execution.announce(task, "wake" if timeout is None else "try-wake", state, waiter.may_wake, timeout)
    finally:
        if waiter in state.waiters:
            state.waiters.remove(waiter)
        if lock.owner is None:
            lock.take(task, depth)
    return waiter.notified


def notify(self: Any, n: int = 1) -> None:
    """`Condition.notify`."""
    task = RUNNING.get(get_ident())
    lock = None if task is None else _lock_of(self, task)
    if task is None or lock is None:
        _notify_really(self, n)
        return
    if lock.owner is not task:
        raise RuntimeError("cannot notify on un-acquired lock")
    state = resource_of(task.execution, self, ConditionState)
    task.execution.follow_up(task, "notify", state, task.execution.learned.tries)
    for waiter in list(state.waiters)[:n]:
        waiter.notified = True
        state.waiters.remove(waiter)
    if self._waiters:
        wake_foreign(self, n)


def notify_all(self: Any) -> None:
    """`Condition.notify_all`."""
    task = RUNNING.get(get_ident())
    state = None if task is None else task.execution.states.get(id(self))
    notify(self, max(len(self._waiters), len(state.waiters) if state is not None else 0))


def wake_foreign(condition: Any, n: int) -> None:
    """Wakes OS threads that are not of the execution and wait on the real condition."""
    for lock in list(condition._waiters)[:n]:
        if lock.locked():
            LOCK.release(lock)
        condition._waiters.remove(lock)


def _is_owned(self: Any) -> bool:
    task = RUNNING.get(get_ident())
    lock = None if task is None else _lock_of(self, task)
    return _is_owned_really(self) if lock is None else lock.owner is task


def _through_the_lock(name: str) -> property:
    """A property that reads the method of the lock, also where the instance has an older one from before the patch."""

    def read(self: Any) -> Any:
        return getattr(self._lock, name)

    def write(self: Any, value: Any) -> None:
        self.__dict__[name] = value

    return property(read, write)


_is_owned_really = threading.Condition._is_owned  # type: ignore[attr-defined]

PATCHES: list[Patch] = [
    AttributePatch(
        threading.Condition,
        {
            "wait": wait,
            "notify": notify,
            "notify_all": notify_all,
            "notifyAll": notify_all,
            "acquire": _through_the_lock("acquire"),
            "release": _through_the_lock("release"),
        },
    )
]
