"""Which location an attribute access touches: decided by the class, once per class and name.

An attribute that is a function, a method or a property touches nothing by itself (a property's function is hooked
inside), a slot or an instance attribute touches (object, name), and one that is also defined in the class as a
plain value touches the instance if that has it, else (class, name).
"""

from __future__ import annotations

from _thread import _local
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any, Final

from pytest_conc.instrument.containers import is_watched_module
from pytest_conc.instrument.locals import select_local

NOTHING: Final = 1
INSTANCE: Final = 2
CLASS_OR_INSTANCE: Final = 3
TYPE: Final = 4
MODULE: Final = 5
LOCAL: Final = 6

_CODE = (
    FunctionType,
    BuiltinFunctionType,
    MethodDescriptorType,
    WrapperDescriptorType,
    ClassMethodDescriptorType,
    staticmethod,
    classmethod,
    property,
)


def classify(kind: type, name: str) -> int:
    """Which location an attribute of that name of an object of that type is."""
    if issubclass(kind, type):
        return TYPE
    if issubclass(kind, ModuleType):
        return MODULE
    if issubclass(kind, _local):
        return LOCAL
    if name == "__dict__" or (name.startswith("__") and name.endswith("__")):
        return NOTHING
    for base in kind.__mro__:
        if name in base.__dict__:
            found = base.__dict__[name]
            if type(found) is MemberDescriptorType:
                return INSTANCE
            if issubclass(type(found), (*_CODE, GetSetDescriptorType)):
                return NOTHING
            if hasattr(type(found), "__set__") or hasattr(type(found), "__get__"):
                return INSTANCE if type(found).__name__ == "cached_property" else NOTHING
            return CLASS_OR_INSTANCE
    return INSTANCE


def attribute_location(task: Any, owner: Any, name: str, kind: int, writing: bool) -> Any:
    """The location of an attribute, or None where it touches nothing that is shared."""
    locations = task.execution.locations
    if kind == INSTANCE:
        return locations.locate(owner, name)
    if kind == MODULE:
        return locations.locate(owner.__dict__, name, "") if is_watched_module(owner) else None
    if kind == LOCAL:
        select_local(task, owner)
        return None
    if kind == TYPE:
        return _class_location(locations, owner, name, writing)
    return locations.locate(owner, name)


def default_location(task: Any, owner: Any, name: str) -> Any:
    """The location of the class's value, if that is what `owner.name` reads now; else None."""
    if name in getattr(owner, "__dict__", ()):
        return None
    return _class_location(task.execution.locations, type(owner), name, False)


def _class_location(locations: Any, owner: type, name: str, writing: bool) -> Any:
    if writing:
        return locations.locate(owner, name, owner.__name__)
    for base in owner.__mro__:
        if name in base.__dict__:
            found = base.__dict__[name]
            return None if issubclass(type(found), (*_CODE, type)) else locations.locate(base, name, base.__name__)
    return None
