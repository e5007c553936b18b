"""What an operation touches, and whether the order of two operations can matter."""

from __future__ import annotations

from typing import Any, NamedTuple

from pytest_conc.model.operation import GETS, INSERT, MODES, NOTHING, PUTS, READS, WRITES


class Access(NamedTuple):
    """A place, an item of it if it is a container, and how they are touched."""

    place: Any
    item: Any
    mode: int


def place_of(resource: Any) -> Any:
    """The container of an item, the lock of a condition, any other resource itself."""
    return getattr(resource, "container", None) or getattr(resource, "alias", None) or resource


def access_of(kind: str, resource: Any) -> Access | None:
    """What an operation of that kind touches; None if nothing that others could notice."""
    mode = MODES[kind]
    if mode == NOTHING or resource is None:
        return None
    place = place_of(resource)
    if mode in (PUTS, GETS) and not place.ordered:
        mode = WRITES
    is_item = getattr(resource, "container", None) is not None and kind is not INSERT
    return Access(place, resource if is_item else None, mode)


def depend(one: Access | None, other: Access | None) -> bool:
    """Whether the order of two operations of different tasks can matter.

    In a queue that keeps the order of its items a put and a get commute, if both can be performed.
    """
    if one is None or other is None or one.place != other.place or one.mode == other.mode == READS:
        return False
    if one.mode + other.mode == PUTS + GETS and one.mode != other.mode:
        return False
    return one.item is None or other.item is None or one.item == other.item


def covers(earlier: Access | None, access: Access) -> bool:
    """Whether all that depends on `access` and was performed before `earlier` also depends on that one."""
    return earlier is not None and earlier.mode == WRITES and (earlier.item is None or earlier.item == access.item)
