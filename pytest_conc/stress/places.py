"""The places of a program at which its threads take locks: what sites are for accesses to shared state."""

from __future__ import annotations

import concurrent.futures._base
import concurrent.futures.thread
import queue
import threading
from types import CodeType, FrameType
from typing import Any, Final

from pytest_conc.execution.recorder import OWN
from pytest_conc.instrument.site import Site

LIBRARY: Final = frozenset(
    str(module.__file__) for module in (threading, queue, concurrent.futures._base, concurrent.futures.thread)
)


def user_frame(frame: FrameType) -> FrameType:
    """The innermost frame that is neither ours nor of the standard library's threads, queues and pools."""
    found: FrameType | None = frame
    while found is not None and (found.f_code.co_filename in LIBRARY or found.f_code.co_filename.startswith(OWN)):
        found = found.f_back
    return found or frame


class Places:
    """Sites for places that take locks, by instruction of the user's code and by what of the library it is in."""

    def __init__(self) -> None:
        self._sites: dict[tuple[CodeType, int, CodeType], Site] = {}

    def site(self, frame: FrameType) -> Site:
        """The site of the caller `frame`."""
        users = user_frame(frame) if frame.f_code.co_filename in LIBRARY else frame
        key = (users.f_code, users.f_lasti, frame.f_code)
        site = self._sites.get(key)
        return site if site is not None else self._new(key, users, frame.f_code)

    def _new(self, key: Any, users: FrameType, inner: CodeType) -> Site:
        name = "" if inner is users.f_code else inner.co_name
        code = users.f_code
        site = Site(code.co_qualname, code.co_filename, users.f_lineno, name, users.f_globals)
        self._sites[key] = site
        return site
