"""Containers: which objects are some, and which location an access to one touches.

A container is an object whose items are kept by C code or by a class that is not watched (`os.environ`): one
operation on it is one access. A class of the watched code itself is none, its methods are hooked inside.
Items whose keys are plain values are locations of their own; everything else touches the whole container.
"""

from __future__ import annotations

import array
import collections
import itertools
from collections.abc import Iterable
from types import CodeType, FunctionType, GeneratorType, MappingProxyType
from typing import Any

from pytest_conc.instrument.locations import WHOLE, Location, Locations
from pytest_conc.model.operation import WRITE
from pytest_conc.model.short import short

CONTAINERS: frozenset[type] = frozenset(
    {
        list,
        dict,
        set,
        bytearray,
        collections.deque,
        collections.OrderedDict,
        collections.defaultdict,
        collections.Counter,
        array.array,
    }
)
IMMUTABLE: frozenset[type] = frozenset(
    {
        int,
        float,
        complex,
        bool,
        str,
        bytes,
        tuple,
        frozenset,
        range,
        type(None),
        type,
        type(Ellipsis),
        FunctionType,
        slice,
        MappingProxyType,
    }
)
ITERATORS: frozenset[type] = frozenset(
    {
        type(iter([])),
        type(iter({})),
        type(iter(set())),
        type(iter({}.values())),
        type(iter({}.items())),
        type(iter(())),
        type(iter("")),
        type(iter(range(0))),
        type(iter(b"")),
        type(iter(bytearray())),
        type(iter(collections.deque())),
        type(reversed([])),
        type(iter(range(1 << 70))),
    }
)
SHARED_ITERATORS: frozenset[type] = frozenset(
    {
        GeneratorType,
        itertools.count,
        itertools.cycle,
        itertools.chain,
        itertools.islice,
        map,
        filter,
        zip,
        enumerate,
        itertools.repeat,
        itertools.accumulate,
        itertools.product,
        itertools.groupby,
        itertools.tee([])[0].__class__,
    }
)
PLAIN_KEYS = (int, str, bytes, float, bool, type(None))

_kinds: dict[tuple[type, str], bool] = {}
_silent: dict[Any, bool] = {}
_watched: set[str] = set()
_SILENT_MODULES = ("pytest_conc", "_pytest", "threading", "queue", "concurrent", "logging")


def watch_files(filenames: Iterable[str]) -> None:
    """From now on code of these source files is hooked inside."""
    _watched.clear()
    _watched.update(filenames)
    _kinds.clear()
    _silent.clear()


def is_watched_file(filename: str) -> bool:
    """Whether code of this source file is hooked inside."""
    return filename in _watched


def is_watched_module(module: Any) -> bool:
    """Whether the functions of a module are hooked inside; the names of other modules are taken as constants."""
    return getattr(module, "__file__", None) in _watched


def is_silent(function: Any) -> bool:
    """Whether a call of this Python function is no access by itself: it is hooked inside, or announces what it does."""
    known = _silent.get(function)
    if known is None:
        module = function.__module__ or ""
        known = _silent[function] = is_watched(function.__code__) or module.startswith(_SILENT_MODULES)
    return known


def is_watched(code: CodeType) -> bool:
    """Whether a code object is hooked inside."""
    return code.co_filename in _watched


def is_container(thing: Any, method: str) -> bool:
    """Whether `method` of this object is an access to a container, for us one operation."""
    kind = type(thing)
    known = _kinds.get((kind, method))
    if known is None:
        known = _kinds[kind, method] = _is_container(kind, method)
    return known


def _is_container(kind: type, method: str) -> bool:
    if kind in CONTAINERS or kind in SHARED_ITERATORS:
        return True
    if kind in IMMUTABLE or kind in ITERATORS or issubclass(kind, (type, tuple, str, bytes, int)):
        return False
    function = getattr(kind, method, None)
    if function is None:
        return False
    code = getattr(function, "__code__", None)
    if isinstance(code, CodeType):
        return not is_watched(code)
    return method in ("__getitem__", "__setitem__", "__delitem__", "__next__") or issubclass(kind, tuple(CONTAINERS))


def is_new_key(container: Any, key: Any) -> bool:
    """Whether `container[key] = …` makes a new item of a dictionary, and so changes its length and order.

    A key of the user's own class is not asked.
    """
    return issubclass(type(container), dict) and type(key) in PLAIN_KEYS and key not in container


def item_location(task: Any, container: Any, key: Any) -> Location:
    """The location of `container[key]`: that of the item, or of the whole where the key says no more."""
    locations: Locations = task.execution.locations
    kind = type(key)
    if kind not in PLAIN_KEYS and not (kind is tuple and all(type(part) in PLAIN_KEYS for part in key)):
        return locations.locate(container, WHOLE)
    if type(container) is collections.deque:
        return locations.locate(container, WHOLE)
    if kind is int and key < 0 and issubclass(type(container), (list, bytearray)):  # which one depends on the length
        return locations.locate(container, WHOLE)
    return locations.locate_item(container, key)


def announce_whole(task: Any, kind: str, container: Any, site: Any) -> None:
    """Announces an access to the whole container."""
    execution = task.execution
    execution.access(task, kind, execution.locations.locate(container, WHOLE), site)
    if execution.recorder is not None:
        value = short(container) if type(container) in CONTAINERS else None
        before, after = (value, None) if kind is WRITE else (None, value)
        execution.recorder.note_access(execution, site, before, after)
