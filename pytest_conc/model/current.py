"""The one context variable of the package: which task runs on which OS thread.

`RUNNING` maps the identifier of an OS thread (that of `_thread.get_ident`, never the virtual one that a
test sees) to the task that runs on it. An OS thread that is not part of an execution has no entry, and
everything that is patched passes straight through there. `CONTESTED` is the same map, but an entry exists
only while the execution has a task besides its main task that has not been joined: the hooks for shared
state look here, so that they cost next to nothing while there is nobody to race with. `MEMBERS` is the map of real
runs: the OS threads that belong to a test which runs for real. `POINTS` are the labels of sleep points at which
somebody has injected a sleep, each with what is to be done there.
"""

from __future__ import annotations

from _thread import get_ident as os_thread
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

RUNNING: dict[int, Any] = {}
CONTESTED: dict[int, Any] = {}
MEMBERS: dict[int, Any] = {}
POINTS: dict[str, Any] = {}


def current_task() -> Any:
    """The task that runs on this OS thread, or None outside of an execution."""
    return RUNNING.get(os_thread())


@contextmanager
def outside() -> Iterator[None]:
    """A block in which this OS thread is not part of the execution: for work of our own that takes locks or imports."""
    thread = os_thread()
    maps = (RUNNING, CONTESTED, MEMBERS)
    found = [each.pop(thread, None) for each in maps]
    try:
        yield
    finally:
        for each, entry in zip(maps, found, strict=True):
            if entry is not None:
                each[thread] = entry
