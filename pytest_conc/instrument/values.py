"""The value of an attribute or item, as text, without running any code of the user's."""

from __future__ import annotations

from types import MemberDescriptorType
from typing import Any

from pytest_conc.instrument.containers import CONTAINERS, PLAIN_KEYS
from pytest_conc.model.current import outside
from pytest_conc.model.short import MISSING, short


def value_of_attribute(owner: Any, name: str) -> str | None:
    """A short text for `owner.name`, or None where it is not there or would have to be computed."""
    try:
        values = object.__getattribute__(owner, "__dict__")
    except AttributeError:
        values = {}
    if name in values:
        return short(values[name])
    for base in owner.__mro__ if issubclass(type(owner), type) else type(owner).__mro__:
        if name in base.__dict__:
            return _in_class(base.__dict__[name], owner)
    return None


def value_of_item(container: Any, key: Any) -> str | None:
    """A short text for `container[key]`, MISSING if it is not there, None where a class of the user's computes it."""
    if type(container) not in CONTAINERS or type(key) not in PLAIN_KEYS:
        return None
    with outside():
        try:
            if isinstance(container, dict):  # a defaultdict would make the item
                return short(dict.get(container, key)) if key in container else MISSING
            return short(container[key])
        except LookupError:
            return MISSING
        except TypeError:
            return None


def _in_class(found: Any, owner: Any) -> str | None:
    if type(found) is MemberDescriptorType and not issubclass(type(owner), type):
        try:
            return short(found.__get__(owner))
        except AttributeError:
            return None
    return None if hasattr(type(found), "__get__") else short(found)
