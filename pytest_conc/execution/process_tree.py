"""Processes and all that they have started: found, measured, ended.

A process that outlives its parent is adopted by somebody. While a test with processes runs, that is this process
(Linux: `PR_SET_CHILD_SUBREAPER`), so that a grandchild is found even when the child is gone. A descendant that has
made a session of its own (`setsid`) has detached itself on purpose, and is left alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

PATIENCE: Final = 1.0  # seconds between asking a process to end and ending it
_SET_CHILD_SUBREAPER: Final = 36


def descendants() -> list[Any]:
    """All running descendants of this process as `psutil.Process`, but for those that detached themselves."""
    import psutil

    found = psutil.Process().children(recursive=True)
    return [process for process in found if _is_ours(process.pid)]


def _is_ours(pid: int) -> bool:
    if not hasattr(os, "getsid"):
        return True
    with contextlib.suppress(OSError):
        return os.getsid(pid) == os.getsid(0)
    return True


def cpu_seconds(processes: Iterable[Any]) -> float:
    """Processor time that these `multiprocessing` processes have used, as far as it can be known."""
    used = 0.0
    for process in list(processes):
        import psutil

        with contextlib.suppress(psutil.Error, ValueError):
            times = psutil.Process(process.pid).cpu_times()
            used += times.user + times.system
    return used


def end(processes: Iterable[Any]) -> None:
    """Ends these `multiprocessing` processes and their descendants: asks first, and waits for them."""
    wanted = list(processes)
    if not wanted:
        return
    import psutil

    tree: dict[int, Any] = {}
    for process in wanted:
        with contextlib.suppress(psutil.Error, ValueError):
            top = psutil.Process(process.pid)
            tree.update({each.pid: each for each in [top, *top.children(recursive=True)] if _is_ours(each.pid)})
    for process in tree.values():
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, left = psutil.wait_procs(tree.values(), timeout=PATIENCE)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=PATIENCE)
    for process in wanted:
        with contextlib.suppress(ValueError, AssertionError):
            process.join(PATIENCE)


@contextmanager
def adopting_orphans() -> Iterator[None]:
    """A block in which descendants whose parent ends become children of this process (Linux only)."""
    before = _set_subreaper(True)
    try:
        yield
    finally:
        if before:
            _set_subreaper(False)


def _set_subreaper(on: bool) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    return bool(ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, int(on), 0, 0, 0) == 0)
