"""`threading.local` under greenlets: one OS thread, so one dictionary, which is swapped at each hooked access.

The dictionary of the task that looked last is saved and cleared, and that of the task that looks now is put in its
place. A subclass with an `__init__` runs it when a task comes for the first time, as C code does it for
a thread. Limitation: the arguments that such an object was made with are not known here; they are taken as none.
"""

from __future__ import annotations

from _thread import _local
from typing import Any


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
    elif type(owner).__init__ is not object.__init__ and type(owner) is not _local:
        type(owner).__init__(owner)


def restore_locals(execution: Any) -> None:
    """Gives every local back the dictionary of the main task."""
    for owner, task, saved in execution.locals.values():
        if task is not execution.main:
            current = _local.__getattribute__(owner, "__dict__")
            current.clear()
            current.update(saved.get(execution.main, {}))
    execution.locals.clear()
