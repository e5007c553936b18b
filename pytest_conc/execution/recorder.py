"""Writes down what a trace does not keep: places in the source, values before and after.

Only the one execution that is going to be shown has a recorder; all others pay for a None check.
"""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
from types import FrameType
from typing import Any, NamedTuple

from pytest_conc.execution.names import Names
from pytest_conc.instrument.containers import is_watched_file
from pytest_conc.instrument.instrumentation import is_stub
from pytest_conc.model.short import short

OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
STDLIB = sysconfig.get_paths()["stdlib"] + os.sep
FIXTURES = os.path.join(OWN, "fixtures") + os.sep
POOLS = os.path.join(STDLIB, "concurrent", "futures")
_SCHEDULER = os.path.join(OWN, "execution", "scheduler.py")
SITE_PACKAGES = os.sep + "site-packages" + os.sep
_RUNNERS = tuple(f"{SITE_PACKAGES}{name}{os.sep}" for name in ("_pytest", "pluggy"))


class Place(NamedTuple):
    """A line of source. `inside` says that it called a pool, future or fixture of ours, which did the operation."""

    filename: str
    line: int
    function: str
    inside: bool = False

    @property
    def is_users(self) -> bool:
        """Whether the line is the user's own, and what it does not the inside of a pool or future."""
        return self.is_in_users_code and not self.inside

    @property
    def is_in_users_code(self) -> bool:
        """Whether the line is the user's own, whatever it called."""
        return bool(self.filename) and not is_library(self.filename)

    @property
    def source(self) -> str:
        """The text of the line."""
        return linecache.getline(self.filename, self.line).strip()

    def __str__(self) -> str:
        return f"{os.path.basename(self.filename)}:{self.line}" if self.filename else "?"


NOWHERE = Place("", 0, "")


class Note(NamedTuple):
    """Where an operation was performed, the value of its location before and after, and what had called it.

    `stack` are the lines of the user's own code that led there, the innermost first.
    """

    place: Place
    before: str | None = None
    after: str | None = None
    stack: tuple[str, ...] = ()


def is_library(filename: str) -> bool:
    """Whether a file is of the standard library, of what runs the tests, or none at all."""
    if is_watched_file(filename):
        return False
    if filename.startswith(STDLIB) and SITE_PACKAGES not in filename:
        return True
    return filename.startswith("<") or is_runner(filename)


def is_runner(filename: str) -> bool:
    """Whether a file is of what runs the tests."""
    return any(part in filename for part in _RUNNERS)


def place_of(frame: FrameType | None) -> Place:
    """The innermost line of the user's own code, seen from this frame; else of any code that is not ours."""
    fallback, inside = NOWHERE, False
    while frame is not None and not is_beginning(frame):
        name = frame.f_code.co_filename
        inside = inside or name.startswith((POOLS, FIXTURES))
        if not name.startswith(OWN):
            place = Place(name, _line(frame), frame.f_code.co_qualname, inside)
            if not is_library(name):
                return place
            if fallback is NOWHERE:
                fallback = place
        frame = frame.f_back
    return fallback


def _line(frame: FrameType) -> int:
    """The line that a frame is at; instructions that leave a `with` in the wrong way may have none."""
    line: int | None = frame.f_lineno
    return frame.f_code.co_firstlineno if line is None else line


def stack_of(frame: FrameType | None) -> tuple[str, ...]:
    """The lines of the user's own code from this frame out to where its task began."""
    lines = []
    while frame is not None and not is_beginning(frame):
        name = frame.f_code.co_filename
        if not (name.startswith(OWN) or is_library(name) or is_stub(frame.f_code)):
            lines.append(f"{Place(name, _line(frame), '')} in {frame.f_code.co_qualname.rpartition('<locals>.')[2]}")
        frame = frame.f_back
    return tuple(lines)


def is_beginning(frame: FrameType) -> bool:
    """Whether a task begins in this frame: what lies further out is not part of the execution."""
    return frame.f_code.co_filename == _SCHEDULER and frame.f_code.co_name in ("run", "perform")


class Recorder:
    """The notes of one execution: by index in the trace, and for each task where it announced last."""

    def __init__(self) -> None:
        self.notes: dict[int, Note] = {}
        self.announced: dict[int, Place] = {}
        self._stacks: dict[int, tuple[str, ...]] = {}
        self.started: dict[int, Place] = {}
        self._names = Names()
        self._owned: set[int] = set()

    def announce(self, task: Any) -> None:
        """The task is about to announce an operation: remembers where."""
        frame = sys._getframe(2)
        self.announced[task.number] = place_of(frame)
        self._stacks[task.number] = stack_of(frame)
        self._look(task, frame)
        self._own(task.execution, task.resource)

    def start(self, task: Any) -> None:
        """The task has been made: remembers where."""
        self.started[task.number] = place_of(sys._getframe(2))

    def note(self, execution: Any, resource: Any) -> None:
        """An operation has been performed."""
        task, kind, _ = execution.trace[-1]
        if kind == "begin":
            note = Note(_place_of_body(task))
        elif kind == "exit":
            note = Note(NOWHERE)
        else:
            number = task.number
            note = Note(self.announced.get(number, NOWHERE), stack=self._stacks.get(number, ()))
        self.notes[len(execution.trace) - 1] = note

    def note_access(self, execution: Any, site: Any, before: str | None, after: str | None) -> None:
        """A read or write of shared state has been performed, or is about to be."""
        if not execution.atomic and not execution.ending:
            task, _, location = execution.trace[-1]
            place, frame = Place(site.filename, site.line, site.code_name), sys._getframe(2)
            self.notes[len(execution.trace) - 1] = Note(place, before, after, stack_of(frame))
            self._look(task, frame)
            self._own(execution, location)

    def note_value(self, execution: Any, value: object, call: str) -> None:
        """What the operation that has just been performed gave or got; `call` is the text of it, if that matters."""
        last = len(execution.trace) - 1
        if last in self.notes and not execution.atomic and not execution.ending:
            self.notes[last] = self.notes[last]._replace(after=f"{call} = {short(value)}" if call else short(value))

    def label(self, resource: Any) -> str:
        """The name of a resource, as the report shows it."""
        return self._names.label(label_of(resource))

    def _look(self, task: Any, frame: FrameType | None) -> None:
        """Collects the names of the variables on the stack of the task, up to where it began."""
        is_main = task is task.execution.main
        while frame is not None and not is_beginning(frame):
            if not frame.f_code.co_filename.startswith(OWN) and not is_library(frame.f_code.co_filename):
                self._names.look(frame, is_main)
            frame = frame.f_back

    def _own(self, execution: Any, resource: Any) -> None:
        if id(resource) in self._owned or resource is None:
            return
        self._owned.add(id(resource))
        thing = getattr(resource, "thing", None)
        if thing is not None:
            self._names.owner(label_of(resource), id(thing), type(thing).__name__)
        elif getattr(resource, "owner_type", ""):
            for address, entry in execution.entries.items():
                if (entry.number, entry.kind) == (resource.number, resource.owner_type):
                    self._names.owner(label_of(resource), address, entry.kind)


def label_of(resource: Any) -> str:
    """The name of a resource in every execution with the same schedule."""
    if resource is None:
        return ""
    label = getattr(resource, "label", None)
    return str(label()) if label is not None else str(getattr(resource, "name", resource))


def _place_of_body(task: Any) -> Place:
    target = getattr(task.thread, "_target", None) or task.body
    code = getattr(getattr(target, "__func__", target), "__code__", None)
    return NOWHERE if code is None else Place(code.co_filename, code.co_firstlineno, code.co_qualname)
