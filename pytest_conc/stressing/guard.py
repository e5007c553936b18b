"""Makes the helpers of a test its own: threads, futures, pools, processes, greenlets, for the duration of its runs.

Whatever a member starts is a member, or is known to the run. An exception that leaves one is noted with its place
until somebody asks for it; a thread that has to end can be told so. Everything is patched once for all runs of a test,
and passes straight through for threads that are no members.
"""

from __future__ import annotations

import importlib._bootstrap
import importlib.util
import multiprocessing.pool
import sys
import threading
from _thread import get_ident
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from pytest_conc.controlled.patching import AttributePatch, Patch
from pytest_conc.model.current import MEMBERS
from pytest_conc.model.findings import Abort
from pytest_conc.stressing.children import PROCESS_PATCHES
from pytest_conc.stressing.files import FilesPatch
from pytest_conc.stressing.locks import LOCK_PATCHES

_THREAD: Any = threading.Thread
_start, _bootstrap = _THREAD.start, _THREAD._bootstrap_inner
_RUN = "_conc_run"


def start(self: Any) -> None:
    """`Thread.start`."""
    member = MEMBERS.get(get_ident())
    if member is None or self._started.is_set() or _feeds_a_queue(self):
        _start(self)
        return
    run = member.execution
    self._conc_member = run.expect(self)
    self._invoke_excepthook = _reporting(run)
    member.starts = True
    try:
        _start(self)
    except BaseException:
        self._conc_member.ended = True
        raise
    finally:
        member.starts = False


def _feeds_a_queue(thread: Any) -> bool:
    """Whether `multiprocessing.Queue` starts it to write what is put: it is the queue's, and no task."""
    return getattr(getattr(thread, "_target", None), "__qualname__", "") == "Queue._feed"


def _reporting(run: Any) -> Callable[[Any], None]:
    """Notes what leaves the thread, if nobody has put a hook of their own in place meanwhile."""

    def report(thread: Any) -> None:
        kind, error, trace = sys.exc_info()
        if error is None or isinstance(error, (Abort, SystemExit)):
            return
        if threading.excepthook is not run.excepthook:
            threading.excepthook(threading.ExceptHookArgs((kind, error, trace, thread)))
            return
        run.troubles.note(thread.name, error)

    return report


def bootstrap(self: Any) -> None:
    """`Thread._bootstrap_inner`: the whole life of a thread."""
    member = self.__dict__.get("_conc_member")
    if member is None:
        _bootstrap(self)
        return
    member.execution.enter(member)
    try:
        _bootstrap(self)
    except Abort:  # before or after the user's own part
        pass
    finally:
        member.execution.leave(member)


def _daemonic_start(function: Callable[[], object], *, handle: Any, daemon: bool) -> Any:
    """`threading._start_joinable_thread`: the interpreter does not wait for members at its end, their test does."""
    return _start_joinable(function, handle=handle, daemon=daemon or get_ident() in MEMBERS)


_start_joinable: Any = getattr(threading, "_start_joinable_thread", None)


# -- futures and results of pools ------------------------------------------------------------
_init_future, _set_exception = Future.__init__, Future.set_exception
_result, _exception, _add_callback = Future.result, Future.exception, Future.add_done_callback


def init_future(self: Any, *args: Any, **kwargs: Any) -> None:
    """A future belongs to the run in which it was made."""
    _init_future(self, *args, **kwargs)
    member = MEMBERS.get(get_ident())
    if member is not None:
        self._conc_run = member.execution


def set_exception(self: Any, exception: Any) -> None:
    """`Future.set_exception`: somebody should ask for it."""
    run = self.__dict__.get(_RUN)
    if run is not None and isinstance(exception, BaseException):
        run.troubles.note("a job whose future nobody has asked", exception, self)
    _set_exception(self, exception)


def _asking(real: Any) -> Callable[..., Any]:
    def ask(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        try:
            return real(self, *args, **kwargs)
        finally:
            run = self.__dict__.get(_RUN)
            if run is not None and _is_over(self):
                run.troubles.collect(self)

    return ask


def _is_over(thing: Any) -> bool:
    return bool(thing.done() if isinstance(thing, Future) else thing.ready())


def add_done_callback(self: Any, fn: Callable[[Any], object]) -> None:
    """`Future.add_done_callback`: what a callback raises is otherwise only logged."""
    run = self.__dict__.get(_RUN)

    def call(future: Any) -> object:
        try:
            return fn(future)
        except Exception as error:
            run.troubles.note("a done-callback", error)
            raise

    _add_callback(self, fn if run is None else call)


_apply: Any = multiprocessing.pool.ApplyResult
_map: Any = multiprocessing.pool.MapResult
_init_apply: Any = _apply.__init__


def init_apply(self: Any, *args: Any, **kwargs: Any) -> None:
    """A result of a `multiprocessing.Pool` belongs to the run in which it was asked for."""
    _init_apply(self, *args, **kwargs)
    member = MEMBERS.get(get_ident())
    if member is not None:
        self._conc_run = member.execution


def _settling(real: Any) -> Callable[[Any, Any, Any], None]:
    def settle(self: Any, index: Any, outcome: tuple[bool, Any]) -> None:
        run = self.__dict__.get(_RUN)
        if run is not None and not outcome[0] and self._error_callback is None:
            run.troubles.note("a job of a multiprocessing.Pool whose result nobody has asked for", outcome[1], self)
        real(self, index, outcome)

    return settle


class _GreenletPatch:
    """gevent's hub, as soon as gevent is imported."""

    def __init__(self) -> None:
        self._patches: list[AttributePatch] = []

    def apply(self) -> None:
        """Watches greenlets, or imports of gevent."""
        if "gevent.hub" in sys.modules:
            self.watch_greenlets()
        elif importlib.util.find_spec("gevent") is not None:
            self._patch(importlib._bootstrap, {"_find_and_load": self.find_and_load})

    def _patch(self, owner: Any, values: dict[str, Any]) -> None:
        patch = AttributePatch(owner, values)
        patch.apply()
        self._patches.append(patch)

    def find_and_load(self, name: str, import_: Any) -> Any:
        """Looks whether gevent has come."""
        module = _find_and_load(name, import_)
        if name == "gevent.hub" or (name == "gevent" and "gevent.hub" in sys.modules):
            self.watch_greenlets()
        return module

    def watch_greenlets(self) -> None:
        """Notes what leaves a greenlet."""
        hub: Any = sys.modules["gevent.hub"].Hub
        real = hub.handle_error
        if getattr(real, "__module__", "") == __name__:
            return

        def handle_error(self: Any, context: Any, kind: Any, error: Any, trace: Any) -> None:
            member = MEMBERS.get(get_ident())
            if member is None or not isinstance(error, BaseException):
                real(self, context, kind, error, trace)
                return
            trouble = member.execution.troubles.note(_greenlet_name(context), error)
            if trouble is not None:
                trouble.raised_again_counts = True

        self._patch(hub, {"handle_error": handle_error})

    def undo(self) -> None:
        """Forgets them again."""
        while self._patches:
            self._patches.pop().undo()


def _greenlet_name(context: Any) -> str:
    return str(getattr(context, "name", None) or type(context).__name__)


_find_and_load: Any = importlib._bootstrap._find_and_load  # type: ignore[attr-defined]


GUARDS: list[Patch] = [
    *LOCK_PATCHES,
    AttributePatch(_THREAD, {"start": start, "_bootstrap_inner": bootstrap}),
    *([] if _start_joinable is None else [AttributePatch(threading, {"_start_joinable_thread": _daemonic_start})]),
    AttributePatch(
        Future,
        {
            "__init__": init_future,
            "set_exception": set_exception,
            "result": _asking(_result),
            "exception": _asking(_exception),
            "add_done_callback": add_done_callback,
        },
    ),
    AttributePatch(_apply, {"__init__": init_apply, "_set": _settling(_apply._set), "get": _asking(_apply.get)}),
    AttributePatch(_map, {"_set": _settling(_map._set)}),
    *PROCESS_PATCHES,
    FilesPatch(),
    _GreenletPatch(),
]
