"""What the user's code calls the objects of an execution: a report that says `stock` is read faster than `dict#1`.

While the execution that is shown runs, the variables of the frames on the stack are noted by the address of what
they hold, never by reference, since that would keep objects alive. In the end each shared object gets the best of its
names: that of a variable of the test, else of a global, an attribute (`room.guests`, `os.environ`), a variable of
another task, an attribute of `self`. No two objects get the same name; one without any keeps its type and number.
"""

from __future__ import annotations

import threading
from types import FrameType, ModuleType
from typing import Any

from pytest_conc.model.short import is_plain

OF_MAIN, GLOBAL, ATTRIBUTE, OF_A_TASK, OF_SELF = range(5)


class Names:
    """The names met in one execution. `label` gives a resource's label with the name in place of type and number."""

    def __init__(self) -> None:
        self._met: dict[int, list[tuple[int, str, str]]] = {}
        self._owners: dict[str, tuple[int, str]] = {}
        self._modules: set[int] = set()
        self._named: dict[str, str] | None = None

    def look(self, frame: FrameType, is_main: bool) -> None:
        """Notes the variables that a frame of the user's code can see."""
        if id(frame.f_globals) not in self._modules:
            self._modules.add(id(frame.f_globals))
            for name, value in list(frame.f_globals.items()):
                self._meet(name, value, GLOBAL)
        for name, value in list(frame.f_locals.items()):
            self._meet(name, value, OF_MAIN if is_main else OF_A_TASK)
        self._named = None

    def _meet(self, name: str, value: Any, rank: int) -> None:
        is_module = issubclass(type(value), ModuleType)
        if not name.isidentifier() or (is_plain(value) and not is_module):
            return
        if name != "self" and not is_module:
            self._note(name, value, rank)
        try:
            attributes = object.__getattribute__(value, "__dict__")
        except AttributeError:
            return
        for attribute, inner in list(attributes.items()):
            if not is_plain(inner):
                self._note(f"{name}.{attribute}", inner, OF_SELF if name == "self" else max(ATTRIBUTE, rank))

    def _note(self, name: str, value: Any, rank: int) -> None:
        found = (rank, name, type(value).__name__)
        known = self._met.setdefault(id(value), [])
        if found not in known:
            known.append(found)
        if type(value) is threading.Condition:
            self._note(f"the lock of {name}", value._lock, rank)  # type: ignore[attr-defined]

    def owner(self, label: str, address: int, kind: str) -> None:
        """The object that is labelled so, of the type of that name, lives at this address."""
        self._owners.setdefault(_base(label), (address, kind))
        self._named = None

    def label(self, label: str) -> str:
        """The label with the name of the object, if it has one."""
        if self._named is None:
            self._named = self._choose()
        base = _base(label)
        return self._named.get(base, base) + label[len(base) :]

    def _choose(self) -> dict[str, str]:
        chosen: dict[str, str] = {}
        wanted = sorted(
            (rank, name, base)
            for base, (address, wanted_kind) in self._owners.items()
            for rank, name, kind in self._met.get(address, ())
            if kind == wanted_kind
        )
        for _, name, base in wanted:
            if base not in chosen and name not in chosen.values():
                chosen[base] = name
        return chosen


def _base(label: str) -> str:
    """The part of a label that stands for the object: `dict#1` of `dict#1['left']`."""
    head, sign, rest = label.partition("#")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return head + sign + rest[:digits]
