"""Child processes and what they have started themselves: how busy they are, and how all of them are ended.

A child that ends leaves its own children behind: they are orphans, nobody knows them any more, and they go on. On
Linux a process may declare that it adopts the orphans below it (`PR_SET_CHILD_SUBREAPER`, prctl(2), since 3.4), so that
they are its children, can be found, ended and reaped. Elsewhere only the children of living children are found.

A descendant that has made itself a session of its own (`setsid`) has detached itself on purpose, as a daemon does. It
is left alone.

Uncertain: a process that ends while it is looked at. psutil tells it from another one that got its number.
"""

from __future__ import annotations

import ctypes
import gc
import glob
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from pytest_conc.controlled import originals

PATIENCE: Final = 1.0  # seconds between asking a process to end and ending it
CERTAIN: Final = 5.0  # seconds that a killed process may take to be gone
_SET_SUBREAPER: Final = 36  # of prctl(2)
_GET_SUBREAPER: Final = 37


def descendants() -> list[Any]:
    """All processes below this one (psutil.Process), but for those that have detached themselves."""
    return _below([os.getpid()]) if _has_children() else []


def cpu_seconds(processes: Iterable[Any]) -> float:
    """Processor time, in seconds, that these processes and all below them have used so far."""
    pids = _pids(processes)
    return sum(_used(each) for each in _known(_glance(pids))) if pids else 0.0


def end(processes: Iterable[Any]) -> None:
    """Ends processes (of multiprocessing) and all below them: SIGTERM, and after about a second SIGKILL.

    None of them is left afterwards, not even as a zombie.
    """
    roots = [each for each in processes if _is_alive(each)]
    if not roots:
        return
    pids = _pids(roots)
    tree = [*_known(pids), *_below(pids)]
    _signal(tree, "terminate")
    _wait(lambda: not _left(roots, tree), PATIENCE)
    tree = list({*tree, *_below([each.pid for each in tree])})
    _signal(tree, "kill")
    _wait(lambda: not _left(roots, tree), CERTAIN)


@contextmanager
def adopting_orphans() -> Iterator[None]:
    """A block during which orphans of this process's descendants become its children; at the end they are ended."""
    before = {each.pid for each in _children()}
    was = _subreaper()
    _adopt(True)
    try:
        yield
    finally:
        end_orphans(before)
        _adopt(was)


def end_orphans(but: Iterable[int] = ()) -> None:
    """Ends and reaps every child of this process that it has not started itself, and all below it.

    Those whose numbers are in `but` are left alone.
    """
    known = {*but, *_of_multiprocessing()}
    strangers = [each for each in _children() if each.pid not in known]
    own = _started_here() if strangers else set()
    orphans = [each for each in strangers if each.pid not in own and not (_is_detached(each) and _runs(each))]
    if not orphans:
        return
    tree = [*orphans, *_below([each.pid for each in orphans])]
    _signal(tree, "terminate")
    _wait(lambda: not _left([], tree), PATIENCE)
    _signal(tree, "kill")
    _wait(lambda: not _left([], tree), CERTAIN)


def _pids(processes: Iterable[Any]) -> list[int]:
    found = []
    for process in processes:
        with suppress(ValueError):  # it was closed
            found.append(process.pid)
    return [pid for pid in found if pid is not None]


def _has_children() -> bool:
    """Whether this process has a child at all: cheap, and without psutil."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    except AttributeError:  # no waitid on this system
        return True
    return True


def _children() -> list[Any]:
    """The direct children of this process."""
    if not _has_children():
        return []
    import psutil

    return list(psutil.Process().children())


def _known(pids: Iterable[int]) -> list[Any]:
    import psutil

    found = []
    for pid in pids:
        with suppress(psutil.Error):
            found.append(psutil.Process(pid))
    return found


def _below(pids: Iterable[int]) -> list[Any]:
    """What these processes have started, however indirectly, and has not detached itself."""
    import psutil

    found: dict[int, Any] = {}
    for process in _known(pids):
        with suppress(psutil.Error):
            found |= {each.pid: each for each in process.children(recursive=True)}
    return [each for each in found.values() if not _is_detached(each)]


def _glance(pids: list[int]) -> list[int]:
    """These processes and what is below them, for somebody who looks again and again.

    psutil looks at every process of the system. The file that Linux has for each thread is not exact while processes
    end, which does not matter here.
    """
    found = list(pids)
    for pid in found:
        for path in glob.iglob(f"/proc/{pid}/task/*/children"):
            with suppress(OSError):
                found += map(int, Path(path).read_text().split())
    return found


def _is_detached(process: Any) -> bool:
    try:
        return os.getsid(process.pid) != os.getsid(0)
    except (AttributeError, OSError):
        return False


def _used(process: Any) -> float:
    import psutil

    with suppress(psutil.Error):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def _signal(tree: Iterable[Any], how: str) -> None:
    import psutil

    for process in tree:
        with suppress(psutil.Error):
            getattr(process, how)()


def _is_alive(process: Any) -> bool:
    """Whether a process of multiprocessing was started and runs; one that has ended is reaped."""
    try:
        return process.pid is not None and bool(process.is_alive())
    except ValueError:  # it was closed
        return False


def _left(roots: Iterable[Any], tree: Iterable[Any]) -> bool:
    """Whether one of them still runs. multiprocessing reaps its own, we reap the orphans."""
    alive = [_is_alive(each) for each in roots]
    pids = {*_pids(roots)}
    return any(alive) or any(_runs(each) for each in tree if each.pid not in pids)


def _runs(process: Any) -> bool:
    import psutil

    try:
        if process.status() != psutil.STATUS_ZOMBIE:
            return True
        if process.ppid() == os.getpid():
            os.waitpid(process.pid, os.WNOHANG)
    except (psutil.Error, ChildProcessError):
        return False
    return False


def _wait(is_over: Callable[[], bool], seconds: float) -> None:
    until, pause = originals.monotonic() + seconds, 0.001
    while not is_over() and originals.monotonic() < until:
        originals.sleep(pause)
        pause = min(pause * 2, 0.02)


def _of_multiprocessing() -> set[int]:
    """The numbers of the processes that multiprocessing keeps for itself."""
    loaded, found = sys.modules.get, set()
    if (tracker := loaded("multiprocessing.resource_tracker")) is not None:
        found.add(tracker._resource_tracker._pid)
    if (server := loaded("multiprocessing.forkserver")) is not None:
        found.add(server._forkserver._forkserver_pid)
    return found


def _started_here() -> set[int]:
    """The numbers of the processes that something in this process has started and not seen the end of."""
    started = [each for each in gc.get_objects() if type(each).__name__ == "Popen"]
    return {each.pid for each in started if getattr(each, "returncode", 0) is None}


def _prctl(option: int, value: Any) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _subreaper() -> bool:
    state = ctypes.c_int(0)
    _prctl(_GET_SUBREAPER, ctypes.byref(state))
    return bool(state.value)


def _adopt(on: bool) -> None:
    _prctl(_SET_SUBREAPER, int(on))
