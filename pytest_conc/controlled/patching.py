"""How things are replaced for the duration of an exploration, and put back.

Three ways, tried where each one works: a method of a type of CPython's own (`TypePatch`, through the dictionary
behind the type; a CPython detail, so it is tested at first use), an attribute of a Python class or module
(`AttributePatch`), and a function that modules have imported by name (`SwapPatch`, found in their globals by
identity).
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any, Protocol

_MISSING = object()
Swap = tuple[Any, Any]  # a function, and the one in its place


class Patch(Protocol):
    """Something that can be replaced and put back."""

    def apply(self) -> None:
        """Replaces it."""

    def undo(self) -> None:
        """Puts it back."""


class TypePatch:
    """Methods of a built-in type. Python's own attribute lookup finds them after `PyType_Modified`."""

    def __init__(self, kind: type, methods: dict[str, Any]) -> None:
        self.kind = kind
        self.methods = methods
        self._real = {name: vars(kind)[name] for name in methods}

    def apply(self) -> None:
        """Puts the methods into the dictionary of the type."""
        self._write(self.methods)

    def undo(self) -> None:
        """Puts the real ones back."""
        self._write(self._real)

    def _write(self, methods: dict[str, Any]) -> None:
        dictionary = gc.get_referents(vars(self.kind))[0]
        if type(dictionary) is not dict:
            raise RuntimeError(
                f"{self.kind.__name__} keeps its methods where they cannot be replaced: this Python "
                f"({sys.version.split()[0]}) is not supported"
            )
        dictionary.update(methods)
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(self.kind))


class AttributePatch:
    """Attributes of a Python class or of a module."""

    def __init__(self, owner: Any, values: dict[str, Any]) -> None:
        self.owner = owner
        self.values = values
        self._real: dict[str, Any] = {}

    def apply(self) -> None:
        """Sets the attributes."""
        self._real = {name: vars(self.owner).get(name, _MISSING) for name in self.values}
        for name, value in self.values.items():
            setattr(self.owner, name, value)

    def undo(self) -> None:
        """Sets them back, or deletes those that were not there."""
        for name, value in self._real.items():
            if value is _MISSING:
                delattr(self.owner, name)
            else:
                setattr(self.owner, name, value)


class SwapPatch:
    """Functions, wherever a module has a global that is one of them."""

    def __init__(self, functions: Sequence[Swap]) -> None:
        self._ours = {id(real): (real, ours) for real, ours in functions}
        self._found: list[tuple[dict[str, Any], str, Any]] = []

    def apply(self) -> None:
        """Swaps each global that is one of the functions."""
        ours = self._ours
        for namespace in _namespaces():
            for name, value in list(namespace.items()):
                if id(value) in ours and value is ours[id(value)][0]:
                    self._found.append((namespace, name, value))
                    namespace[name] = ours[id(value)][1]

    def undo(self) -> None:
        """Swaps them back, also in modules that took ours over meanwhile."""
        real = {id(ours): value for value, ours in self._ours.values()}
        for namespace, name, value in self._found:
            if id(namespace.get(name)) in real:
                namespace[name] = value
        self._found.clear()


class DefaultsPatch:
    """Functions, wherever one of `everywhere` has one of them as a default argument."""

    def __init__(self, functions: Sequence[Swap], everywhere: Sequence[FunctionType]) -> None:
        self._ours = {id(real): (real, ours) for real, ours in functions}
        self._everywhere = everywhere
        self._changed: list[tuple[FunctionType, Any, Any]] = []

    def apply(self) -> None:
        """Swaps each default argument that is one of the functions."""
        wanted = self._ours.keys()
        for function in self._everywhere:
            positional, keywords = function.__defaults__ or (), function.__kwdefaults__ or {}
            if (positional or keywords) and not wanted.isdisjoint(map(id, (*positional, *keywords.values()))):
                self._changed.append((function, function.__defaults__, function.__kwdefaults__))
                function.__defaults__ = tuple(map(self._swapped, positional)) or None
                function.__kwdefaults__ = {name: self._swapped(value) for name, value in keywords.items()} or None

    def _swapped(self, value: Any) -> Any:
        real, ours = self._ours.get(id(value), (None, None))
        return ours if value is real and real is not None else value

    def undo(self) -> None:
        """Swaps them back."""
        while self._changed:
            function, positional, keywords = self._changed.pop()
            function.__defaults__, function.__kwdefaults__ = positional, keywords


def _namespaces() -> Iterator[dict[str, Any]]:
    modules: list[tuple[str, object]] = list(sys.modules.items())
    for name, module in modules:
        if isinstance(module, ModuleType) and not name.startswith(("pytest_conc", "_pytest", "greenlet", "gevent")):
            yield module.__dict__


@contextmanager
def applied(patches: Sequence[Patch]) -> Iterator[None]:
    """All patches, for the duration of the block; undone in the opposite order, whatever happens."""
    done: list[Patch] = []
    try:
        for patch in patches:
            done.append(patch)
            patch.apply()
        yield
    finally:
        for patch in reversed(done):
            patch.undo()
