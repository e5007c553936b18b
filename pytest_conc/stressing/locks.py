"""Locks in a real run: whoever waits can be seen, and set free.

The methods of CPython's own lock types are replaced for the members of the run, as in an exploration; everybody else
gets the real ones. A member first tries to take the lock, and if that fails waits in slices of 50 ms, so that it can
be told to give up. All that is built on locks behaves so without further ado: conditions, events, queues, barriers,
semaphores, futures. `SimpleQueue.get` and `Thread.join` wait in C, so they have slices of their own.
"""

from __future__ import annotations

import queue
import sys
import threading
from _thread import TIMEOUT_MAX, get_ident
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from pytest_conc.controlled.originals import (
    LOCK,
    RLOCK,
    acquire_rlock,
    get_simple,
    lock_is_locked,
    monotonic,
    release_lock,
)
from pytest_conc.controlled.patching import AttributePatch, Patch, TypePatch
from pytest_conc.model.current import MEMBERS
from pytest_conc.stressing.member import SLICE, Holding, Member, Wait

_join = threading.Thread.join
_WAIT = threading.Condition.wait.__code__
_SIGNALS = frozenset(  # they take a lock of their own that somebody else gives back: nobody holds it
    (_WAIT, getattr(threading.Thread, "_set_tstate_lock", _join).__code__)
)
_BACK = frozenset((_WAIT, threading.Condition._acquire_restore.__code__))  # type: ignore[attr-defined]


def wait_in_slices(member: Member, resource: Any, seconds: float | None, attempt: Callable[[float], bool]) -> bool:
    """Whether `attempt`, which waits for so many seconds at most, succeeds in time. Raises Abort if told to."""
    deadline = None if seconds is None else monotonic() + seconds
    outer, member.wait = member.wait, member.wait or Wait(resource, deadline)
    try:
        while True:
            left = SLICE if deadline is None else min(SLICE, max(deadline - monotonic(), 0.0))
            if attempt(left):
                return True
            member.check()
            if deadline is not None and monotonic() >= deadline:
                return False
    finally:
        member.wait = outer


def _acquirer(real: Any) -> Callable[..., bool]:
    def acquire(self: Any, blocking: bool = True, timeout: float = -1) -> bool:
        member = MEMBERS.get(get_ident())
        if member is None or (timeout != -1 and not (blocking and 0 <= timeout <= TIMEOUT_MAX)):
            return bool(real(self, blocking, timeout))
        frame = sys._getframe(1)
        taken = _take(member, self, real, bool(blocking), None if timeout == -1 else timeout, frame)
        if frame.f_code in _SIGNALS:
            member.execution.holders.pop(id(self), None)  # of a lock that was at this address before
            if not taken and frame.f_code is _WAIT:
                member.waited_in_vain(frame.f_locals["self"]._lock)
        elif taken:
            _took(member, self, frame)
        return taken

    return acquire


def _take(member: Member, lock: Any, real: Any, blocking: bool, seconds: float | None, frame: Any) -> bool:
    """A member takes a lock: a delay perhaps, an attempt, and then patience."""
    run = member.execution
    if member.wait is None:
        run.before_lock(member, lock, frame)
    return real(lock, False) or (blocking and _wait_for(member, lock, real, seconds))


def _took(member: Member, lock: Any, frame: FrameType) -> None:
    key, holders = id(lock), member.execution.holders
    held = holders.get(key) if type(lock) is RLOCK else None
    if held is not None and held.member is member:
        holders[key] = held._replace(times=held.times + 1)
    else:
        holders[key] = Holding(lock, member, frame.f_code, frame.f_lasti, 1)
        if frame.f_code not in _BACK:
            member.takes(key)


def _wait_for(member: Member, lock: Any, real: Any, seconds: float | None) -> bool:
    holding = member.execution.holders.get(id(lock))
    pause = None if holding is None else holding.member.pause
    if pause is not None:
        pause.blocks = True
    return wait_in_slices(member, lock, seconds, lambda slice: real(lock, True, slice))


def _releaser(real: Any) -> Callable[[Any], None]:
    def release(self: Any) -> None:
        member = MEMBERS.get(get_ident())
        if member is not None:
            _gives_back(member, self)
        real(self)

    return release


def _gives_back(member: Member, lock: Any) -> None:
    key, holders = id(lock), member.execution.holders
    held = holders.get(key) if type(lock) is RLOCK else None
    if held is None:
        holders.pop(key, None)
    elif held.member is member and held.times > 1:
        holders[key] = held._replace(times=held.times - 1)
    elif held.member is member:
        del holders[key]


def _release_save(self: Any) -> Any:
    """What `Condition.wait` begins with: gives a reentrant lock back, however often it is held."""
    member = MEMBERS.get(get_ident())
    if member is not None:
        member.execution.holders.pop(id(self), None)
    return _real_save(self)


def _acquire_restore(self: Any, state: tuple[int, int]) -> None:
    """What `Condition.wait` ends with: takes a reentrant lock as often as it was held before."""
    member = MEMBERS.get(get_ident())
    if member is None:
        _real_restore(self, state)
        return
    frame = sys._getframe(1)
    _take(member, self, acquire_rlock, True, None, frame)
    _took(member, self, frame)
    for _ in range(state[0] - 1):
        acquire_rlock(self)
        _took(member, self, frame)


_real_save, _real_restore = RLOCK._release_save, RLOCK._acquire_restore


def set_free(holdings: Iterable[Holding]) -> None:
    """Releases locks whose holders have come to an end without doing so."""
    for lock in [holding.lock for holding in holdings]:
        if type(lock) is LOCK and lock_is_locked(lock):
            release_lock(lock)
        elif type(lock) is RLOCK and repr(lock).startswith("<locked"):
            _real_save(lock)  # asks for no owner


def _methods(kind: Any) -> dict[str, Any]:
    acquire, release = _acquirer(kind.acquire), _releaser(kind.release)

    def leave(self: Any, *error: Any) -> None:
        release(self)

    methods = {"acquire": acquire, "release": release, "__enter__": acquire, "__exit__": leave}
    methods |= {"acquire_lock": acquire, "release_lock": release}
    methods |= {"_release_save": _release_save, "_acquire_restore": _acquire_restore} if kind is RLOCK else {}
    return {name: method for name, method in methods.items() if name in vars(kind)}  # gevent's lock inherits some


def _get(self: Any, block: bool = True, timeout: float | None = None) -> Any:
    """`SimpleQueue.get`."""
    member = MEMBERS.get(get_ident())
    if member is None or not block or timeout is not None:
        return get_simple(self, block, timeout)
    found: list[Any] = []

    def attempt(slice: float) -> bool:
        try:
            found.append(get_simple(self, True, slice))
        except queue.Empty:
            return False
        return True

    wait_in_slices(member, self, None, attempt)
    return found[0]


def _join_thread(self: threading.Thread, timeout: float | None = None) -> None:
    """`Thread.join`."""
    member = MEMBERS.get(get_ident())
    if member is None or timeout is not None or self is member.thread:
        _join(self, timeout)
        return

    def attempt(slice: float) -> bool:
        _join(self, slice)
        return not self.is_alive()

    wait_in_slices(member, self, None, attempt)


LOCK_PATCHES: list[Patch] = [
    TypePatch(LOCK, _methods(LOCK)),
    TypePatch(RLOCK, _methods(RLOCK)),
    TypePatch(queue.SimpleQueue, {"get": _get}),
    AttributePatch(threading.Thread, {"join": _join_thread}),
]
