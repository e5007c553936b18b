"""Files in a real run: to open, make, rename or remove one is an access to shared state, and worth a delay.

CPython tells audit hooks (PEP 578) of all that, whoever asks for it, code in C too. A hook cannot be taken away again;
ours is added when the first test of the process is run for real, and finds no member between runs. That a file is
asked for its size or whether it exists is not told, but what is done because of the answer is.

Cost: from then on every audit event of the process (`id` is one) takes longer, also between runs.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from types import FrameType
from typing import Any, Final

from pytest_conc.model.current import MEMBERS

_CHANGES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PATHS: Final = {  # how many of the arguments are paths
    "open": 1,
    "os.listdir": 1,
    "os.scandir": 1,
    "os.mkdir": 1,
    "os.rmdir": 1,
    "os.remove": 1,
    "os.truncate": 1,
    "os.rename": 2,
    "os.link": 2,
    "os.symlink": 2,
}
_LOOKS: Final = frozenset({"os.listdir", "os.scandir"})


class FilesPatch:
    """The hook, from the first time on that it is wanted."""

    def __init__(self) -> None:
        self._is_there = False

    def apply(self) -> None:
        """Adds the hook."""
        if not self._is_there:
            self._is_there = True
            sys.addaudithook(_hook)

    def undo(self) -> None:
        """There is no member any more, so the hook does nothing."""


def _announce(event: str, arguments: tuple[Any, ...], frame: FrameType) -> None:
    member = MEMBERS[get_ident()]
    try:
        writes = bool(arguments[2] & _CHANGES) if event == "open" else event not in _LOOKS
        given = [path for path in arguments[: _PATHS[event]] if isinstance(path, (str, bytes, os.PathLike))]
        paths = [os.path.abspath(os.fsdecode(path)) for path in given]
    except Exception:  # a working directory that is gone, an event that somebody has made up: what is done will tell
        return
    for path in paths:
        member.execution.before_file(member, writes, path, frame)


def _hook(
    event: str,
    arguments: tuple[Any, ...],
    # the names of the module are gone when the interpreter ends, and files are closed and opened after that
    events: Any = frozenset(_PATHS),
    members: Any = MEMBERS,
    ident: Any = get_ident,
    announce: Any = _announce,
    frame: Any = sys._getframe,
) -> None:
    if event in events and ident() in members:
        announce(event, arguments, frame(1))
