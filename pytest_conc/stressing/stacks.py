"""What threads execute, as text, and what they call objects."""

from __future__ import annotations

import linecache
import os
import sysconfig
from collections.abc import Iterator
from threading import Thread
from types import CodeType, FrameType
from typing import Any, Final

from pytest_conc.execution.recorder import OWN
from pytest_conc.execution.watchdog import frame_of
from pytest_conc.model.short import is_plain

_LIBRARY: Final = sysconfig.get_paths()["stdlib"] + os.sep
_LIFE_OF_A_THREAD: Final = frozenset(
    function.__code__
    for function in (Thread.run, Thread._bootstrap_inner, Thread._bootstrap)  # type: ignore[attr-defined]
)
_RUNNERS: Final = tuple(f"{os.sep}site-packages{os.sep}{name}{os.sep}" for name in ("_pytest", "pluggy", "xdist"))


def stack(frame: FrameType | None) -> Iterator[FrameType]:
    """The frame and its callers, the innermost first."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def is_users(code: CodeType) -> bool:
    """Whether a person who reads the test would know that code."""
    return is_users_file(code.co_filename)


def is_users_file(name: str) -> bool:
    """Whether the code of that file is the user's, or of a library that he has chosen."""
    installed = f"{os.sep}site-packages{os.sep}" in name
    return not (name.startswith((OWN, "<")) or (name.startswith(_LIBRARY) and not installed)) and not any(
        part in name for part in _RUNNERS
    )


def users_frame(ident: int | None) -> FrameType | None:
    """The innermost frame of the user's code on that OS thread; None if there is none."""
    top = frame_of(ident)
    return next((frame for frame in stack(top) if is_users(frame.f_code)), None)


def called_from_users(ident: int | None) -> str:
    """The library's function that the user's code, or a thread, has called and that has not returned: `Queue.get`."""
    called = ""
    for frame in stack(frame_of(ident)):
        if is_users(frame.f_code) or frame.f_code in _LIFE_OF_A_THREAD:
            return called
        if not frame.f_code.co_filename.startswith(OWN):
            called = frame.f_code.co_qualname
    return called


def place_of(ident: int | None) -> str:
    """Where that OS thread is: `in Queue.get, called at test_x.py:12: jobs.get()`."""
    frame = users_frame(ident)
    called = called_from_users(ident)
    inside = f"in {called}, called " if called else ""
    if frame is None:
        return f"in {called}" if called else "outside of Python code"
    return f"{inside}at {place(frame.f_code.co_filename, frame.f_lineno)}"


def line_of(filename: str, line: int) -> str:
    """A line of source with its place."""
    return f"{os.path.basename(filename)}:{line}: {linecache.getline(filename, line).strip()}".rstrip(": ")


def place(filename: str, line: int) -> str:
    """A line of source within a sentence: `test_x.py:12 (with lock:)`."""
    return f"{os.path.basename(filename)}:{line} ({linecache.getline(filename, line).strip()})"


def line_at(code: CodeType, instruction: int) -> int:
    """The line of an instruction."""
    found = code.co_firstlineno
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            found = line
    return found


def name_of(thing: Any, idents: list[int | None]) -> str:
    """What the code that these OS threads execute calls an object; empty if no variable or attribute holds it."""
    for ident in idents:
        for frame in stack(frame_of(ident)):
            if is_users(frame.f_code):
                for scope in (frame.f_locals, frame.f_globals):
                    name = _name_in(scope, thing)
                    if name:
                        return name
    return ""


def _name_in(scope: Any, thing: Any) -> str:
    for name, value in list(scope.items()):
        if value is thing and name.isidentifier():
            return str(name)
    for name, value in list(scope.items()):
        attributes = None if is_plain(value) else getattr(value, "__dict__", None)
        if isinstance(attributes, dict):
            for inner, held in list(attributes.items()):
                if held is thing:
                    return f"{name}.{inner}"
    return ""
