"""Which variables of closures can change after a second task may have seen them.

Most cells are written once, before the first closure over them exists: reading them needs no hook. A variable of a
function is *rebindable* unless it is written at most once (an argument counts as written), not in a loop, before the
first closure is made, is never deleted, and no nested function writes it. What is nested decides, so a code object is
looked at together with all code in its constants. Cells made by the compiler itself (`__class__`) never count.

The answer errs on the side of rebindable: a jump back from an exception handler at the end counts as a loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import CodeType
from typing import Final

from pytest_conc.instrument.listing import Listing, listing
from pytest_conc.instrument.opcodes import BACKWARD_JUMPS, numbers

_WRITES: Final = numbers("STORE_DEREF", "DELETE_DEREF")
_STORE: Final = numbers("STORE_DEREF")
_LOADS_OF_ONE: Final = numbers("LOAD_CLOSURE", "LOAD_FAST", "LOAD_FAST_BORROW")
_LOADS_OF_TWO: Final = numbers("LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW", "STORE_FAST_LOAD_FAST")
_OF_THE_COMPILER: Final = frozenset({"__class__", "__classdict__", "__conditional_annotations__"})


class Scope:
    """A code object, its instructions and the scopes in its constants."""

    def __init__(self, code: CodeType) -> None:
        self.code = code
        self.children = {
            index: Scope(constant) for index, constant in enumerate(code.co_consts) if isinstance(constant, CodeType)
        }

    @cached_property
    def listing(self) -> Listing:
        """The instructions of the code."""
        return listing(self.code)

    @cached_property
    def cell_names(self) -> dict[int, str]:
        """The names of its cells and of those of the functions around it, by the argument of the instructions."""
        code = self.code
        if not code.co_cellvars and not code.co_freevars:
            return {}
        own = [name for name in code.co_cellvars if name not in code.co_varnames]
        names = (*code.co_varnames, *own, *code.co_freevars)
        cells = {*code.co_cellvars, *code.co_freevars}
        return {index: name for index, name in enumerate(names) if name in cells}

    @cached_property
    def rebinds(self) -> frozenset[str]:
        """The names that this code, or code in it, writes or deletes in a cell."""
        if not self.cell_names:  # a scope in between that does not name a variable does not pass it on either
            return frozenset()
        written = {name for _, name in self._written()}
        return frozenset(written).union(*(child._rebinds_outside for child in self.children.values()))

    @property
    def _rebinds_outside(self) -> frozenset[str]:
        return self.rebinds.intersection(self.code.co_freevars)

    def rebindable(self, outside: frozenset[str]) -> frozenset[str]:
        """Of its cells and those around it the rebindable ones; `outside` are those of the functions around it."""
        own = (name for name in self.code.co_cellvars if self._is_rebindable(name))
        around = outside.intersection(self.code.co_freevars)
        return frozenset(name for name in (*own, *around) if name not in _OF_THE_COMPILER and name[0] != ".")

    def _is_rebindable(self, name: str) -> bool:
        if any(name in child._rebinds_outside for child in self.children.values()):
            return True
        opcodes = self.listing.opcodes
        stores = [number for number, written in self._written() if written == name]
        if any(opcodes[number] not in _STORE for number in stores):
            return True
        if len(stores) + (name in self._argument_names) > 1:
            return True
        return any(self._in_loop(number) or number > self._first_closure(name) for number in stores)

    @cached_property
    def _argument_names(self) -> frozenset[str]:
        code = self.code
        stars = sum(1 for flag in (CO_VARARGS, CO_VARKEYWORDS) if code.co_flags & flag)
        return frozenset(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + stars])

    def _written(self) -> Iterator[tuple[int, str]]:
        """Each instruction that writes or deletes a cell, with the name of its variable."""
        opcodes, arguments = self.listing.opcodes, self.listing.arguments
        for number, operation in enumerate(opcodes):
            if operation in _WRITES:
                yield number, self.cell_names[arguments[number]]

    def _in_loop(self, number: int) -> bool:
        opcodes = self.listing.opcodes
        return any(
            target <= number <= jump and opcodes[jump] in BACKWARD_JUMPS for jump, target in self.listing.jumps.items()
        )

    def _first_closure(self, name: str) -> int:
        opcodes, arguments = self.listing.opcodes, self.listing.arguments
        for number, operation in enumerate(opcodes):
            argument = arguments[number]
            if operation in _LOADS_OF_ONE and self.cell_names.get(argument) == name:
                return number
            if operation in _LOADS_OF_TWO and name in map(self.cell_names.get, (argument >> 4, argument & 15)):
                return number
        return len(opcodes)
