"""The end of a run: what is left is joined or ended, and what nobody has asked for fails the test.

A helper may still end by itself within a short while. Then daemons are ended quietly, and everything else that runs
is ended as well and fails the test. A thread cannot be ended from outside, but one that waits for a lock, a queue or
another thread can be set free (see `locks`), and Python code can be interrupted; what blocks in C stays where it is
and does not keep the interpreter from exiting.
"""

from __future__ import annotations

import contextlib
import ctypes
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import thread as pools
from typing import Any, Final

from pytest_conc.controlled import originals
from pytest_conc.execution import process_tree
from pytest_conc.execution.tracebacks import with_others
from pytest_conc.model.findings import Abort, LeakedTask, ProcessExit
from pytest_conc.stressing import children
from pytest_conc.stressing.locks import set_free
from pytest_conc.stressing.member import Member
from pytest_conc.stressing.stacks import place_of
from pytest_conc.stressing.stuck import name_of
from pytest_conc.stressing.troubles import Trouble

QUIET: Final = 0.5  # seconds in which a helper may end by itself
PATIENCE: Final = 2.0  # seconds more, in which one that must not be left may still say what is wrong with it
FREED: Final = 0.5  # seconds in which a thread that was set free comes to its end


def judge(run: Any, patience: float) -> BaseException | None:
    """Ends what is left of a run; returns what the test fails with. `patience` bounds all waiting, in seconds."""
    _wait_until(lambda: not _left_threads(run) and not _left_processes(run), min(QUIET, patience))
    left = [member for member in _left_threads(run) if not (member.thread.daemon or _is_judged(member))]
    if left:
        _wait_until(lambda: all(member.ended for member in left), min(PATIENCE, patience))
    leaks = [_thread_leak(member) for member in left] + _end_processes(run)
    end_threads(run)
    if run.aborted is not None:
        set_free(run.holders.values())
    failures = [text for text in map(children.failure_of, run.processes) if text is not None]
    forget_folder(run)
    return _verdict(run.troubles.uncollected(), failures, leaks)


def _left_threads(run: Any) -> list[Member]:
    return [member for member in run.alive() if not _is_idle_worker(member)]


def _is_judged(member: Member) -> bool:
    """Whether it is a task of the fixture `threads`, which has said so itself."""
    return bool(getattr(member.thread, "is_judged", False))


def _is_idle_worker(member: Member) -> bool:
    """Whether it is a worker that its pool looks after."""
    return member.thread in pools._threads_queues or type(member.thread).__name__ == "_ExecutorManagerThread"


def _left_processes(run: Any) -> list[Any]:
    return [process for process in run.processes if children.is_alive(process) and not children.is_of_a_pool(process)]


def _wait_until(is_over: Callable[[], bool], seconds: float) -> None:
    until = originals.monotonic() + seconds
    pause = 0.0005
    while not is_over() and originals.monotonic() < until:
        originals.sleep(pause)
        pause = min(pause * 2, 0.02)


def _thread_leak(member: Member) -> str:
    name = name_of(member)
    if member.ended:
        return f"{name} was still running when the test was over, and ended {QUIET:g} s or more later"
    return f"{name} is still running when the test is over, {place_of(member.thread.ident)}"


def _end_processes(run: Any) -> list[str]:
    left = _left_processes(run)
    leaks = [f"process {process.name} (pid {process.pid}) is still running" for process in left if not process.daemon]
    for process in left:
        process._conc_ended = True
    process_tree.end(left)
    return leaks


def end_threads(run: Any) -> None:
    """Sets free what can be set free, and waits a little for it to end."""
    left = _left_threads(run)
    for member in left:
        member.released = True
        if not member.is_stuck():
            _interrupt(member.thread)
    _wait_until(lambda: all(member.ended for member in left), FREED if left else 0)
    for member in left:
        if not member.ended:
            _abandon(member.thread)


def _interrupt(thread: threading.Thread) -> None:
    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Abort))


def _abandon(thread: Any) -> None:
    """The interpreter does not wait for it at its end."""
    lock = getattr(thread, "_tstate_lock", None)
    if lock is not None:
        threading._shutdown_locks.discard(lock)  # type: ignore[attr-defined]


def forget_folder(run: Any) -> None:
    """Takes away what the children have written."""
    if run.has_folder():
        with contextlib.suppress(OSError):
            shutil.rmtree(run.folder())


def _verdict(troubles: list[Trouble], failures: list[str], leaks: list[str]) -> BaseException | None:
    """The one exception that stands for all."""
    found: list[BaseException] = [trouble.told() for trouble in troubles]
    found += [ProcessExit(text) for text in failures]
    if leaks:
        found.append(LeakedTask("; ".join(leaks) + ": join it, end it, or make it a daemon"))
    if not found:
        return None
    return with_others(found[0], found[1:])
