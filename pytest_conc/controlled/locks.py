"""`threading.Lock` and `threading.RLock`: the methods of CPython's own lock types, for the duration of an exploration.

So every lock is controlled, however it was made and whoever holds a reference to it.
"""

from __future__ import annotations

from _thread import TIMEOUT_MAX, get_ident
from typing import Any

from pytest_conc.controlled.originals import LOCK, RLOCK
from pytest_conc.controlled.patching import Patch, TypePatch
from pytest_conc.controlled.resources import lock_state
from pytest_conc.model.current import RUNNING


def _methods(kind: Any) -> dict[str, Any]:
    """Our methods for a lock type, by name; only those that this Python's type has."""
    acquire, release, locked = _acquirer(kind.acquire), _releaser(kind.release), _looker(getattr(kind, "locked", None))

    def leave(self: Any, *error: Any) -> None:
        release(self)

    methods = {
        "acquire": acquire,
        "release": release,
        "locked": locked,
        "__enter__": acquire,
        "__exit__": leave,
        "acquire_lock": acquire,
        "release_lock": release,
        "locked_lock": locked,
        "_at_fork_reinit": _reinit(kind._at_fork_reinit),
        "_recursion_count": _recursion_count,
        "_is_owned": _is_owned,
        "_release_save": _release_save,
        "_acquire_restore": _acquire_restore,
    }
    return {name: method for name, method in methods.items() if name in vars(kind)}


def _acquirer(real: Any) -> Any:
    def acquire(self: Any, blocking: bool = True, timeout: float = -1) -> bool:
        task = RUNNING.get(get_ident())
        if task is None:
            return bool(real(self, blocking, timeout))
        execution = task.execution
        state = execution.states.get(id(self)) or lock_state(execution, self)
        if not blocking or timeout != -1:
            return _try_acquire(task, state, blocking, timeout)
        if state.owner is task and state.reentrant:
            execution.follow_up(task, "acquire", state, execution.learned.tries)
        else:
            execution.announce(task, "acquire", state, state.is_free)
        state.take(task)
        return True

    return acquire


def _releaser(real: Any) -> Any:
    def release(self: Any) -> None:
        task = RUNNING.get(get_ident())
        if task is None:
            real(self)
            return
        state = task.execution.states.get(id(self)) or lock_state(task.execution, self)
        if state.owner is task:
            task.execution.follow_up(task, "release", state, task.execution.learned.tries)
        elif state.reentrant:
            raise RuntimeError("cannot release un-acquired lock")
        else:  # whether somebody holds it depends on the schedule
            task.execution.learned.tries = True
            task.execution.announce(task, "release", state)
        if state.owner is None:
            if not state.held_outside():
                task.execution.amend(task, "failed release", state)
            real(self)
        elif state.depth > 1:
            state.depth -= 1
            real(self)
        else:
            state.give()

    return release


def _looker(real: Any) -> Any:
    def locked(self: Any) -> bool:
        task = RUNNING.get(get_ident())
        if task is None:
            return bool(real(self))
        state = lock_state(task.execution, self)
        task.execution.learned.tries = True
        task.execution.announce(task, "locked", state)
        return state.owner is not None or state.held_outside()

    return locked


def _try_acquire(task: Any, state: Any, blocking: bool, timeout: float) -> bool:
    if not blocking and timeout != -1:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if timeout != -1 and timeout < 0:
        raise ValueError("timeout value must be a non-negative number")
    if timeout > TIMEOUT_MAX:
        raise OverflowError("timeout value is too large")
    task.execution.learned.tries = True
    if blocking:
        task.execution.announce(task, "try-acquire", state, state.is_free, timeout)
    else:
        task.execution.announce(task, "try-acquire", state)
    taken = state.free() or (state.reentrant and state.owner is task)
    task.execution.show(taken)
    if taken:
        state.take(task)
    return bool(taken)


def _reinit(real: Any) -> Any:
    def at_fork_reinit(self: Any) -> None:
        task = RUNNING.get(get_ident())
        if task is not None:
            lock_state(task.execution, self).forget()
        real(self)

    return at_fork_reinit


def _recursion_count(self: Any) -> int:
    task = RUNNING.get(get_ident())
    if task is None:
        return int(_recursion_count_really(self))
    state = lock_state(task.execution, self)
    return state.depth if state.owner is task else 0


_recursion_count_really: Any = getattr(RLOCK, "_recursion_count", None)
_is_owned_really = RLOCK._is_owned
_release_save_really = RLOCK._release_save
_acquire_restore_really = RLOCK._acquire_restore


def _is_owned(self: Any) -> bool:
    task = RUNNING.get(get_ident())
    if task is None:
        return bool(_is_owned_really(self))
    return bool(lock_state(task.execution, self).owner is task)


def _release_save(self: Any) -> Any:
    task = RUNNING.get(get_ident())
    if task is None:
        return _release_save_really(self)
    state = lock_state(task.execution, self)
    if state.owner is not task:
        raise RuntimeError("cannot release un-acquired lock")
    task.execution.announce(task, "release", state)
    return state.give()


def _acquire_restore(self: Any, saved: Any) -> None:
    task = RUNNING.get(get_ident())
    if task is None:
        _acquire_restore_really(self, saved)
        return
    state = lock_state(task.execution, self)
    task.execution.announce(task, "acquire", state, state.is_free)
    state.take(task, saved)


PATCHES: list[Patch] = [TypePatch(LOCK, _methods(LOCK)), TypePatch(RLOCK, _methods(RLOCK))]
