"""`functools.lru_cache` and `cache`: to store a result is an operation of its own, after it was computed.

A cache is looked into where it is called; that is announced there, as for any call. Between that and the store other
tasks may look, too, and compute the same. So where a cache is made during an execution, its function announces the
store before it returns. A cache that existed before is full or not, whatever the schedule: of it only calls are seen.
"""

from __future__ import annotations

import functools
from _thread import get_ident
from collections.abc import Callable
from types import CodeType
from typing import Any

from pytest_conc.controlled.patching import AttributePatch, Patch
from pytest_conc.instrument.containers import announce_whole
from pytest_conc.instrument.site import Site
from pytest_conc.model.current import CONTESTED
from pytest_conc.model.operation import WRITE

_make: Any = functools._lru_cache_wrapper


@functools.cache
def _site(code: CodeType) -> Site:
    """Where the results of that code are stored; one for all executions, since it learns."""
    return Site(code.co_qualname, code.co_filename, code.co_firstlineno, "", {})


def make_cache(function: Callable[..., Any], *options: Any) -> Any:
    """`functools._lru_cache_wrapper`, which makes the cache of a function."""
    code = getattr(function, "__code__", None)
    if code is None:
        return _make(function, *options)

    def compute(*arguments: Any, **named: Any) -> Any:
        result = function(*arguments, **named)
        task = CONTESTED.get(get_ident())
        if task is not None:
            announce_whole(task, WRITE, cache, _site(code))
        return result

    cache = _make(compute, *options)
    return cache


PATCHES: list[Patch] = [AttributePatch(functools, {"_lru_cache_wrapper": make_cache})]
