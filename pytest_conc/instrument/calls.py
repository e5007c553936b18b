"""Which shared state a call of something that is not watched touches.

A method of a built-in container, a C function that is given one, an iterator that is advanced, a cache: each such
call is one operation. What is known to read only is in the tables; anything else that is given a container
is taken to write it, since a dependence too many costs time, and one too few hides a bug.
"""

from __future__ import annotations

import collections
import functools
import gc
import itertools
import operator
import os
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, MethodDescriptorType, MethodType, MethodWrapperType
from typing import Any

from pytest_conc.instrument.containers import (
    CONTAINERS,
    IMMUTABLE,
    ITERATORS,
    PLAIN_KEYS,
    SHARED_ITERATORS,
    announce_whole,
    is_silent,
    is_watched,
    item_location,
)
from pytest_conc.instrument.values import value_of_attribute, value_of_item
from pytest_conc.model.operation import READ, WRITE
from pytest_conc.model.short import short

READING_METHODS = frozenset(
    {
        "get",
        "keys",
        "values",
        "items",
        "copy",
        "index",
        "count",
        "isdisjoint",
        "issubset",
        "issuperset",
        "union",
        "intersection",
        "difference",
        "symmetric_difference",
        "most_common",
        "elements",
        "total",
        "find",
        "startswith",
        "endswith",
        "hex",
        "tobytes",
        "tolist",
        "__getitem__",
        "__contains__",
        "__len__",
        "__iter__",
        "__eq__",
        "__ne__",
        "__reversed__",
        "__str__",
        "__repr__",
        "__bool__",
        "__add__",
        "__or__",
        "__and__",
        "__sub__",
        "__mul__",
        "__sizeof__",
    }
)
ITEM_METHODS = frozenset({"get", "__getitem__", "__setitem__"})
TOUCH_NOTHING: frozenset[Any] = frozenset({id, type, isinstance, callable, issubclass, super, object, hash})
READERS: frozenset[Any] = frozenset(
    {
        len,
        sorted,
        min,
        max,
        sum,
        any,
        all,
        list,
        tuple,
        set,
        frozenset,
        dict,
        iter,
        enumerate,
        zip,
        map,
        filter,
        reversed,
        str,
        repr,
        bool,
        print,
        format,
        bytes,
        bytearray,
        collections.deque,
        collections.OrderedDict,
        collections.Counter,
        collections.defaultdict,
        operator.getitem,
        operator.contains,
        operator.eq,
        operator.concat,
        operator.countOf,
        operator.indexOf,
        operator.length_hint,
        operator.ne,
        operator.truth,
        operator.not_,
        itertools.chain,
        itertools.islice,
        itertools.accumulate,
        functools.reduce,
        slice,
    }
)
VIEWS: tuple[type, ...] = (type({}.keys()), type({}.values()), type({}.items()))
_BOUND = (BuiltinFunctionType, MethodWrapperType)
_CACHE = type(functools.lru_cache(len))
_CONTAINER_BASES = tuple(CONTAINERS)


def underlying(thing: Any) -> Any:
    """The dictionary behind a view of it; anything else is returned as it is."""
    return gc.get_referents(thing)[0] if type(thing) in VIEWS else thing


def announce_call(task: Any, arguments: tuple[Any, ...], site: Any) -> None:
    """Announces what calling `arguments[0]` with the rest will touch."""
    handler = _HANDLERS.get(type(arguments[0]))
    if handler is not None:
        handler(task, arguments, site)
    elif type(arguments[0]) is _CACHE:
        announce_whole(task, WRITE, arguments[0], site)


def _bound_method(task: Any, arguments: tuple[Any, ...], site: Any) -> None:
    function = arguments[0]
    owner = underlying(function.__self__)
    if issubclass(type(owner), _CONTAINER_BASES) or type(owner) in SHARED_ITERATORS:
        _method(task, owner, function.__name__, arguments[1:], site)
    elif function in _ATTRIBUTES:
        _attribute(task, arguments, site)
    elif function is next and len(arguments) > 1:
        _advance(task, arguments[1], site)
    elif function not in TOUCH_NOTHING:
        _given(task, READ if function in READERS else WRITE, arguments[1:], site)
        return
    _given(task, READ, arguments[1:], site)


def _method(task: Any, owner: Any, name: str, rest: tuple[Any, ...], site: Any) -> None:
    if name in ITEM_METHODS and rest and type(rest[0]) in PLAIN_KEYS and type(owner) in CONTAINERS:
        execution = task.execution
        kind = WRITE if name == "__setitem__" else READ
        execution.access(task, kind, item_location(task, owner, rest[0]), site)
        if execution.recorder is not None:
            value = value_of_item(owner, rest[0])
            execution.recorder.note_access(
                execution, site, value if kind is WRITE else None, short(rest[-1]) if kind is WRITE else value
            )
        return
    announce_whole(task, READ if name in READING_METHODS else WRITE, owner, site)


def _given(task: Any, kind: str, given: tuple[Any, ...], site: Any) -> None:
    for each in given:
        thing = underlying(each)
        if _keeps_items(type(thing)):
            if not _has_watched_methods(type(thing)):
                announce_whole(task, kind, thing, site)
        elif type(thing) in _BOUND and issubclass(type(thing.__self__), _CONTAINER_BASES):
            announce_whole(task, READ if thing.__name__ in READING_METHODS else WRITE, thing.__self__, site)
        elif type(thing) in ITERATORS or type(thing) in SHARED_ITERATORS:
            _advance(task, thing, site)


def _keeps_items(kind: type) -> bool:
    """Whether it is a built-in container, or another class whose objects keep items: `os.environ`, a `UserDict`."""
    return kind not in IMMUTABLE and (issubclass(kind, _CONTAINER_BASES) or hasattr(kind, "__setitem__"))


def _has_watched_methods(kind: type) -> bool:
    return kind not in CONTAINERS and any(
        isinstance(value, FunctionType) and is_watched(value.__code__) for value in vars(kind).values()
    )


def _advance(task: Any, iterator: Any, site: Any) -> None:
    known = task.execution.iterators.get(id(iterator))
    if known is not None:
        announce_whole(task, READ, known[1], site)
    elif type(iterator) in SHARED_ITERATORS:
        announce_whole(task, WRITE, iterator, site)


def _attribute(task: Any, arguments: tuple[Any, ...], site: Any) -> None:
    from pytest_conc.instrument.attributes import attribute_location, classify

    if len(arguments) < 3 or type(arguments[2]) is not str:
        return
    owner, name = arguments[1], arguments[2]
    kind = _ATTRIBUTES[arguments[0]]
    location = attribute_location(task, owner, name, classify(type(owner), name), kind is WRITE)
    if location is not None:
        execution = task.execution
        execution.access(task, kind, location, site)
        if execution.recorder is not None:
            value = value_of_attribute(owner, name)
            after = short(arguments[3]) if len(arguments) > 3 and kind is WRITE else None
            execution.recorder.note_access(
                execution, site, value if kind is WRITE else None, after if kind is WRITE else value
            )


def _type_call(task: Any, arguments: tuple[Any, ...], site: Any) -> None:
    if arguments[0] in READERS:
        _given(task, READ, arguments[1:], site)


def _descriptor(task: Any, arguments: tuple[Any, ...], site: Any) -> None:
    if len(arguments) > 1 and issubclass(type(arguments[1]), _CONTAINER_BASES):
        _method(task, arguments[1], arguments[0].__name__, arguments[2:], site)


def _python_method(task: Any, arguments: tuple[Any, ...], site: Any) -> None:
    function = arguments[0].__func__
    if type(function) is not FunctionType or is_silent(function):
        return
    owner = arguments[0].__self__
    if _keeps_items(type(owner)):
        announce_whole(task, READ if function.__name__ in READING_METHODS else WRITE, owner, site)
    if len(arguments) > 1:
        _given(task, WRITE, arguments[1:], site)


def python_function(task: Any, arguments: tuple[Any, ...], site: Any) -> None:
    """A function of a module that is not watched, if it is given a container, or known to look into one."""
    if arguments[0] is os.getenv:
        announce_whole(task, READ, os.environ, site)
    elif not is_silent(arguments[0]):
        _given(task, WRITE, arguments[1:], site)


def _partial(task: Any, arguments: tuple[Any, ...], site: Any) -> None:
    partial = arguments[0]
    announce_call(task, (partial.func, *partial.args, *arguments[1:]), site)


def _getter(task: Any, arguments: tuple[Any, ...], site: Any) -> None:
    _given(task, READ, arguments[1:], site)


_ATTRIBUTES: dict[Any, str] = {getattr: READ, hasattr: READ, setattr: WRITE, delattr: WRITE}
_HANDLERS: dict[type, Callable[[Any, tuple[Any, ...], Any], None]] = {
    BuiltinFunctionType: _bound_method,
    MethodWrapperType: _bound_method,
    MethodDescriptorType: _descriptor,
    MethodType: _python_method,
    FunctionType: python_function,
    type: _type_call,
    functools.partial: _partial,
    operator.itemgetter: _getter,
    operator.attrgetter: _getter,
    operator.methodcaller: _getter,
}
