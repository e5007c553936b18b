"""Processes that a test starts with plain `multiprocessing`: noted, asked why they ended, asked where they are.

The target of a process is wrapped while it is started, so its child writes the exception that ends it into a file of
the run, and writes its stack into another one when the parent sends a signal. A process without a target (a class with
a `run` of its own) has a name and an exit code only.
"""

from __future__ import annotations

import contextlib
import faulthandler
import linecache
import multiprocessing.process
import os
import re
import signal
import sys
import tempfile
import time
import traceback
import warnings
from _thread import get_ident
from collections.abc import Callable
from itertools import takewhile
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Final

from pytest_conc.controlled.patching import AttributePatch, Patch
from pytest_conc.execution.recorder import OWN
from pytest_conc.execution.tracebacks import without_ours
from pytest_conc.model.current import MEMBERS
from pytest_conc.stressing.stacks import is_users_file

_PROCESS: Any = multiprocessing.process.BaseProcess
_start, _terminate, _kill, _close = _PROCESS.start, _PROCESS.terminate, _PROCESS.kill, _PROCESS.close
_exitcode = _PROCESS.exitcode.fget
STACK_SIGNAL: Final = getattr(signal, "SIGRTMIN", None) and signal.SIGRTMIN + 7
_FRAME: Final = re.compile(r'File "(?P<file>.+)", line (?P<line>\d+) in (?P<name>.+)$')
_BELOW: Final = re.compile(
    r"""\bprocess\.py", line \d+ in (run|_bootstrap)$|\bthreading\.py", line \d+ in (run|_bootstrap_inner)$"""
)
_POOLS = ("concurrent.futures.process", "multiprocessing.pool", "multiprocessing.managers")


class ReportingTarget:
    """Calls the target of a process in its child, and writes down what goes wrong. Pickled with plain pickle."""

    def __init__(self, target: Callable[..., Any], path: str, in_child: Callable[[], Any]) -> None:
        self.target = target
        self.path = path
        self.in_child = in_child

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with contextlib.ExitStack() as stack:
            if STACK_SIGNAL:
                file = stack.enter_context(open(self.path + ".stack", "w"))
                faulthandler.register(STACK_SIGNAL, file, all_threads=True)
            try:
                stack.enter_context(self.in_child())
                return self.target(*args, **kwargs)
            except Exception as error:
                error.__traceback__ = without_ours(error.__traceback__)
                Path(self.path).write_text("".join(traceback.format_exception(error)))
                raise


def start(self: Any) -> None:
    """`BaseProcess.start`."""
    member = MEMBERS.get(get_ident())
    if member is None:
        _start(self)
        return
    run = member.execution
    folder = run.folder()
    self._conc_report = os.path.join(folder, str(len(run.processes)))
    target = self._target
    if target is not None:
        self._target = ReportingTarget(target, self._conc_report, run.in_child)
    try:
        with warnings.catch_warnings():
            if len(sys._current_frames()) == 2:  # this thread, and the one of ours that watches: as good as alone
                warnings.filterwarnings("ignore", r".*fork\(\)", DeprecationWarning)
            _start(self)
    finally:
        self._target = target
    run.processes.append(self)


def _ending(real: Any) -> Callable[[Any], None]:
    def end(self: Any) -> None:
        self._conc_ended = True
        real(self)

    return end


def exitcode(self: Any) -> int | None:
    """`BaseProcess.exitcode`: whoever reads it has asked."""
    code: int | None = _exitcode(self)
    if code and get_ident() in MEMBERS:
        self._conc_asked = True
    return code


def close(self: Any) -> None:
    """`BaseProcess.close`: afterwards nobody can ask for the exit code."""
    if get_ident() in MEMBERS and not self._closed:
        self._conc_last_code = _exitcode(self)
    _close(self)


PROCESS_PATCHES: list[Patch] = [
    AttributePatch(
        _PROCESS,
        {
            "start": start,
            "terminate": _ending(_terminate),
            "kill": _ending(_kill),
            "exitcode": property(exitcode),
            "close": close,
        },
    )
]


def new_folder() -> str:
    """Where the children of one run write what went wrong."""
    return tempfile.mkdtemp(prefix="pytest-conc-")


def is_of_a_pool(process: Any) -> bool:
    """Whether the process is a worker that its pool looks after."""
    return getattr(getattr(process, "_target", None), "__module__", "") in _POOLS


def code_of(process: Any) -> int | None:
    """The exit code; None while the process runs."""
    if process._closed:
        return getattr(process, "_conc_last_code", None)
    code: int | None = _exitcode(process)
    return code


def is_alive(process: Any) -> bool:
    """Whether the process was started, and still runs."""
    return not process._closed and process._popen is not None and code_of(process) is None


def seems_alive(process: Any) -> bool:
    """The same for another thread than the one that waits for it: looks without taking the exit code away from it."""
    popen = process._popen
    if process._closed or popen is None or popen.returncode is not None:
        return False
    try:
        return not wait([popen.sentinel], 0)
    except (OSError, ValueError):  # it was closed meanwhile
        return False


def failure_of(process: Any) -> str | None:
    """Why a process that has ended by itself has failed, in words; None if it has not, or if somebody has asked."""
    code = code_of(process)
    asked = getattr(process, "_conc_asked", False) or getattr(process, "_conc_ended", False)
    if not code or asked or is_of_a_pool(process):
        return None
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else "ended"
    head = f"process {process.name} {how} with exit code {code}"
    report = getattr(process, "_conc_report", "")
    if report and os.path.exists(report):
        text = Path(report).read_text().rstrip()
        return f"{head}: {text.splitlines()[-1]}\n{text}"
    return head


def stack_of(process: Any) -> list[str]:
    """What a child executes, as far as it can be asked: the lines from the innermost frame on to the target.

    Frames of ours are among them. Threads that execute nothing of the user's are not.
    """
    path = getattr(process, "_conc_report", "") + ".stack"
    if not os.path.exists(path):
        return []
    if STACK_SIGNAL and os.path.getsize(path) == 0:
        with contextlib.suppress(OSError):
            os.kill(process.pid, STACK_SIGNAL)
            _wait_for_text(path)
    return of_targets(Path(path).read_text())


def of_targets(stacks: str) -> list[str]:
    """The lines of what faulthandler has written about all threads that are of a target and of what it has called."""
    threads: list[list[str]] = [[]]
    for line in stacks.splitlines():
        if "File " in line:
            threads[-1].append(line)
        else:
            threads.append([])
    targets = [list(takewhile(lambda line: not _BELOW.search(line), lines)) for lines in threads]
    return [line for lines in targets if any(map(_is_users, lines)) for line in _without_stubs(lines)]


def _without_stubs(lines: list[str]) -> list[str]:
    """The lines without the code that stood in for a function when it was called: it is where the function begins."""
    kept, inner = [], ""
    for line in lines:
        if not _is_stub(line, inner):
            kept.append(line)
        if not is_ours(line):
            inner = line
    return kept


def _is_stub(line: str, inner: str) -> bool:
    found, called = _FRAME.search(line), _FRAME.search(inner)
    if found is None or called is None or (found["file"], found["name"]) != (called["file"], called["name"]):
        return False
    source = linecache.getline(found["file"], int(found["line"])).strip()
    return source.startswith(("def ", "async def ", "@")) or "lambda" in source


def is_ours(line: str) -> bool:
    """Whether a line of a stack is of this package."""
    return line.lstrip().startswith(f'File "{OWN}')


def _is_users(line: str) -> bool:
    return is_users_file(line.partition('"')[2].partition('"')[0])


def _wait_for_text(path: str) -> None:
    """Until there is some, and no more than there was a moment ago."""
    until, size = time.monotonic() + 0.3, -1
    while time.monotonic() < until and not size == os.path.getsize(path) > 0:
        size = os.path.getsize(path)
        time.sleep(0.02)
