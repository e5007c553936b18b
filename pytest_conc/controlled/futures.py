"""`concurrent.futures`: futures in the order in which they were made, and what they hold and nobody asks for.

Futures are put into sets and sorted by address; here by their number. An exception that a future holds at the end of
the test, or that left a done-callback, would go unseen; here it is the failure of the execution.
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable
from concurrent.futures import Future, _base
from typing import Any

from pytest_conc.controlled.patching import AttributePatch, Patch
from pytest_conc.model.current import RUNNING

_init, _set_exception, _add_callback = Future.__init__, Future.set_exception, Future.add_done_callback
_KEY = "_conc_execution"


def init(self: Any) -> None:
    """`Future.__init__`, which also counts the futures of an execution."""
    task = RUNNING.get(get_ident())
    if task is not None:
        task.execution.futures_made += 1
        self._conc_number = task.execution.futures_made
        self._conc_execution = task.execution
    _init(self)
    if task is not None:
        self._condition._conc_future = self._conc_number


def set_exception(self: Any, exception: Any) -> None:
    """`Future.set_exception`: somebody should ask for it."""
    execution = self.__dict__.get(_KEY)
    if execution is not None and isinstance(exception, Exception):
        execution.unasked[id(self)] = _said(exception, "a job whose future nobody has asked")
    _set_exception(self, exception)


def _said(error: BaseException, where: str) -> tuple[Any, BaseException]:
    """Who raised it, and the error, which says where."""
    error.add_note(f"raised in {where}")
    return RUNNING.get(get_ident()), error


def _asking(real: Any) -> Callable[..., Any]:
    def ask(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        try:
            return real(self, *args, **kwargs)
        finally:
            execution = self.__dict__.get(_KEY)
            if execution is not None and self._state in _OVER:
                execution.unasked.pop(id(self), None)

    return ask


_OVER = frozenset({"FINISHED", "CANCELLED", "CANCELLED_AND_NOTIFIED"})


def add_done_callback(self: Any, fn: Callable[[Any], object]) -> None:
    """`Future.add_done_callback`: what a callback raises is otherwise only logged."""
    execution = self.__dict__.get(_KEY)

    def call(future: Any) -> object:
        try:
            return fn(future)
        except Exception as error:
            execution.unasked[id(error)] = _said(error, "a done-callback")
            raise

    _add_callback(self, fn if execution is None else call)


def number_of(future: Any) -> int:
    """What stands in for the address of a future."""
    number = getattr(future, "_conc_number", None)
    return id(future) if number is None else int(number)


PATCHES: list[Patch] = [
    AttributePatch(
        Future,
        {
            "__init__": init,
            "__hash__": number_of,
            "set_exception": set_exception,
            "result": _asking(Future.result),
            "exception": _asking(Future.exception),
            "add_done_callback": add_done_callback,
        },
    ),
    AttributePatch(_base, {"id": number_of}),
]
