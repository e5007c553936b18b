"""A site is one place in the program that reads or writes shared state; hooks are told which one runs."""

from __future__ import annotations

from collections.abc import Callable
from types import CellType
from typing import Protocol


class Site:
    """One hooked instruction.

    `code_name` is the qualified name of its code, `name` the attribute or variable it touches ("" if it has none) and
    `namespace` the globals of its function. The other fields belong to the hooks: what they have learned about the
    place so far.
    """

    __slots__ = ("code_name", "filename", "hot", "kind", "line", "name", "namespace", "owner_type")

    def __init__(self, code_name: str, filename: str, line: int, name: str, namespace: dict[str, object]) -> None:
        self.code_name = code_name
        self.filename = filename
        self.line = line
        self.name = name
        self.namespace = namespace
        self.hot = False
        self.owner_type: type | None = None
        self.kind = 0

    def __repr__(self) -> str:
        return f"<Site {self.code_name} {self.filename}:{self.line} {self.name}>"


class Hooks(Protocol):
    """The functions that rewritten code calls, each just before the instruction that it announces.

    What they return is dropped; what they raise is raised in the rewritten function, at the line of the instruction.
    """

    @property
    def read_attribute(self) -> Callable[[object, Site], object]:
        """Called with the owner of the attribute `site.name`."""

    @property
    def write_attribute(self) -> Callable[[object, object, Site], object]:
        """Called with the owner of the attribute `site.name` and its new value."""

    @property
    def delete_attribute(self) -> Callable[[object, Site], object]:
        """Called with the owner of the attribute `site.name`."""

    @property
    def read_global(self) -> Callable[[Site], object]:
        """The variable is `site.name` in `site.namespace`, or a builtin."""

    @property
    def write_global(self) -> Callable[[object, Site], object]:
        """Called with the new value of `site.name` in `site.namespace`."""

    @property
    def delete_global(self) -> Callable[[Site], object]:
        """The variable is `site.name` in `site.namespace`."""

    @property
    def read_cell(self) -> Callable[[CellType, Site], object]:
        """Called with the cell of the variable `site.name`; it may be empty."""

    @property
    def write_cell(self) -> Callable[[CellType, object, Site], object]:
        """Called with the cell of the variable `site.name`, which may be empty, and its new value."""

    @property
    def delete_cell(self) -> Callable[[CellType, Site], object]:
        """Called with the cell of the variable `site.name`; it may be empty."""

    @property
    def read_item(self) -> Callable[[object, object, Site], object]:
        """Called with a container and a key (3.11: or a slice)."""

    @property
    def write_item(self) -> Callable[[object, object, object, Site], object]:
        """Called with a container, a key (3.11: or a slice) and the new value."""

    @property
    def delete_item(self) -> Callable[[object, object, Site], object]:
        """Called with a container and a key or a slice."""

    @property
    def read_container(self) -> Callable[[object, Site], object]:
        """Called with an object whose whole content, or length, is about to be read."""

    @property
    def write_container(self) -> Callable[[object, Site], object]:
        """Called with a container of which a slice is about to be replaced."""

    @property
    def operate(self) -> Callable[[object, object, Site], object]:
        """Called with the operands of a binary operator or comparison."""

    @property
    def operate_in_place(self) -> Callable[[object, object, Site], object]:
        """Called with the operands of an augmented assignment."""

    @property
    def make_iterator(self) -> Callable[[object, Site], object]:
        """Called with a container of which an iterator is about to be made."""

    @property
    def iterating(self) -> Callable[[object, object, Site], object]:
        """Called with a container and the iterator that was just made of it."""

    @property
    def iterate(self) -> Callable[[object, Site], object]:
        """Called with an iterator, before each step of a loop."""

    @property
    def call(self) -> Callable[[tuple[object, ...], Site], object]:
        """Called with (callable, argument, …); the values of keyword arguments come last, in order of the call."""

    @property
    def call_unpacked(self) -> Callable[[object, object, Site], object]:
        """Called with the callable and what follows `*`, which may be any iterable: do not consume it."""

    @property
    def gil_point(self) -> Callable[[Site], object]:
        """Called where an interpreter with a global lock may switch threads."""
