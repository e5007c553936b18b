"""What the rewritten code calls before it touches state: finds the location, and announces the access.

Every hook starts with the same question, whether this OS thread runs a task of an execution that has more than one
task; otherwise it returns at once. Hooks are the hottest code of the package, so they repeat a few lines
rather than call each other, and they never allocate before they know that the access counts.

What an attribute access touches is decided by the class, and kept at the site for the class that it met last.
"""

from __future__ import annotations

import array
from _thread import get_ident
from collections.abc import Callable
from typing import Any

from pytest_conc.instrument.attributes import (
    CLASS_OR_INSTANCE,
    INSTANCE,
    NOTHING,
    attribute_location,
    classify,
    default_location,
)
from pytest_conc.instrument.calls import VIEWS, announce_call, underlying
from pytest_conc.instrument.containers import (
    CONTAINERS,
    IMMUTABLE,
    ITERATORS,
    announce_whole,
    is_container,
    is_new_key,
    item_location,
)
from pytest_conc.instrument.locations import WHOLE
from pytest_conc.instrument.values import value_of_attribute, value_of_item
from pytest_conc.model.current import CONTESTED
from pytest_conc.model.operation import INSERT, READ, WRITE
from pytest_conc.model.short import short


def _kind_of(site: Any, owner: Any) -> int:
    kind = type(owner)
    site.owner_type = kind
    site.kind = classify(kind, site.name)
    return int(site.kind)


_RANGE = type(iter(range(0)))
SNAPPED = (CONTAINERS - {list, bytearray, array.array}).union(VIEWS)


def read_attribute(owner: Any, site: Any) -> None:
    """Before `owner.name` is read."""
    kind = site.kind if type(owner) is site.owner_type else _kind_of(site, owner)
    if kind == NOTHING:
        return
    task = CONTESTED.get(get_ident())
    if task is None:
        return
    execution = task.execution
    if kind == INSTANCE:
        entry = execution.entries.get(id(owner))
        location = None if entry is None else entry.names.get(site.name)
        if location is None:
            location = execution.locations.locate(owner, site.name)
    else:
        location = attribute_location(task, owner, site.name, kind, False)
        if location is None:
            return
    execution.access(task, READ, location, site)
    if execution.recorder is not None:
        execution.recorder.note_access(execution, site, None, value_of_attribute(owner, site.name))
    if kind == CLASS_OR_INSTANCE:
        location = default_location(task, owner, site.name)
        if location is not None:
            _access(task, READ, location, site, lambda: value_of_attribute(owner, site.name))


def write_attribute(owner: Any, value: Any, site: Any) -> None:
    """Before `owner.name = value`."""
    task = CONTESTED.get(get_ident())
    if task is None:
        return
    kind = site.kind if type(owner) is site.owner_type else _kind_of(site, owner)
    if kind == NOTHING:
        return
    execution = task.execution
    if kind == INSTANCE:
        entry = execution.entries.get(id(owner))
        location = None if entry is None else entry.names.get(site.name)
        if location is None:
            location = execution.locations.locate(owner, site.name)
    else:
        location = attribute_location(task, owner, site.name, kind, True)
        if location is None:
            return
    execution.access(task, WRITE, location, site)
    if execution.recorder is not None:
        execution.recorder.note_access(execution, site, value_of_attribute(owner, site.name), short(value))


def delete_attribute(owner: Any, site: Any) -> None:
    """Before `del owner.name`."""
    task = CONTESTED.get(get_ident())
    if task is not None:
        location = attribute_location(task, owner, site.name, _kind_of(site, owner), True)
        if location is not None:
            _access(task, WRITE, location, site, lambda: value_of_attribute(owner, site.name), _GONE)


class _Gone:
    """What a deleted name is written as."""

    def __repr__(self) -> str:
        return "(deleted)"


_GONE = _Gone()


def _access(task: Any, kind: str, location: Any, site: Any, look: Callable[[], str | None], value: Any = None) -> None:
    """Announces an access; `look` says afterwards what is there, `value` is what will be written."""
    execution = task.execution
    execution.access(task, kind, location, site)
    if execution.recorder is not None:
        there = look()
        execution.recorder.note_access(execution, site, *((None, there) if kind is READ else (there, short(value))))


def read_global(site: Any) -> None:
    """Before a global name is read that somebody writes."""
    task = CONTESTED.get(get_ident())
    if task is not None:
        _access(task, READ, _global_location(task, site), site, lambda: _in_namespace(site))


def write_global(value: Any, site: Any) -> None:
    """Before a global name is bound."""
    task = CONTESTED.get(get_ident())
    if task is not None:
        _access(task, WRITE, _global_location(task, site), site, lambda: _in_namespace(site), value)


def delete_global(site: Any) -> None:
    """Before a global name is deleted."""
    write_global(_GONE, site)


def _global_location(task: Any, site: Any) -> Any:
    return task.execution.locations.locate(site.namespace, site.name, "")


def _in_namespace(site: Any) -> str | None:
    return short(site.namespace[site.name]) if site.name in site.namespace else None


def read_cell(cell: Any, site: Any) -> None:
    """Before a variable of an enclosing function is read."""
    task = CONTESTED.get(get_ident())
    if task is not None:
        location = task.execution.locations.locate(cell, site.name, "")
        _access(task, READ, location, site, lambda: _in_cell(cell))


def write_cell(cell: Any, value: Any, site: Any) -> None:
    """Before a variable that functions share is bound."""
    task = CONTESTED.get(get_ident())
    if task is not None:
        location = task.execution.locations.locate(cell, site.name, "")
        _access(task, WRITE, location, site, lambda: _in_cell(cell), value)


def delete_cell(cell: Any, site: Any) -> None:
    """Before a variable that functions share is deleted."""
    write_cell(cell, _GONE, site)


def _in_cell(cell: Any) -> str | None:
    try:
        return short(cell.cell_contents)
    except ValueError:
        return None


def read_item(container: Any, key: Any, site: Any) -> None:
    """Before `container[key]` is read."""
    if type(container) in IMMUTABLE:
        return
    task = CONTESTED.get(get_ident())
    if task is not None and is_container(container, "__getitem__"):
        location = item_location(task, container, key)
        _access(task, READ, location, site, lambda: value_of_item(container, key))


def write_item(container: Any, key: Any, value: Any, site: Any) -> None:
    """Before `container[key] = value`."""
    task = CONTESTED.get(get_ident())
    if task is not None and is_container(container, "__setitem__"):
        location = item_location(task, container, key)
        kind = INSERT if is_new_key(container, key) else WRITE
        _access(task, kind, location, site, lambda: value_of_item(container, key), value)
        if (kind is INSERT) is not is_new_key(container, key):  # no longer what it was when it was announced
            task.execution.amend(task, WRITE if kind is INSERT else INSERT, location)


def delete_item(container: Any, key: Any, site: Any) -> None:
    """Before `del container[key]`."""
    task = CONTESTED.get(get_ident())
    if task is not None and is_container(container, "__delitem__"):
        announce_whole(task, WRITE, container, site)


def read_container(container: Any, site: Any) -> None:
    """Before the whole of a container is read: its length, its truth, its items."""
    if type(container) in CONTAINERS or type(container) not in IMMUTABLE:
        task = CONTESTED.get(get_ident())
        if task is not None and is_container(container, "__iter__"):
            announce_whole(task, READ, container, site)


def write_container(container: Any, site: Any) -> None:
    """Before a slice of a container is replaced."""
    task = CONTESTED.get(get_ident())
    if task is not None and is_container(container, "__setitem__"):
        announce_whole(task, WRITE, container, site)


def operate(left: Any, right: Any, site: Any) -> None:
    """Before an operator or a comparison: containers are read."""
    if type(left) in CONTAINERS:
        read_container(left, site)
    if type(right) in CONTAINERS:
        read_container(right, site)


def operate_in_place(left: Any, right: Any, site: Any) -> None:
    """Before `left += right` and its like: a container on the left is changed."""
    if type(right) in CONTAINERS:
        read_container(right, site)
    if type(left) in CONTAINERS:
        task = CONTESTED.get(get_ident())
        if task is not None:
            announce_whole(task, WRITE, left, site)


def make_iterator(container: Any, site: Any) -> None:
    """Before an iterator is made: those of dictionaries, sets and deques remember what the container is then."""
    if type(container) not in SNAPPED:
        return
    task = CONTESTED.get(get_ident())
    if task is not None:
        announce_whole(task, READ, underlying(container), site)


def iterating(container: Any, iterator: Any, site: Any) -> None:
    """An iterator of a container has been made: remembers whose it is."""
    task = CONTESTED.get(get_ident())
    if task is not None and type(iterator) in ITERATORS:
        whole = underlying(container)
        if type(whole) in CONTAINERS:
            execution = task.execution
            execution.iterators[id(iterator)] = (iterator, whole, execution.locations.locate(whole, WHOLE))


def iterate(iterator: Any, site: Any) -> None:
    """Before the next item is taken from an iterator."""
    if type(iterator) is _RANGE:
        return
    task = CONTESTED.get(get_ident())
    if task is None:
        return
    execution = task.execution
    known = execution.iterators.get(id(iterator))
    if known is not None:
        execution.access(task, READ, known[2], site)
        if execution.recorder is not None:
            execution.recorder.note_access(execution, site, None, short(known[1]))
    elif type(iterator) not in ITERATORS and is_container(iterator, "__next__"):
        execution.access(task, WRITE, execution.locations.locate(iterator, WHOLE), site)
        if execution.recorder is not None:
            execution.recorder.note_access(execution, site, None, None)


def call(arguments: tuple[Any, ...], site: Any) -> None:
    """Before a call: C functions and methods may touch the containers that they are given."""
    task = CONTESTED.get(get_ident())
    if task is not None:
        announce_call(task, arguments, site)


def call_unpacked(function: Any, arguments: Any, site: Any) -> None:
    """Before a call with `*arguments`."""
    task = CONTESTED.get(get_ident())
    if task is not None:
        announce_call(task, (function, *arguments) if type(arguments) in (tuple, list) else (function,), site)


def gil_point(site: Any) -> None:
    """Where CPython with the GIL may switch; a scheduling point only under `preemption="gil"`."""
    task = CONTESTED.get(get_ident())
    if task is not None:
        task.execution.switch_point(task)
