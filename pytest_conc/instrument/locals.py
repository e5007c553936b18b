"""`threading.local` under greenlets: one OS thread, so one dictionary, which is swapped at each hooked access.

The dictionary of the task that looked last is saved and cleared, and that of the task that looks now is put in its
place. For a subclass with an `__init__` the dictionary of a new task is that of a new OS thread, which is started
to look: only C code knows the arguments.
"""

from __future__ import annotations

from _thread import LockType, _local, allocate_lock, start_new_thread
from typing import Any

acquire_lock: Any = LockType.acquire
release_lock: Any = LockType.release


def select_local(task: Any, owner: Any) -> None:
    """Makes the dictionary of `owner` the one of this task."""
    if not task.execution.host.shares_a_thread:
        return
    known = task.execution.locals
    entry = known.get(id(owner))
    if entry is None:
        entry = known[id(owner)] = [owner, task.execution.main, {}]
    if entry[1] is task:
        return
    current = _local.__getattribute__(owner, "__dict__")
    entry[2][entry[1]] = dict(current)
    current.clear()
    entry[1] = task
    if task in entry[2]:
        current.update(entry[2][task])
    elif type(owner) is not _local and type(owner).__init__ is not _local.__init__:
        current.update(_as_made_for_a_thread(owner))


def _as_made_for_a_thread(owner: Any) -> dict[str, Any]:
    """What a thread that comes for the first time finds; C code makes it, with the arguments that only it knows."""
    found: dict[str, Any] = {}
    done = allocate_lock()
    acquire_lock(done)

    def look() -> None:
        try:
            found.update(_local.__getattribute__(owner, "__dict__"))
        finally:
            release_lock(done)

    start_new_thread(look, ())
    acquire_lock(done)
    return found


def restore_locals(execution: Any) -> None:
    """Gives every local back the dictionary of the main task."""
    for owner, task, saved in execution.locals.values():
        if task is not execution.main:
            current = _local.__getattribute__(owner, "__dict__")
            current.clear()
            current.update(saved.get(execution.main, {}))
    execution.locals.clear()
