"""Pools that nobody has shut down: at the end idle workers are woken with None, as the interpreter does at exit."""

from __future__ import annotations

from concurrent.futures import thread as pools
from typing import Any

from pytest_conc.controlled.originals import put_simple

_queues: Any = pools._threads_queues


def wake_workers(execution: Any) -> frozenset[Any]:
    """Puts None into the queue of each worker of this execution; returns their threads."""
    if not _queues.data:
        return frozenset()
    threads = {task.thread for task in execution.alive if task.thread in _queues}
    for thread in threads:
        put_simple(_queues[thread], None)
    execution.stale = True
    return frozenset(threads)


def forget_worker(thread: Any) -> None:
    """Takes a thread out of the table that the interpreter joins at exit."""
    if _queues.data:
        _queues.pop(thread, None)
