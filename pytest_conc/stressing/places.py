"""The places of a program at which its threads take locks or touch files: what sites are for other shared state."""

from __future__ import annotations

import concurrent.futures._base
import concurrent.futures.thread
import queue
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Final

from pytest_conc.execution.recorder import OWN, is_library, is_runner
from pytest_conc.instrument.site import Site

LIBRARY: Final = frozenset(
    str(module.__file__) for module in (threading, queue, concurrent.futures._base, concurrent.futures.thread)
)
_Key = tuple[CodeType, int, CodeType, int]  # code and instruction of the user's and, inside of it, of the library's


class Places:
    """Sites of such places, by instruction of the user's code and by what of the library it is in."""

    def __init__(self) -> None:
        self._sites: dict[_Key, Site] = {}

    def of_lock(self, frame: FrameType) -> Site | None:
        """Where a lock is taken; None if that is not the user's, or is starting or ending a thread."""
        return self._site(frame, LIBRARY.__contains__)

    def of_file(self, frame: FrameType) -> Site | None:
        """Where a file is opened, made, renamed or removed; None if that is not the user's."""
        return self._site(frame, is_library)

    def _site(self, frame: FrameType, is_passed: Callable[[str], bool]) -> Site | None:
        users = frame
        while is_passed(name := users.f_code.co_filename) or name.startswith(OWN):
            if users.f_back is None or is_runner(name) or users.f_code.co_qualname.startswith("Thread."):
                return None
            users = users.f_back
        key = (users.f_code, users.f_lasti, frame.f_code, frame.f_lasti)
        site = self._sites.get(key)
        return site if site is not None else self._new(key, users)

    def _new(self, key: _Key, users: FrameType) -> Site:
        code, _, inner, instruction = key
        name = "" if inner is code else f"{inner.co_name}+{instruction}"
        site = self._sites[key] = Site(code.co_qualname, code.co_filename, users.f_lineno, name, users.f_globals)
        return site
