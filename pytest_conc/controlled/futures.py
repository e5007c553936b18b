"""`concurrent.futures`: futures are put into sets and sorted by address; here by the order in which they were made."""

from __future__ import annotations

from _thread import get_ident
from concurrent.futures import Future, _base
from typing import Any

from pytest_conc.controlled.patching import AttributePatch, Patch
from pytest_conc.model.current import RUNNING

_init = Future.__init__


def init(self: Any) -> None:
    """`Future.__init__`, which also counts the futures of an execution."""
    task = RUNNING.get(get_ident())
    if task is not None:
        task.execution.futures_made += 1
        self._conc_number = task.execution.futures_made
    _init(self)
    if task is not None:
        self._condition._conc_future = self._conc_number


def number_of(future: Any) -> int:
    """What stands in for the address of a future."""
    number = getattr(future, "_conc_number", None)
    return id(future) if number is None else int(number)


PATCHES: list[Patch] = [
    AttributePatch(Future, {"__init__": init, "__hash__": number_of}),
    AttributePatch(_base, {"id": number_of}),
]
