"""Short texts for values, as reports show them.

Only values of built-in types are written out. The `__repr__` of a class of the user's could take a lock, change
something or never return, and is not called: such an object is shown by the name of its class.
"""

from __future__ import annotations

from reprlib import Repr
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType

from pytest_conc.model.current import outside

_PLAIN = (int, float, complex, bool, str, bytes, type(None), range, BaseException)
MISSING = "(missing)"  # stands for the value of a key or index that is not there
_NAMED = (FunctionType, BuiltinFunctionType, MethodType, ModuleType, type)


def is_plain(value: object) -> bool:
    """Whether the value is of a type that is written out, or is a function, module or class."""
    return type(value) in _PLAIN or issubclass(type(value), (*_NAMED, BaseException))


class _Short(Repr):
    def repr_instance(self, x: object, level: int) -> str:
        """What is of no built-in container type."""
        kind = type(x)
        if kind in _PLAIN or (issubclass(kind, BaseException) and kind.__module__ == "builtins"):
            return super().repr_instance(x, level)
        if issubclass(kind, _NAMED):
            return str(getattr(x, "__name__", kind.__name__))
        name = getattr(x, "__dict__", {}).get("_name")
        return f"<{kind.__name__} {name}>" if isinstance(name, str) else f"<{kind.__name__}>"


_short = _Short()
_short.maxstring = _short.maxother = 40


def short(value: object) -> str:
    """A short text for a value; never raises, never runs long, shows no address, and is no part of the execution."""
    with outside():
        try:
            return _short.repr(value)
        except Exception:
            return f"<{type(value).__name__}>"
