"""What leaves the process or its order to chance: `os._exit`, `os.urandom`, imports, what cannot be explored yet."""

from __future__ import annotations

import importlib._bootstrap
import os
import random
import sys
from _thread import get_ident
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

from pytest_conc.controlled.patching import AttributePatch, Patch, Swap
from pytest_conc.model.current import RUNNING
from pytest_conc.model.findings import ProcessExit, Refused

_exit, _urandom = os._exit, os.urandom
_seed_random = random.Random.seed
bootstrap: Any = importlib._bootstrap
_find_and_load = bootstrap._find_and_load


def exit_process(status: int) -> None:
    """`os._exit`: would end the test session without a word, so it is the end of the execution instead."""
    task = RUNNING.get(get_ident())
    if task is None:
        _exit(status)
    task.execution.fail(
        task,
        ProcessExit(
            f"os._exit({status!r}) was called by {task.label()}: it would have ended the whole test session; test that "
            "code in a process of its own"
        ),
    )
    task.execution.leave(task)


def urandom(size: int) -> bytes:
    """`os.urandom`, from the execution's own generator: uuid4 and secrets are repeatable."""
    task = RUNNING.get(get_ident())
    return _urandom(size) if task is None else task.execution.random_bytes(size)


def seed_random(self: Any, a: Any = None, version: int = 2) -> None:
    """`random.Random.seed`: without a seed it would ask the operating system."""
    task = RUNNING.get(get_ident())
    if task is not None and a is None:
        a = int.from_bytes(task.execution.random_bytes(8), "big")
    _seed_random(self, a, version)


def find_and_load(name: str, import_: Any) -> Any:
    """An import is one operation: nobody sees half a module."""
    task = RUNNING.get(get_ident())
    if task is None:
        return _find_and_load(name, import_)
    task.execution.atomic += 1
    try:
        return _find_and_load(name, import_)
    finally:
        task.execution.atomic -= 1


def _refusing(real: Callable[..., Any], what: str, instead: str = "") -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        task = RUNNING.get(get_ident())
        if task is None:
            return real(*args, **kwargs)
        if args:
            _forget_coroutines(args[0])
        raise Refused(what, instead)

    return refuse


def _forget_coroutines(loop: Any) -> None:
    """What a loop of asyncio was to run is closed, or there would be a warning that nobody has awaited it."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and isinstance(loop, asyncio.AbstractEventLoop):
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False
            task.get_coro().close()


class _RefuseLoops:
    """Event loops of asyncio and gevent's hub, if their modules are there when the exploration starts."""

    def __init__(self) -> None:
        self._done: list[AttributePatch] = []

    def apply(self) -> None:
        """Makes the loops refuse to run in a task."""
        for module, owner, name, what in (
            ("asyncio.base_events", "BaseEventLoop", "run_forever", "an asyncio event loop"),
            ("gevent.hub", "Hub", "switch", "gevent"),
        ):
            kind = getattr(sys.modules.get(module), owner, None)
            if kind is not None:
                patch = AttributePatch(kind, {name: _refusing(getattr(kind, name), what)})
                patch.apply()
                self._done.append(patch)

    def undo(self) -> None:
        """Lets them run again."""
        while self._done:
            self._done.pop().undo()


SWAPS: list[Swap] = [(_exit, exit_process), (_urandom, urandom)]
PATCHES: list[Patch] = [
    AttributePatch(random.Random, {"seed": seed_random}),
    AttributePatch(bootstrap, {"_find_and_load": find_and_load}),
    AttributePatch(BaseProcess, {"start": _refusing(BaseProcess.start, "a multiprocessing.Process", "use threads")}),
    _RefuseLoops(),
]
