"""Fingerprints: what an operation is called in a token, so that it is found again in code that was edited.

The fingerprint of the operation that a task has announced is a hash of four things: the function that the innermost
line of the user's code on its stack is in, the statement on that line, the kind of the operation, and the attribute or
variable that it touches. It says neither lines nor columns: comments, blank lines and other functions may come and go.

A statement is hashed as a tree, so it does not matter how it is laid out either: line breaks, quotes and parentheses
leave no trace in it. Only what all versions of Python have in a tree is looked at. Names in angle brackets are left out
of the function's: since 3.12 a comprehension is no function of its own.

What library code does counts as an operation of the user's line that called it; what it does where no line of the
user's is on the stack (a worker of a pool that waits for work) has neither function nor statement. For what the
inside of a pool waits for differs between versions of Python, too, but not how often: there all that blocks is of
one kind.
"""

from __future__ import annotations

import ast
import linecache
import sys
from collections import deque
from collections.abc import Iterator
from typing import Any, Final
from zlib import crc32

from pytest_conc.execution.recorder import NOWHERE, Place, place_of
from pytest_conc.instrument.locations import Location
from pytest_conc.model.operation import INSERT, WRITE
from pytest_conc.model.schedule import FINGERPRINTS

END: Final = "end"
WAITS: Final = "waits"


class Fingerprints:
    """The fingerprints of the operations of a program; what its source says is read once."""

    def __init__(self) -> None:
        self._trees: dict[str, dict[int, ast.stmt]] = {}
        self._places: dict[Place, str] = {}

    def of(self, task: Any) -> int:
        """The fingerprint of what the task, on whose stack this is called, has announced."""
        place = NOWHERE if task.finished else place_of(sys._getframe(1))
        if place not in self._places:
            self._places[place] = self._text(place)
        return crc32(f"{_kind(task, place)} {_touched(task.resource)} {self._places[place]}".encode()) % FINGERPRINTS

    def forget(self) -> None:
        """Gives up the syntax trees: what has run may stay for long, and would keep them."""
        self._trees.clear()
        self._places.clear()

    def _text(self, place: Place) -> str:
        """Function and statement."""
        if not place.is_in_users_code:
            return ""
        if place.filename not in self._trees:
            self._trees[place.filename] = statements_of("".join(linecache.getlines(place.filename)))
        statement = self._trees[place.filename].get(place.line)
        return f"{_folded(place.function)} {place.source if statement is None else ' '.join(_words(statement))}"


def _kind(task: Any, place: Place) -> str:
    if task.finished:
        return END
    if not place.is_users and task.guard is not None and not task.guard(task):
        return WAITS
    return WRITE if task.kind is INSERT else str(task.kind)


def _touched(resource: Any) -> str:
    """The attribute or variable; nothing for an item, whose key need not have the same text in two processes."""
    is_named = isinstance(resource, Location) and resource.container is None and not resource.has_items
    return str(resource.name) if is_named else ""


def _folded(function: str) -> str:
    return ".".join(name for name in function.split(".") if not name.startswith("<"))


def statements_of(source: str) -> dict[int, ast.stmt]:
    """The innermost statement on each line of a module; nothing if it cannot be parsed."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return {}
    found: dict[int, ast.stmt] = {}
    for node in ast.walk(tree):  # a statement comes before those that it contains
        if isinstance(node, ast.stmt):
            first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
            found.update(dict.fromkeys(range(first, (node.end_lineno or first) + 1), node))
    return found


def _words(statement: ast.stmt) -> Iterator[str]:
    """The kinds, names and constants in a statement, without the statements that it contains."""
    left: deque[ast.AST] = deque([statement])
    while left:
        node = left.popleft()
        yield type(node).__name__
        for _, value in ast.iter_fields(node):
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, ast.AST):
                    left.extend(() if isinstance(each, ast.stmt) else (each,))
                elif each is not None:
                    yield repr(each)
